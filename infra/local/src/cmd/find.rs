//! Finds what a person has in hand: records by a key, the beginning of one, or a cloud's ID; and rules by their names.

use std::convert::Infallible;

use anyhow::{Context as _, bail, ensure};
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::ledger::{Record, State};
use offsite_shared::model::command::{Cloud, Key};
use offsite_shared::model::name::in_usual_spelling;
use offsite_shared::model::text::{one_line, plain};
use offsite_shared::policy::{Policy, Rule};
use offsite_shared::ports::Ledger;

use crate::home;
use crate::terminal;

/// The digits of a whole key.
const KEY: usize = 64;
/// So many digits of a key tell it from others.
pub(super) const SHORTEST: usize = 8;

/// IDs are made at random: only one that is spelt almost the same was meant.
const ALMOST: f64 = 0.8;

/// How many names are told of those there are.
const TOLD: usize = 10;

/// A rule's or an account's name from the command line, spelt as policies have it.
///
/// # Errors
/// None: whether there is such a name is asked where it is used.
pub(super) fn name(text: &str) -> Result<String, Infallible> {
    Ok(in_usual_spelling(text))
}

/// The rule of this name.
///
/// # Errors
/// There is none; the nearest name is told, and which there are.
pub(super) fn rule<'p>(policy: &'p Policy, name: &str) -> anyhow::Result<&'p Rule> {
    let names: Vec<&str> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    policy.rule(name).with_context(|| format!("\"{name}\" is no rule of the policy{}", meant(name, &names)))
}

/// What was probably meant, and what else there is.
pub(super) fn meant(name: &str, known: &[&str]) -> String {
    let near = match nearest(name, known) {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    };
    let more = if known.len() > TOLD { format!(" and {} more", known.len() - TOLD) } else { String::new() };
    match known.get(..known.len().min(TOLD)) {
        None | Some([]) => format!("{near}; there is none"),
        Some([only]) if near.is_empty() => format!("; there is only {only}"),
        Some([_]) => near,
        Some(told) => format!("{near}; there are {}{more}", told.join(", ")),
    }
}

/// The known name that is spelt most like this one, if one is like it at all.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let like = |known: &&&str| likeness(name, known);
    let nearest = known.iter().max_by(|one, other| like(one).total_cmp(&like(other)))?;
    (like(&nearest) > 0.6).then_some(*nearest)
}

/// How much two names are alike, from 0 to 1, whatever the case of their letters.
fn likeness(one: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
}

/// Whether a text can be a key or the beginning of one.
pub(super) fn is_of_key(text: &str) -> bool {
    (1..=KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// The record of a key or of the beginning of a key, at least [`SHORTEST`] digits. It is found by the index of states, without a scan.
///
/// # Errors
/// Several records begin so, or the ledger cannot be read.
pub(super) async fn by_key(ledger: &dyn Ledger, wanted: &str) -> anyhow::Result<Option<Record>> {
    if !is_of_key(wanted) || wanted.len() < SHORTEST {
        return Ok(None);
    }
    if wanted.len() == KEY {
        return Ok(ledger.get(&Key(wanted.to_owned())).await?);
    }
    let mut found: Vec<Record> = Vec::new();
    for state in State::ALL {
        let filter = RecordFilter {
            state: Some(state.name().to_owned()),
            prefix: Some(wanted.to_owned()),
            ..RecordFilter::default()
        };
        let page = ledger.list(&filter, None, 3).await?;
        if let Some(error) = page.unreadable.into_iter().next() {
            return Err(error.into());
        }
        found.extend(page.records);
    }
    let Some(first) = found.pop() else { return Ok(None) };
    if let Some(other) = found.first() {
        bail!(
            "more than one record begins with {wanted}, {} and {} for instance; give more of the key",
            other.key,
            first.key
        );
    }
    Ok(Some(first))
}

/// The records of a backup by the rules of a policy, whose keys are computed from its ID. Only rules of the cloud count that has such IDs.
///
/// # Errors
/// The ledger cannot be read.
pub(super) async fn by_rules(ledger: &dyn Ledger, policy: Option<&Policy>, id: &str) -> anyhow::Result<Vec<Record>> {
    let mut found: Vec<Record> = Vec::new();
    let cloud = Cloud::of_backup_id(id);
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    for rule in rules.iter().filter(|rule| Some(rule.operation.cloud()) == cloud) {
        for key in rule.keys_of(id) {
            if !found.iter().any(|known| known.key == key.0) {
                found.extend(ledger.get(&key).await?);
            }
        }
    }
    Ok(found)
}

/// What reading the whole ledger has found.
pub(super) struct Scanned {
    /// The records of the backup, or of its copy.
    pub(super) records: Vec<Record>,
    /// Without any: the ID of a backup, resource or copy that is spelt almost the same.
    pub(super) near: Option<String>,
}

impl Scanned {
    /// What was probably meant, for the end of a sentence.
    pub(super) fn meant(&self) -> String {
        self.near.as_ref().map(|near| format!("; did you mean {}?", plain(near))).unwrap_or_default()
    }
}

/// The records of a backup or of its copy, found by reading the whole ledger.
///
/// # Errors
/// The ledger cannot be read.
pub(super) async fn by_scan(ledger: &dyn Ledger, id: &str) -> anyhow::Result<Scanned> {
    let mut scanned = Scanned { records: Vec::new(), near: None };
    let mut best = ALMOST;
    let search = |page: RecordPage| {
        for record in page.records {
            if names(&record, id) {
                scanned.records.push(record);
                continue;
            }
            for known in ids(&record) {
                let like = likeness(id, &known);
                if like > best {
                    (best, scanned.near) = (like, Some(known));
                }
            }
        }
        Ok(())
    };
    home::each_page(ledger, &RecordFilter::default(), search).await?;
    Ok(scanned)
}

/// Says that the whole ledger is read, which takes long and, on AWS, costs read units.
///
/// # Errors
/// Standard error is gone.
pub(super) fn say_scan(id: &str) -> anyhow::Result<()> {
    let id = one_line(id);
    Ok(terminal::say(&format!("no rule of the policy would copy {id}, so the whole ledger is read"))?)
}

/// Whether a text is worth looking for at all.
///
/// # Errors
/// It is the beginning of a key and too short, or longer or shorter than any ID.
pub(super) fn check(wanted: &str) -> anyhow::Result<()> {
    ensure!(
        !is_of_key(wanted) || wanted.len() >= SHORTEST,
        "{wanted} is too short to be found by: give at least {SHORTEST} digits of the key"
    );
    ensure!(
        wanted.len() >= 3 && Cloud::of_backup_id(wanted).is_some(),
        "{} is neither a key nor an ID that a cloud could have: give it as `offsite report` or the cloud's console shows it",
        one_line(wanted)
    );
    Ok(())
}

/// Whether a record is about the backup with this ID, or has a copy with it.
fn names(record: &Record, id: &str) -> bool {
    record.replication().is_ok_and(|replication| replication.source.id == id) || copies(record).any(|copy| copy == id)
}

fn copies(record: &Record) -> impl Iterator<Item = &str> {
    let started = record.receipts.iter().filter_map(|receipt| receipt.replication_id.as_deref());
    started.chain(record.evidence.as_ref().and_then(|seen| seen.destination_id.as_deref()))
}

/// All IDs that a record has of things in a cloud.
fn ids(record: &Record) -> impl Iterator<Item = String> {
    let source = record.replication().ok().map(|replication| replication.source.id);
    source.into_iter().chain(record.about.resource.clone()).chain(copies(record).map(str::to_owned))
}
