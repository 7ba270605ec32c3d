//! `offsite report --at DATE`: what was known on a day, from what sweeps have left.

use anyhow::{bail, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use offsite_shared::ports::Notes;
use offsite_shared::report::Conclusion;
use offsite_shared::report::memory::{self, DAYS};

use super::find;
use crate::home::Reading;
use crate::report::{Past, PastRule};

/// How far the clock of this machine may be behind.
const CLOCKS_DIFFER_S: i64 = 300;

/// For when a report is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// For a moment of today.
    Time(Timestamp),
    /// For a day that has passed, or for today up to its last complete sweep.
    Day(Date),
}

impl When {
    /// Reads a day or a time. A time of an earlier day is answered by its day.
    ///
    /// # Errors
    /// It is neither, or it is to come.
    pub(super) fn read(text: &str, now: Timestamp) -> anyhow::Result<When> {
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        if let Ok(at) = text.parse::<Timestamp>() {
            ensure!(
                at.duration_since(now).as_secs() <= CLOCKS_DIFFER_S,
                "--at {text} is to come, and it is {now:.0} now: what will be cannot be known"
            );
            let day = at.to_zoned_datetime(TimeZone::UTC).date();
            return Ok(if day < today { When::Day(day) } else { When::Time(at) });
        }
        let Some(day) = text.parse::<Date>().ok().filter(|_| text.len() == 10) else {
            bail!(
                "--at must be a day such as 2026-11-22 (in UTC) or a time such as 2026-11-22T06:00:00Z, not \"{text}\""
            )
        };
        ensure!(day <= today, "--at {day} is to come, and today is {today} (UTC): what will be cannot be known");
        Ok(When::Day(day))
    }
}

/// What is remembered of a day: of these rules, or of all, and named are these resources, or all.
///
/// # Errors
/// It is before the first day that is remembered, or what sweeps have left cannot be read.
pub(super) async fn of(rules: &[String], resources: &[String], day: Date, home: &Reading) -> anyhow::Result<Past> {
    let notes = &*home.notes;
    let names: Vec<String> = match (rules, &home.policy) {
        ([], Some(policy)) => policy.rules.iter().map(|rule| rule.name.clone()).collect(),
        ([], None) => {
            bail!("there is no policy that names the rules: set OFFSITE_POLICY, use --policy, or name one by --rule")
        }
        (given, _) => given.to_vec(),
    };
    let (mut rules, mut begins) = (Vec::new(), Vec::new());
    for rule in &names {
        match memory::day(notes, rule, day).await? {
            Some(mut remembered) => {
                remembered.unprotected.retain(|one| resources.is_empty() || resources.contains(&one.resource));
                rules.push(PastRule { rule: rule.clone(), remembered });
            }
            None => begins.push((rule, begin(notes, rule, home).await?)),
        }
    }
    let first = begins.iter().filter_map(|(_, begin)| *begin).min();
    if rules.is_empty() {
        match first {
            Some(first) => bail!(
                "{day} is before the first day that is remembered, which is {first} ({DAYS} days are kept): give a day from then on"
            ),
            None => bail!("no complete sweep is remembered yet: run `offsite sweep`, or look at the sweeps' alarms"),
        }
    }
    let told =
        rules.iter().map(|rule| rule.remembered.last.as_ref().map_or(Conclusion::Unknown, |last| last.conclusion));
    let judged = told.filter(|one| *one != Conclusion::NotJudged).max();
    let remarks = begins.iter().map(|(rule, begin)| match begin {
        Some(begin) => format!("rule {rule} is remembered from {begin} on, and is left out"),
        None => format!("rule {rule} has not been swept to the end yet, and is left out"),
    });
    let mut remarks: Vec<String> = remarks.collect();
    if !resources.is_empty() {
        remarks.push(
            "listed is only what is of the resources that were asked for; figures are those of everything".into(),
        );
    }
    Ok(Past { day, conclusion: judged.unwrap_or(Conclusion::NotJudged), remarks, rules })
}

/// The first day that is remembered of a rule, which the policy has, or had once.
async fn begin(notes: &dyn Notes, rule: &str, home: &Reading) -> anyhow::Result<Option<Date>> {
    let begin = memory::begin(notes, rule).await?;
    let is_rule = home.policy.as_ref().is_some_and(|policy| policy.rule(rule).is_some());
    let names: Vec<&str> = home.policy.iter().flat_map(|policy| &policy.rules).map(|rule| rule.name.as_str()).collect();
    ensure!(
        begin.is_some() || is_rule,
        "\"{rule}\" is no rule of the policy, and none of that name is remembered{}",
        find::meant(rule, &names)
    );
    Ok(begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_an_earlier_day_is_that_day_and_what_is_to_come_is_refused() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let read = |text: &str| When::read(text, now);
        assert_eq!(read("2026-11-22").unwrap(), When::Day("2026-11-22".parse().unwrap()));
        assert_eq!(read("2026-11-27").unwrap(), When::Day("2026-11-27".parse().unwrap()));
        assert_eq!(read("2026-11-22T23:59:59-01:00").unwrap(), When::Day("2026-11-23".parse().unwrap()));
        assert_eq!(read("2026-11-27T09:00:00Z").unwrap(), When::Time("2026-11-27T09:00:00Z".parse().unwrap()));
        for (bad, part) in [
            ("2026-11-28", "is to come"),
            ("2026-11-27T10:06:00Z", "is to come"),
            ("yesterday", "must be a day"),
            ("2026-13-01", "must be a day"),
            ("", "must be a day"),
        ] {
            let said = read(bad).unwrap_err().to_string();
            assert!(said.contains(part) && said.lines().count() == 1, "{bad}: {said}");
        }
    }
}
