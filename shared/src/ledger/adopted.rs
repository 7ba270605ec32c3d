//! Copies that another hand began while we were at the same backup: a sign that a second installation serves this source.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Record, State};
use crate::model::json;
use crate::model::text::one_line;
use crate::model::time::later;

/// The note that holds them.
pub const NOTE: &str = "adopted";

/// So soon after our own first look.
const WITHIN: Duration = Duration::from_secs(600);

/// So long they are told of.
const TOLD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So many are kept, the newest.
const KEPT: usize = 20;

/// So many are named.
const NAMED: usize = 3;

/// A copy that was adopted so soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// When.
    pub at: Timestamp,
    /// The source's ID.
    pub source: String,
    /// The region of the copy.
    pub destination: String,
}

/// Whether a copy that was found now for this claimed record was begun by another hand since we first looked, ten minutes ago at most. A call of
/// our own of which nobody knew the outcome, and a copy of which the source had told, are no such case.
pub fn is_anothers(record: &Record, now: Timestamp) -> bool {
    let Some(first) = record.history.first() else { return false };
    let ours = record.doubtful_calls > 0 || record.history.iter().any(|line| line.state == State::InDoubt);
    record.attempt == 1 && !ours && record.about.copying.is_none() && now <= later(first.time, WITHIN)
}

/// The text of the note with one more. What cannot be read is begun anew.
pub fn with(text: Option<&str>, one: Adopted) -> String {
    let mut kept = read(text);
    kept.push(one);
    let kept = kept.split_off(kept.len().saturating_sub(KEPT));
    serde_json::to_string(&kept).unwrap_or_default()
}

/// What a report says of the note; `None` if there was none lately.
pub fn remark(text: Option<&str>, now: Timestamp) -> Option<String> {
    let lately: Vec<Adopted> = read(text).into_iter().filter(|one| now.duration_since(one.at) <= TOLD).collect();
    let last = lately.last()?;
    let more = if lately.len() >= KEPT { " or more" } else { "" };
    let named = lately.iter().rev().take(NAMED).map(|one| format!("{} to {}", one.source, one.destination));
    Some(one_line(&format!(
        "{}{more} copies of the last seven days were adopted within ten minutes of our own look, the last one at {} ({}): another hand had begun them. The cloud's own plan, a person or an earlier ledger may have; if it is a second installation, both will pay some day: let one serve a source",
        lately.len(),
        last.at.strftime("%Y-%m-%dT%H:%MZ"),
        named.collect::<Vec<_>>().join(", "),
    )))
}

fn read(text: Option<&str>) -> Vec<Adopted> {
    text.and_then(|text| json::typed(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(number: i64) -> Adopted {
        let at = Timestamp::from_second(1_795_262_400 + number).unwrap();
        Adopted { at, source: format!("snap-{number}"), destination: "ap-beijing".into() }
    }

    #[test]
    fn the_newest_are_kept_and_told_for_a_week() {
        assert_eq!(remark(None, one(0).at), None);
        assert_eq!(remark(Some("spoilt"), one(0).at), None);
        let text = (0..30).fold(None, |text: Option<String>, number| Some(with(text.as_deref(), one(number))));
        let told = remark(text.as_deref(), one(60).at).unwrap();
        assert!(told.starts_with("20 or more copies") && told.contains("snap-29 to ap-beijing, snap-28"), "{told}");
        assert!(!told.contains("snap-26"), "{told}");
        assert_eq!(remark(text.as_deref(), one(30 + 7 * 86_400).at), None);
    }
}
