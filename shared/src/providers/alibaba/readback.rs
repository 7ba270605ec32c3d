//! Read-back: whether the two vaults are a pair already.

use super::calls::{PAGE, call, target};
use super::errors::{missing, read};
use super::model::Vault;
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::{Call, Effect};
use crate::providers::inventory::{end_of, endless, repeated};
use crate::providers::provider::{Acceptance, ReadBack};
use crate::providers::refusal::same;

/// Asks first for the target vault, which names its source, then for the source vault, which names its one target.
pub(super) fn read_back(replication: &Replication, replies: &[Reply]) -> Asked<ReadBack> {
    let mut replies = replies.iter();
    let wanted = target(replication);
    let region = &replication.destination.region;
    let Some(found) = find_vault(wanted, region, &mut replies)? else {
        return Err(missing("VaultNotExist", format!("the target vault {wanted} is not in {region}")).into());
    };
    let source = &replication.source;
    match found.source_vault_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id)
            if id == source.id
                && found.source_region_id.as_deref().is_none_or(|found| found.is_empty() || found == source.region) =>
        {
            // No API returns the TaskId later.
            return Ok(ReadBack::Found(Acceptance::one(None, None)));
        }
        Some(id) => {
            let region = found.source_region_id.as_deref().unwrap_or("another region");
            let why = format!("the target vault {wanted} already replicates from {id} in {region}");
            return Err(missing("TARGET_VAULT_HAS_OTHER_SOURCE", why).into());
        }
        None => {}
    }
    match found.status.as_deref() {
        Some("ERROR") => {
            let reason = found.status_message.clone().unwrap_or_else(|| "UNKNOWN_ERROR".into());
            let why = format!("the target vault {wanted} is in the state ERROR: {reason}");
            return Err(missing(&reason, why).into());
        }
        Some("INITIALIZING" | "UNKNOWN") => {
            return Ok(ReadBack::NotReady(format!("the target vault {wanted} is still being made")));
        }
        _ => {}
    }
    let Some(vault) = find_vault(&source.id, &source.region, &mut replies)? else {
        return Ok(ReadBack::NoSource(format!("the source vault {} is not in {}", source.id, source.region)));
    };
    match vault.target_vault_id.as_deref().filter(|id| !id.is_empty() && *id != wanted) {
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
pub(crate) fn find_vault<'r>(
    id: &str,
    region: &str,
    replies: &mut impl Iterator<Item = &'r Reply>,
) -> Asked<Option<Vault>> {
    let mut seen = 0;
    let (mut end, mut before): (Option<u64>, Option<String>) = (None, None);
    for page in 1.. {
        let Some(reply) = replies.next() else {
            return ask(show(id, region, page));
        };
        let answer = match read(reply) {
            Ok(answer) => answer,
            Err(failure) if failure.code == "VaultNotExist" => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let vaults = answer.vaults.map(|vaults| vaults.vault).unwrap_or_default();
        seen += vaults.len() as u64;
        let empty = vaults.is_empty();
        let first = vaults.first().and_then(|vault| vault.vault_id.clone());
        let again = first.is_some() && first == before;
        before = first;
        let (wanted, others): (Vec<Vault>, Vec<Vault>) =
            vaults.into_iter().partition(|vault| vault.vault_id.as_deref() == Some(id));
        if let Some(vault) = wanted.into_iter().next() {
            same(reply, "VaultRegionId", Some(region), vault.region_id.as_deref())?;
            return Ok(Some(vault));
        }
        let other = others.into_iter().find_map(|vault| vault.vault_id);
        if let (1, Some(other)) = (answer.total_count.unwrap_or(1), other) {
            same(reply, "VaultId", Some(id), Some(&other))?;
        }
        if empty || seen >= answer.total_count.unwrap_or(0) {
            break;
        }
        let end = *end.get_or_insert_with(|| end_of(answer.total_count));
        if again || seen > end {
            let failure = if again { repeated() } else { endless(end) };
            // What it does not show may be there.
            return Err(Failure { disposition: Disposition::Retryable, ..failure }.into());
        }
    }
    Ok(None)
}
