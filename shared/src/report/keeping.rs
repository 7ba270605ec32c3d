//! A report to be kept for years: codes, names, IDs and our own words, and nothing that a provider said in its own.
//!
//! **Invariant:** no text that a provider, AWS or the wire wrote is in what this gives, but for codes and for the names and IDs of things.

use super::reading::{ReportRequest, Words, made};
use super::{LINES, Report};
use crate::ledger::store::LedgerError;
use crate::policy::Policy;
use crate::ports::{Ledger, Notes};
use crate::sweep::findings::Line;
use crate::sweep::verdict::Verdict;

/// The longest text that can be a code.
const CODE: usize = 100;

/// Causes that are sentences, all of them ours.
const OWN: [&str; 5] = [
    "is a whole-instance backup, and those do not follow a vault pair",
    "lacks the server's system disk, and only backups with it can be copied",
    "was refused",
    "failed",
    "cannot be copied, the provider says",
];

/// How long each list of a report may be that is kept, such that all of them together are bounded, whatever the policy is.
pub fn lines(policy: Option<&Policy>) -> usize {
    let rules = policy.map_or(0, |policy| policy.rules.len());
    LINES / rules.clamp(1, LINES)
}

/// Makes the report as [`super::reading::read`] does, in words that may be kept.
///
/// # Errors
/// The ledger cannot be read.
pub async fn read(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    policy: Option<&Policy>,
    wish: &ReportRequest<'_>,
) -> Result<Report, LedgerError> {
    let mut report = made(ledger, notes, policy, wish, Words::Own).await?;
    for rule in &mut report.rules {
        rule.exceptions.iter_mut().for_each(keep_line);
        for line in &mut rule.unprotected {
            line.reason = None;
            line.cause = kept(&line.cause).to_owned();
        }
        for cause in &mut rule.causes {
            cause.reason = None;
            cause.cause = kept(&cause.cause).to_owned();
        }
    }
    report.outside.iter_mut().for_each(keep_line);
    Ok(report)
}

fn keep_line(line: &mut Line) {
    line.reason = None;
    line.cause = line.cause.as_deref().map(|cause| kept(cause).to_owned());
}

/// A cause that may be kept: a code, a fixed word, or a sentence of ours. Else it is said that there is one.
fn kept(cause: &str) -> &str {
    let of_kind = cause
        .strip_prefix("is a backup of ")
        .and_then(|rest| rest.strip_suffix(", and only server backups can be copied"));
    let is_ours = OWN.contains(&cause) || Verdict::ALL.iter().any(|verdict| verdict.name() == cause);
    if is_ours || is_code(cause) || of_kind.is_some_and(is_code) { cause } else { "told_elsewhere" }
}

/// Whether a text has the form of an error code or of a kind: no blanks, and of signs only those that hold names together.
fn is_code(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
    !text.is_empty() && text.len() <= CODE && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_our_own_words_are_kept_and_a_sentence_of_anybody_else_is_not() {
        for ours in [
            "InsufficientSnapshotQuota",
            "APIGW.0302",
            "in_progress",
            "no_new_backup",
            "is a backup of OS::Cinder::Volume, and only server backups can be copied",
            OWN[0],
        ] {
            assert_eq!(kept(ours), ours);
        }
        for theirs in [
            "The quota of Ann Example is used up",
            "is a backup of Ann's disk, and only server backups can be copied",
            "",
            &"x".repeat(101),
            "账户",
        ] {
            assert_eq!(kept(theirs), "told_elsewhere", "{theirs}");
        }
    }
}
