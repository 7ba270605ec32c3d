//! Unfinished business outside the rules of the policy.

use std::collections::BTreeMap;

use super::{Conclusion, LINES, Report, risks};
use crate::ledger::State;
use crate::ledger::risks::{Risks, in_force};
use crate::ledger::store::{LedgerError, RecordFilter};
use crate::policy::Rule;
use crate::ports::{Ledger, Notes};
use crate::providers::provider::Defaults;
use crate::sweep::findings::Line;
use crate::sweep::verdict::Verdict;
use jiff::Timestamp;

/// Unfinished business that belongs to no rule of the policy. What lies between the places of a rule belongs to that rule, whoever started it.
pub(super) async fn outside(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rules: &[Rule],
    (at, defaults): (Timestamp, &Defaults),
    report: &mut Report,
) -> Result<(), LedgerError> {
    const OPEN: [State; 8] = [
        State::Seen,
        State::Claimed,
        State::InDoubt,
        State::Failed,
        State::Refused,
        State::Lost,
        State::Missed,
        State::Left,
    ];
    let mut retired: BTreeMap<String, Risks> = BTreeMap::new();
    let mut gone: BTreeMap<String, u64> = BTreeMap::new();
    for state in OPEN {
        let filter = RecordFilter { state: Some(state.name().to_owned()), ..RecordFilter::default() };
        let mut after = None;
        loop {
            let page = ledger.list(&filter, after.as_ref(), 500).await?;
            for record in page.records {
                let Ok(replication) = record.replication() else { continue };
                if record.rule().is_some_and(|name| rules.iter().any(|rule| rule.name == name)) {
                    continue;
                }
                if let Some(name) = record.rule() {
                    if !retired.contains_key(name) {
                        retired.insert(name.to_owned(), in_force(&risks::read(notes, name).await?, at));
                    }
                    if retired.get(name).is_some_and(|risks| risks.settles(record.since)) {
                        continue;
                    }
                    *gone.entry(name.to_owned()).or_default() += 1;
                } else if rules.iter().any(|rule| rule.contains(&replication, defaults)) {
                    // The rule's own sweep judges the backup.
                    continue;
                }
                if report.outside.len() < LINES {
                    report.outside.push(Line {
                        verdict: Verdict::of_state(record.state).unwrap_or(Verdict::Missing),
                        backup_id: replication.source.id,
                        name: record.about.name.clone(),
                        resource: record.about.resource.clone(),
                        resource_kind: record.about.kind.clone(),
                        source_region: replication.source.region,
                        destination: replication.destination.region,
                        created_at: record.about.made,
                        size_gib: None,
                        cause: record.last().and_then(|entry| entry.code.clone()),
                        reason: record.last().and_then(|entry| entry.note.clone()),
                        key: Some(record.key.clone()),
                    });
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    if rules.is_empty() {
        return Ok(());
    }
    for (rule, count) in gone {
        report.conclusion = Conclusion::Unknown;
        report.remarks.push(format!(
            "{count} replications of rule {rule}, which the policy does not have any more, are unfinished: `offsite rule retire {rule} --reason …` settles them."
        ));
    }
    Ok(())
}
