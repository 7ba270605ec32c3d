//! Alibaba Cloud: HBR CreateVaultReplication.
//!
//! It sets up standing replication from one vault to another; it is not one copy of one backup.
//! Source: API page createvaultreplication (2026-06-11), alibabacloud_hbr20170908 2.7.1.

pub mod codes;
pub mod inventory;
pub mod model;
pub mod probe;
mod sts;

use std::time::Duration;

use jiff::Timestamp;

use super::{Acceptance, Call, Intent, Provider, ReadBack, Service, refusal, unreadable};
use crate::command::{Cloud, Command, Replication};
use crate::disposition::{self, Disposition, Failure};
use crate::fields::FieldError;
use crate::inventory::Inventory;
use crate::observation::{Evidence, How, Observation};
use crate::ports::{Access, Reply};
use crate::receipt::Receipt;
use crate::sign::{Nonce, Query, RequestDraft, SignError, Signed, SignedHeaders, acs3};
use crate::sts::Sts;
use model::{Envelope, Vault};

/// Page size of DescribeVaults. Source: alibabacloud_hbr20170908 2.7.1, 1 to 99.
const PAGE: u64 = 99;

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

fn target(replication: &Replication) -> &str {
    replication.destination.vault_id.as_deref().unwrap_or_default()
}

/// Looks for exactly this vault, page by page; the first element may be another one.
/// `Err` is what to return from the read-back: the next question, or a failure.
fn find_vault<'r>(
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

fn missing(code: &str, message: String) -> Failure {
    Failure::local(Disposition::Permanent, code, message, "check both vault IDs and their regions")
}

fn call(action: &'static str, region: &str, pairs: Vec<(&str, String)>) -> Call {
    let headers = [("x-acs-action", action), ("x-acs-version", "2017-09-08"), ("accept", "application/json")];
    Call {
        action,
        service: Service::Hbr,
        region: region.to_owned(),
        draft: RequestDraft {
            method: "POST".into(),
            host: String::new(),
            path: "/".into(),
            query: Query::Pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Vec::new(),
        },
    }
}

/// Reads an answer: success is a 2xx with `Success` true (or, where it is absent, Code "200").
fn read(reply: &Reply) -> Result<Envelope, Failure> {
    let header = reply.header("x-acs-request-id").map(str::to_owned);
    let Ok(mut answer) = serde_json::from_slice::<Envelope>(&reply.body) else {
        return Err(unreadable(reply, header, "the answer is not what this API documents"));
    };
    answer.request_id = answer.request_id.or(header);
    let fine = (200..300).contains(&reply.status)
        && match answer.success {
            Some(success) => success,
            None => answer.code.as_deref() == Some("200"),
        };
    if fine {
        return Ok(answer);
    }
    let Some(code) = answer.code.as_deref().filter(|code| !code.is_empty() && *code != "200") else {
        return Err(unreadable(reply, answer.request_id, "the answer says neither success nor a code"));
    };
    // A mismatch message can quote the canonical request, which can hold the security token.
    let message = match code {
        "SignatureDoesNotMatch" | "IncompleteSignature" => {
            "the signature was refused (the provider's text is left out: it may quote a token)"
        }
        _ => answer.message.as_deref().unwrap_or_default(),
    };
    let mut failure = refusal(codes::TABLE, code, message, answer.request_id, reply);
    // Codes of this young API are mostly unpublished: the vaults' state decides.
    if disposition::find(codes::TABLE, code).is_none() {
        failure.disposition = if code.contains("Throttling") { Disposition::Throttled } else { Disposition::Ambiguous };
    }
    Err(failure)
}
