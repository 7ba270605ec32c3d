//! Observation: what the target vault says about what a pair has carried.

use jiff::Timestamp;

use super::calls::target;
use super::model::Vault;
use super::readback::FindVault;
use crate::model::command::Replication;
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::http::Reply;
use crate::providers::asked::Asked;

/// Asks for the target vault, which names its source. That the target holds what was in the source is inferred from its progress.
pub(super) fn observe(replication: &Replication) -> impl FnMut(Option<&Reply>) -> Asked<Observation> + Send + '_ {
    let mut there = FindVault::new(target(replication), &replication.destination.region);
    move |reply| there.next(reply).map(|vault| judge(replication, vault))
}

fn judge(replication: &Replication, vault: Option<Vault>) -> Observation {
    let (wanted, region) = (target(replication), &replication.destination.region);
    let Some(vault) = vault else {
        return Observation::Gone(format!("the target vault {wanted} is not in {region}"));
    };
    if vault.source_vault_id.as_deref() != Some(&replication.source.id) {
        let why = format!("the target vault {wanted} does not replicate from {}", replication.source.id);
        return Observation::Gone(why);
    }
    let historical = vault.progress.and_then(|progress| progress.historical);
    match (vault.status.as_deref(), historical) {
        (Some("ERROR"), _) => {
            Observation::Failed(vault.status_message.unwrap_or_else(|| "the target vault is in the state ERROR".into()))
        }
        (status, Some(100)) => Observation::Seen(Evidence {
            destination_id: Some(wanted.to_owned()),
            state: status.unwrap_or("CREATED").to_owned(),
            time: Timestamp::UNIX_EPOCH,
            size_gib: None,
            expires_at: None,
            how: How::Inferred,
        }),
        (_, Some(percent)) => Observation::Running(format!("{percent} % of what was there before")),
        (_, None) => Observation::Awaited("the target vault tells no progress yet".into()),
    }
}
