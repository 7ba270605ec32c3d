//! Observation: what the target vault says about what a pair has carried.

use jiff::Timestamp;

use super::calls::target;
use super::inventory::too_much;
use super::model::Vault;
use super::readback::FindVault;
use crate::model::command::Replication;
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::asked::Asked;
use crate::providers::inventory::unclear;

/// Asks for the target vault, which names its source. That the target holds what was in the source is inferred from its progress.
pub(super) fn observe(replication: &Replication) -> impl FnMut(Option<&Reply>) -> Asked<Observation> + Send + '_ {
    let mut there = FindVault::new(target(replication), &replication.destination.region);
    move |reply| Ok(judge(replication, there.next(reply)?)?)
}

fn judge(replication: &Replication, vault: Option<Vault>) -> Result<Observation, Failure> {
    let (source, wanted, region) = (&replication.source, target(replication), &replication.destination.region);
    let Some(vault) = vault else {
        return Ok(Observation::Gone(format!("the target vault {wanted} is not in {region}")));
    };
    if !vault.replicates_from(source) {
        let why = format!("the target vault {wanted} does not replicate from {}", source.id);
        return Ok(Observation::Gone(why));
    }
    let historical = vault.progress.as_ref().and_then(|progress| progress.historical);
    Ok(match (vault.status.as_deref(), historical) {
        (Some("ERROR"), _) => {
            Observation::Failed(vault.status_message.unwrap_or_else(|| "the target vault is in the state ERROR".into()))
        }
        (Some(state), _) if state != "CREATED" => Observation::Awaited(unclear(wanted, state)),
        (_, Some(100)) => Observation::Seen(Evidence {
            destination_id: Some(wanted.to_owned()),
            state: "CREATED".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            size_gib: None,
            expires_at: None,
            how: How::Inferred,
        }),
        (_, Some(percent @ 101..)) => return Err(too_much(wanted, percent)),
        (_, Some(percent)) => Observation::Running(format!("{percent} % of what was there before")),
        (_, None) => Observation::Awaited("the target vault tells no progress yet".into()),
    })
}
