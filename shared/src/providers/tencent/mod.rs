//! Tencent Cloud: CBS CopySnapshotCrossRegions.
//!
//! Source: international API page 362/45941 (2026-05-15), tencentcloud-sdk-python-cbs 3.1.175. Where the older page of
//! 2023-07-10 calls Region "not required", the newer one requires it; it is always sent, as the region of the source.

mod calls;
pub mod codes;
mod errors;
pub mod inventory;
pub mod model;
mod names;
mod observe;
pub mod probe;
mod readback;
mod sts;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::call::{Call, Service};
use super::inventory::Inventory;
use super::provider::{Acceptance, Accepted, Intent, Provider, ReadBack};
use super::refusal::{refusal, unreadable};
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Operation, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::Reply;
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed, SignedHeaders, tc3};
use calls::{PAGE, call, name_of_service};
use errors::{NOT_FOUND, read};
use model::{Copied, CopySnapshotCrossRegions, DescribeSnapshots, Described, Filter, Head, Response, Snapshot};
use names::{copy_names, snapshot_name};
use observe::judge_copy;
use readback::{is_copy, judge_source};

/// Tencent Cloud.
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
        // Finance zones are a world of their own. Source: tencentyun/intlcloud-documents, cross-region replication, 2023-07-10.
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

    fn start(&self, replication: &Replication, intent: &Intent) -> Call {
        let name = snapshot_name(replication, intent.attempt);
        let body = CopySnapshotCrossRegions {
            snapshot_id: &replication.source.id,
            destination_regions: [&replication.destination.region],
            snapshot_name: &name,
        };
        call("CopySnapshotCrossRegions", &replication.source.region, &body)
    }

    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        let answer: Response<Copied> = read(reply)?;
        let wanted = &replication.destination.region;
        let mut results = answer.body.results.unwrap_or_default().into_iter();
        // Matched by region: the order is not promised.
        let Some(result) =
            results.find(|result| result.destination_region.as_deref().is_none_or(|region| region == wanted))
        else {
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
        // A snapshot that is not there is an answer, which whoever asked interprets.
        read::<Head>(reply).err().filter(|failure| failure.code != NOT_FOUND)
    }

    /// First the destination by name, then the source for running copies and its own state.
    fn read_back(&self, replication: &Replication, intent: &Intent, replies: &[Reply]) -> ReadBack {
        let names = copy_names(&replication.source.id, &replication.source.region, intent.attempt);
        let mut seen = 0;
        let mut found: Vec<Snapshot> = Vec::new();
        let mut total = u64::MAX;
        let mut replies = replies.iter();
        while seen < total {
            let Some(reply) = replies.next() else {
                let filter = Filter { name: "snapshot-name", values: &names };
                let body =
                    DescribeSnapshots { filters: Some([filter]), limit: PAGE, offset: seen, ..Default::default() };
                return ReadBack::Ask(Box::new(call("DescribeSnapshots", &replication.destination.region, &body)));
            };
            let page = match read::<Described>(reply) {
                Ok(answer) => answer.body,
                Err(failure) => return ReadBack::Failed(failure.of_read()),
            };
            let snapshots = page.snapshots.unwrap_or_default();
            total = page.total_count.unwrap_or(0);
            if snapshots.is_empty() {
                break;
            }
            seen += snapshots.len() as u64;
            found.extend(snapshots.into_iter().filter(|snapshot| is_copy(snapshot, &names)));
        }
        // Two copies of one name would be a double; the older one is the one to keep.
        found.sort_by(|a, b| a.create_time.cmp(&b.create_time));
        if let Some(id) = found.into_iter().find_map(|snapshot| snapshot.snapshot_id) {
            return ReadBack::Found(Acceptance::one(Some(id), None));
        }
        let Some(reply) = replies.next() else {
            let body =
                DescribeSnapshots { snapshot_ids: Some(&[&replication.source.id]), limit: 1, ..Default::default() };
            return ReadBack::Ask(Box::new(call("DescribeSnapshots", &replication.source.region, &body)));
        };
        let snapshots = match read::<Described>(reply) {
            Ok(answer) => answer.body.snapshots.unwrap_or_default(),
            Err(failure) if failure.code == NOT_FOUND => Vec::new(),
            Err(failure) => return ReadBack::Failed(failure.of_read()),
        };
        let Some(source) =
            snapshots.into_iter().find(|snapshot| snapshot.snapshot_id.as_deref() == Some(&replication.source.id))
        else {
            return ReadBack::NoSource(format!(
                "the snapshot {} is not in {}: it was deleted, or the region is wrong",
                replication.source.id, replication.source.region
            ));
        };
        judge_source(replication, &source)
    }

    /// The copy itself, by its ID, in the destination.
    fn observe(
        &self,
        replication: &Replication,
        receipt: &Receipt,
        _known: Option<&Evidence>,
        replies: &[Reply],
    ) -> Observation {
        let Some(id) = receipt.replication_id.as_deref() else {
            return Observation::Running("the copy's ID is not known".into());
        };
        let region = &replication.destination.region;
        let Some(reply) = replies.first() else {
            let body = DescribeSnapshots { snapshot_ids: Some(&[id]), limit: 1, ..Default::default() };
            return Observation::Ask(Box::new(call("DescribeSnapshots", region, &body)));
        };
        let snapshots = match read::<Described>(reply) {
            Ok(answer) => answer.body.snapshots.unwrap_or_default(),
            Err(failure) if failure.code == NOT_FOUND => Vec::new(),
            Err(failure) => return Observation::Unanswered(failure.of_read()),
        };
        match snapshots.iter().find(|copy| copy.snapshot_id.as_deref() == Some(id)) {
            Some(copy) => judge_copy(id, region, copy),
            None => Observation::Gone(format!("the snapshot {id} is not in {region}")),
        }
    }

    /// How many IDs one question may hold is not documented; a page holds 100.
    fn observes_at_once(&self, _operation: Operation) -> usize {
        PAGE as usize
    }

    fn observe_many(&self, copies: &[Accepted<'_>]) -> Option<Call> {
        let region = &copies.first()?.replication.destination.region;
        let ids: Vec<&str> = copies.iter().filter_map(|copy| copy.receipt.replication_id.as_deref()).collect();
        let body = DescribeSnapshots { snapshot_ids: Some(&ids), limit: PAGE, ..Default::default() };
        (!ids.is_empty()).then(|| call("DescribeSnapshots", region, &body))
    }

    fn observed_many(&self, copies: &[Accepted<'_>], reply: &Reply) -> Vec<Option<Observation>> {
        let answer = read::<Described>(reply).map(|answer| answer.body.snapshots.unwrap_or_default());
        let shown: HashMap<String, Snapshot> = answer
            .unwrap_or_default()
            .into_iter()
            .filter_map(|snapshot| Some((snapshot.snapshot_id.clone()?, snapshot)))
            .collect();
        let judge = |copy: &Accepted<'_>| {
            let id = copy.receipt.replication_id.as_deref()?;
            Some(judge_copy(id, &copy.replication.destination.region, shown.get(id)?))
        };
        copies.iter().map(judge).collect()
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

    /// Source: tencentcloud-sdk-python-cbs 3.1.175 (default host); the finance zones' own hosts: API page 362/15647.
    fn endpoint(&self, service: Service, region: &str) -> String {
        let name = name_of_service(service);
        match region.ends_with("-fsi") {
            true => format!("https://{name}.{region}.tencentcloudapi.com"),
            false => format!("https://{name}.tencentcloudapi.com"),
        }
    }

    /// Not documented; a quarter of an hour is far above what anybody reports.
    fn visibility_wait(&self) -> Duration {
        Duration::from_secs(900)
    }

    /// 20 a second for each action. Source: API page 362/45941; cloud.tencent.com 1278/109059, 2025-04-15.
    fn requests_per_second(&self) -> u32 {
        20
    }
}
