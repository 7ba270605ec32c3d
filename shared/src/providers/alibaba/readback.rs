//! Reading back: whether the two vaults are a pair already.

use super::calls::{PAGE, call};
use super::errors::read;
use super::model::Vault;
use crate::model::http::Reply;
use crate::providers::provider::ReadBack;

/// Looks for exactly this vault, page by page; the first element may be another one.
/// `Err` is what to return from the read-back: the next question, or a failure.
pub(crate) fn find_vault<'r>(
    id: &str,
    region: &str,
    replies: &mut impl Iterator<Item = &'r Reply>,
) -> Result<Option<Vault>, ReadBack> {
    let mut seen = 0;
    for page in 1.. {
        let Some(reply) = replies.next() else {
            let pairs = vec![
                ("PageNumber", page.to_string()),
                ("PageSize", PAGE.to_string()),
                ("VaultId", id.to_owned()),
                ("VaultRegionId", region.to_owned()),
            ];
            return Err(ReadBack::Ask(Box::new(call("DescribeVaults", region, pairs))));
        };
        let answer = match read(reply) {
            Ok(answer) => answer,
            Err(failure) if failure.code == "VaultNotExist" => return Ok(None),
            Err(failure) => return Err(ReadBack::Failed(failure.of_read())),
        };
        let vaults = answer.vaults.map(|vaults| vaults.vault).unwrap_or_default();
        seen += vaults.len() as u64;
        let empty = vaults.is_empty();
        if let Some(vault) = vaults.into_iter().find(|vault| vault.vault_id.as_deref() == Some(id)) {
            return Ok(Some(vault));
        }
        if empty || seen >= answer.total_count.unwrap_or(0) {
            break;
        }
    }
    Ok(None)
}
