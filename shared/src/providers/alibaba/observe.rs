//! What the target vault says of what a pair has carried.

use jiff::Timestamp;

use super::calls::target;
use super::readback::find_vault;
use crate::model::command::Replication;
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::http::Reply;
use crate::providers::provider::ReadBack;

/// The target vault, which names its source. That what was in the source is in the target can only be concluded from its progress.
pub(super) fn observe(replication: &Replication, replies: &[Reply]) -> Observation {
    let wanted = target(replication);
    let region = &replication.destination.region;
    let vault = match find_vault(wanted, region, &mut replies.iter()) {
        Ok(Some(vault)) => vault,
        Ok(None) => return Observation::Gone(format!("the target vault {wanted} is not in {region}")),
        Err(ReadBack::Ask(call)) => return Observation::Ask(call),
        Err(ReadBack::Failed(failure)) => return Observation::Unanswered(failure),
        Err(_) => return Observation::Running("the target vault cannot be judged".into()),
    };
    if vault.source_vault_id.as_deref() != Some(&replication.source.id) {
        return Observation::Gone(format!(
            "the target vault {wanted} does not replicate from {}",
            replication.source.id
        ));
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
        (_, None) => Observation::Running("the target vault tells no progress yet".into()),
    }
}
