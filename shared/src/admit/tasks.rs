//! Checks a command and turns it into tasks: its provider is served here, its destinations are allowed, its limits are kept.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::context::Context;
use crate::model::command::{Command, Replication};
use crate::model::fields::FieldError;
use crate::model::time::later;
use crate::providers::provider::Provider;
use crate::replicate::outcome::Outcome;
use crate::settings::Trust;

/// A replication that may be worked on.
pub(crate) struct Task {
    /// The provider that makes the call.
    pub(crate) provider: &'static dyn Provider,
    /// What is to be copied, and where to.
    pub(crate) replication: Replication,
    /// Whether this is a dry run, which starts nothing.
    pub(crate) dry_run: bool,
}

/// A task to work on, or the outcome if there is nothing to work on.
pub(crate) type Admission = Result<Task, Outcome>;

/// The replications of a command as tasks, or why it is not admitted.
pub(crate) fn of(ctx: &Context, command: &Command, id: &str) -> Vec<Admission> {
    match admit(ctx, command) {
        Ok((provider, command)) => {
            let dry_run = command.dry_run;
            let task = |replication| Ok(Task { provider, replication, dry_run });
            command.replications().into_iter().map(task).collect()
        }
        Err(error) => vec![Err(Outcome::invalid(&error, id))],
    }
}

/// Checks a command against the provider's limits and the destination allow-list.
fn admit(ctx: &Context, command: &Command) -> Result<(&'static dyn Provider, Command), FieldError> {
    let provider = ctx.serving(command.operation.cloud())?;
    ctx.settings.check_destinations(command)?;
    if ctx.settings.trust != Trust::Anyone
        && let Some(occurrence) = &command.occurrence
    {
        has_come(occurrence, ctx.now())?;
    }
    let command = provider.complete(command, &ctx.settings.defaults);
    provider.check(&command)?;
    Ok((provider, command))
}

/// By so much two clocks may differ.
const SKEW: Duration = Duration::from_secs(300);

/// Refuses the occurrence of a time that is yet to come: whoever can send to the queue could use up what a schedule is to start.
fn has_come(occurrence: &str, now: Timestamp) -> Result<(), FieldError> {
    let day = || occurrence.parse::<Date>().ok()?.to_zoned_datetime(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = occurrence.parse::<Timestamp>().ok().or_else(day);
    match time {
        Some(time) if time > later(now, SKEW) => Err(FieldError::new(
            "occurrence",
            format!("{occurrence} is yet to come; under a policy an occurrence is started when its time has come"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occurrence_of_a_time_to_come_is_refused() {
        let now = "2026-11-27T02:00:00Z".parse().unwrap();
        for well in
            ["2026-11-27T02:00:00Z", "2026-11-27T02:05:00Z", "2026-11-27", "2026-11-20T02:00:00+08:00", "run-7", "17"]
        {
            assert_eq!(has_come(well, now), Ok(()), "{well}");
        }
        for early in ["2026-11-27T02:05:01Z", "2026-11-28", "2027-01-01T00:00:00+08:00", "2026-11-28T02:00:00.5Z"] {
            assert!(has_come(early, now).unwrap_err().reason.contains("yet to come"), "{early}");
        }
    }
}
