//! The few seams between the handler and the world.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::ledger::Record;
use crate::ledger::store::{Expect, Filter, LedgerError, Note, Page, Put};
use crate::model::access::{Access, CredentialName, Pause};
use crate::model::command::{Cloud, Command, Key};
use crate::model::error::{EmitError, Error};
use crate::model::http::{HttpRequest, Reply, TransportError};
use crate::model::receipt::Message;
use crate::policy::Policy;
use crate::sign::Nonce;

/// A boxed future, so that ports can be trait objects.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends HTTP requests. Never retries, never follows redirects.
pub trait Transport: Send + Sync {
    /// One exchange.
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>>;
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

/// Gives the means of authentication of an account.
pub trait Secrets: Send + Sync {
    /// For calls to this cloud, account and region. `refused`: this one was given before and the cloud refused it; if there is
    /// another one by now, it is given, and else the same again.
    ///
    /// # Errors
    /// [`crate::model::error::ErrorName::Configuration`] when the account has no credential, naming the variables.
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
