//! Tencent Cloud: CBS CopySnapshotCrossRegions.
//!
//! Source: international API page 362/45941 (2026-05-15), tencentcloud-sdk-python-cbs 3.1.175. The older page of 2023-07-10 calls Region
//! "not required", the newer one requires it. It is always sent, as the region of the source.

mod calls;
pub mod codes;
mod errors;
pub(crate) mod inventory;
pub(crate) mod model;
mod names;
mod observe;
pub(crate) mod probe;
mod readback;
mod sts;
mod subject;
mod together;

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::asked::Reading;
use super::call::{Call, Effect, Service};
use super::inventory::Inventory;
use super::provider::{Acceptance, Accepted, AttemptContext, Provider, ReadBack, Unseen};
use super::refusal::{refusal, same, unreadable};
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Operation, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::{HttpRequest, Reply};
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed, SignedHeaders, tc3};
use calls::{PAGE, name_of_service};
use errors::{NOT_FOUND, read};
use model::{Copied, CopyResult, Head, Response};

/// Tencent Cloud as a provider, with CBS.
pub struct Tencent;

impl Provider for Tencent {
    fn cloud(&self) -> Cloud {
        Cloud::Tencent
    }

    fn inventory(&self) -> &dyn Inventory {
        self
    }

    fn sts(&self) -> &dyn Sts {
        self
    }

    fn check(&self, command: &Command) -> Result<(), FieldError> {
        let id = &command.source.id;
        if !id.starts_with("snap-") {
            return Err(FieldError::new(
                "source.snapshot_id",
                format!("\"{id}\" is not a snapshot ID: it must begin with snap-"),
            ));
        }
        // Finance zones are apart from all others. Source: tencentyun/intlcloud-documents, cross-region replication, 2023-07-10.
        let finance = |region: &str| region.ends_with("-fsi");
        for (index, destination) in command.destinations.iter().enumerate() {
            if finance(&destination.region) != finance(&command.source.region) {
                return Err(FieldError::new(
                    format!("destinations[{index}].region"),
                    "a finance zone (-fsi) copies to and from finance zones only",
                ));
            }
        }
        Ok(())
    }

    fn start(&self, replication: &Replication, _intent: &AttemptContext) -> Call {
        calls::start(replication)
    }

    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        let answer: Response<Copied> = read(reply)?;
        let wanted = &replication.destination.region;
        let results = answer.body.results.unwrap_or_default();
        // The result is found by its region, because the order is not promised.
        let is_wanted = |result: &CopyResult| {
            result.destination_region.as_deref().is_none_or(|region| region.is_empty() || region == wanted)
        };
        let (ours, others): (Vec<CopyResult>, Vec<CopyResult>) = results.into_iter().partition(is_wanted);
        if ours.iter().any(|one| ours.first().is_some_and(|first| one.code != first.code)) {
            let why = "the answer holds two results for this destination that say different things";
            return Err(unreadable(reply, answer.request_id, why));
        }
        let ids: HashSet<&str> = ours.iter().filter_map(|result| result.snapshot_id.as_deref()).collect();
        if ids.len() > 1 || ids.contains(replication.source.id.as_str()) {
            let why = "the answer names several copies for this destination, or the source as its own copy";
            return Err(unreadable(reply, answer.request_id, why));
        }
        let Some(result) = ours.into_iter().next() else {
            let found = others.into_iter().find_map(|other| other.destination_region);
            let named = |failure| Failure { request_id: answer.request_id.clone(), ..failure };
            same(reply, "DestinationRegion", Some(wanted), found.as_deref()).map_err(named)?;
            return Err(unreadable(reply, answer.request_id, "the answer holds no result for this destination"));
        };
        match (result.code.as_deref(), result.snapshot_id.filter(|id| !id.is_empty())) {
            (Some("Success") | None, Some(id)) => Ok(Acceptance::one(Some(id), answer.request_id)),
            (Some(code), _) if code != "Success" && !code.is_empty() => {
                Err(refusal(codes::TABLE, code, &result.message.unwrap_or_default(), answer.request_id, reply))
            }
            _ => Err(unreadable(reply, answer.request_id, "the result for this destination holds no snapshot ID")),
        }
    }

    fn refused(&self, _call: &Call, reply: &Reply) -> Option<Failure> {
        // A snapshot that does not exist is an answer, which the caller interprets.
        read::<Head>(reply).err().filter(|failure| failure.code != NOT_FOUND)
    }

    fn read_back<'a>(&'a self, replication: &'a Replication, _intent: &'a AttemptContext) -> Reading<'a, ReadBack> {
        Box::new(readback::read_back(replication))
    }

    fn reads_ahead(&self, replication: &Replication) -> Vec<Call> {
        together::reads_ahead(replication)
    }

    fn reads_at_once(&self, nth: usize) -> usize {
        together::at_once(nth)
    }

    fn read_together(&self, nth: usize, alike: &[&Replication]) -> Option<Call> {
        together::call_for(nth, alike)
    }

    fn read_apart(&self, nth: usize, alike: &[&Replication], reply: &Reply) -> Option<Vec<Option<Reply>>> {
        together::apart(nth, alike, reply)
    }

    fn observe<'a>(
        &'a self,
        replication: &'a Replication,
        receipt: &'a Receipt,
        _known: Option<&'a Evidence>,
    ) -> Reading<'a, Observation> {
        Box::new(observe::observe(replication, receipt))
    }

    /// How many IDs one call may hold is not documented; a page holds 100.
    fn observes_at_once(&self, _operation: Operation) -> usize {
        PAGE as usize
    }

    fn observe_many(&self, copies: &[Accepted<'_>]) -> Option<Call> {
        observe::observe_many(copies)
    }

    fn observed_many(&self, copies: &[Accepted<'_>], reply: &Reply) -> Vec<Option<Observation>> {
        observe::observed_many(copies, reply)
    }

    fn sign(
        &self,
        call: &Call,
        mut draft: RequestDraft,
        access: &Access,
        at: Timestamp,
        _nonce: &Nonce,
    ) -> Result<Signed, SignError> {
        let Access::Key(credential) = access else {
            return Err(SignError::missing("access key"));
        };
        draft.headers.push(("x-tc-region".into(), call.region.clone()));
        tc3::sign(&draft, credential, at, name_of_service(call.service), SignedHeaders::Minimal)
    }

    fn effect_of(&self, request: &HttpRequest) -> Option<Effect> {
        calls::effect_of(request)
    }

    /// Source: tencentcloud-sdk-python-cbs 3.1.175 (default host); API page 362/15647 (the finance zones' own hosts).
    fn endpoint(&self, service: Service, region: &str) -> String {
        let name = name_of_service(service);
        if region.ends_with("-fsi") {
            format!("https://{name}.{region}.tencentcloudapi.com")
        } else {
            format!("https://{name}.tencentcloudapi.com")
        }
    }

    /// A signed request is accepted for 5 minutes. Source: API 3.0 signature page, intlcloud-documents of 2023-07-10. When a copy can be
    /// seen is not documented; a quarter of an hour is far above what anybody reports.
    fn unseen(&self) -> Unseen {
        Unseen { applied: Duration::from_secs(300), hidden: Duration::from_secs(900) }
    }

    /// 20 a second for each action. Source: API page 362/45941; cloud.tencent.com 1278/109059, 2025-04-15.
    fn requests_per_second(&self) -> u32 {
        20
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::failure::Disposition;

    /// What the answer to a start comes to: the copy's ID, or how its failure is taken.
    fn started(results: Value) -> Result<Option<String>, Disposition> {
        let command = json!({ "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
            "source": { "region": "ap-guangzhou", "snapshot_id": "snap-source01" }, "destinations": [{ "region": "ap-beijing" }] });
        let replication = Command::from_json(&command).unwrap().replications().remove(0);
        let body =
            json!({ "Response": { "RequestId": "r", "SnapshotCopyResultSet": results } }).to_string().into_bytes();
        let reply = Reply { status: 200, headers: Vec::new(), body };
        let accepted = Tencent.started(&replication, &reply);
        accepted.map(|accepted| accepted.receipts[0].replication_id.clone()).map_err(|failure| failure.disposition)
    }

    /// What contradicts itself may have been applied: it is looked at again, and neither refused nor accepted.
    #[test]
    fn two_results_for_one_destination_count_only_where_they_say_the_same() {
        let result = |id: &str, code: &str| json!({ "SnapshotId": id, "DestinationRegion": "ap-beijing", "Code": code, "Message": "m" });
        let (made, other) = (result("snap-copy0001", "Success"), result("snap-copy0002", "Success"));
        let mut refused = result("", "InsufficientSnapshotQuota");
        refused["SnapshotId"] = Value::Null;
        assert_eq!(started(json!([made, made])), Ok(Some("snap-copy0001".to_owned())));
        for results in [json!([made, other]), json!([made, refused]), json!([refused, made])] {
            assert_eq!(started(results.clone()), Err(Disposition::Ambiguous), "{results}");
        }
    }
}
