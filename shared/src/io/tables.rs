//! The ledger of an installation as whoever looks at all clouds sees it: a table for each cloud, or one for all of them.
//!
//! A function knows its own cloud's table alone, and nothing is shared between two. Here a record is looked for in each and written to its
//! cloud's; a note is that of its rule's cloud, or of the cloud in its name. Lists go table by table.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future;

use super::aws::Aws;
use super::dynamodb::DynamoLedger;
use crate::ledger::Record;
use crate::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use crate::model::access::{CredentialName, Pause};
use crate::model::command::{Cloud, Key};
use crate::model::error::Error;
use crate::model::fields::FieldError;
use crate::ports::{Boxed, Ledger, Notes, Policies};
use crate::settings::environment::Environment;

/// One table of several.
pub struct Part {
    /// The cloud whose records it has; `None` where it has those of all.
    pub cloud: Option<Cloud>,
    /// Its name or ARN.
    pub name: String,
    /// The table itself.
    pub table: Arc<DynamoLedger>,
}

/// All tables of an installation.
pub struct Tables {
    parts: Vec<Part>,
    policies: Arc<dyn Policies>,
}

impl Tables {
    /// The tables that `OFFSITE_TABLE` names: one by its name or ARN, or `CLOUD=TABLE` for each cloud, separated by commas. The policy says
    /// to which cloud a rule belongs.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_environment(
        environment: &Environment,
        aws: &Arc<Aws>,
        tables: &str,
        policies: Arc<dyn Policies>,
    ) -> Result<Tables, Error> {
        let wrong = |why: String| {
            Error::configuration(format!(
                "OFFSITE_TABLE {why}: it is the name of one table, or one for each cloud, such as tencent=offsite-tencent,huawei=offsite-huawei"
            ))
        };
        let opened = |cloud: Option<Cloud>, name: &str| {
            let table = Arc::new(DynamoLedger::from_environment(environment, aws.clone(), name)?);
            Ok(Part { cloud, name: name.to_owned(), table })
        };
        if !tables.contains(['=', ',']) {
            return Ok(Tables { parts: vec![opened(None, tables)?], policies });
        }
        let mut parts: Vec<Part> = Vec::new();
        for pair in tables.split(',') {
            let Some((cloud, name)) = pair.trim().split_once('=') else {
                return Err(wrong(format!("has {pair:?} without a cloud")));
            };
            let cloud = Cloud::from_name(cloud).ok_or_else(|| wrong(format!("names no cloud by {cloud:?}")))?;
            if parts.iter().any(|part| part.cloud == Some(cloud)) {
                return Err(wrong(format!("names {} twice", cloud.name())));
            }
            if parts.iter().any(|part| part.name == name) {
                return Err(wrong(format!("gives two clouds the table {name}; name it alone where clouds share one")));
            }
            parts.push(opened(Some(cloud), name)?);
        }
        Ok(Tables { parts, policies })
    }

    /// Each table.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The table of a cloud's records; `None` if there is none.
    fn of(&self, cloud: Cloud) -> Option<&Part> {
        self.parts.iter().find(|part| part.cloud.is_none_or(|of| of == cloud))
    }

    fn needed(&self, cloud: Cloud) -> Result<&Part, LedgerError> {
        let none = || LedgerError::Refused(format!("OFFSITE_TABLE names no table for {}", cloud.name()));
        self.of(cloud).ok_or_else(none)
    }

    /// The cloud to which a note belongs; `None` where clouds share a table, or only the tables know: of a rule that has left the policy.
    async fn cloud_of(&self, note: &str) -> Option<Cloud> {
        if self.parts.iter().any(|part| part.cloud.is_none()) {
            return None;
        }
        let mut parts = note.split('/');
        match (parts.next()?, parts.next()?) {
            ("rate" | "tail", cloud) => Cloud::from_name(cloud),
            (_, rule) => Some(self.policies.policy().await.ok()??.rule(rule)?.operation.cloud()),
        }
    }

    /// The tables in which a note can be.
    async fn places(&self, note: &str) -> Vec<&Part> {
        match self.cloud_of(note).await {
            Some(cloud) => self.of(cloud).into_iter().collect(),
            None => self.parts.iter().collect(),
        }
    }

    /// What each of these tables holds under a name.
    async fn held<'p>(&self, parts: &[&'p Part], note: &str) -> Result<Vec<(&'p Part, Note)>, LedgerError> {
        let asked = parts.iter().map(|part| async { part.told(part.table.note(note).await) });
        let found = future::try_join_all(asked).await?;
        Ok(parts.iter().copied().zip(found).filter_map(|(part, note)| Some((part, note?))).collect())
    }

    /// The table to which a note is to be written: its cloud's, the one that has it, the one in which its rule was swept, or the first.
    async fn place(&self, note: &str) -> Result<&Part, LedgerError> {
        if let Some(cloud) = self.cloud_of(note).await {
            return self.needed(cloud);
        }
        let all: Vec<&Part> = self.parts.iter().collect();
        if let [only] = all.as_slice() {
            return Ok(only);
        }
        let swept = note.split('/').nth(1).map(|rule| format!("summary/{rule}"));
        for name in [Some(note.to_owned()), swept].into_iter().flatten() {
            if let Some((part, _)) = self.held(&all, &name).await?.first() {
                return Ok(part);
            }
        }
        all.first().copied().ok_or_else(|| LedgerError::Refused("OFFSITE_TABLE names no table".to_owned()))
    }

    async fn page(&self, filter: &RecordFilter, after: Option<&Key>, limit: u32) -> Result<RecordPage, LedgerError> {
        let start = after.and_then(|cursor| cursor.0.split_once('/'));
        let (mut at, rest) = start.map_or((0, ""), |(at, rest)| (at.parse().unwrap_or_default(), rest));
        let mut after = Some(rest).filter(|rest| !rest.is_empty()).map(|rest| Key(rest.to_owned()));
        let mut page = RecordPage::default();
        while let Some(part) = self.parts.get(at) {
            let room = limit.saturating_sub(u32::try_from(page.records.len() + page.unreadable.len()).unwrap_or(limit));
            if room == 0 {
                page.next = Some(Key(format!("{at}/")));
                break;
            }
            let found = part.told(part.table.list(filter, after.take().as_ref(), room).await)?;
            page.records.extend(found.records);
            page.unreadable.extend(found.unreadable);
            if let Some(next) = found.next {
                page.next = Some(Key(format!("{at}/{next}")));
                break;
            }
            at += 1;
        }
        Ok(page)
    }
}

impl Part {
    /// Says in an error which table it is about, where there are several.
    fn told<T>(&self, answer: Result<T, LedgerError>) -> Result<T, LedgerError> {
        if self.cloud.is_none() {
            return answer;
        }
        answer.map_err(|error| match error {
            LedgerError::Unavailable(why) => LedgerError::Unavailable(format!("table {}: {why}", self.name)),
            LedgerError::Refused(why) => LedgerError::Refused(format!("table {}: {why}", self.name)),
            other => other,
        })
    }
}

impl Ledger for Tables {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        Box::pin(async move {
            let asked = self.parts.iter().map(|part| async { part.told(part.table.get(key).await) });
            Ok(future::try_join_all(asked).await?.into_iter().flatten().next())
        })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async move {
            let corrupt =
                |error: FieldError| LedgerError::Corrupt { key: record.key.clone(), reason: error.to_string() };
            let part = self.needed(record.replication().map_err(corrupt)?.operation.cloud())?;
            part.told(part.table.put(record, expect).await)
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        Box::pin(self.page(filter, after, limit))
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        Box::pin(async move {
            let counted = self.parts.iter().map(|part| async { part.told(part.table.count().await) });
            let mut sum = BTreeMap::new();
            for (state, count) in future::try_join_all(counted).await?.into_iter().flatten() {
                *sum.entry(state).or_default() += count;
            }
            Ok(sum)
        })
    }

    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        Box::pin(async move {
            let Some(part) = credential.cloud().and_then(|cloud| self.of(cloud)) else { return Ok(None) };
            part.told(part.table.pause_of(credential).await)
        })
    }

    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let unknown = || LedgerError::Refused(format!("{} is no credential of a cloud", credential.0));
            let part = self.needed(credential.cloud().ok_or_else(unknown)?)?;
            part.told(part.table.pause(credential, pause).await)
        })
    }
}

impl Notes for Tables {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async move { Ok(self.everywhere(name).await?.into_iter().next()) })
    }

    fn everywhere<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Note>, LedgerError>> {
        Box::pin(async move {
            let places = self.places(name).await;
            Ok(self.held(&places, name).await?.into_iter().map(|(_, note)| note).collect())
        })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            let part = self.place(name).await?;
            part.told(part.table.put_note(name, text, was).await)
        })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            for part in self.places(name).await {
                part.told(part.table.drop_note(name).await)?;
            }
            Ok(())
        })
    }
}
