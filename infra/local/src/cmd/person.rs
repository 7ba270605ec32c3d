//! What commands share by which a person decides: who that is, why, a date, a count to be confirmed, and the decision itself.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::risks::{Act, Decision, FORMAT};
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::report::risks;
use offsite_shared::settings::environment::Environment;

use super::show;
use crate::home::{self, Reading};
use crate::terminal;

/// The user of this machine, as histories name them.
pub(crate) fn user(environment: &Environment) -> &str {
    environment.get("USER").or_else(|| environment.get("LOGNAME")).unwrap_or("somebody")
}

/// The user and the machine, for decisions that AWS does not sign.
pub(crate) fn here(environment: &Environment) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let machine = machine
        .as_deref()
        .map(str::trim)
        .or_else(|| environment.get("HOSTNAME").or_else(|| environment.get("COMPUTERNAME")));
    format!("{}@{}", user(environment), machine.filter(|name| !name.is_empty()).unwrap_or("somewhere"))
}

/// A point in time, or the beginning of a day in UTC.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day = text
        .parse::<Date>()
        .ok()
        .filter(|_| text.len() == 10)
        .and_then(|day| day.to_zoned_datetime(TimeZone::UTC).ok());
    day.map(|day| day.timestamp()).ok_or_else(|| {
        "must be a day such as 2026-11-22 (from 00:00 UTC) or a time such as 2026-11-22T06:00:00Z".to_owned()
    })
}

/// Has the person confirm how many there are: by typing the number, or beforehand by `--yes`.
///
/// # Errors
/// The numbers differ, or there is nobody to ask. Nothing is to be done then.
pub(crate) fn confirm(what: &str, count: usize, yes: Option<usize>) -> anyhow::Result<()> {
    if let Some(yes) = yes {
        ensure!(
            yes == count,
            "--yes says {yes}, and now there are {count} records; nothing was changed: look at them and give the number again"
        );
        return Ok(());
    }
    let mut input = std::io::stdin().lock();
    ensure!(
        std::io::stdin().is_terminal(),
        "{what}, and nobody is there to confirm that; nothing was changed: give the number by --yes {count}"
    );
    write!(terminal::stderr(), "{what}. Type {count} to go on: ")?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    if line.trim() != count.to_string() {
        bail!("that is not {count}; nothing was changed");
    }
    Ok(())
}

/// A number of things, in words.
pub(crate) fn records(count: usize) -> String {
    match count {
        1 => "1 record".to_owned(),
        _ => format!("{count} records"),
    }
}

/// A reason that says something and is short enough to be kept.
pub(super) fn reason(given: &str) -> anyhow::Result<String> {
    let reason = given.trim();
    ensure!(!reason.is_empty(), "--reason must say why");
    ensure!(
        reason.len() <= 1_000,
        "--reason is longer than 1000 bytes: say it shorter, and keep the rest where you keep such things"
    );
    Ok(reason.to_owned())
}

/// Ledger, notes and policy of the home in which a decision is to be written.
///
/// # Errors
/// There is no such home yet, or it cannot be used.
pub(super) async fn writing(environment: &Environment, policy: Option<&Path>) -> anyhow::Result<Reading> {
    home::ledger(environment)?;
    home::reading(environment, policy).await
}

/// Who decides: whom AWS knows them as where the ledger is on AWS, else the user and the machine.
///
/// # Errors
/// Standard error is gone.
pub(super) async fn who(environment: &Environment) -> anyhow::Result<String> {
    Ok(match home::caller(environment).await {
        Ok(Some(arn)) => arn,
        Ok(None) => here(environment),
        Err(error) => {
            terminal::say(&format!("{error}; the decision is noted as that of {}", here(environment)))?;
            here(environment)
        }
    })
}

/// Writes a decision of the person who runs this, and tells consumers of the queue. False if the queue has not taken it.
///
/// # Errors
/// The decision could not be written.
pub(super) async fn decide(
    home: &Reading,
    rule: &str,
    decision: Decision,
    reason: String,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let who = who(environment).await?;
    let number = risks::read(&*home.notes, rule).await?.len() as u64;
    let at = SystemClock.now();
    let act = Act { format: FORMAT, rule: rule.to_owned(), number, decision, reason, who, at };
    let act = risks::add(&*home.notes, act).await?;
    match std::io::stdout().is_terminal() {
        true => {
            let name = act.name();
            let told = format!("noted as {name}, by {}; `offsite risk revoke {name}` takes it back", act.who);
            show::say(out, &told, 0, show::width())?;
        }
        false => writeln!(out, "{}", serde_json::to_value(&act)?)?,
    }
    let message = risks::message(&act, environment.get("OFFSITE_STACK"));
    let told = match home::emitter(environment) {
        Ok(queue) => match queue.emit(&[message], later(SystemClock.now(), Duration::from_secs(10))).await.pop() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it gave no answer".to_owned()),
        },
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = &told {
        terminal::say(&format!("{} stands, and the queue was not told of it: {why}", act.name()))?;
    }
    Ok(told.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_utc() {
        assert_eq!(moment("2026-11-22"), Ok("2026-11-22T00:00:00Z".parse().unwrap()));
        assert_eq!(moment("2026-11-22T06:00:00+02:00"), Ok("2026-11-22T04:00:00Z".parse().unwrap()));
        for bad in ["", "tomorrow", "2026-13-01", "2026-11-22T06:00:00", "90d"] {
            assert!(moment(bad).unwrap_err().contains("2026-11-22"), "{bad}");
        }
    }
}
