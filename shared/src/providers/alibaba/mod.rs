//! Alibaba Cloud: HBR CreateVaultReplication.
//!
//! It sets up a standing replication from one vault to another, not one copy of one backup.
//! Source: API page createvaultreplication (2026-06-11), alibabacloud_hbr20170908 2.7.1.

mod calls;
pub mod codes;
mod errors;
pub mod inventory;
pub(crate) mod model;
mod observe;
pub(crate) mod probe;
mod readback;
mod sts;

use std::time::Duration;

use jiff::Timestamp;

use super::asked::Reading;
use super::call::{Call, Effect, Service};
use super::inventory::Inventory;
use super::provider::{Acceptance, AttemptContext, Provider, ReadBack, Unseen};
use super::refusal::unreadable;
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::{HttpRequest, Reply};
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed, SignedHeaders, acs3};
use errors::read;

/// Alibaba Cloud as a provider, with its vault pairs.
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

    fn start(&self, replication: &Replication, _intent: &AttemptContext) -> Call {
        calls::start(replication)
    }

    fn started(&self, _replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        let answer = read(reply)?;
        match answer.task_id.filter(|id| !id.is_empty()) {
            Some(id) => Ok(Acceptance::one(Some(id), answer.request_id)),
            None => Err(unreadable(reply, answer.request_id, "the answer says success but holds no TaskId")),
        }
    }

    fn refused(&self, _call: &Call, reply: &Reply) -> Option<Failure> {
        // A vault that does not exist is an answer, which the read-back interprets.
        read(reply).err().filter(|failure| failure.code != "VaultNotExist")
    }

    fn read_back<'a>(&'a self, replication: &'a Replication, _intent: &'a AttemptContext) -> Reading<'a, ReadBack> {
        Box::new(readback::read_back(replication))
    }

    fn reads_ahead(&self, replication: &Replication) -> Vec<Call> {
        readback::reads_ahead(replication)
    }

    fn observe<'a>(
        &'a self,
        replication: &'a Replication,
        _receipt: &'a Receipt,
        _known: Option<&'a Evidence>,
    ) -> Reading<'a, Observation> {
        Box::new(observe::observe(replication))
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

    fn effect_of(&self, request: &HttpRequest) -> Option<Effect> {
        calls::effect_of(request)
    }

    /// Source: alibabacloud_hbr20170908 2.7.1, endpoint rule and map; the map's internal regions need the endpoint setting.
    /// For STS: alibabacloud_sts20150401 1.2.0, where two finance regions have only the global endpoint.
    fn endpoint(&self, service: Service, region: &str) -> String {
        match (service, region) {
            (Service::AlibabaSts, "cn-hangzhou-finance" | "cn-shenzhen-finance-1") => {
                "https://sts.aliyuncs.com".to_owned()
            }
            (Service::AlibabaSts, region) => format!("https://sts.{region}.aliyuncs.com"),
            (_, region) => format!("https://hbr.{region}.aliyuncs.com"),
        }
    }

    /// A signed request is accepted for 15 minutes. Source: help.aliyun.com 434846, V3 request and signature page. When a pair can be
    /// seen is not documented; five minutes are inferred.
    fn unseen(&self) -> Unseen {
        Unseen { applied: Duration::from_secs(900), hidden: Duration::from_secs(300) }
    }

    /// HBR documents no limit. An old page gives the gateway 100 a second for each user (help.aliyun.com 48054), so this is cautious.
    fn requests_per_second(&self) -> u32 {
        10
    }
}
