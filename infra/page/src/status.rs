//! What is known of one ID, for a terminal and for programs: which rule and destination, what, since when, why, what next, what to do.

use offsite_shared::model::text::exact;
use offsite_shared::report::status::{BackupStatus, RuleStatus};
use offsite_shared::report::{ResourceLine, ResourceState};
use offsite_shared::sweep::verdict::Verdict;
use serde::Serialize;
use serde_json::{Value, json};

use super::reader::{Reader, said};
use super::resources;
use super::table::{BOLD, GREEN, RED, YELLOW};
use super::text::{Text, told_remark};
use super::words::{self, number};

/// Backups of one resource that are told for a terminal.
const SHOWN: usize = 20;

/// What is known of one ID.
#[derive(Debug)]
pub struct IdStatus {
    /// The ID as it was given.
    pub id: String,
    /// Whether all is well.
    pub health: Health,
    /// What the rules know that know it.
    pub rules: Vec<RuleStatus>,
    /// Replications of no rule, or of one that is gone, each with the name of that.
    pub outside: Vec<(Option<String>, BackupStatus)>,
    /// What the cloud says now, by rule.
    pub cloud: Vec<CloudTold>,
    /// What must be said beside that: where nobody looked, and why.
    pub remarks: Vec<String>,
}

/// Whether somebody has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nobody has to.
    Well,
    /// Nothing knows the ID, or what is needed could not be read.
    Unknown,
    /// Somebody has to.
    NotWell,
}

/// What a cloud says of a backup and a rule.
#[derive(Clone, Debug, Serialize)]
pub struct CloudTold {
    /// The rule.
    pub rule: String,
    /// For people, a line each.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// For programs.
    #[serde(flatten)]
    pub told: Value,
}

/// The status for a reader at a terminal of `width` columns, with ANSI colours.
pub fn status_text(status: &IdStatus, width: usize, reader: &Reader) -> String {
    let r = reader;
    let mut out = Text::of(width, reader);
    let (style, word) = match status.health {
        Health::Well => (GREEN, said!(r, "well")),
        Health::Unknown => (YELLOW, said!(r, "cannot be known")),
        Health::NotWell => (RED, said!(r, "not well")),
    };
    out.line(&format!("{BOLD}{}{BOLD:#}{}{style}{word}{style:#}", exact(&status.id), r.colon()));
    for known in &status.rules {
        for why in &known.rule.why {
            out.say(2, &said!(r, "rule {}: {}", known.rule.rule, r.told(why)));
        }
        for line in &known.rule.unprotected {
            resource(&mut out, known, line);
        }
        for one in known.backups.iter().take(SHOWN) {
            backup(&mut out, &said!(r, "rule {}", known.rule.rule), one);
        }
        if known.backups.len() > SHOWN {
            out.say(2, &said!(r, "and {} more backups: --format json", number((known.backups.len() - SHOWN) as u64)));
        }
    }
    for (rule, one) in &status.outside {
        let of = match rule {
            Some(rule) => said!(r, "rule {}, which is not in the policy", rule),
            None => said!(r, "no rule").to_owned(),
        };
        backup(&mut out, &of, one);
    }
    for told in &status.cloud {
        for line in &told.lines {
            out.say(2, &said!(r, "cloud now, rule {}: {}", told.rule, r.told(line)));
        }
    }
    for remark in &status.remarks {
        out.say(2, &said!(r, "note: {}", told_remark(remark, r)));
    }
    out.out
}

/// The status for programs.
pub fn status_json(status: &IdStatus) -> Value {
    let rules = status.rules.iter().map(|known| {
        let resources = known.rule.unprotected.iter().map(|line| {
            let mut told = json!(line);
            told["why"] = json!(reason(&Reader::default(), line));
            told["next"] = json!(resources::next(&Reader::default(), &known.rule, line));
            told["command"] = json!(resources::command(&known.rule, line).map(|parts| parts.join(" ")));
            let copy = copy_of(known, line);
            told["copy_id"] = json!(copy.and_then(|copy| copy.copy.as_ref()));
            told["copy_of"] = json!(copy.map(|copy| &copy.backup));
            told
        });
        let resources: Vec<Value> = resources.collect();
        json!({
            "rule": known.rule.rule,
            "complete_as_of": known.rule.complete_as_of,
            "cannot_be_known": known.rule.why,
            "resources": resources,
            "backups": known.backups.iter().map(backup_json).collect::<Vec<_>>(),
        })
    });
    let rules: Vec<Value> = rules.collect();
    let outside = status.outside.iter().map(|(rule, one)| {
        let mut told = backup_json(one);
        told["rule"] = json!(rule);
        told
    });
    let outside: Vec<Value> = outside.collect();
    json!({
        "id": status.id,
        "health": status.health,
        "rules": rules,
        "outside": outside,
        "cloud": status.cloud,
        "remarks": status.remarks,
    })
}

fn backup_json(one: &BackupStatus) -> Value {
    let mut told = json!(one);
    told["is_well"] = json!(one.is_well());
    told["why"] = json!(resources::cause_of(&Reader::default(), &one.line));
    told["next"] = json!(next(&Reader::default(), one));
    told["command"] = json!(command(one));
    told
}

fn resource(out: &mut Text<'_>, known: &RuleStatus, line: &ResourceLine) {
    let since = line.since.filter(|_| line.state != ResourceState::Protected);
    let r = out.reader;
    let since = since.map(|since| said!(r, ", since {}", r.moment(since))).unwrap_or_default();
    let name = line.name.as_ref().map(|name| said!(r, " ({})", name)).unwrap_or_default();
    let state = r.word(resources::state(line.state).0);
    out.say(
        2,
        &said!(
            r,
            "rule {}: {}{} in {}: {}{}",
            known.rule.rule,
            exact(&line.resource),
            name,
            line.destination,
            state,
            since
        ),
    );
    if let Some(copy) = copy_of(known, line) {
        let id = copy.copy.as_ref().map(|id| said!(r, " is {}", exact(id))).unwrap_or_default();
        out.say(6, &said!(r, "newest copy{}, of {} made {}", id, exact(&copy.backup), r.moment(copy.made)));
    }
    if !matches!(line.state, ResourceState::Protected | ResourceState::Pending) {
        out.say(6, &said!(r, "why: {}", reason(r, line)));
    }
    let next = resources::next(r, &known.rule, line);
    if !next.is_empty() {
        out.say(6, &said!(r, "next: {}", next));
    }
    if let Some(parts) = resources::command(&known.rule, line) {
        out.say(6, said!(r, "if that is all right:"));
        out.command(8, &parts);
    }
}

fn reason(r: &Reader, line: &ResourceLine) -> String {
    match line.state {
        ResourceState::Protected | ResourceState::Pending => String::new(),
        _ => resources::why(r, line),
    }
}

fn copy_of<'k>(known: &'k RuleStatus, line: &ResourceLine) -> Option<&'k offsite_shared::sweep::register::Copied> {
    let is_it = |(resource, destination, _): &&(String, String, _)| {
        *resource == line.resource && *destination == line.destination
    };
    known.copies.iter().find(is_it).map(|(_, _, copy)| copy)
}

fn backup(out: &mut Text<'_>, of: &str, one: &BackupStatus) {
    let (r, line) = (out.reader, &one.line);
    let since = one.since.map(|since| said!(r, ", since {}", r.moment(since))).unwrap_or_default();
    let label = r.word(words::figure(line.verdict).label);
    out.say(2, &said!(r, "{}: {} in {}: {}{}", of, exact(&line.backup_id), line.destination, label, since));
    let made = line.created_at.map(|made| said!(r, "made {}", r.moment(made)));
    let of = line.resource.as_ref().map(|id| said!(r, "of {}", exact(id)));
    let parts: Vec<String> = [of, made].into_iter().flatten().collect();
    if !parts.is_empty() {
        out.say(6, &r.joined(&parts));
    }
    if let Some(copy) = &one.copy_id {
        out.say(6, &said!(r, "copy: {}", exact(copy)));
    }
    let why = resources::cause_of(r, line);
    if !why.is_empty() {
        out.say(6, &said!(r, "why: {}", why));
    }
    let next = next(r, one);
    if !next.is_empty() {
        out.say(6, &said!(r, "next: {}", next));
    }
    if let Some(command) = command(one) {
        out.say(6, said!(r, "a person can:"));
        out.command(8, &[command]);
    }
}

/// What happens next to a backup, as far as nobody does anything.
fn next(r: &Reader, one: &BackupStatus) -> String {
    let at = || one.next_at.map(|at| said!(r, " at {}", r.moment(at))).unwrap_or_default();
    let after = || one.next_at.map(|at| said!(r, " after {}", r.moment(at))).unwrap_or_default();
    let told = match one.line.verdict {
        Verdict::Missing if one.is_backlog => {
            said!(r, "sweeps copy it after what is newer; its resource has a newer copy")
        }
        Verdict::Missing => said!(r, "the next sweep starts it, within its limits"),
        Verdict::InProgress => {
            return said!(r, "the copy is on its way; the destination is looked at next{}", at());
        }
        Verdict::NotReady => said!(r, "sweeps start it once it is ready"),
        Verdict::Ineligible => said!(r, "no retry changes that: protect it in another way, or accept the risk"),
        Verdict::Failed => return said!(r, "it is tried again{}", after()),
        Verdict::InDoubt => said!(r, "the next sweep asks the provider whether there is a copy"),
        Verdict::Lost => said!(r, "it is made again where the rule says restart_lost, else by a person"),
        Verdict::Missed | Verdict::Left => said!(r, "nothing: it stays so until a person acknowledges it"),
        Verdict::Refused => {
            return said!(r, "mend the cause (offsite explain CODE); sweeps ask again{}", after());
        }
        Verdict::Unknown => said!(r, "the next complete sweep tells"),
        Verdict::GivenUp | Verdict::Overtaken | Verdict::Ended | Verdict::Replicated => "",
    };
    told.to_owned()
}

/// The command by which a person settles a backup, where there is one for its case.
fn command(one: &BackupStatus) -> Option<String> {
    let key = one.line.key.as_deref()?.get(..12)?;
    let how = match one.line.verdict {
        Verdict::Failed | Verdict::Refused | Verdict::Lost => "--retry",
        Verdict::InDoubt => "--adopt COPY",
        Verdict::Missed | Verdict::Left => "--acknowledge",
        _ => return None,
    };
    Some(format!("offsite ledger resolve {key} {how} --reason WHY"))
}
