//! What a witness saw, and how it is told: a table, JSON and CSV.
//!
//! A witness has looked at the clouds once and knows nothing else. So it never says `holds`, and each way of telling says what it cannot know.

mod programs;

use std::collections::BTreeMap;

use jiff::Timestamp;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::text::exact;

use super::reader::{Reader, said};
use super::table::{BOLD, DIM, GREEN, ID, RED, SHOWN, YELLOW};
use super::text::{Text, column, more, row};
use super::words::{age, number};
pub use programs::{csv, json};

/// What a witness saw at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testimony {
    /// When the witness began to look.
    pub at: Timestamp,
    /// What was looked at, in the order of the policy.
    pub places: Vec<Place>,
}

/// One source and one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The rule that names them; `None` if the command line does.
    pub rule: Option<String>,
    /// The cloud.
    pub cloud: Cloud,
    /// The name of the account whose key was used.
    pub account: String,
    /// The number of the account that the key belongs to, where the cloud tells it.
    pub account_number: Option<String>,
    /// The region of the backups.
    pub source: String,
    /// The region of the copies.
    pub destination: String,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
    /// What must be said beside the figures.
    pub notes: Vec<String>,
    /// Backups that are listed and not asked for, counted by reason.
    pub not_covered: BTreeMap<String, u64>,
    /// Kinds of backups that no listing shows, each with the reason.
    pub hidden: Vec<(&'static str, &'static str)>,
    /// All backups that are asked for.
    pub backups: Vec<Listed>,
}

/// One backup, and what is there of its copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What there is.
    pub standing: Standing,
    /// The backup's ID.
    pub id: String,
    /// The backup's name.
    pub name: Option<String>,
    /// The disk, server or file system that the backup is of.
    pub resource: Option<String>,
    /// When the backup was made.
    pub created_at: Option<Timestamp>,
    /// The copy's ID in the destination, where it has one.
    pub copy_id: Option<String>,
    /// Why, where the cloud says so.
    pub why: Option<String>,
}

/// What there is of a backup's copy. What needs somebody comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// There is no copy to be seen.
    None,
    /// There is a copy that failed or was thrown away, or the cloud's own record says that it failed.
    Failed,
    /// There is no copy, and the cloud makes none of such a backup.
    Uncopyable,
    /// A copy is being made, as the cloud shows.
    OnItsWay,
    /// The backup itself is not finished.
    Unfinished,
    /// It could not be looked at, so there may be a copy or none.
    Unseen,
    /// There is a copy, as follows from what the cloud says elsewhere. The copy itself cannot be looked at.
    Inferred,
    /// The destination shows a usable copy.
    Copied,
}

impl Standing {
    /// All of them, in their order.
    pub const ALL: [Standing; 8] = [
        Standing::None,
        Standing::Failed,
        Standing::Uncopyable,
        Standing::OnItsWay,
        Standing::Unfinished,
        Standing::Unseen,
        Standing::Inferred,
        Standing::Copied,
    ];

    /// The name in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Standing::None => "none",
            Standing::Failed => "failed",
            Standing::Uncopyable => "uncopyable",
            Standing::OnItsWay => "on_its_way",
            Standing::Unfinished => "unfinished",
            Standing::Unseen => "unseen",
            Standing::Inferred => "inferred",
            Standing::Copied => "copied",
        }
    }

    /// The words for it after a number.
    fn words(self) -> &'static str {
        match self {
            Standing::None => "without a copy",
            Standing::Failed => "whose copy failed",
            Standing::Uncopyable => "that cannot be copied",
            Standing::OnItsWay => "whose copy is on its way",
            Standing::Unfinished => "not finished themselves",
            Standing::Unseen => "not looked at",
            Standing::Inferred => "whose copy is inferred",
            Standing::Copied => "with a copy",
        }
    }

    /// The word for it in a line of its own.
    fn short(self) -> &'static str {
        match self {
            Standing::OnItsWay => "on its way",
            other => other.name(),
        }
    }

    fn has_copy(self) -> bool {
        matches!(self, Standing::Inferred | Standing::Copied)
    }
}

/// What a testimony comes to. The worse comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// All that is listed now has a copy. `offsite witness` ends with 0.
    AllCopied,
    /// Something could not be looked at, and the rest has its copies. Ends with 1.
    NotAllSeen,
    /// Something has no copy. Ends with 3.
    SomeWithout,
}

impl Says {
    fn name(self) -> &'static str {
        match self {
            Says::AllCopied => "all_copied",
            Says::NotAllSeen => "not_all_seen",
            Says::SomeWithout => "some_without",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Says::AllCopied => "All that is listed now has a copy",
            Says::NotAllSeen => "Something could not be looked at",
            Says::SomeWithout => "Something has no copy",
        }
    }
}

impl Place {
    /// What this place comes to.
    pub fn says(&self) -> Says {
        let is_without = |listed: &Listed| !listed.standing.has_copy() && listed.standing != Standing::Unseen;
        let is_unseen = |listed: &Listed| listed.standing == Standing::Unseen;
        if self.backups.iter().any(is_without) {
            Says::SomeWithout
        } else if !self.unseen.is_empty() || self.backups.iter().any(is_unseen) {
            Says::NotAllSeen
        } else {
            Says::AllCopied
        }
    }

    /// How many backups stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.backups.iter().filter(|listed| listed.standing == standing).count()
    }
}

impl Testimony {
    /// What it all comes to. Where nothing was looked at, nothing is good.
    pub fn says(&self) -> Says {
        self.places.iter().map(Place::says).max().unwrap_or(Says::NotAllSeen)
    }

    /// What a witness cannot know, of the clouds that it looked at.
    pub fn cannot_know(&self) -> Vec<&'static str> {
        let about = |cloud| self.places.iter().any(|place| place.cloud == cloud);
        let mut said = vec![
            "Whether a copy was started and is on its way without showing: only who started it has the receipt.",
            "Why a copy is missing, unless the cloud shows it beside the backup: a refusal is told to whoever asked for the copy.",
            "What was there before: a backup or a copy that is gone by now is in no listing.",
            "Whether a copy can be restored.",
        ];
        if about(Cloud::Alibaba) {
            said.push(
                "Alibaba: no API shows the single backups in a target vault, so a copy is inferred from the pair's progress; and none shows the copies of whole-instance backups, which their own plan makes.",
            );
        }
        if about(Cloud::Huawei) {
            said.push("Huawei: a replica that names no source is found only through the records of its source.");
        }
        if about(Cloud::Tencent) {
            said.push(
                "Tencent: a copy is known by its name alone, that of Offsite or the usual one (\"Copied ID from REGION\"); under another name it counts as none.",
            );
        }
        said
    }
}

/// The testimony for a reader as text of at most `width` columns with ANSI colours; print it through `anstream`, which drops them in a pipe.
pub fn table(testimony: &Testimony, width: usize, reader: &Reader) -> String {
    let r = reader;
    let mut out = Text::of(width, reader);
    let says = testimony.says();
    let style = match says {
        Says::AllCopied => GREEN,
        Says::NotAllSeen => YELLOW,
        Says::SomeWithout => RED,
    };
    out.styled(
        BOLD,
        &said!(r, "Offsite witness of {}: the clouds as they are, without a ledger", r.moment(testimony.at)),
    );
    out.styled(style, r.word(says.sentence()));
    for place in &testimony.places {
        of_place(&mut out, testimony.at, place);
    }
    out.blank();
    out.styled(BOLD, said!(r, "What this cannot know"));
    for said in testimony.cannot_know() {
        out.say(2, r.word(said));
    }
    out.out
}

fn of_place(out: &mut Text<'_>, now: Timestamp, place: &Place) {
    let r = out.reader;
    out.blank();
    let title = place.rule.as_deref().unwrap_or(place.cloud.name());
    out.styled(BOLD, &said!(r, "{}: {} to {}", title, place.source, place.destination));
    let owner = place.account_number.as_ref().map(|number| said!(r, " ({})", number)).unwrap_or_default();
    out.say(2, &said!(r, "{}, account {}{}", place.cloud.name(), place.account, owner));
    let figures: Vec<String> = Standing::ALL
        .into_iter()
        .rev()
        .map(|standing| (place.count(standing), standing))
        .filter(|(count, _)| *count > 0)
        .map(|(count, standing)| r.backups(&number(count as u64), standing.words()))
        .collect();
    let listed = place.backups.len();
    let figures = if figures.is_empty() { String::new() } else { said!(r, ": {}", r.joined(&figures)) };
    out.say(
        2,
        &match listed {
            1 => said!(r, "1 backup listed{}", figures),
            _ => said!(r, "{} backups listed{}", number(listed as u64), figures),
        },
    );
    for reason in &place.unseen {
        out.say(2, &said!(r, "not looked at: {}", r.told(reason)));
    }
    for note in &place.notes {
        out.say(2, &said!(r, "note: {}", r.told(note)));
    }
    if !place.not_covered.is_empty() {
        let reasons: Vec<String> = place
            .not_covered
            .iter()
            .map(|(reason, count)| said!(r, "{} ({})", r.told(reason), number(*count)))
            .collect();
        out.say(2, &said!(r, "not asked for: {}", reasons.join(said!(r, "; "))));
    }
    for (kind, why) in &place.hidden {
        out.say(2, &said!(r, "never listed: {}: {}", kind, r.told(why)));
    }
    lines(out, now, place);
}

fn lines(out: &mut Text<'_>, now: Timestamp, place: &Place) {
    let r = out.reader;
    let made_in = said!(r, "made ({})", r.clock(now));
    let mut without: Vec<&Listed> = place.backups.iter().filter(|listed| !listed.standing.has_copy()).collect();
    without.sort_by_key(|listed| (listed.standing, listed.created_at));
    let shown = &without[..without.len().min(SHOWN)];
    if shown.is_empty() {
        return;
    }
    let id = column(shown.iter().map(|listed| listed.id.as_str()), said!(r, "backup"), ID);
    out.styled(DIM, &row(["", said!(r, "backup"), "", &made_in, said!(r, "age")], [id, 0]));
    for listed in shown {
        let made = listed.created_at.map(|at| r.minute(at)).unwrap_or_default();
        let old = listed.created_at.map(|at| r.duration(age(now, at))).unwrap_or_default();
        out.row([r.word(listed.standing.short()), &listed.id, "", &made, &old], [id, 0]);
        let named = match (&listed.name, listed.resource.as_deref().map(exact)) {
            (Some(name), Some(of)) => said!(r, "{} of {}", name, of),
            (name, of) => name.clone().or(of).unwrap_or_default(),
        };
        let why = listed.why.as_ref().map(|why| r.told(why)).unwrap_or_default();
        let detail = [named, why];
        let detail: Vec<&str> = detail.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(r.colon()));
        }
    }
    more(out, without.len() as u64, shown.len(), "--format csv");
}
