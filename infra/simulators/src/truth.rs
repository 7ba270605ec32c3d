//! What is true of an inventory: a verdict for each backup and destination, from the simulated cloud's own links.
//!
//! The clouds say what there is, and here is decided what that means to somebody who has the ledger of earlier work and to
//! somebody who has none. Nothing is shared with the judgement of the product: two readings of one table are the point.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// How far a copy is, or what the source's record says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    Done,
    Running,
    Failed,
}

/// Whether a backup can be copied, by its own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Usable,
    NotReady,
    Ineligible,
    /// It is no finished backup of the account's own, so no rule covers it: a copy, one that is being deleted, or one that failed.
    NotCovered,
}

/// What Offsite's ledger says of one backup and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Accepted,
    Replicated,
    Seen,
    Ineligible,
    InDoubt,
    Lost,
}

/// A record that Offsite's ledger would hold.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The backup; on Alibaba the source vault.
    pub(crate) source: String,
    /// The destination region.
    pub(crate) destination: String,
    /// A command with this one destination.
    pub(crate) command: Value,
    pub(crate) state: Held,
    pub(crate) replication_id: Option<String>,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) destination_id: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// What somebody can find out about one backup and destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) standing: Standing,
    /// The best copy that the destination shows and that can be recognized as one: its ID, and how far it is.
    pub(crate) seen: Option<(&'a str, Life)>,
    /// The copy that the provider's record at the source tells of: its ID, and how far it is.
    pub(crate) told: Option<(&'a str, Life)>,
    /// Whether that record is so old that its copy should have been visible long ago.
    pub(crate) overdue: bool,
}

/// The verdict on one backup and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Replicated,
    InProgress,
    Missing,
    NotReady,
    Ineligible,
    Failed,
    InDoubt,
    Lost,
    Missed,
    Ended,
}

/// One backup and destination of a rule.
pub(crate) struct Row {
    pub(crate) backup: String,
    pub(crate) destination: String,
    pub(crate) with_ledger: Word,
    /// The verdict without the ledger; `None` for a missed backup, of which only the ledger knows.
    pub(crate) without_ledger: Option<Word>,
}

/// What is true of one rule.
pub(crate) struct RuleTruth {
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<Row>,
    /// How many backups × destinations no rule covers, because they are no finished backups of the account's own.
    pub(crate) not_covered: usize,
    /// Copies in the destinations whose source is gone.
    pub(crate) orphans: Vec<String>,
}

/// The records of one cloud, by backup and destination region.
pub(crate) struct Index<'a>(HashMap<(&'a str, &'a str), &'a Entry>);

impl Held {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Replicated => "replicated",
            Self::Seen => "seen",
            Self::Ineligible => "ineligible",
            Self::InDoubt => "in_doubt",
            Self::Lost => "lost",
        }
    }
}

impl Word {
    const ALL: [Self; 10] = [
        Self::Replicated,
        Self::InProgress,
        Self::Missing,
        Self::NotReady,
        Self::Ineligible,
        Self::Failed,
        Self::InDoubt,
        Self::Lost,
        Self::Missed,
        Self::Ended,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Replicated => "replicated",
            Self::InProgress => "in_progress",
            Self::Missing => "missing",
            Self::NotReady => "not_ready",
            Self::Ineligible => "ineligible",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Lost => "lost",
            Self::Missed => "missed",
            Self::Ended => "ended",
        }
    }
}

impl Entry {
    /// A record without a receipt.
    pub(crate) fn new(source: &str, destination: &str, command: Value, state: Held) -> Self {
        Self {
            source: source.to_owned(),
            destination: destination.to_owned(),
            command,
            state,
            replication_id: None,
            accepted_at: None,
            destination_id: None,
            expires_at: None,
        }
    }

    /// Whether the record names this copy.
    pub(crate) fn names(&self, id: &str) -> bool {
        self.replication_id.as_deref() == Some(id) || self.destination_id.as_deref() == Some(id)
    }

    fn to_json(&self) -> Value {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        json!({
            "command": self.command, "state": self.state.name(), "replication_id": self.replication_id,
            "accepted_at": time(self.accepted_at), "destination_id": self.destination_id, "expires_at": time(self.expires_at),
        })
    }
}

impl<'a> Index<'a> {
    pub(crate) fn of(entries: &'a [Entry]) -> Self {
        Self(entries.iter().map(|entry| ((entry.source.as_str(), entry.destination.as_str()), entry)).collect())
    }

    pub(crate) fn find(&self, source: &str, destination: &str) -> Option<&'a Entry> {
        self.0.get(&(source, destination)).copied()
    }
}

/// The verdict on a backup that is there. The destination's word goes before the source's, and both before the ledger's.
pub(crate) fn judge(known: Known<'_>, entry: Option<&Entry>, now: Timestamp) -> Word {
    match known.seen {
        Some((_, Life::Done)) => return Word::Replicated,
        Some((_, Life::Running)) => return Word::InProgress,
        Some((_, Life::Failed)) | None => {}
    }
    if known.told.is_some_and(|(_, life)| life == Life::Running) {
        return Word::InProgress;
    }
    match entry.map(|entry| (entry.state, entry.expires_at)) {
        // The copy was seen usable once, and is not seen any more.
        Some((Held::Replicated, Some(expires))) if expires <= now => return Word::Ended,
        Some((Held::Replicated | Held::Lost, _)) => return Word::Lost,
        _ => {}
    }
    let seen_failed = known.seen.is_some();
    if !seen_failed && known.told.is_some_and(|(_, life)| life == Life::Done) {
        // The provider's record says that the copy is done, and the destination does not show it: it is late, or gone.
        return if known.overdue { Word::Lost } else { Word::InProgress };
    }
    let failed = seen_failed || known.told.is_some();
    match entry.map(|entry| entry.state) {
        Some(Held::InDoubt) => return Word::InDoubt,
        Some(Held::Accepted) => {
            let ids = [known.seen, known.told].into_iter().flatten().map(|(id, _)| id);
            let ours = entry.is_some_and(|entry| ids.into_iter().any(|id| entry.names(id)));
            return if ours { Word::Failed } else { Word::InProgress };
        }
        _ => {}
    }
    match known.standing {
        Standing::NotReady => Word::NotReady,
        Standing::Ineligible | Standing::NotCovered => Word::Ineligible,
        Standing::Usable if failed => Word::Failed,
        Standing::Usable if entry.is_some_and(|entry| entry.state == Held::Ineligible) => Word::Ineligible,
        Standing::Usable => Word::Missing,
    }
}

/// What a record says whose backup is gone and whose copy the destination does not show; `None` if nothing is left to be said.
fn judge_gone(entry: &Entry) -> Option<Word> {
    match entry.state {
        Held::Seen => Some(Word::Missed),
        Held::Accepted => Some(Word::InProgress),
        Held::InDoubt => Some(Word::InDoubt),
        // That its source goes makes a lost copy no better.
        Held::Lost => Some(Word::Lost),
        // What could not be copied speaks through its resource, and a copy that went with its source has ended: both are told once, by a message.
        Held::Ineligible | Held::Replicated => None,
    }
}

impl RuleTruth {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rows: Vec::new(), not_covered: 0, orphans: Vec::new() }
    }

    /// Adds a backup that is there, as it looks with and without the ledger.
    pub(crate) fn add(
        &mut self,
        backup: &str,
        destination: &str,
        entry: Option<&Entry>,
        [with_ledger, without_ledger]: [Known<'_>; 2],
        now: Timestamp,
    ) {
        if with_ledger.standing == Standing::NotCovered {
            self.not_covered += 1;
            // What was begun goes on, whatever became of the backup.
            let copied = with_ledger.seen.is_some_and(|(_, life)| life == Life::Done);
            if let Some(entry) = entry.filter(|_| !copied) {
                self.add_gone(entry);
            }
            return;
        }
        self.rows.push(Row {
            backup: backup.to_owned(),
            destination: destination.to_owned(),
            with_ledger: judge(with_ledger, entry, now),
            without_ledger: Some(judge(without_ledger, None, now)),
        });
    }

    /// Adds a backup that is gone and whose copy the destination does not show.
    pub(crate) fn add_gone(&mut self, entry: &Entry) {
        self.rows.extend(judge_gone(entry).map(|with_ledger| Row {
            backup: entry.source.clone(),
            destination: entry.destination.clone(),
            with_ledger,
            without_ledger: None,
        }));
    }

    fn into_json(mut self) -> Value {
        self.rows.sort_by(|one, two| (&one.backup, &one.destination).cmp(&(&two.backup, &two.destination)));
        self.orphans.sort();
        let tally = |of: &dyn Fn(&Row) -> Option<Word>| {
            let count = |word: Word| self.rows.iter().filter(|row| of(row) == Some(word)).count();
            Word::ALL.into_iter().map(|word| (word.name().to_owned(), json!(count(word)))).collect::<Map<_, _>>()
        };
        let row = |row: &Row| {
            json!({
                "backup_id": row.backup, "destination": row.destination, "with_ledger": row.with_ledger.name(),
                "without_ledger": row.without_ledger.map(Word::name),
            })
        };
        json!({
            "covered": self.rows.len(),
            "not_covered": self.not_covered,
            "with_ledger": tally(&|row| Some(row.with_ledger)),
            "without_ledger": tally(&|row| row.without_ledger),
            "backups": self.rows.iter().map(row).collect::<Vec<_>>(),
            "orphans": self.orphans,
        })
    }
}

/// The answer of `GET /_sim/truth`.
pub(crate) fn document(
    provider: &str,
    now: Timestamp,
    policy: &Value,
    entries: &[Entry],
    rules: Vec<RuleTruth>,
) -> Value {
    let rules: Map<String, Value> = rules.into_iter().map(|rule| (rule.name.to_owned(), rule.into_json())).collect();
    let ledger: Vec<Value> = entries.iter().map(Entry::to_json).collect();
    json!({"provider": provider, "as_of": now.to_string(), "policy": policy, "ledger": ledger, "rules": rules})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn entry(state: Held) -> Entry {
        Entry { replication_id: Some("r".into()), ..Entry::new("b", "region2", Value::Null, state) }
    }

    fn nothing() -> Known<'static> {
        Known { standing: Standing::Usable, seen: None, told: None, overdue: false }
    }

    fn word(known: Known<'_>, state: Option<Held>) -> Word {
        judge(known, state.map(entry).as_ref(), now())
    }

    #[test]
    fn what_is_seen_decides_before_what_is_remembered() {
        let seen = |life| Known { seen: Some(("c", life)), ..nothing() };
        for state in [None, Some(Held::Lost), Some(Held::InDoubt), Some(Held::Replicated), Some(Held::Ineligible)] {
            assert_eq!(word(seen(Life::Done), state), Word::Replicated);
            assert_eq!(word(seen(Life::Running), state), Word::InProgress);
        }
        assert_eq!(word(seen(Life::Failed), None), Word::Failed);
        assert_eq!(word(seen(Life::Failed), Some(Held::Replicated)), Word::Lost);
        assert_eq!(word(seen(Life::Failed), Some(Held::Accepted)), Word::InProgress);
        assert_eq!(word(Known { seen: Some(("r", Life::Failed)), ..nothing() }, Some(Held::Accepted)), Word::Failed);
    }

    #[test]
    fn a_copy_that_is_gone_is_lost_unless_it_was_to_end() {
        for told in [None, Some(("r", Life::Done))] {
            let known = Known { told, ..nothing() };
            assert_eq!(word(known, Some(Held::Replicated)), Word::Lost);
            let expired = Entry { expires_at: Some(now()), ..entry(Held::Replicated) };
            assert_eq!(judge(known, Some(&expired), now()), Word::Ended);
        }
        assert_eq!(word(Known { told: Some(("r", Life::Running)), ..nothing() }, Some(Held::Lost)), Word::InProgress);
        let done = Known { told: Some(("r", Life::Done)), ..nothing() };
        assert_eq!(word(done, None), Word::InProgress);
        assert_eq!(word(Known { overdue: true, ..done }, None), Word::Lost);
        assert_eq!(word(Known { told: Some(("r", Life::Failed)), ..nothing() }, Some(Held::Accepted)), Word::Failed);
    }

    #[test]
    fn the_rest_follows_from_the_ledger_and_the_backup_s_own_state() {
        for (state, wanted) in [
            (None, Word::Missing),
            (Some(Held::Seen), Word::Missing),
            (Some(Held::Ineligible), Word::Ineligible),
            (Some(Held::InDoubt), Word::InDoubt),
            (Some(Held::Accepted), Word::InProgress),
            (Some(Held::Lost), Word::Lost),
        ] {
            assert_eq!(word(nothing(), state), wanted, "{state:?}");
        }
        assert_eq!(word(Known { standing: Standing::NotReady, ..nothing() }, Some(Held::Seen)), Word::NotReady);
        assert_eq!(word(Known { standing: Standing::Ineligible, ..nothing() }, Some(Held::Seen)), Word::Ineligible);
        assert_eq!(word(Known { standing: Standing::Ineligible, ..nothing() }, Some(Held::InDoubt)), Word::InDoubt);
    }
}
