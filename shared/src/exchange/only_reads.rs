//! A way out that lets reads and sign-ins pass and nothing else, for runs that only look.
//!
//! **Invariant:** what a request does is read from the request itself, never from its plan; what nobody knows is not sent.

use std::sync::Arc;

use crate::model::http::{HttpRequest, Reply, TransportError};
use crate::ports::{Boxed, Transport};
use crate::providers::call::Effect;
use crate::providers::on_wire::{self, NAMING};
use crate::providers::provider::Provider;

/// The calls to AWS that a credential may need: a secret that holds a key. Source: AWS Secrets Manager API reference, 2026.
const TARGETS: [&str; 1] = ["secretsmanager.GetSecretValue"];

/// The beginnings of the forms that a credential may need: the identity token of this process's role in AWS. Source: AWS STS API reference,
/// GetWebIdentityToken, 2026.
const FORMS: [&[u8]; 1] = [b"Action=GetWebIdentityToken&"];

/// A transport that refuses whatever is no read and no sign-in, before a byte of it leaves.
pub struct OnlyReads {
    inner: Arc<dyn Transport>,
    providers: Vec<&'static dyn Provider>,
}

impl OnlyReads {
    /// The same way out for the reads and sign-ins of these clouds.
    pub fn new(inner: Arc<dyn Transport>, providers: &[&'static dyn Provider]) -> OnlyReads {
        OnlyReads { inner, providers: providers.to_vec() }
    }

    fn lets_pass(&self, request: &HttpRequest) -> bool {
        let mut effects = self.providers.iter().filter_map(|provider| provider.effect_of(request)).peekable();
        if effects.peek().is_none() {
            return is_sign_in_of_aws(request);
        }
        effects.all(|effect| matches!(effect, Effect::Read | Effect::SignIn))
    }
}

impl Transport for OnlyReads {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        if self.lets_pass(&request) {
            return self.inner.send(request);
        }
        let refused = Err(TransportError::Forbidden(format!(
            "{} is neither a read nor a sign-in that is known, and this run only looks",
            named(&request)
        )));
        Box::pin(async move { refused })
    }
}

fn is_sign_in_of_aws(request: &HttpRequest) -> bool {
    let is_plain = request.method == "POST" && on_wire::path(request) == Some("/") && !request.url.contains('?');
    let names: Vec<&str> = NAMING
        .into_iter()
        .filter(|name| request.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name)))
        .collect();
    is_plain
        && match names[..] {
            [] => FORMS.iter().any(|form| request.body.starts_with(form)),
            ["x-amz-target"] => on_wire::only(request, "x-amz-target").is_some_and(|target| TARGETS.contains(&target)),
            _ => false,
        }
}

/// The name of a request for people. Its query and body may hold secrets and are left out.
fn named(request: &HttpRequest) -> String {
    let action = NAMING.into_iter().find_map(|name| on_wire::only(request, name));
    let path = on_wire::path(request).unwrap_or_default();
    action.map_or_else(|| format!("{} {path}", request.method), str::to_owned)
}
