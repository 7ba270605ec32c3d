//! The backup jobs of a source vault, and how far the pair has carried them.
//!
//! A pair carries a whole vault, and no API says which of its backups have arrived: that is inferred from the target's progress.
//! Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2 and DescribeVaults.

use super::Alibaba;
use super::calls::{PAGE, call, target};
use super::errors::read;
use super::model::{Job, Vault, seconds};
use super::readback::{FindVault, in_error};
use crate::model::backup::{Backup, Eligibility};
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, after};
use crate::providers::call::{Call, Effect};
use crate::providers::inventory::{
    Cursor, HiddenKind, Inventory, InventoryPage, InventoryQuery, Pairing, VaultPair, end_of, endless, incomplete,
    repeated,
};
use crate::providers::refusal::{same, unreadable};

/// The source types, of which a call lists one. Two values of its model are left out: UDM_ECS_DISK (see [`HIDDEN`]), and SYNC, whose jobs
/// move data between sources and leave no backup in a vault. Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2Request.
const SOURCE_TYPES: [&str; 7] = ["ECS_FILE", "OSS", "NAS", "OTS", "UDM_ECS", GENERIC_NAS, "File"];

/// Listed only with a filter by backup type. Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2Request.
const GENERIC_NAS: &str = "COMMON_NAS";

/// The only backup type that the API documents outside SAP HANA. Source: alibabacloud_hbr20170908 2.7.1, CreateBackupPlan,
/// UpdatePolicyV2, ListSnapshots.
const FULL: &str = "COMPLETE";

const HIDDEN: &[HiddenKind] = &[
    HiddenKind {
        name: "CONTAINER",
        why: "DescribeBackupJobs2 has no such source type, so container backups cannot be listed",
    },
    HiddenKind {
        name: "UDM_ECS_DISK",
        why: "the disks of a whole-instance backup are listed only for one UDM_ECS job at a time, and that job stands for them",
    },
];

/// The states of finished jobs. A job that still runs has made no backup yet.
const FINISHED: [&str; 2] = ["COMPLETE", "PARTIAL_COMPLETE"];

impl Inventory for Alibaba {
    fn read_pair(&self, replication: &Replication, replies: &[Reply]) -> Asked<Option<VaultPair>> {
        read_pair(replication, replies).map(Some)
    }

    /// Lists by page number, newest first: what expires meanwhile is at the end and shifts nothing.
    fn list(&self, scope: &InventoryQuery, cursor: Option<&Cursor>) -> Call {
        let place = Place::of(scope, cursor);
        let mut filters = vec![("Status", "IN", FINISHED.to_vec())];
        if place.source_type == GENERIC_NAS {
            filters.push(("BackupType", "IN", vec![FULL]));
        }
        filters.extend(scope.vault_id.as_deref().map(|vault| ("VaultId", "IN", vec![vault])));
        let since = scope.since.map(|since| since.as_second().to_string());
        filters.extend(since.as_deref().map(|since| ("CompleteTime", "GREATER_THAN_OR_EQUAL", vec![since])));
        list_call(scope, place.source_type, place.page, filters)
    }

    /// The page has no total, because the provider counts each source type by itself.
    fn listed(&self, scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure> {
        let place = Place::of(scope, cursor);
        let answer = match read(reply) {
            Ok(answer) => answer,
            Err(failure) if place.page == 1 && is_about_type(&failure, reply) => {
                let refused = (place.source_type.to_owned(), format!("{}: {}", failure.code, failure.message));
                let next = place.next_type();
                return Ok(InventoryPage { next, refused_types: vec![refused], ..Default::default() });
            }
            Err(failure) => return Err(failure.of_read()),
        };
        let total = answer.total_count;
        let jobs = match (answer.backup_jobs, total) {
            (Some(jobs), _) => jobs.job,
            (None, Some(0)) => Vec::new(),
            (None, _) => return Err(unreadable(reply, answer.request_id, "the answer holds no jobs").of_read()),
        };
        for job in &jobs {
            let found = same(reply, "VaultId", scope.vault_id.as_deref(), job.vault_id.as_deref());
            found.map_err(Failure::of_read)?;
        }
        let first = jobs.first().and_then(|job| job.id.as_deref()).unwrap_or_default();
        let next = place.after(first, jobs.len() as u64, total)?;
        let backups = jobs.iter().map(|job| backup(job, place.source_type)).collect::<Result<Vec<_>, _>>()?;
        Ok(InventoryPage { backups, next, ..Default::default() })
    }

    /// A job is asked for by its ID among those of its type, whatever its state.
    fn show(&self, scope: &InventoryQuery, id: &str) -> Option<Call> {
        let source_type = scope.source_types.first()?;
        let mut filters = vec![("JobId", "IN", vec![id])];
        if source_type == GENERIC_NAS {
            filters.push(("BackupType", "IN", vec![FULL]));
        }
        Some(list_call(scope, source_type, 1, filters))
    }

    fn shown(&self, scope: &InventoryQuery, id: &str, reply: &Reply) -> Result<Option<Backup>, Failure> {
        let answer = read(reply).map_err(|failure| failure.of_read())?;
        let jobs = match (answer.backup_jobs, answer.total_count) {
            (Some(jobs), _) => jobs.job,
            (None, Some(0)) => Vec::new(),
            (None, _) => return Err(unreadable(reply, answer.request_id, "the answer holds no jobs").of_read()),
        };
        for job in &jobs {
            same(reply, "JobId", Some(id), job.id.as_deref()).map_err(Failure::of_read)?;
        }
        let source_type = scope.source_types.first().map_or("", String::as_str);
        // The job is still told of when its backup has expired.
        let there = jobs.iter().find(|job| job.status.as_deref() != Some("EXPIRED"));
        there.map(|job| backup(job, source_type)).transpose()
    }

    fn hidden_kinds(&self, _scope: &InventoryQuery) -> &'static [HiddenKind] {
        HIDDEN
    }
}

/// The call for a page of the jobs of one type that pass these filters: key, operator and values.
fn list_call(scope: &InventoryQuery, source_type: &str, page: u64, filters: Vec<(&str, &str, Vec<&str>)>) -> Call {
    let mut pairs = vec![
        ("SourceType".to_owned(), source_type.to_owned()),
        ("PageNumber".to_owned(), page.to_string()),
        ("PageSize".to_owned(), PAGE.to_string()),
        ("SortDirection".to_owned(), "DESCEND".to_owned()),
    ];
    // The numbers have no gap, in case a reader stops at the first missing one.
    for (number, (key, operator, values)) in (1..).zip(filters) {
        pairs.push((format!("Filters.{number}.Key"), key.to_owned()));
        pairs.push((format!("Filters.{number}.Operator"), operator.to_owned()));
        let values = (1..).zip(values);
        pairs.extend(values.map(|(at, value)| (format!("Filters.{number}.Values.{at}"), value.to_owned())));
    }
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    call(Effect::Read, "DescribeBackupJobs2", &scope.region, pairs)
}

/// Whether a listing was refused for what it asked, not for who asks, nor because the place has no such call. On a first page only the
/// source type or the filter that this type needs can be the reason. Inferred: no code is published for a type that a region does not know.
fn is_about_type(failure: &Failure, reply: &Reply) -> bool {
    let is_request = ["Invalid", "Missing", "BadRequest", "UnsupportedOperation"]
        .iter()
        .any(|beginning| failure.code.starts_with(beginning));
    let is_other = ["InvalidTimeStamp", "InvalidAccessKeyId", "InvalidSecurityToken", "InvalidSignatureMethod"]
        .iter()
        .chain(&["InvalidAction", "InvalidApi", "InvalidProduct", "InvalidProtocol", "InvalidVersion"])
        .any(|beginning| failure.code.starts_with(beginning));
    (400..500).contains(&reply.status) && is_request && !is_other
}

/// Reads the pair of a `create-vault-replication`: the target first, then the source. Each names the other one, and what only one of
/// them says is no proof: the source may be late, but it names no third vault.
///
/// # Errors
/// The next call to send, a failed read, or two vaults that contradict each other or themselves.
pub fn read_pair(replication: &Replication, replies: &[Reply]) -> Asked<VaultPair> {
    let mut replies = replies.iter();
    let wanted = target(replication);
    let source = &replication.source;
    let mut there = FindVault::new(wanted, &replication.destination.region);
    let Some(found) = after(|reply| there.next(reply), &mut replies)? else {
        return Ok(known(Pairing::Missing(wanted.to_owned()), None));
    };
    if let Some(percent) = progress(&found).filter(|percent| *percent > 100) {
        return Err(too_much(wanted, percent).into());
    }
    let is_ours = found.replicates_from(source);
    if let Some(other) = named(&found.source_vault_id).filter(|_| !is_ours) {
        return Ok(known(Pairing::Elsewhere(other), Some(&found)));
    }
    let mut here = FindVault::new(&source.id, &source.region);
    let Some(vault) = after(|reply| here.next(reply), &mut replies)? else {
        return Ok(known(Pairing::Missing(source.id.clone()), Some(&found)));
    };
    let region = named(&vault.target_region_id).filter(|region| *region != replication.destination.region);
    let elsewhere = match named(&vault.target_vault_id) {
        Some(id) if id != wanted => Some(id),
        Some(id) => region.map(|region| format!("{id} in {region}")),
        None => None,
    };
    let pairing = match elsewhere {
        Some(other) if is_ours => {
            let why =
                format!("the target vault {wanted} names {} as its source, which replicates to {other}", source.id);
            return Err(contradiction(why).into());
        }
        Some(other) => Pairing::Elsewhere(other),
        None if !is_ours => Pairing::Unpaired,
        None if found.status.as_deref() == Some("ERROR") => Pairing::Broken(in_error(wanted, &found)),
        None => Pairing::Paired,
    };
    Ok(known(pairing, Some(&found)))
}

fn named(id: &Option<String>) -> Option<String> {
    id.clone().filter(|id| !id.is_empty())
}

fn progress(target: &Vault) -> Option<u64> {
    target.progress.as_ref().and_then(|progress| progress.historical)
}

/// The failure of a target vault that tells more than all.
pub(super) fn too_much(target: &str, percent: u64) -> Failure {
    contradiction(format!("the target vault {target} tells a progress of {percent} %"))
}

/// The code of answers that cannot be true together.
pub(super) const CONTRADICTION: &str = "contradicting_answers";

/// The failure of answers that cannot be true together. They are no proof of anything, and asking again at once does not help.
fn contradiction(why: String) -> Failure {
    let advice = "look at both vaults in the console; until they agree nothing is concluded from them";
    Failure::local(Disposition::Permanent, CONTRADICTION, why, advice)
}

fn known(pairing: Pairing, target: Option<&Vault>) -> VaultPair {
    let new_progress = target.and_then(|vault| vault.progress.as_ref()).and_then(|progress| seconds(&progress.new));
    VaultPair {
        pairing,
        status: target.and_then(|vault| vault.status.clone()),
        status_message: target.and_then(|vault| vault.status_message.clone()).filter(|message| !message.is_empty()),
        replication_status: target.and_then(|vault| vault.replication_status.clone()),
        historical_progress: target.and_then(progress),
        new_progress_until: new_progress,
        latest_replication_at: target.and_then(|vault| seconds(&vault.latest_replication_time)),
    }
}

/// A position in a listing: the source type, its page, how many of its jobs came before, how many may come by what the first page counted,
/// and the ID with which the page before began.
struct Place<'s> {
    /// All source types that are listed, in order.
    types: Vec<&'s str>,
    index: usize,
    source_type: &'s str,
    page: u64,
    seen: u64,
    end: Option<u64>,
    before: Option<&'s str>,
}

impl<'s> Place<'s> {
    fn of(scope: &'s InventoryQuery, cursor: Option<&'s Cursor>) -> Place<'s> {
        let types: Vec<&str> = if scope.source_types.is_empty() {
            SOURCE_TYPES.to_vec()
        } else {
            scope.source_types.iter().map(String::as_str).collect()
        };
        let read = |text: &'s str| {
            let mut parts = text.splitn(5, ' ');
            let name = parts.next()?;
            let index = types.iter().position(|known| *known == name)?;
            let (page, seen) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let end = parts.next().and_then(|end| end.parse().ok());
            Some((index, page, seen, end, parts.next().filter(|id| !id.is_empty())))
        };
        let (index, page, seen, end, before) =
            cursor.and_then(|cursor| read(&cursor.0)).unwrap_or((0, 1, 0, None, None));
        let source_type = types.get(index).copied().unwrap_or(SOURCE_TYPES[0]);
        Place { types, index, source_type, page, seen, end, before }
    }

    /// The position after a page of `come` jobs that begins with the job of the ID `first`: its next page, or the first page of the next type.
    fn after(&self, first: &str, come: u64, total: Option<u64>) -> Result<Option<Cursor>, Failure> {
        if !first.is_empty() && self.before == Some(first) {
            return Err(repeated());
        }
        let seen = self.seen.saturating_add(come);
        let end = self.end.unwrap_or_else(|| end_of(total));
        let counted = total.is_some_and(|total| total > seen);
        if come == 0 && counted {
            return Err(incomplete("the page is empty, but the count says that there is more"));
        }
        if seen > end {
            return Err(endless(end));
        }
        if come > 0 && (counted || (total.is_none() && come >= PAGE)) {
            return Ok(Some(Cursor(format!("{} {} {seen} {end} {first}", self.source_type, self.page + 1))));
        }
        Ok(self.next_type())
    }

    fn next_type(&self) -> Option<Cursor> {
        self.types.get(self.index + 1).map(|name| Cursor(format!("{name} 1 0")))
    }
}

fn backup(job: &Job, asked: &str) -> Result<Backup, Failure> {
    let source_type = job.source_type.as_deref().unwrap_or(asked);
    let copies_itself = job.detail.as_ref().and_then(|detail| detail.do_copy) == Some(true);
    Ok(Backup {
        id: named(&job.id).ok_or_else(|| incomplete("the page holds a job without its ID"))?,
        name: named(&job.name),
        tags: Vec::new(),
        resource: named(&job.instance_id)
            .or(named(&job.file_system_id))
            .or(named(&job.bucket))
            .or(named(&job.instance_name)),
        resource_kind: Some(source_type.to_owned()),
        vault_id: named(&job.vault_id),
        created_at: seconds(&job.created_time),
        completed_at: seconds(&job.complete_time),
        changed_at: None,
        size_gib: job.bytes_total.map(|bytes| bytes.div_ceil(1 << 30)),
        eligibility: eligibility(source_type, job.status.as_deref()),
        hint: copies_itself.then(|| "its own plan copies it to another region".to_owned()),
        copies: Vec::new(),
        copies_told: false,
    })
}

/// Whether a pair carries a job's backup. The SDK says that whole-instance backups are copied by their own plan. That the single disks of
/// one (UDM_ECS_DISK) behave alike is inferred; to call them carried would be the costlier mistake.
pub(crate) fn eligibility(source_type: &str, status: Option<&str>) -> Eligibility {
    match (source_type, status) {
        ("UDM_ECS" | "UDM_ECS_DISK", _) => {
            Eligibility::Ineligible("is a whole-instance backup, and those do not follow a vault pair".to_owned())
        }
        (_, Some("FAILED" | "UNAVAILABLE" | "CANCELED" | "EXPIRED")) => Eligibility::NotCovered("has not succeeded"),
        (_, status) if status.is_none_or(|status| FINISHED.contains(&status)) => Eligibility::Usable,
        _ => Eligibility::NotReady("is still running".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::{Destination, Operation, Options, Source};
    use crate::model::failure::Whose;
    use crate::providers::asked::Need;
    use crate::sign::Query;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn scope() -> InventoryQuery {
        InventoryQuery {
            operation: Operation::CreateVaultReplication,
            region: "cn-hangzhou".into(),
            project_id: None,
            vault_id: Some("v-1".into()),
            name_prefix: None,
            since: None,
            source_types: Vec::new(),
        }
    }

    fn reply(mut body: Value) -> Reply {
        body["Success"] = json!(true);
        Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn refused(code: &str) -> Reply {
        let body = json!({"Code": code, "Message": "m"});
        Reply { status: 400, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn query(call: &Call) -> String {
        let Query::Pairs(pairs) = &call.draft.query else { panic!("no query") };
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn jobs(jobs: &[Value], total: u64) -> Reply {
        reply(json!({"BackupJobs": {"BackupJob": jobs}, "TotalCount": total}))
    }

    fn job(fields: Value) -> Value {
        let mut job = json!({"JobId": "job-1", "JobName": "nightly", "VaultId": "v-1", "SourceType": "ECS_FILE", "Status": "COMPLETE",
            "InstanceId": "i-1", "CreatedTime": 1_554_347_313, "CompleteTime": "1554347999", "BytesTotal": 1000, "Detail": {"DoCopy": false}});
        for (name, value) in fields.as_object().unwrap() {
            job[name] = value.clone();
        }
        job
    }

    fn listed(fields: Value) -> Backup {
        let page = Alibaba.listed(&scope(), None, &jobs(&[job(fields)], 1)).unwrap();
        page.backups.into_iter().next().unwrap()
    }

    fn next(cursor: &str, reply: &Reply) -> Result<Option<String>, Failure> {
        let cursor = Cursor(cursor.into());
        Alibaba.listed(&scope(), Some(&cursor), reply).map(|page| page.next.map(|cursor| cursor.0))
    }

    #[test]
    fn jobs_are_asked_by_type_vault_state_and_time() {
        let call = Alibaba.list(&scope(), None);
        assert_eq!((call.action, call.region.as_str()), ("DescribeBackupJobs2", "cn-hangzhou"));
        let plain = "SourceType=ECS_FILE&PageNumber=1&PageSize=99&SortDirection=DESCEND&Filters.1.Key=Status&Filters.1.Operator=IN\
                     &Filters.1.Values.1=COMPLETE&Filters.1.Values.2=PARTIAL_COMPLETE";
        let vault = "&Filters.2.Key=VaultId&Filters.2.Operator=IN&Filters.2.Values.1=v-1";
        assert_eq!(query(&call), format!("{plain}{vault}"));
        let since = InventoryQuery { since: Some(at(1_795_249_000)), ..scope() };
        let time = |n: u32| {
            format!(
                "&Filters.{n}.Key=CompleteTime&Filters.{n}.Operator=GREATER_THAN_OR_EQUAL&Filters.{n}.Values.1=1795249000"
            )
        };
        assert_eq!(query(&Alibaba.list(&since, None)), format!("{plain}{vault}{}", time(3)));
        let anywhere = InventoryQuery { vault_id: None, ..since };
        assert_eq!(query(&Alibaba.list(&anywhere, None)), format!("{plain}{}", time(2)));
        let further = Alibaba.list(&scope(), Some(&Cursor("OTS 3 198".into())));
        assert!(query(&further).starts_with("SourceType=OTS&PageNumber=3&"));
        assert_eq!(Alibaba.list(&scope(), Some(&Cursor("WHAT 3 198".into()))), call);
    }

    #[test]
    fn pages_lead_through_every_type() {
        let full: Vec<Value> = (0..99).map(|n| job(json!({"JobId": format!("job-{n}")}))).collect();
        assert_eq!(next("ECS_FILE 1 0", &jobs(&full, 100)).unwrap().as_deref(), Some("ECS_FILE 2 99 1110 job-0"));
        assert_eq!(next("ECS_FILE 2 99 1110 job-x", &jobs(&full[..1], 100)).unwrap().as_deref(), Some("OSS 1 0"));
        // A service that caps its pages is read on until its count is reached.
        assert_eq!(next("OSS 2 10", &jobs(&full[..10], 25)).unwrap().as_deref(), Some("OSS 3 20 1027 job-0"));
        // A page that comes again, and a count that grows with each page, are no listing.
        let code = |cursor: &str, total: u64| next(cursor, &jobs(&full, total)).unwrap_err().code;
        assert_eq!(code("OSS 2 99 1110 job-0", 500), "repeated_page");
        assert_eq!(code("OSS 12 1100 1110 job-x", 1_000_000_000), "endless_listing");
        let none = reply(json!({"BackupJobs": {}, "TotalCount": 0}));
        let mut place = Some("ECS_FILE 1 0".to_owned());
        let mut types = Vec::new();
        while let Some(cursor) = place {
            types.push(cursor.split(' ').next().unwrap().to_owned());
            place = next(&cursor, &none).unwrap();
        }
        assert_eq!(types, SOURCE_TYPES);
    }

    /// Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2Request and its Filters.
    #[test]
    fn each_type_is_asked_for_as_the_vendor_s_model_demands() {
        let asked = |name: &str| query(&Alibaba.list(&scope(), Some(&Cursor(format!("{name} 1 0")))));
        let documented = ["ECS_FILE", "OSS", "NAS", "OTS", "UDM_ECS", "UDM_ECS_DISK", "COMMON_NAS", "File", "SYNC"];
        for name in SOURCE_TYPES {
            assert!(documented.contains(&name), "{name}");
            assert!(name != "UDM_ECS_DISK", "sub-tasks are listed for one parent at a time");
            assert_eq!(asked(name).contains("Key=BackupType&"), name == "COMMON_NAS", "{name}");
        }
        assert!(asked("COMMON_NAS").ends_with(
            "&Filters.2.Key=BackupType&Filters.2.Operator=IN&Filters.2.Values.1=COMPLETE\
             &Filters.3.Key=VaultId&Filters.3.Operator=IN&Filters.3.Values.1=v-1"
        ));
        let hidden: Vec<_> = Alibaba.hidden_kinds(&scope()).iter().map(|kind| kind.name).collect();
        assert_eq!(hidden, ["CONTAINER", "UDM_ECS_DISK"]);
    }

    #[test]
    fn a_type_that_is_refused_is_named_and_the_others_go_on() {
        let at = |cursor: &str, reply: &Reply| Alibaba.listed(&scope(), Some(&Cursor(cursor.into())), reply).unwrap();
        let page = at("OSS 1 0", &refused("InvalidSourceType"));
        assert_eq!((page.backups.len(), page.next), (0, Some(Cursor("NAS 1 0".into()))));
        assert_eq!(page.refused_types, [("OSS".to_owned(), "InvalidSourceType: m".to_owned())]);
        let last = at("File 1 0", &refused("MissingBackupType"));
        assert_eq!(last.next, None);
        let failure = last.refusal().unwrap();
        assert_eq!((failure.disposition, failure.whose), (Disposition::Permanent, Whose::Installation));
        assert_eq!(failure.message, "File cannot be listed (MissingBackupType: m)");
        assert_eq!(at("NAS 1 0", &jobs(&[job(json!({}))], 1)).refusal(), None);
    }

    #[test]
    fn a_scope_narrows_the_types() {
        let scope = InventoryQuery { source_types: vec!["NAS".into(), "OTS".into()], ..scope() };
        assert!(query(&Alibaba.list(&scope, None)).starts_with("SourceType=NAS&"));
        let none = reply(json!({"BackupJobs": {}, "TotalCount": 0}));
        let next = Alibaba.listed(&scope, None, &none).unwrap().next.unwrap();
        assert!(query(&Alibaba.list(&scope, Some(&next))).starts_with("SourceType=OTS&"));
        assert_eq!(Alibaba.listed(&scope, Some(&next), &none).unwrap().next, None);
        // A position that is not in this scope starts from the first page.
        assert_eq!(Alibaba.list(&scope, Some(&Cursor("OSS 2 99".into()))), Alibaba.list(&scope, None));
    }

    #[test]
    fn what_may_leave_something_out_is_a_failure() {
        for body in [
            json!({"BackupJobs": {}, "TotalCount": 3}),
            json!({"TotalCount": 3}),
            json!({}),
            json!({"BackupJobs": {"BackupJob": [{"Status": "COMPLETE"}]}, "TotalCount": 1}),
        ] {
            assert!(next("ECS_FILE 1 0", &reply(body.clone())).is_err(), "{body}");
        }
        assert!(next("File 2 99", &refused("InvalidSourceType")).is_err());
        for code in ["Throttling.User", "InvalidAccessKeyId.NotFound", "InvalidApi.NotFound", "NoPermission", "Strange"]
        {
            assert!(next("File 1 0", &refused(code)).is_err(), "{code}");
        }
    }

    #[test]
    fn a_job_is_read_in_full() {
        let found = listed(json!({}));
        let wanted = Backup {
            id: "job-1".into(),
            name: Some("nightly".into()),
            tags: Vec::new(),
            resource: Some("i-1".into()),
            resource_kind: Some("ECS_FILE".into()),
            vault_id: Some("v-1".into()),
            created_at: Some(at(1_554_347_313)),
            completed_at: Some(at(1_554_347_999)),
            changed_at: None,
            size_gib: Some(1),
            eligibility: Eligibility::Usable,
            hint: None,
            copies: Vec::new(),
            copies_told: false,
        };
        assert_eq!(found, wanted);
        let table = listed(json!({"InstanceId": "", "InstanceName": "orders", "SourceType": "OTS"}));
        assert_eq!((table.resource.as_deref(), table.resource_kind.as_deref()), (Some("orders"), Some("OTS")));
        let bucket = listed(json!({"InstanceId": "", "Bucket": "hbr-backup-oss", "Detail": {"DoCopy": "true"}}));
        assert_eq!(bucket.resource.as_deref(), Some("hbr-backup-oss"));
        assert_eq!(bucket.hint.as_deref(), Some("its own plan copies it to another region"));
    }

    #[test]
    fn whole_instance_backups_do_not_follow_a_pair() {
        let whole = Eligibility::Ineligible("is a whole-instance backup, and those do not follow a vault pair".into());
        assert_eq!(listed(json!({"SourceType": "UDM_ECS"})).eligibility, whole);
        assert_eq!(listed(json!({"SourceType": "UDM_ECS_DISK"})).eligibility, whole);
        assert_eq!(listed(json!({"Status": "PARTIAL_COMPLETE"})).eligibility, Eligibility::Usable);
        assert_eq!(listed(json!({"Status": "RUNNING"})).eligibility, Eligibility::NotReady("is still running".into()));
        assert_eq!(listed(json!({"Status": "FAILED"})).eligibility, Eligibility::NotCovered("has not succeeded"));
    }

    fn replication() -> Replication {
        Replication {
            operation: Operation::CreateVaultReplication,
            account: "default".into(),
            source: Source { region: "cn-hangzhou".into(), project_id: None, id: "v-1".into() },
            destination: Destination { region: "cn-shanghai".into(), project_id: None, vault_id: Some("v-2".into()) },
            options: Options::default(),
            occurrence: None,
            rule: None,
        }
    }

    fn vaults(vaults: &[Value]) -> Reply {
        reply(json!({"Vaults": {"Vault": vaults}, "TotalCount": vaults.len()}))
    }

    fn read_known(replies: &[Reply]) -> VaultPair {
        read_pair(&replication(), replies).unwrap()
    }

    #[test]
    fn a_pair_is_read_from_its_target() {
        let Err(Need::Ask(call)) = read_pair(&replication(), &[]) else { panic!("nothing asked") };
        assert_eq!((call.action, call.region.as_str()), ("DescribeVaults", "cn-shanghai"));
        let target = json!({"VaultId": "v-2", "Status": "CREATED", "ReplicationSourceVaultId": "v-1", "ReplicationSourceRegionId": "cn-hangzhou",
            "ReplicationStatus": "SYNCING", "LatestReplicationTime": "1795249001",
            "ReplicationProgress": {"HistoricalReplicationProgress": 42, "NewReplicationProgress": 1_795_249_000}});
        let wanted = VaultPair {
            pairing: Pairing::Paired,
            status: Some("CREATED".into()),
            status_message: None,
            replication_status: Some("SYNCING".into()),
            historical_progress: Some(42),
            new_progress_until: Some(at(1_795_249_000)),
            latest_replication_at: Some(at(1_795_249_001)),
        };
        assert_eq!(read_known(&[vaults(&[target]), source(json!({}))]), wanted);
    }

    fn source(fields: Value) -> Reply {
        let mut vault = json!({"VaultId": "v-1", "VaultRegionId": "cn-hangzhou"});
        vault.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        vaults(&[vault])
    }

    #[test]
    fn two_vaults_that_contradict_each_other_are_no_pair_and_no_news() {
        let target = |fields: Value| {
            let mut vault = json!({"VaultId": "v-2", "Status": "CREATED", "ReplicationSourceVaultId": "v-1",
                "ReplicationProgress": {"HistoricalReplicationProgress": 100, "NewReplicationProgress": 1_795_249_000}});
            vault.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            vaults(&[vault])
        };
        let fine = || target(json!({}));
        assert_eq!(read_known(&[fine(), source(json!({}))]).pairing, Pairing::Paired, "the source may be late");
        for (replies, why) in [
            ([fine(), source(json!({"ReplicationTargetVaultId": "v-9"}))], "which replicates to v-9"),
            (
                [fine(), source(json!({"ReplicationTargetVaultId": "v-2", "ReplicationTargetRegionId": "cn-beijing"}))],
                "which replicates to v-2 in cn-beijing",
            ),
            (
                [target(json!({"ReplicationProgress": {"HistoricalReplicationProgress": 250}})), source(json!({}))],
                "tells a progress of 250 %",
            ),
        ] {
            let Err(Need::Failed(failure)) = read_pair(&replication(), &replies) else { panic!("{why}") };
            assert_eq!((failure.code.as_str(), failure.disposition), (CONTRADICTION, Disposition::Permanent));
            assert!(failure.message.contains(why), "{failure}");
        }
        let broken = target(json!({"Status": "ERROR", "VaultStatusMessage": ""}));
        let why = "the target vault v-2 is in the state ERROR: UNKNOWN_ERROR";
        assert_eq!(read_known(&[broken, source(json!({}))]).pairing, Pairing::Broken(why.into()));
        assert_eq!(read_known(&[fine(), vaults(&[])]).pairing, Pairing::Missing("v-1".into()));
        let both = json!({"RequestId": "r", "Success": true, "Code": "InternalError", "Vaults": {}, "TotalCount": 0});
        let both = Reply { status: 200, headers: Vec::new(), body: both.to_string().into_bytes() };
        let Err(Need::Failed(failure)) = read_pair(&replication(), &[both]) else { panic!("it says both") };
        assert_eq!(failure.message, "the answer says that it succeeded, and has the code of an error");
    }

    #[test]
    fn a_pair_tells_nothing_in_a_state_that_is_not_fine_nor_before_its_time() {
        let now = at(1_795_249_000);
        let said = |state: Option<&str>, until: i64| {
            let pair = VaultPair {
                status: state.map(str::to_owned),
                new_progress_until: Some(at(until)),
                ..known(Pairing::Paired, None)
            };
            pair.conclusive("v-2", now).map(drop)
        };
        assert_eq!(said(Some("CREATED"), 1_795_249_300), Ok(()));
        assert_eq!(said(None, 1_795_249_000), Ok(()));
        assert!(said(Some("CREATED"), 4_102_444_800).unwrap_err().contains("until 2100-01-01T00:00:00Z"));
        for state in ["DELETING", "INITIALIZING", "UNKNOWN", "SOMETHING", "created", ""] {
            assert!(said(Some(state), 1_795_249_000).unwrap_err().contains(state), "{state}");
        }
    }

    #[test]
    fn what_is_no_pair_says_why() {
        let target = |fields: Value| {
            let mut vault = json!({"VaultId": "v-2", "Status": "CREATED"});
            for (name, value) in fields.as_object().unwrap() {
                vault[name] = value.clone();
            }
            vaults(&[vault])
        };
        let source = |target: &str| vaults(&[json!({"VaultId": "v-1", "ReplicationTargetVaultId": target})]);
        let Err(Need::Ask(call)) = read_pair(&replication(), &[target(json!({}))]) else { panic!("nothing asked") };
        assert_eq!(call.region, "cn-hangzhou");
        assert_eq!(read_known(&[target(json!({})), source("")]).pairing, Pairing::Unpaired);
        // A new pair may show at the source first.
        assert_eq!(read_known(&[target(json!({})), source("v-2")]).pairing, Pairing::Unpaired);
        assert_eq!(read_known(&[target(json!({})), source("v-3")]).pairing, Pairing::Elsewhere("v-3".into()));
        assert_eq!(read_known(&[target(json!({})), vaults(&[])]).pairing, Pairing::Missing("v-1".into()));
        assert_eq!(read_known(&[vaults(&[])]).pairing, Pairing::Missing("v-2".into()));
        let other = target(json!({"ReplicationSourceVaultId": "v-9"}));
        assert_eq!(read_known(&[other]).pairing, Pairing::Elsewhere("v-9".into()));
        let abroad = target(json!({"ReplicationSourceVaultId": "v-1", "ReplicationSourceRegionId": "cn-beijing"}));
        assert_eq!(read_known(&[abroad]).pairing, Pairing::Elsewhere("v-1".into()));
        assert!(matches!(read_pair(&replication(), &[refused("Throttling")]), Err(Need::Failed(_))));
        let untold =
            target(json!({"ReplicationSourceVaultId": "v-1", "ReplicationProgress": {"NewReplicationProgress": 0}}));
        let untold = read_known(&[untold, source("v-2")]);
        assert_eq!((untold.historical_progress, untold.new_progress_until), (None, None));
    }
}
