//! Read-back: whether the two vaults are a pair already.

use super::calls::{PAGE, call, target};
use super::errors::{missing, read};
use super::model::Vault;
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::{Call, Effect};
use crate::providers::inventory::{emptied, end_of, endless, repeated};
use crate::providers::provider::{Acceptance, ReadBack};
use crate::providers::refusal::same;

/// Asks first for the target vault, which names its source, then for the source vault, which names its one target.
pub(super) fn read_back(replication: &Replication) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + '_ {
    let source = &replication.source;
    let mut there = FindVault::new(target(replication), &replication.destination.region);
    let mut here = FindVault::new(&source.id, &source.region);
    let mut is_free = false;
    move |mut reply| {
        if !is_free {
            if let Some(said) = judge_target(replication, there.next(reply.take())?)? {
                return Ok(said);
            }
            is_free = true;
        }
        let Some(vault) = here.next(reply)? else {
            return Ok(ReadBack::NoSource(format!("the source vault {} is not in {}", source.id, source.region)));
        };
        match vault.target_vault_id.as_deref().filter(|id| !id.is_empty() && *id != target(replication)) {
            Some(other) => {
                let why = format!(
                    "the source vault {} already replicates to {other}, and a vault has one target only",
                    source.id
                );
                Err(missing("SOURCE_VAULT_ALREADY_HAS_REPLICATION", why).into())
            }
            None => Ok(ReadBack::Absent),
        }
    }
}

/// What the target vault alone says; `None` if it has no source yet.
fn judge_target(replication: &Replication, found: Option<Vault>) -> Result<Option<ReadBack>, Failure> {
    let (source, wanted, region) = (&replication.source, target(replication), &replication.destination.region);
    let Some(found) = found else {
        return Err(missing("VaultNotExist", format!("the target vault {wanted} is not in {region}")));
    };
    match found.source_vault_id.as_deref().filter(|id| !id.is_empty()) {
        Some(_) if found.replicates_from(source) => {
            if found.status.as_deref() == Some("ERROR") {
                return Err(missing(reason(&found), in_error(wanted, &found)));
            }
            // No API returns the TaskId later.
            return Ok(Some(ReadBack::Found(Acceptance::one(None, None))));
        }
        Some(id) => {
            let region = found.source_region_id.as_deref().unwrap_or("another region");
            let why = format!("the target vault {wanted} already replicates from {id} in {region}");
            return Err(missing("TARGET_VAULT_HAS_OTHER_SOURCE", why));
        }
        None => {}
    }
    match found.status.as_deref() {
        Some("ERROR") => Err(missing(reason(&found), in_error(wanted, &found))),
        Some("INITIALIZING" | "UNKNOWN") => {
            Ok(Some(ReadBack::NotReady(format!("the target vault {wanted} is still being made"))))
        }
        _ => Ok(None),
    }
}

/// Why a target vault is in the state ERROR, as a code.
fn reason(target: &Vault) -> &str {
    target.status_message.as_deref().filter(|message| !message.is_empty()).unwrap_or("UNKNOWN_ERROR")
}

/// What there is to say of a target vault in the state ERROR.
pub(super) fn in_error(id: &str, target: &Vault) -> String {
    format!("the target vault {id} is in the state ERROR: {}", reason(target))
}

/// The first page of the question for the target vault, and of that for the source vault.
pub(super) fn reads_ahead(replication: &Replication) -> Vec<Call> {
    let (source, destination) = (&replication.source, &replication.destination.region);
    vec![show(target(replication), destination, 1), show(&source.id, &source.region, 1)]
}

fn show(id: &str, region: &str, page: u32) -> Call {
    let pairs = vec![
        ("PageNumber", page.to_string()),
        ("PageSize", PAGE.to_string()),
        ("VaultId", id.to_owned()),
        ("VaultRegionId", region.to_owned()),
    ];
    call(Effect::Read, "DescribeVaults", region, pairs)
}

/// Asks for exactly this vault, page by page. The first vault of an answer may be another one.
pub(crate) struct FindVault<'a> {
    id: &'a str,
    region: &'a str,
    page: u32,
    seen: u64,
    /// How many there may be, by what the first page counted.
    end: Option<u64>,
    /// The first one of the page before.
    before: Option<String>,
}

impl<'a> FindVault<'a> {
    pub(crate) fn new(id: &'a str, region: &'a str) -> FindVault<'a> {
        FindVault { id, region, page: 1, seen: 0, end: None, before: None }
    }

    /// The vault, once the page that has come shows it; `None` if no page does.
    pub(crate) fn next(&mut self, reply: Option<&Reply>) -> Asked<Option<Vault>> {
        let Some(reply) = reply else { return ask(show(self.id, self.region, self.page)) };
        let answer = match read(reply) {
            Ok(answer) => answer,
            Err(failure) if failure.code == "VaultNotExist" => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let vaults = answer.vaults.map(|vaults| vaults.vault).unwrap_or_default();
        self.seen += vaults.len() as u64;
        let empty = vaults.is_empty();
        let first = vaults.first().and_then(|vault| vault.vault_id.clone());
        let again = first.is_some() && first == self.before;
        self.before = first;
        let (wanted, others): (Vec<Vault>, Vec<Vault>) =
            vaults.into_iter().partition(|vault| vault.vault_id.as_deref() == Some(self.id));
        if let Some(vault) = wanted.into_iter().next() {
            same(reply, "VaultRegionId", Some(self.region), vault.region_id.as_deref())?;
            return Ok(Some(vault));
        }
        let other = others.into_iter().find_map(|vault| vault.vault_id);
        if let (1, Some(other)) = (answer.total_count.unwrap_or(1), other) {
            same(reply, "VaultId", Some(self.id), Some(&other))?;
        }
        if self.seen >= answer.total_count.unwrap_or(0) {
            return Ok(None);
        }
        if empty {
            return Err(emptied().into());
        }
        let end = *self.end.get_or_insert_with(|| end_of(answer.total_count));
        if again || self.seen > end {
            let failure = if again { repeated() } else { endless(end) };
            // What it does not show may be there.
            return Err(Failure { disposition: Disposition::Retryable, ..failure }.into());
        }
        self.page += 1;
        ask(show(self.id, self.region, self.page))
    }
}
