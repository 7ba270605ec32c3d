//! What is known of one ID, for a terminal and for programs: which rule and destination, what, since when, why, what next, what to do.

use jiff::Timestamp;
use offsite_shared::model::text::exact;
use offsite_shared::report::status::{BackupStatus, RuleStatus};
use offsite_shared::report::{ResourceLine, ResourceState};
use offsite_shared::sweep::verdict::Verdict;
use serde::Serialize;
use serde_json::{Value, json};

use super::reader::Reader;
use super::resources;
use super::table::{BOLD, GREEN, RED, YELLOW};
use super::text::Text;
use super::words::{self, minute, number};

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

/// The status for a terminal of `width` columns, with ANSI colours.
pub fn status_text(status: &IdStatus, width: usize) -> String {
    let reader = Reader::default();
    let mut out = Text::of(width, &reader);
    let (style, word) = match status.health {
        Health::Well => (GREEN, "well"),
        Health::Unknown => (YELLOW, "cannot be known"),
        Health::NotWell => (RED, "not well"),
    };
    out.line(&format!("{BOLD}{}{BOLD:#}: {style}{word}{style:#}", exact(&status.id)));
    for known in &status.rules {
        for why in &known.rule.why {
            out.say(2, &format!("rule {}: {why}", known.rule.rule));
        }
        for line in &known.rule.unprotected {
            resource(&mut out, known, line);
        }
        for one in known.backups.iter().take(SHOWN) {
            backup(&mut out, &format!("rule {}", known.rule.rule), one);
        }
        if known.backups.len() > SHOWN {
            out.say(2, &format!("and {} more backups: --json", number((known.backups.len() - SHOWN) as u64)));
        }
    }
    for (rule, one) in &status.outside {
        let of = rule.as_ref().map_or("no rule".to_owned(), |rule| format!("rule {rule}, which is not in the policy"));
        backup(&mut out, &of, one);
    }
    for told in &status.cloud {
        for line in &told.lines {
            out.say(2, &format!("cloud now, rule {}: {line}", told.rule));
        }
    }
    for remark in &status.remarks {
        out.say(2, &format!("note: {remark}"));
    }
    out.out
}

/// The status for programs.
pub fn status_json(status: &IdStatus) -> Value {
    let rules = status.rules.iter().map(|known| {
        let resources = known.rule.unprotected.iter().map(|line| {
            let mut told = json!(line);
            told["why"] = json!(reason(line));
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
    told["next"] = json!(next(one));
    told["command"] = json!(command(one));
    told
}

fn resource(out: &mut Text<'_>, known: &RuleStatus, line: &ResourceLine) {
    let since = line.since.filter(|_| line.state != ResourceState::Protected);
    let since = since.map(|since| format!(", since {} UTC", minute(since))).unwrap_or_default();
    let name = line.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let state = resources::state(line.state).0;
    out.say(
        2,
        &format!("rule {}: {}{name} in {}: {state}{since}", known.rule.rule, exact(&line.resource), line.destination),
    );
    if let Some(copy) = copy_of(known, line) {
        let id = copy.copy.as_ref().map(|id| format!(" is {}", exact(id))).unwrap_or_default();
        out.say(6, &format!("newest copy{id}, of {} made {} UTC", exact(&copy.backup), minute(copy.made)));
    }
    if !matches!(line.state, ResourceState::Protected | ResourceState::Pending) {
        out.say(6, &format!("why: {}", reason(line)));
    }
    let next = resources::next(out.reader, &known.rule, line);
    if !next.is_empty() {
        out.say(6, &format!("next: {next}"));
    }
    if let Some(parts) = resources::command(&known.rule, line) {
        out.say(6, "if that is all right:");
        out.command(8, &parts);
    }
}

fn reason(line: &ResourceLine) -> String {
    match line.state {
        ResourceState::Protected | ResourceState::Pending => String::new(),
        _ => resources::why(&Reader::default(), line),
    }
}

fn copy_of<'k>(known: &'k RuleStatus, line: &ResourceLine) -> Option<&'k offsite_shared::sweep::register::Copied> {
    let is_it = |(resource, destination, _): &&(String, String, _)| {
        *resource == line.resource && *destination == line.destination
    };
    known.copies.iter().find(is_it).map(|(_, _, copy)| copy)
}

fn backup(out: &mut Text<'_>, of: &str, one: &BackupStatus) {
    let line = &one.line;
    let since = one.since.map(|since| format!(", since {} UTC", minute(since))).unwrap_or_default();
    let label = words::figure(line.verdict).label;
    out.say(2, &format!("{of}: {} in {}: {label}{since}", exact(&line.backup_id), line.destination));
    let made = line.created_at.map(|made| format!("made {} UTC", minute(made)));
    let parts: Vec<String> =
        [line.resource.as_ref().map(|id| format!("of {}", exact(id))), made].into_iter().flatten().collect();
    if !parts.is_empty() {
        out.say(6, &parts.join(", "));
    }
    if let Some(copy) = &one.copy_id {
        out.say(6, &format!("copy: {}", exact(copy)));
    }
    let why = resources::cause_of(out.reader, line);
    if !why.is_empty() {
        out.say(6, &format!("why: {why}"));
    }
    let next = next(one);
    if !next.is_empty() {
        out.say(6, &format!("next: {next}"));
    }
    if let Some(command) = command(one) {
        out.say(6, "a person can:");
        out.command(8, &[command]);
    }
}

/// What happens next to a backup, as far as nobody does anything.
fn next(one: &BackupStatus) -> String {
    let at = |at: Option<Timestamp>, word: &str| at.map(|at| format!(" {word} {} UTC", minute(at))).unwrap_or_default();
    match one.line.verdict {
        Verdict::Missing if one.is_backlog => {
            "sweeps copy it after what is newer; its resource has a newer copy".to_owned()
        }
        Verdict::Missing => "the next sweep starts it, within its limits".to_owned(),
        Verdict::InProgress => {
            format!("the copy is on its way; the destination is looked at next{}", at(one.next_at, "at"))
        }
        Verdict::NotReady => "sweeps start it once it is ready".to_owned(),
        Verdict::Ineligible => "no retry changes that: protect it in another way, or accept the risk".to_owned(),
        Verdict::Failed => format!("it is tried again{}", at(one.next_at, "after")),
        Verdict::InDoubt => "the next sweep asks the provider whether there is a copy".to_owned(),
        Verdict::Lost => "it is made again where the rule says restart_lost, else by a person".to_owned(),
        Verdict::Missed | Verdict::Left => "nothing: it stays so until a person acknowledges it".to_owned(),
        Verdict::Refused => {
            format!("mend the cause (offsite explain CODE); sweeps ask again{}", at(one.next_at, "after"))
        }
        Verdict::Unknown => "the next complete sweep tells".to_owned(),
        Verdict::GivenUp | Verdict::Overtaken | Verdict::Ended | Verdict::Replicated => String::new(),
    }
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
