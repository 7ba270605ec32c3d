//! Alibaba Cloud: HBR CreateVaultReplication.
//!
//! It sets up standing replication from one vault to another; it is not one copy of one backup.
//! Source: API page createvaultreplication (2026-06-11), alibabacloud_hbr20170908 2.7.1.

mod calls;
pub mod codes;
mod errors;
pub mod inventory;
pub mod model;
pub mod probe;
mod readback;
mod sts;

use std::time::Duration;

use jiff::Timestamp;

use super::call::{Call, Service};
use super::inventory::Inventory;
use super::provider::{Acceptance, Intent, Provider, ReadBack};
use super::refusal::unreadable;
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Replication};
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::Reply;
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed, SignedHeaders, acs3};
use calls::{call, target};
use errors::{missing, read};
use readback::find_vault;

/// Alibaba Cloud.
pub struct Alibaba;

impl Provider for Alibaba {
    fn cloud(&self) -> Cloud {
        Cloud::Alibaba
    }

    fn inventory(&self) -> &dyn Inventory {
        self
    }

    fn sts(&self) -> &dyn Sts {
        self
    }

    fn check(&self, command: &Command) -> Result<(), FieldError> {
        for (index, destination) in command.destinations.iter().enumerate() {
            if destination.vault_id.as_deref() == Some(&command.source.id) {
                return Err(FieldError::new(format!("destinations[{index}].vault_id"), "is the source vault itself"));
            }
        }
        Ok(())
    }

    /// Called in the destination's region, so the source's region must be said.
    fn start(&self, replication: &Replication, _intent: &Intent) -> Call {
        let pairs = vec![
            ("ReplicationSourceRegionId", replication.source.region.clone()),
            ("ReplicationSourceVaultId", replication.source.id.clone()),
            ("ReplicationTargetVaultId", target(replication).to_owned()),
        ];
        call("CreateVaultReplication", &replication.destination.region, pairs)
    }

    fn started(&self, _replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        let answer = read(reply)?;
        match answer.task_id.filter(|id| !id.is_empty()) {
            Some(id) => Ok(Acceptance::one(Some(id), answer.request_id)),
            None => Err(unreadable(reply, answer.request_id, "the answer says success but holds no TaskId")),
        }
    }

    fn refused(&self, _call: &Call, reply: &Reply) -> Option<Failure> {
        // A vault that is not there is an answer, which the read-back interprets.
        read(reply).err().filter(|failure| failure.code != "VaultNotExist")
    }

    /// First the target vault, which names its source; then the source vault, which names its one target.
    fn read_back(&self, replication: &Replication, _intent: &Intent, replies: &[Reply]) -> ReadBack {
        let mut replies = replies.iter();
        let wanted = target(replication);
        let region = &replication.destination.region;
        let found = match find_vault(wanted, region, &mut replies) {
            Ok(Some(vault)) => vault,
            Ok(None) => {
                return ReadBack::Failed(missing(
                    "VaultNotExist",
                    format!("the target vault {wanted} is not in {region}"),
                ));
            }
            Err(step) => return step,
        };
        let source = &replication.source;
        match found.source_vault_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id)
                if id == source.id
                    && found
                        .source_region_id
                        .as_deref()
                        .is_none_or(|found| found.is_empty() || found == source.region) =>
            {
                // No API gives the TaskId back.
                return ReadBack::Found(Acceptance::one(None, None));
            }
            Some(id) => {
                return ReadBack::Failed(missing(
                    "TARGET_VAULT_HAS_OTHER_SOURCE",
                    format!(
                        "the target vault {wanted} already replicates from {id} in {}",
                        found.source_region_id.as_deref().unwrap_or("another region")
                    ),
                ));
            }
            None => {}
        }
        match found.status.as_deref() {
            Some("ERROR") => {
                let reason = found.status_message.clone().unwrap_or_else(|| "UNKNOWN_ERROR".into());
                return ReadBack::Failed(missing(
                    &reason,
                    format!("the target vault {wanted} is in the state ERROR: {reason}"),
                ));
            }
            Some("INITIALIZING" | "UNKNOWN") => {
                return ReadBack::NotReady(format!("the target vault {wanted} is still being made"));
            }
            _ => {}
        }
        match find_vault(&source.id, &source.region, &mut replies) {
            Ok(Some(vault)) => match vault.target_vault_id.as_deref().filter(|id| !id.is_empty() && *id != wanted) {
                Some(other) => ReadBack::Failed(missing(
                    "SOURCE_VAULT_ALREADY_HAS_REPLICATION",
                    format!(
                        "the source vault {} already replicates to {other}, and a vault has one target only",
                        source.id
                    ),
                )),
                None => ReadBack::Absent,
            },
            Ok(None) => ReadBack::NoSource(format!("the source vault {} is not in {}", source.id, source.region)),
            Err(step) => step,
        }
    }

    /// The target vault, which names its source. That what was in the source is in the target can only be concluded from its progress.
    fn observe(
        &self,
        replication: &Replication,
        _receipt: &Receipt,
        _known: Option<&Evidence>,
        replies: &[Reply],
    ) -> Observation {
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
            (Some("ERROR"), _) => Observation::Failed(
                vault.status_message.unwrap_or_else(|| "the target vault is in the state ERROR".into()),
            ),
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

    fn sign(
        &self,
        _call: &Call,
        draft: RequestDraft,
        access: &Access,
        at: Timestamp,
        nonce: &Nonce,
    ) -> Result<Signed, SignError> {
        let Access::Key(credential) = access else {
            return Err(SignError::missing("access key"));
        };
        acs3::sign(&draft, credential, at, nonce, SignedHeaders::Minimal)
    }

    /// Source: alibabacloud_hbr20170908 2.7.1, endpoint rule and map; the map's internal regions need the override.
    /// That of STS: alibabacloud_sts20150401 1.2.0, where two finance regions have the global one only.
    fn endpoint(&self, service: Service, region: &str) -> String {
        match (service, region) {
            (Service::AlibabaSts, "cn-hangzhou-finance" | "cn-shenzhen-finance-1") => {
                "https://sts.aliyuncs.com".to_owned()
            }
            (Service::AlibabaSts, region) => format!("https://sts.{region}.aliyuncs.com"),
            (_, region) => format!("https://hbr.{region}.aliyuncs.com"),
        }
    }

    /// Not documented; inferred.
    fn visibility_wait(&self) -> Duration {
        Duration::from_secs(300)
    }

    /// Not documented for HBR; an old page gives the gateway 100 a second for each user (help.aliyun.com 48054), so this is cautious.
    fn requests_per_second(&self) -> u32 {
        10
    }
}
