//! The few seams between the handler and the world.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::command::{Cloud, Command, Key, hash_of};
use crate::error::Error;
use crate::ledger::Record;
use crate::policy::Policy;
use crate::receipt::Message;
use crate::sign::{Credential, Nonce, without_secrets};

/// A boxed future, so that ports can be trait objects.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request as it goes on the wire.
#[derive(Clone)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers; may hold secrets, so there is no `Debug`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Give up after this long.
    pub timeout: Duration,
}

/// An answer. Its headers may hold a token and its body may quote one, so `Debug` leaves those out.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &without_secrets(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Reply {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: certainly not applied.
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// The request may have been received.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Sends HTTP requests. Never retries, never follows redirects.
pub trait Transport: Send + Sync {
    /// One exchange.
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>>;
}

/// What a conditional write expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record under this key.
    Absent,
    /// A record of this version and owner.
    Was {
        /// Version as read.
        version: u64,
        /// Owner as read.
        owner: String,
    },
}

/// The outcome of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// Stored durably.
    Stored,
    /// Something else is there (or nothing any more).
    Conflict(Option<Box<Record>>),
}

/// Why the ledger did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not reachable, busy, locked, full: nothing can be recorded, so nothing may be started.
    #[error("the ledger cannot be used: {0}")]
    Unavailable(String),
    /// A record written by a newer version.
    #[error(
        "the record {key} was written by a newer version of Offsite (format {format}; this one reads up to {known}): upgrade this function; nothing was overwritten"
    )]
    Newer {
        /// The record's key.
        key: String,
        /// Its format.
        format: u64,
        /// The newest format known here.
        known: u32,
    },
    /// A record that cannot be read.
    #[error("the record {key} cannot be read: {reason}")]
    Corrupt {
        /// The record's key.
        key: String,
        /// Why.
        reason: String,
    },
}

/// The pause of a credential after an authentication failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// What the provider said.
    pub reason: String,
}

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only records in this state.
    pub state: Option<String>,
    /// Only records of which the queue has not taken everything.
    pub outbox: bool,
    /// Only records whose destination is to be looked at by then.
    pub due: Option<Timestamp>,
    /// Only unfinished business ([`Record::is_open`]) of this rule.
    pub rule: Option<String>,
}

impl Filter {
    /// Whether a record passes.
    pub fn takes(&self, record: &Record) -> bool {
        self.state.as_deref().is_none_or(|state| record.state.name() == state)
            && (!self.outbox || record.in_outbox())
            && self.rule.as_deref().is_none_or(|rule| record.is_open() && record.rule() == Some(rule))
            && self.due.is_none_or(|due| record.look_at.is_some_and(|at| at <= due))
    }
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records, in key order.
    pub records: Vec<Record>,
    /// Those among them that cannot be read: one of them must not hide the others.
    pub unreadable: Vec<LedgerError>,
    /// Where the next page starts.
    pub next: Option<Key>,
}

impl Page {
    /// Adds what a store read.
    pub fn add(&mut self, record: Result<Record, LedgerError>) {
        match record {
            Ok(record) => self.records.push(record),
            Err(error) => self.unreadable.push(error),
        }
    }
}

/// One record per replication, written conditionally. Stores apply the transitions of [`crate::ledger`]; they decide nothing.
pub trait Ledger: Send + Sync {
    /// The record, read consistently.
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>>;
    /// Writes the record if the store holds what is expected. On [`Put::Stored`] the write is durable.
    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>>;
    /// A page of at most `limit` records after `after`.
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<Page, LedgerError>>;
    /// How many records are in each state, by its name; states without any are left out. Records that cannot be read count too.
    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>>;
    /// The pause of a credential, if any was set (it may be over).
    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>>;
    /// Pauses a credential for every function.
    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>>;
}

/// A text that a store keeps for a later invocation, with the version of its last write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Counts writes, from 1.
    pub version: u64,
    /// At most 300,000 bytes.
    pub text: String,
}

/// Texts kept beside the ledger: how far a sweep is, what it found, and its summary.
pub trait Notes: Send + Sync {
    /// The note, read consistently.
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>>;
    /// Writes the note if its version is still `was`; 0 is no note yet. Whether it was written.
    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>>;
    /// Drops a note, whatever it is.
    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>>;
}

/// Gives the policy in force.
pub trait Policies: Send + Sync {
    /// The policy, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>>;
}

/// The same policy, or none, for ever.
pub struct FixedPolicy(pub Option<Arc<Policy>>);

impl Policies for FixedPolicy {
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>> {
        let policy = self.0.clone();
        Box::pin(async move { Ok(policy) })
    }
}

/// Hands commands to other functions.
pub trait WorkQueue: Send + Sync {
    /// Sends all commands; for each whether the queue has it, in order.
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>>;
}

/// Puts messages on the queue.
pub trait Emitter: Send + Sync {
    /// Sends all messages; the answer tells for each whether the queue has it, in order. It comes by `until`.
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>>;
}

/// Takes metrics. Losing one harms nothing, so it tells nothing back.
pub trait Meter: Send + Sync {
    /// One document of the embedded metric format.
    fn put(&self, line: &Value);
}

/// Why the queue did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue did not take it: {0}")]
pub struct EmitError(pub String);

/// A provider account's means of authentication.
#[derive(Clone, Debug)]
pub enum Access {
    /// Sign with a key pair.
    Key(Arc<Credential>),
    /// Send a token (Huawei `X-Auth-Token`).
    Token(Arc<secrecy::SecretString>),
}

/// Names a credential without giving it away: a corrected key is another credential, so its predecessor's pause does not hold it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialName(pub String);

impl CredentialName {
    /// Cloud, account, key ID, and 32 bits of a hash of the secret: enough to notice another one, too little to test guesses.
    pub fn of(cloud: Cloud, account: &str, access: &Access) -> CredentialName {
        let name = format!("{}#{account}", cloud.name());
        match access {
            Access::Token(_) => CredentialName(name),
            Access::Key(credential) => {
                let token = credential.security_token.as_ref().map(|token| token.expose_secret()).unwrap_or_default();
                let hash = hash_of(&["credential", credential.access_key_secret.expose_secret(), token]);
                CredentialName(format!("{name}#{}#{}", credential.access_key_id, hash.get(..8).unwrap_or_default()))
            }
        }
    }
}

/// Gives the means of authentication of an account.
pub trait Secrets: Send + Sync {
    /// For calls to this cloud, account and region. `refused`: this one was given before and the cloud refused it; if there is
    /// another one by now, it is given, and else the same again.
    ///
    /// # Errors
    /// [`crate::error::ErrorName::Configuration`] when the account has no credential, naming the variables.
    fn access<'a>(
        &'a self,
        cloud: Cloud,
        account: &'a str,
        region: &'a str,
        refused: Option<&'a CredentialName>,
    ) -> Boxed<'a, Result<Access, Error>>;

    /// The number of the provider account that the credential must belong to, if one is set.
    fn identity(&self, cloud: Cloud, account: &str) -> Option<&str>;
}

/// Time and chance.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()>;
    /// 128 fresh random bits in lower-case hex.
    fn nonce(&self) -> Nonce;
}
