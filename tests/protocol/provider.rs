//! The model provider: a cloud small enough to be explored, in two halves.
//!
//! [`Cloud`] is what goes on there: copies, and calls that are still in the network. [`Model`] is what the product is told of it, as
//! plans of calls and readings of replies. The two meet in a few words of text: a request is a path, an answer a status and a body.

use std::time::Duration;

use jiff::Timestamp;

use crate::product::{
    self, Acceptance, Access, AttemptContext, Command, Disposition, Evidence, Failure, FieldError, FoundCopy, How,
    Huawei, Inventory, Need, Nonce, Observation, Operation, Provider, ReadBack, Receipt, Replication, Reply,
    RequestDraft, Service, SignError, Signed, SigningTrace, Sts, Unseen,
};

/// The most copies that one world may make; one more is an error of the world.
pub const COPIES: usize = 8;

/// What the provider itself does against a second copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Nothing.
    None,
    /// It refuses while a copy of the same backup runs (Tencent).
    WhileRunning,
    /// It refuses while a living copy of the same backup exists (Huawei, BackupService.1009).
    WhileThere,
}

/// How far a copy is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    Running,
    Done,
    Failed,
    /// It was done, and is gone.
    Deleted,
}

impl Fate {
    pub fn word(self) -> &'static str {
        match self {
            Fate::Running => "running",
            Fate::Done => "done",
            Fate::Failed => "failed",
            Fate::Deleted => "deleted",
        }
    }
}

/// One copy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Copy {
    pub backup: u8,
    /// In which minute it was made.
    pub made: u16,
    /// Whether reads show it yet.
    pub listed: bool,
    pub fate: Fate,
    /// Whether a call of ours made it, and not another hand.
    pub ours: bool,
}

impl Copy {
    pub fn lives(&self) -> bool {
        matches!(self.fate, Fate::Running | Fate::Done)
    }
}

/// A call that changes something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// Copies one backup.
    Backup(u8),
    /// Copies every backup of the vault that has no copy.
    Vault,
}

/// A question that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Read {
    /// The living copies of a backup.
    Backup(u8),
    /// The backup itself, where that is another question.
    Source(u8),
    /// The living copies of the vault's backups that were made since this minute.
    Vault(u16),
    /// How far a copy is.
    Copy(u8),
    /// Every copy of a backup and how far each is, where the backup keeps a record of them.
    Records(u8),
}

/// A copy as an answer names it: its number and its backup.
pub type Named = Option<(u8, u8)>;

/// What the provider answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Said {
    /// These copies were started.
    Made([Named; 2]),
    /// There is nothing (more) to copy in this vault.
    Nothing,
    /// A copy of it is there already.
    Exists,
    /// Too many requests.
    Throttled,
    /// No, for good.
    Refused,
    /// These copies can be seen.
    Visible([Named; COPIES]),
    /// So far is the copy; `None` if it cannot be seen.
    Copy(Option<Fate>),
    /// So far are these copies, of which each is known by its number.
    Records([Option<(u8, Fate)>; COPIES]),
    /// The backup is there, and a copy of it may be running.
    Source { copying: bool },
    /// There is no such backup.
    NoSource,
}

/// What goes on at the provider.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Cloud {
    /// In the order in which they were made: a copy's number is its place.
    pub copies: Vec<Copy>,
    /// Calls that may still be applied, with the minute in which each was sent.
    pub under_way: Vec<(Target, u16)>,
    /// Whether the first backup is gone.
    pub gone: bool,
}

impl Cloud {
    /// Applies a call. Also tells whether it made a second living copy of a backup: one that another hand made does not count, since
    /// whoever shares no ledger with us may always begin one after we looked.
    pub fn apply(&mut self, target: Target, guard: Guard, backups: u8, now: u16) -> (Said, bool) {
        let living =
            |cloud: &Cloud, backup| cloud.copies.iter().any(|copy| copy.backup == backup && copy.ours && copy.lives());
        let refuses = |cloud: &Cloud, backup: u8| {
            let mut same = cloud.copies.iter().filter(|copy| copy.backup == backup);
            match guard {
                Guard::None => false,
                Guard::WhileRunning => same.any(|copy| copy.fate == Fate::Running),
                Guard::WhileThere => same.any(Copy::lives),
            }
        };
        let wanted = match target {
            Target::Backup(0) if self.gone => return (Said::NoSource, false),
            Target::Backup(backup) if refuses(self, backup) => return (Said::Exists, false),
            Target::Backup(backup) => backup..backup + 1,
            Target::Vault => 0..backups,
        };
        let (mut made, mut count, mut second) = ([None; 2], 0, false);
        for backup in wanted {
            if target == Target::Vault && refuses(self, backup) {
                continue;
            }
            second |= living(self, backup);
            assert!(self.copies.len() < COPIES, "this world makes more than {COPIES} copies");
            made[count] = Some((self.copies.len() as u8, backup));
            count += 1;
            self.copies.push(Copy { backup, made: now, listed: false, fate: Fate::Running, ours: true });
        }
        (if count == 0 { Said::Nothing } else { Said::Made(made) }, second)
    }

    /// Answers a read.
    pub fn read(&self, read: Read) -> Said {
        let mut seen = [None; COPIES];
        let shown = |copy: &Copy| match read {
            Read::Backup(backup) => copy.backup == backup,
            Read::Vault(since) => copy.made >= since,
            Read::Copy(_) | Read::Source(_) | Read::Records(_) => false,
        };
        if let Read::Records(backup) = read {
            let mut known = [None; COPIES];
            let listed = self.copies.iter().enumerate().filter(|(_, copy)| copy.backup == backup && copy.listed);
            for (slot, (number, copy)) in known.iter_mut().zip(listed) {
                *slot = Some((number as u8, copy.fate));
            }
            return Said::Records(known);
        }
        if let Read::Copy(number) = read {
            let copy = self.copies.get(usize::from(number));
            return Said::Copy(copy.filter(|copy| copy.listed).map(|copy| copy.fate));
        }
        let visible = self.copies.iter().enumerate().filter(|(_, copy)| copy.listed && copy.lives() && shown(copy));
        for (slot, (number, copy)) in seen.iter_mut().zip(visible) {
            *slot = Some((number as u8, copy.backup));
        }
        match read {
            Read::Source(0) if self.gone => Said::NoSource,
            Read::Source(backup) => Said::Source {
                copying: self.copies.iter().any(|copy| copy.backup == backup && copy.fate == Fate::Running),
            },
            Read::Backup(0) if self.gone && seen[0].is_none() => Said::NoSource,
            _ => Said::Visible(seen),
        }
    }
}

/// The name of a copy in texts.
pub fn copy_name(number: u8) -> String {
    format!("r{}", number + 1)
}

/// The number of a copy of this name, at whichever cloud.
pub fn copy_number(name: &str) -> u8 {
    number(name)
}

/// The name of a backup in texts.
pub fn backup_name(number: u8) -> String {
    format!("b{}", number + 1)
}

pub fn backup_number(name: &str) -> u8 {
    number(name)
}

/// The number at the end of a name, such as `b1` or `snap-r2`.
fn number(name: &str) -> u8 {
    name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u8>().unwrap() - 1
}

impl Said {
    /// As it comes over the wire.
    pub fn reply(self) -> Reply {
        let list = |names: &[Named]| {
            let names = names.iter().flatten();
            let names: Vec<String> =
                names.map(|(copy, backup)| format!("{}={}", backup_name(*backup), copy_name(*copy))).collect();
            names.join(" ")
        };
        let (status, body) = match self {
            Said::Made(names) => (200, list(&names)),
            Said::Visible(names) => (200, list(&names)),
            Said::Nothing => (200, String::new()),
            Said::Exists => (409, String::new()),
            Said::Throttled => (429, String::new()),
            Said::Refused => (400, String::new()),
            Said::NoSource => (404, String::new()),
            Said::Source { .. } | Said::Records(_) => unreachable!("the model has no such question"),
            Said::Copy(fate) => (200, fate.map_or(String::new(), |fate| format!("{fate:?}"))),
        };
        Reply { status, headers: Vec::new(), body: body.into_bytes() }
    }
}

/// What a request asks for.
pub enum Asked {
    Call(Target),
    Read(Read),
}

/// Where the model's endpoint is; nothing is ever sent there.
pub const BASE: &str = "https://model";

/// Reads a request. `base` is minute 0, for times in paths.
pub fn asked(method: &str, url: &str, base: Timestamp) -> Asked {
    let path = url.strip_prefix(BASE).unwrap_or(url);
    let (what, which) = path.trim_start_matches('/').split_once('/').unwrap();
    match (method, what) {
        ("POST", "backup") => Asked::Call(Target::Backup(backup_number(which))),
        ("POST", "vault") => Asked::Call(Target::Vault),
        ("GET", "backup") => Asked::Read(Read::Backup(backup_number(which))),
        ("GET", "vault") => Asked::Read(Read::Vault(((which.parse::<i64>().unwrap() - base.as_second()) / 60) as u16)),
        ("GET", "copy") => Asked::Read(Read::Copy(copy_number(which))),
        _ => panic!("no such call: {method} {path}"),
    }
}

fn call(action: &'static str, method: &str, path: String) -> product::Call {
    let effect = if method == "GET" { product::Effect::Read } else { product::Effect::Start };
    let draft = RequestDraft { method: method.to_owned(), path, ..RequestDraft::default() };
    product::Call {
        action,
        service: Service::Cbr,
        effect,
        lists: false,
        goes_first: false,
        region: "here".to_owned(),
        draft,
    }
}

fn failure(reply: &Reply) -> Option<Failure> {
    let (disposition, code) = match reply.status {
        200 | 404 => return None,
        409 => (Disposition::Conflict, "exists"),
        429 => (Disposition::Throttled, "throttled"),
        _ => (Disposition::Permanent, "refused"),
    };
    Some(Failure::local(disposition, code, "as the model has it", ""))
}

/// The pairs `backup=copy` of a body.
fn named(reply: &Reply) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&reply.body);
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(backup, copy)| (backup.to_owned(), copy.to_owned())).collect()
}

fn acceptance(replication: &Replication, pairs: &[(String, String)]) -> Acceptance {
    let of_vault = replication.operation == Operation::CopyCheckpoint;
    let found = |(backup, copy): &(String, String)| FoundCopy {
        backup_id: of_vault.then(|| backup.clone()),
        replication_id: Some(copy.clone()),
    };
    Acceptance { receipts: pairs.iter().map(found).collect(), request_id: None }
}

/// What the product is told of the cloud.
pub struct Model;

impl Provider for Model {
    fn cloud(&self) -> product::Cloud {
        product::Cloud::Huawei
    }

    fn inventory(&self) -> &dyn Inventory {
        Huawei.inventory()
    }

    fn sts(&self) -> &dyn Sts {
        Huawei.sts()
    }

    fn check(&self, _command: &Command) -> Result<(), FieldError> {
        Ok(())
    }

    fn start(&self, replication: &Replication, _intent: &AttemptContext) -> product::Call {
        match replication.operation {
            Operation::CopyCheckpoint => call("vault", "POST", format!("/vault/{}", replication.source.id)),
            _ => call("backup", "POST", format!("/backup/{}", replication.source.id)),
        }
    }

    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        if let Some(failure) = failure(reply) {
            return Err(failure);
        }
        let pairs = named(reply);
        if reply.status == 404 {
            return Err(Failure::local(Disposition::Permanent, "no_source", "there is no such backup", ""));
        }
        if pairs.is_empty() {
            return Err(Failure::local(Disposition::NoWork, "no_backups", "there is nothing to copy", ""));
        }
        Ok(acceptance(replication, &pairs))
    }

    /// Of several copies of one backup the newest counts; of a vault all that were made since this attempt began.
    fn read_back<'a>(
        &'a self,
        replication: &'a Replication,
        intent: &'a AttemptContext,
    ) -> product::Reading<'a, ReadBack> {
        let of_vault = replication.operation == Operation::CopyCheckpoint;
        Box::new(move |reply| {
            let Some(reply) = reply else {
                return Err(Need::Ask(Box::new(if of_vault {
                    call("list", "GET", format!("/vault/{}", intent.since.as_second()))
                } else {
                    call("show", "GET", format!("/backup/{}", replication.source.id))
                })));
            };
            let mut pairs = named(reply);
            if reply.status == 404 {
                return Ok(ReadBack::NoSource("there is no such backup".to_owned()));
            }
            if !of_vault {
                pairs = pairs.pop().into_iter().collect();
            }
            Ok(if pairs.is_empty() { ReadBack::Absent } else { ReadBack::Found(acceptance(replication, &pairs)) })
        })
    }

    fn observe<'a>(
        &'a self,
        _replication: &'a Replication,
        receipt: &'a Receipt,
        _known: Option<&'a Evidence>,
    ) -> product::Reading<'a, Observation> {
        let name = receipt.replication_id.clone().unwrap_or_default();
        Box::new(move |reply| {
            let Some(reply) = reply else {
                return Err(Need::Ask(Box::new(call("look", "GET", format!("/copy/{name}")))));
            };
            Ok(match String::from_utf8_lossy(&reply.body).as_ref() {
                "Running" => Observation::Running("running".to_owned()),
                "Done" => Observation::Seen(Evidence {
                    destination_id: Some(name.clone()),
                    state: "available".to_owned(),
                    time: receipt.time,
                    size_gib: None,
                    expires_at: None,
                    how: How::Observed,
                }),
                "Failed" => Observation::Failed("it failed".to_owned()),
                _ => Observation::Gone("it is not there".to_owned()),
            })
        })
    }

    fn refused(&self, _call: &product::Call, reply: &Reply) -> Option<Failure> {
        failure(reply)
    }

    fn settles_at_once(&self, replication: &Replication) -> bool {
        replication.operation != Operation::CopyCheckpoint
    }

    fn reads_first(&self, replication: &Replication) -> bool {
        replication.operation != Operation::CopyCheckpoint
    }

    fn sign(
        &self,
        _call: &product::Call,
        draft: RequestDraft,
        _access: &Access,
        _at: Timestamp,
        _nonce: &Nonce,
    ) -> Result<Signed, SignError> {
        Ok(Signed { headers: Vec::new(), path_and_query: draft.path, trace: SigningTrace::default() })
    }

    fn endpoint(&self, _service: Service, _region: &str) -> String {
        BASE.to_owned()
    }

    /// Worlds say it: also too little.
    fn unseen(&self) -> Unseen {
        Unseen { applied: Duration::ZERO, hidden: Duration::ZERO }
    }

    fn requests_per_second(&self) -> u32 {
        0
    }
}
