//! Credentials that a token service gives: for a key that takes on a role, for an identity token, or for a Huawei password.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::exchange::wire;
use crate::io::patience::patience;
use crate::model::access::Access;
use crate::model::command::Realm;
use crate::model::error::{Error, ErrorName};
use crate::model::failure::{Disposition, Failure};
use crate::model::http::{HttpRequest, Manner, Reply, TransportError};
use crate::model::time::later;
use crate::ports::{Clock, Transport};
use crate::providers::call::Call;
use crate::providers::huawei;
use crate::providers::provider::Provider;
use crate::providers::sts::{Federation, Role, Temporary};
use crate::settings::Settings;
use crate::sign::{Query, canonical};

/// The least time between two attempts to get a new credential.
pub(super) const AGAIN: Duration = Duration::from_secs(30);

/// How long a token service is asked, repeats included.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a credential was not got.
pub(super) struct NotGot {
    pub(super) error: Error,
    /// Whether asking again soon would only be refused again.
    pub(super) is_final: bool,
}

impl From<Error> for NotGot {
    fn from(error: Error) -> NotGot {
        NotGot { error, is_final: false }
    }
}

/// Sends the requests that get a temporary credential or a token.
pub(super) struct TokenClient {
    pub(super) settings: Settings,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenClient {
    /// Gets the temporary credential of a role, with a key that may take on the role.
    pub(super) async fn assume(
        &self,
        provider: &dyn Provider,
        region: &str,
        role: &Role,
        access: &Access,
    ) -> Result<Temporary, Failure> {
        let call = provider.sts().assume(region, role);
        let ask = |timeout| {
            let (call, now, nonce) = (&call, self.clock.now(), self.clock.nonce());
            async move {
                let (_, request) = wire::signed(&self.settings, provider, call, access, now, &nonce, timeout)?;
                provider.sts().assumed(&self.send(request).await?)
            }
        };
        self.repeated(ask).await
    }

    /// Exchanges an identity token for the temporary credential of a role.
    pub(super) async fn exchange(
        &self,
        provider: &dyn Provider,
        region: &str,
        federation: &Federation,
        token: &SecretString,
    ) -> Result<Temporary, Failure> {
        let ask = |timeout| {
            let call = provider.sts().exchange(region, federation, token, (self.clock.now(), &self.clock.nonce()));
            async move { provider.sts().assumed(&self.unsigned(provider, &call, timeout).await?) }
        };
        self.repeated(ask).await
    }

    /// Gets a Huawei IAM token for this realm with a password.
    pub(super) async fn huawei_token(
        &self,
        provider: &dyn Provider,
        (domain, user, password): (&str, &str, &SecretString),
        realm: Realm<'_>,
    ) -> Result<huawei::token::Token, Failure> {
        let call = &huawei::token::request(domain, user, password, realm);
        let ask = |timeout| async move { huawei::token::token(&self.unsigned(provider, call, timeout).await?) };
        self.repeated(ask).await
    }

    /// Asks, and asks again while that may help and time is left. `ask` gets the time for one request.
    async fn repeated<T, F>(&self, ask: impl Fn(Duration) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let until = later(self.clock.now(), patience(&*self.clock, PATIENCE));
        let left = || Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        if left().is_zero() {
            let message = "no time is left before this function's deadline";
            return Err(Failure::local(Disposition::Retryable, "deadline", message, ""));
        }
        let mut delays = None;
        loop {
            let failure = match ask(self.settings.timeout.min(left())).await {
                Err(failure) if matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable) => {
                    failure
                }
                // Repeating what was refused could lock a user.
                ended => return ended,
            };
            let delays = delays.get_or_insert_with(|| {
                let delays = ExponentialBuilder::default().with_min_delay(self.settings.backoff);
                delays.without_max_times().with_jitter().with_jitter_seed(self.clock.nonce().seed()).build()
            });
            let delay = delays.next().unwrap_or(PATIENCE).max(failure.after.unwrap_or_default());
            if delay >= left() {
                return Err(failure);
            }
            tracing::info!(code = failure.code, delay_ms = delay.as_millis() as u64, "a token service is asked again");
            self.clock.sleep(delay).await;
        }
    }

    async fn unsigned(&self, provider: &dyn Provider, call: &Call, timeout: Duration) -> Result<Reply, Failure> {
        let base = self.settings.endpoint(provider, call.service, &call.region);
        let query = match &call.draft.query {
            Query::None => String::new(),
            query => format!("?{}", canonical::sorted_query(query).unwrap_or_default()),
        };
        let url = format!("{base}{}{query}", call.draft.path);
        let headers = call.draft.headers.clone();
        let (method, body) = (call.draft.method.clone(), call.draft.body.clone());
        let manner = Manner { gives_credential: true, ..Manner::default() };
        self.send(HttpRequest { method, url, headers, body, timeout, manner }).await
    }

    async fn send(&self, request: HttpRequest) -> Result<Reply, Failure> {
        self.transport.send(request).await.map_err(|error| {
            Failure::local(
                Disposition::Retryable,
                match error {
                    TransportError::NotSent(_) => "connect",
                    TransportError::Forbidden(_) => "only_reads",
                    TransportError::NoAnswer(_) => "no_answer",
                },
                error.to_string(),
                "check the network and the endpoint setting",
            )
        })
    }
}

/// What callers get that need a credential which a token service did not give. `refused` is the name of the error if it was refused.
pub(super) fn not_got(what: &str, failure: &Failure, refused: ErrorName) -> NotGot {
    let (name, next) = match is_final(failure) {
        true => (refused, "it is not asked again for 5 minutes"),
        false => (ErrorName::Unavailable, "certainly nothing was applied, it can be repeated"),
    };
    NotGot { error: Error::new(name, format!("{what}: {failure}; {next}")), is_final: is_final(failure) }
}

/// Whether asking again soon would only be refused again. Repeating a wrong password locks the user.
fn is_final(failure: &Failure) -> bool {
    matches!(failure.disposition, Disposition::Authentication | Disposition::Permanent)
}

/// When the next credential is got: after three quarters of the life of this one. The last quarter is kept for failing attempts.
pub(super) fn renew_at(now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = expires_at.duration_since(now);
    // If our clock is ahead, the credential may seem to have ended already, and so would the next one.
    now.checked_add(life * 3 / 4).unwrap_or(expires_at).max(later(now, AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_has_ended_by_our_clock_is_not_got_at_every_call() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(renew_at(at(10_000), at(13_600)), at(12_700));
        assert_eq!(renew_at(at(10_000), at(10_900)), at(10_675));
        assert_eq!(renew_at(at(10_000), at(9_000)), at(10_030));
    }
}
