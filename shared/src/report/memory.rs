//! What every rule was like on each of the last 400 days: what complete sweeps leave, and how it is read again.
//!
//! Of each rule there is an index of months (`days/RULE`), a note for each month (`days/RULE/2026-11`), and, for days on which it changed,
//! a note with the names of what was unprotected (`days/RULE/2026-11-27`). The index is written before the first note of a month and after
//! the last one has gone, and names before the month that points to them, so a writer that dies in between leaves nothing that misleads.
//!
//! **Invariant:** what is remembered is what the report said when the sweep had ended; nothing is made up later.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::month::{Look, MINUTES, Month, Stretch, day_of};
use super::{Conclusion, Day, Fault, ResourceState};
use crate::ledger::store::LedgerError;
use crate::model::json;
use crate::model::text::hash_of;
use crate::ports::Notes;

/// For so many days it is remembered what a rule was like.
pub const DAYS: i64 = 400;

/// So many days a report shows: a year, and the day that is the same one of the year before.
const SHOWN: i64 = 366;

/// So many names of what was unprotected are kept for a day.
pub const NAMES: usize = 100;

/// How often a note that somebody else writes meanwhile is read again.
const TRIES: usize = 5;

/// Something that was unprotected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unprotected {
    /// Whether it was unprotected or stale.
    pub state: ResourceState,
    /// The resource's ID.
    pub resource: String,
    /// The resource's kind, where one ID can be of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The region that it had no usable copy in.
    pub destination: String,
    /// Whose the trouble was.
    pub fault: Fault,
    /// Why, as a fixed word or the provider's code.
    pub cause: String,
    /// Since when it was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What is remembered of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The day as a whole.
    pub day: Day,
    /// Its last complete sweep; absent if none ended on it.
    pub last: Option<Look>,
    /// The first of what was unprotected then.
    pub unprotected: Vec<Unprotected>,
}

/// The months of a rule that there are notes of, as their first days, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    months: Vec<Date>,
}

/// Takes a complete sweep in. `allowed` is how far two may be apart before nobody knows what was in between. Taking the same one in
/// again changes nothing.
///
/// # Errors
/// The notes cannot be read or written, or one of them is of a newer format.
pub async fn add(
    notes: &dyn Notes,
    rule: &str,
    look: &Look,
    unprotected: &[Unprotected],
    allowed: Duration,
) -> Result<(), LedgerError> {
    let month = day_of(look.at).first_of_month();
    let index = index_with(notes, rule, month).await?;
    let before = index.months.iter().rev().find(|known| **known < month).copied();
    let known = month_of(notes, rule, month).await?.map(|(month, _)| month);
    let last = match (&known, before) {
        (Some(month), _) => Some((month.looked, month.conclusion)),
        (None, Some(before)) => month_of(notes, rule, before).await?.map(|(month, _)| (month.looked, month.conclusion)),
        (None, None) => None,
    };
    let stretch = last.map(|(looked, found)| Stretch::between(looked, found, look.at, allowed));
    if let (None, Some(before), Some(stretch)) = (&known, before, stretch) {
        // It is written before there is this month, so that a writer that dies here counts the rest again and no minute twice.
        change(notes, rule, before, |known| {
            let mut month = known?;
            month.count(stretch);
            Some(month)
        })
        .await?;
    }
    let is_late = last.is_none_or(|(looked, _)| look.at >= looked);
    let hash = if unprotected.is_empty() { String::new() } else { hash_of(&[&json(rule, unprotected)?]) };
    let named = match known.as_ref().filter(|known| known.names == hash) {
        _ if unprotected.is_empty() || !is_late => 0,
        Some(known) => known.named(),
        None => {
            write_names(notes, rule, day_of(look.at), &json(rule, unprotected)?).await?;
            u32::try_from(day_of(look.at).day()).unwrap_or(0)
        }
    };
    let is_first = known.as_ref().and_then(|known| known.entry(day_of(look.at).day())?.worst).is_none();
    change(notes, rule, month, |known| {
        let mut month = known.unwrap_or_else(|| Month::new(look));
        if let Some(stretch) = stretch {
            month.count(stretch);
        }
        month.take(look, named);
        if is_late {
            month.names.clone_from(&hash);
        }
        Some(month)
    })
    .await?;
    if is_first { forget(notes, rule, &index, day_of(look.at)).await } else { Ok(()) }
}

/// The days of a rule up to `today`, oldest first, from the first one that is remembered, at most a year of them. A day that nothing is
/// known of is there, too, and grey.
///
/// # Errors
/// The notes cannot be read.
pub(crate) async fn days(notes: &dyn Notes, rule: &str, today: Date) -> Result<Vec<Day>, LedgerError> {
    let from = today.saturating_sub(SHOWN.saturating_sub(1).days());
    let mut known: Vec<Day> = Vec::new();
    for month in index_of(notes, rule).await?.0.months {
        if month > today || month.last_of_month() < from {
            continue;
        }
        if let Some((month, _)) = month_of(notes, rule, month).await? {
            known.extend(month.days().filter(|day| from <= day.day && day.day <= today));
        }
    }
    let Some(first) = known.first().map(|day| day.day) else { return Ok(Vec::new()) };
    let mut known = known.into_iter().peekable();
    let all = first.series(1.day()).take_while(|day| *day <= today);
    Ok(all.map(|day| known.next_if(|known| known.day == day).unwrap_or_else(|| grey(day, today))).collect())
}

/// What is remembered of a day; `None` for a day before the first one. A day without a complete sweep has none.
///
/// # Errors
/// The notes cannot be read.
pub async fn day(notes: &dyn Notes, rule: &str, day: Date) -> Result<Option<Remembered>, LedgerError> {
    if begin(notes, rule).await?.is_none_or(|begin| day < begin) {
        return Ok(None);
    }
    let nothing = Remembered { day: grey(day, day), last: None, unprotected: Vec::new() };
    let Some((month, _)) = month_of(notes, rule, day.first_of_month()).await? else { return Ok(Some(nothing)) };
    let Some(found) = month.days().find(|found| found.day == day) else { return Ok(Some(nothing)) };
    let named = month.entry(day.day()).and_then(|entry| i8::try_from(entry.named).ok()).filter(|day| *day > 0);
    let named = named.and_then(|named| day.with().day(named).build().ok());
    let unprotected = match named {
        Some(named) => notes.note(&names_name(rule, named)).await?,
        None => None,
    };
    let unprotected = unprotected.and_then(|note| json::typed(&note.text).ok()).unwrap_or_default();
    Ok(Some(Remembered { day: found, last: month.look(day), unprotected }))
}

/// The first day that is remembered of a rule; `None` if there is none.
///
/// # Errors
/// The notes cannot be read.
pub async fn begin(notes: &dyn Notes, rule: &str) -> Result<Option<Date>, LedgerError> {
    for month in index_of(notes, rule).await?.0.months {
        if let Some(first) = month_of(notes, rule, month).await?.and_then(|(month, _)| month.days().next()) {
            return Ok(Some(first.day));
        }
    }
    Ok(None)
}

/// A day without a complete sweep.
fn grey(day: Date, today: Date) -> Day {
    let minutes_unknown = if day < today { MINUTES } else { 0 };
    Day { day, conclusion: None::<Conclusion>, minutes_not_holding: 0, minutes_unknown }
}

/// Removes what is older than [`DAYS`].
async fn forget(notes: &dyn Notes, rule: &str, index: &Index, today: Date) -> Result<(), LedgerError> {
    let limit = today.saturating_sub(DAYS.days());
    for month in index.months.iter().filter(|month| month.last_of_month() < limit) {
        if let Some((old, _)) = month_of(notes, rule, *month).await? {
            for day in old.name_days() {
                if let Ok(day) = month.with().day(day).build() {
                    notes.drop_note(&names_name(rule, day)).await?;
                }
            }
        }
        notes.drop_note(&month_name(rule, *month)).await?;
        // Last, so that nothing stays that no index names.
        change_index(notes, rule, |index| {
            let before = index.months.len();
            index.months.retain(|known| known != month);
            index.months.len() != before
        })
        .await?;
    }
    Ok(())
}

async fn index_of(notes: &dyn Notes, rule: &str) -> Result<(Index, u64), LedgerError> {
    let name = index_name(rule);
    let Some(note) = notes.note(&name).await? else { return Ok((Index::default(), 0)) };
    let index = json::typed(&note.text);
    Ok((index.map_err(|error| LedgerError::Corrupt { key: name, reason: error.to_string() })?, note.version))
}

/// The index, in which this month is.
async fn index_with(notes: &dyn Notes, rule: &str, month: Date) -> Result<Index, LedgerError> {
    change_index(notes, rule, |index| {
        let Err(at) = index.months.binary_search(&month) else { return false };
        index.months.insert(at, month);
        true
    })
    .await
}

/// Changes the index, unless `edit` says that there is nothing to change, and gives it back.
async fn change_index(notes: &dyn Notes, rule: &str, edit: impl Fn(&mut Index) -> bool) -> Result<Index, LedgerError> {
    for _ in 0..TRIES {
        let (mut index, version) = index_of(notes, rule).await?;
        if !edit(&mut index) || notes.put_note(&index_name(rule), &json(rule, &index)?, version).await? {
            return Ok(index);
        }
    }
    Err(contended(rule))
}

async fn month_of(notes: &dyn Notes, rule: &str, month: Date) -> Result<Option<(Month, u64)>, LedgerError> {
    let name = month_name(rule, month);
    let Some(note) = notes.note(&name).await? else { return Ok(None) };
    match Month::read(&note.text) {
        Some(month) => Ok(Some((month, note.version))),
        None => {
            Err(LedgerError::Corrupt { key: name, reason: "it is no note of a month that this version knows".into() })
        }
    }
}

/// Reads a month, changes it and writes it again. `edit` gives `None` where there is nothing to write.
async fn change(
    notes: &dyn Notes,
    rule: &str,
    month: Date,
    edit: impl Fn(Option<Month>) -> Option<Month>,
) -> Result<(), LedgerError> {
    for _ in 0..TRIES {
        let (known, version) = month_of(notes, rule, month).await?.map_or((None, 0), |(month, at)| (Some(month), at));
        let Some(next) = edit(known.clone()) else { return Ok(()) };
        if known.as_ref() == Some(&next)
            || notes.put_note(&month_name(rule, month), &json(rule, &next)?, version).await?
        {
            return Ok(());
        }
    }
    Err(contended(rule))
}

async fn write_names(notes: &dyn Notes, rule: &str, day: Date, text: &str) -> Result<(), LedgerError> {
    let name = names_name(rule, day);
    for _ in 0..TRIES {
        let was = notes.note(&name).await?.map_or(0, |note| note.version);
        if notes.put_note(&name, text, was).await? {
            return Ok(());
        }
    }
    Err(contended(rule))
}

fn json(rule: &str, value: &(impl Serialize + ?Sized)) -> Result<String, LedgerError> {
    let corrupt = |error: serde_json::Error| LedgerError::Corrupt { key: index_name(rule), reason: error.to_string() };
    serde_json::to_string(value).map_err(corrupt)
}

fn contended(rule: &str) -> LedgerError {
    LedgerError::Unavailable(format!("too many others write what rule {rule} is remembered by at the same time"))
}

fn index_name(rule: &str) -> String {
    format!("days/{rule}")
}

fn month_name(rule: &str, month: Date) -> String {
    format!("days/{rule}/{:04}-{:02}", month.year(), month.month())
}

fn names_name(rule: &str, day: Date) -> String {
    format!("days/{rule}/{day}")
}
