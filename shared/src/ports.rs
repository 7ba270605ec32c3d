//! The traits that stand between the core and the world: network, stores, policy, queues, secrets, time and chance.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::ledger::Record;
use crate::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use crate::model::access::{Access, CredentialName, Pause};
use crate::model::command::{Cloud, Command, Key, Realm};
use crate::model::error::{EmitError, Error};
use crate::model::http::{HttpRequest, Reply, TransportError};
use crate::model::receipt::Message;
use crate::policy::Policy;
use crate::sign::Nonce;

/// A boxed future, so that ports can be trait objects.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends HTTP requests. It never retries and never follows redirects.
pub trait Transport: Send + Sync {
    /// Sends one request and returns the reply, whatever its status.
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>>;
}

/// The store of records, one for each replication. It applies the transitions of [`crate::ledger`] conditionally and decides nothing.
pub trait Ledger: Send + Sync {
    /// The record under this key, read consistently; `None` if there is none.
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>>;
    /// Writes the record if the store holds what `expect` says. After [`Put::Stored`] the write is durable.
    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>>;
    /// A page of at most `limit` records that pass `filter`, after the key `after` or from the beginning.
    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>>;
    /// The number of records in each state, by the state's name. A state without records is left out. Unreadable records count too.
    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>>;
    /// The pause that is stored for a credential, if there is one. It may be over already.
    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>>;
    /// Pauses a credential for every function that uses this ledger.
    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>>;
}

/// Texts stored beside the ledger: how far a sweep has come, what it found, and its summary.
pub trait Notes: Send + Sync {
    /// The note of this name, read consistently; `None` if there is none.
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>>;
    /// The notes of this name: one at most, but where each cloud has a store of its own and the name belongs to none of them.
    fn everywhere<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Note>, LedgerError>> {
        Box::pin(async move { Ok(self.note(name).await?.into_iter().collect()) })
    }
    /// Writes the note if its stored version is `was`, where 0 means that there is no note yet. Returns whether it was written.
    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>>;
    /// Deletes the note of this name, whatever its version.
    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>>;
}

/// Gives the policy in force.
pub trait Policies: Send + Sync {
    /// The policy in force; `None` if no policy is configured.
    ///
    /// # Errors
    /// The policy cannot be read, or is not valid.
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>>;
}

/// Takes objects to keep, each under a name below one place.
pub trait Objects: Send + Sync {
    /// Writes an object, over the one that has its name if there is one. A repeat does no harm.
    ///
    /// # Errors
    /// It is not written, or nobody knows; the message says where and what to do.
    fn put<'a>(&'a self, name: &'a str, content_type: &'a str, bytes: &'a [u8]) -> Boxed<'a, Result<(), Error>>;
}

/// A message of the work queue of which nothing can ever come, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The ID that the queue gave the message.
    pub id: String,
    /// Its text, as it was received.
    pub body: String,
    /// The error.
    pub error: Error,
}

/// Hands commands to other functions.
pub trait WorkQueue: Send + Sync {
    /// Sends all commands. The answer says for each command, in order, whether the queue has it.
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>>;

    /// Puts messages among the dead letters. The answer says for each, in order, whether it lies there. A queue without dead letters has none.
    fn give_up<'a>(&'a self, letters: &'a [DeadLetter]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move { letters.iter().map(|_| Err(EmitError("there are no dead letters".into()))).collect() })
    }
}

/// Puts messages on the queue that consumers read.
pub trait Emitter: Send + Sync {
    /// Sends all messages. The answer comes by `until` and says for each message, in order, whether the queue has it.
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>>;
}

/// Takes metrics. A lost metric harms nothing, so no result is returned.
pub trait Meter: Send + Sync {
    /// Writes one document in the embedded metric format.
    fn put(&self, line: &Value);
}

/// Gives what authenticates the calls of an account.
pub trait Secrets: Send + Sync {
    /// The access for calls of this cloud and account in this realm. `refused` names a credential that was given before and that the cloud
    /// refused: if there is another one by now, that is given, and otherwise the same one again.
    ///
    /// # Errors
    /// [`crate::model::error::ErrorName::Configuration`] when the account has no credential; the message names the variables.
    fn access<'a>(
        &'a self,
        cloud: Cloud,
        account: &'a str,
        realm: Realm<'a>,
        refused: Option<&'a CredentialName>,
    ) -> Boxed<'a, Result<Access, Error>>;

    /// The number of the provider account that the credential must belong to; `None` if none is set.
    fn identity(&self, cloud: Cloud, account: &str) -> Option<&str>;
}

/// The source of time and of randomness.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Waits for this long.
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()>;
    /// 128 fresh random bits in lower-case hex.
    fn nonce(&self) -> Nonce;
}
