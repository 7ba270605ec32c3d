//! The certificates of SMN, got from the cloud's own host and kept for an hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::model::http::{HttpRequest, Manner};
use offsite_shared::ports::{Clock, Transport};
use rustls::pki_types::CertificateDer;
use tokio::sync::Mutex;

use crate::certificate;
use crate::refused::Refused;

/// How long a certificate is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How long it is known that there is none.
const MISSING: SignedDuration = SignedDuration::from_secs(60);

/// So many are asked for within a minute: each word of an address costs whoever makes it up nothing.
const A_MINUTE: usize = 6;

/// So many are kept.
const MOST: usize = 16;

/// How long the cloud's host may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The longest file.
const LONGEST: usize = 64 * 1024;

/// Gets certificates and keeps them. One is asked for at a time.
pub struct Certificates {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_url: BTreeMap<String, (Timestamp, Result<CertificateDer<'static>, Refused>)>,
    asked: Vec<Timestamp>,
}

impl Certificates {
    /// Asks by this transport, which follows no redirects and trusts the built-in roots alone.
    pub fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Certificates {
        Certificates { transport, clock, kept: Mutex::default() }
    }

    /// The certificate at an address that was found to be the cloud's own.
    ///
    /// # Errors
    /// There is none, or nobody can tell now.
    pub async fn at(&self, url: &str) -> Result<CertificateDer<'static>, Refused> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        kept.by_url.retain(|_, (until, _)| now < *until);
        kept.asked.retain(|at| now.duration_since(*at) < SignedDuration::from_secs(60));
        if let Some((_, known)) = kept.by_url.get(url) {
            return known.clone();
        }
        if kept.asked.len() >= A_MINUTE || kept.by_url.len() >= MOST {
            return Err(Refused::Unavailable);
        }
        kept.asked.push(now);
        let found = self.fetched(url).await;
        let keep = if found.is_ok() { KEPT } else { MISSING };
        kept.by_url.insert(url.to_owned(), (now.checked_add(keep).unwrap_or(now), found.clone()));
        found
    }

    async fn fetched(&self, url: &str) -> Result<CertificateDer<'static>, Refused> {
        let reply = self.transport.send(get(url)).await.map_err(|_| Refused::Unavailable)?;
        match reply.status {
            200 => certificate::read(&reply.body),
            // A redirect is no certificate: only the cloud's own host is believed.
            status if status < 500 => Err(Refused::Certificate),
            _ => Err(Refused::Unavailable),
        }
    }

    /// Opens the address with which a subscription is confirmed; its answer is not looked at.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn confirm(&self, url: &str) -> Result<(), Refused> {
        match self.transport.send(get(url)).await {
            Ok(reply) if reply.status < 300 => Ok(()),
            _ => Err(Refused::Unavailable),
        }
    }
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: TIMEOUT,
        manner: Manner { longest_answer: LONGEST, fresh_connection: true, ..Manner::default() },
    }
}
