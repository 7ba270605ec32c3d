//! The backup jobs of a source vault, and how far the pair has carried them.
//!
//! A pair carries a vault, and no API says which of its backups have arrived: what can be told is concluded from the target's
//! progress. Source: alibabacloud_hbr20170908 2.7.1, DescribeBackupJobs2 and DescribeVaults.

use super::Alibaba;
use super::calls::{PAGE, call, target};
use super::errors::read;
use super::model::{Job, Vault, seconds};
use super::readback::find_vault;
use crate::model::backup::{Backup, Standing};
use crate::model::command::Replication;
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::asked::Asked;
use crate::providers::call::Call;
use crate::providers::inventory::{Cursor, Inventory, InventoryPage, Pairing, Scope, VaultPair, incomplete};
use crate::providers::refusal::unreadable;

/// The call asks for one of these at a time. Source: alibabacloud_hbr20170908 2.7.1; the last is younger than the others.
const SOURCE_TYPES: [&str; 9] =
    ["ECS_FILE", "OSS", "NAS", "OTS", "UDM_ECS", "UDM_ECS_DISK", "COMMON_NAS", "File", YOUNGEST];
const YOUNGEST: &str = "CONTAINER";

/// Of finished jobs; a job that still runs has made no backup yet.
const FINISHED: [&str; 2] = ["COMPLETE", "PARTIAL_COMPLETE"];

impl Inventory for Alibaba {
    fn read_pair(&self, replication: &Replication, replies: &[Reply]) -> Asked<Option<VaultPair>> {
        read_pair(replication, replies).map(Some)
    }

    /// Newest first, by page number: what expires meanwhile is at the end and shifts nothing.
    fn list(&self, scope: &Scope, cursor: Option<&Cursor>) -> Call {
        let place = Place::of(cursor);
        let mut pairs = vec![
            ("SourceType", place.source_type().to_owned()),
            ("PageNumber", place.page.to_string()),
            ("PageSize", PAGE.to_string()),
            ("SortDirection", "DESCEND".to_owned()),
            ("Filters.1.Key", "Status".to_owned()),
            ("Filters.1.Operator", "IN".to_owned()),
            ("Filters.1.Values.1", FINISHED[0].to_owned()),
            ("Filters.1.Values.2", FINISHED[1].to_owned()),
        ];
        if let Some(vault) = &scope.vault_id {
            pairs.extend([
                ("Filters.2.Key", "VaultId".to_owned()),
                ("Filters.2.Operator", "IN".to_owned()),
                ("Filters.2.Values.1", vault.clone()),
            ]);
        }
        if let Some(since) = scope.since {
            // Numbers without a gap, in case somebody stops at the first missing one.
            let [key, operator, value] = match scope.vault_id {
                Some(_) => ["Filters.3.Key", "Filters.3.Operator", "Filters.3.Values.1"],
                None => ["Filters.2.Key", "Filters.2.Operator", "Filters.2.Values.1"],
            };
            pairs.extend([
                (key, "CompleteTime".to_owned()),
                (operator, "GREATER_THAN_OR_EQUAL".to_owned()),
                (value, since.as_second().to_string()),
            ]);
        }
        call("DescribeBackupJobs2", &scope.region, pairs)
    }

    /// The total is told for each source type only, so there is none.
    fn listed(&self, _scope: &Scope, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure> {
        let place = Place::of(cursor);
        let answer = match read(reply) {
            Ok(answer) => answer,
            // Inferred: a region that does not know the youngest type yet says so in this way, after it took all others.
            Err(failure) if place.is_first_of(YOUNGEST) && failure.code.starts_with("Invalid") => {
                return Ok(InventoryPage { backups: Vec::new(), next: None, total: None });
            }
            Err(failure) => return Err(failure.of_read()),
        };
        let total = answer.total_count;
        let jobs = match (answer.backup_jobs, total) {
            (Some(jobs), _) => jobs.job,
            (None, Some(0)) => Vec::new(),
            (None, _) => return Err(unreadable(reply, answer.request_id, "the answer holds no jobs").of_read()),
        };
        let next = place.after(jobs.len() as u64, total)?;
        let backups = jobs.iter().map(|job| backup(job, place.source_type())).collect::<Result<Vec<_>, _>>()?;
        Ok(InventoryPage { backups, next, total: None })
    }
}

/// Reads the pair of a `create-vault-replication`: the target first, and the source only where the target names no partner.
///
/// # Errors
/// What to ask next, or a failed read.
pub fn read_pair(replication: &Replication, replies: &[Reply]) -> Asked<VaultPair> {
    let mut replies = replies.iter();
    let wanted = target(replication);
    let source = &replication.source;
    let Some(found) = find_vault(wanted, &replication.destination.region, &mut replies)? else {
        return Ok(known(Pairing::Missing(wanted.to_owned()), None));
    };
    let named = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
    let pairing = match named(&found.source_vault_id) {
        Some(id) if id == source.id && named(&found.source_region_id).is_none_or(|region| region == source.region) => {
            Pairing::Paired
        }
        Some(id) => Pairing::Elsewhere(id),
        None => match find_vault(&source.id, &source.region, &mut replies)? {
            Some(vault) => match named(&vault.target_vault_id).filter(|id| id != wanted) {
                Some(other) => Pairing::Elsewhere(other),
                None => Pairing::Unpaired,
            },
            None => Pairing::Missing(source.id.clone()),
        },
    };
    Ok(known(pairing, Some(&found)))
}

fn known(pairing: Pairing, target: Option<&Vault>) -> VaultPair {
    let progress = target.and_then(|vault| vault.progress.as_ref());
    VaultPair {
        pairing,
        status: target.and_then(|vault| vault.status.clone()),
        status_message: target.and_then(|vault| vault.status_message.clone()).filter(|message| !message.is_empty()),
        replication_status: target.and_then(|vault| vault.replication_status.clone()),
        historical_progress: progress.and_then(|progress| progress.historical),
        new_progress_until: progress.and_then(|progress| seconds(&progress.new)),
        latest_replication_at: target.and_then(|vault| seconds(&vault.latest_replication_time)),
    }
}

/// Which source type, which page of it, and how many of its jobs came before.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    page: u64,
    seen: u64,
}

impl Place {
    fn of(cursor: Option<&Cursor>) -> Place {
        let read = |text: &str| {
            let [name, page, seen] = text.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let index = SOURCE_TYPES.iter().position(|known| *known == name)?;
            Some(Place { index, page: page.parse().ok()?, seen: seen.parse().ok()? })
        };
        let start = Place { index: 0, page: 1, seen: 0 };
        cursor.and_then(|cursor| read(&cursor.0)).unwrap_or(start)
    }

    fn source_type(self) -> &'static str {
        SOURCE_TYPES.get(self.index).copied().unwrap_or(YOUNGEST)
    }

    fn is_first_of(self, source_type: &str) -> bool {
        self.source_type() == source_type && self.page == 1
    }

    /// The place after a page of `come` jobs: its next page, or the next type.
    fn after(self, come: u64, total: Option<u64>) -> Result<Option<Cursor>, Failure> {
        let seen = self.seen + come;
        let counted = total.is_some_and(|total| total > seen);
        if come == 0 && counted {
            return Err(incomplete("the page is empty, but the count says that there is more"));
        }
        let next = match come > 0 && (counted || (total.is_none() && come >= PAGE)) {
            true => Place { page: self.page + 1, seen, ..self },
            false => Place { index: self.index + 1, page: 1, seen: 0 },
        };
        let name = SOURCE_TYPES.get(next.index);
        Ok(name.map(|name| Cursor(format!("{name} {} {}", next.page, next.seen))))
    }
}

fn backup(job: &Job, asked: &str) -> Result<Backup, Failure> {
    let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let source_type = job.source_type.as_deref().unwrap_or(asked);
    let copies_itself = job.detail.as_ref().and_then(|detail| detail.do_copy) == Some(true);
    Ok(Backup {
        id: named(&job.id).ok_or_else(|| incomplete("the page holds a job without its ID"))?,
        name: named(&job.name),
        tags: Vec::new(),
        resource: named(&job.instance_id).or(named(&job.file_system_id)).or(named(&job.bucket)),
        vault_id: named(&job.vault_id),
        created_at: seconds(&job.created_time),
        completed_at: seconds(&job.complete_time),
        size_gib: job.bytes_total.map(|bytes| bytes.div_ceil(1 << 30)),
        standing: standing(source_type, job.status.as_deref()),
        hint: copies_itself.then(|| "its own plan copies it to another region".to_owned()),
        copies: Vec::new(),
        copies_told: false,
    })
}

/// Of whole-instance backups the SDK says that their own plan copies them. That the single disks of one (UDM_ECS_DISK) behave
/// like the whole is inferred; to call them carried would be the costlier mistake.
pub(crate) fn standing(source_type: &str, status: Option<&str>) -> Standing {
    match (source_type, status) {
        ("UDM_ECS" | "UDM_ECS_DISK", _) => {
            Standing::Ineligible("is a whole-instance backup, and those do not follow a vault pair".to_owned())
        }
        (_, Some("FAILED" | "UNAVAILABLE" | "CANCELED" | "EXPIRED")) => {
            Standing::Ineligible("has not succeeded".to_owned())
        }
        (_, status) if status.is_none_or(|status| FINISHED.contains(&status)) => Standing::Usable,
        _ => Standing::NotReady("is still running".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::{Destination, Operation, Options, Source};
    use crate::providers::asked::Need;
    use crate::sign::Query;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn scope() -> Scope {
        Scope {
            operation: Operation::CreateVaultReplication,
            region: "cn-hangzhou".into(),
            project_id: None,
            vault_id: Some("v-1".into()),
            name_prefix: None,
            since: None,
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
        let since = Scope { since: Some(at(1_795_249_000)), ..scope() };
        let time = |n: u32| {
            format!(
                "&Filters.{n}.Key=CompleteTime&Filters.{n}.Operator=GREATER_THAN_OR_EQUAL&Filters.{n}.Values.1=1795249000"
            )
        };
        assert_eq!(query(&Alibaba.list(&since, None)), format!("{plain}{vault}{}", time(3)));
        let anywhere = Scope { vault_id: None, ..since };
        assert_eq!(query(&Alibaba.list(&anywhere, None)), format!("{plain}{}", time(2)));
        let further = Alibaba.list(&scope(), Some(&Cursor("OTS 3 198".into())));
        assert!(query(&further).starts_with("SourceType=OTS&PageNumber=3&"));
        assert_eq!(Alibaba.list(&scope(), Some(&Cursor("WHAT 3 198".into()))), call);
    }

    #[test]
    fn pages_lead_through_every_type() {
        let full: Vec<Value> = (0..99).map(|n| job(json!({"JobId": format!("job-{n}")}))).collect();
        assert_eq!(next("ECS_FILE 1 0", &jobs(&full, 100)).unwrap().as_deref(), Some("ECS_FILE 2 99"));
        assert_eq!(next("ECS_FILE 2 99", &jobs(&full[..1], 100)).unwrap().as_deref(), Some("OSS 1 0"));
        // A service that caps its pages is followed by its count.
        assert_eq!(next("OSS 2 10", &jobs(&full[..10], 25)).unwrap().as_deref(), Some("OSS 3 20"));
        let none = reply(json!({"BackupJobs": {}, "TotalCount": 0}));
        let mut place = Some("ECS_FILE 1 0".to_owned());
        let mut types = Vec::new();
        while let Some(cursor) = place {
            types.push(cursor.split(' ').next().unwrap().to_owned());
            place = next(&cursor, &none).unwrap();
        }
        assert_eq!(types, SOURCE_TYPES);
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
        assert_eq!(next("CONTAINER 1 0", &refused("InvalidSourceType")).unwrap(), None);
        assert!(next("CONTAINER 2 99", &refused("InvalidSourceType")).is_err());
        assert!(next("CONTAINER 1 0", &refused("Throttling.User")).is_err());
        assert!(next("OSS 1 0", &refused("InvalidSourceType")).is_err());
    }

    #[test]
    fn a_job_is_read_in_full() {
        let found = listed(json!({}));
        let wanted = Backup {
            id: "job-1".into(),
            name: Some("nightly".into()),
            tags: Vec::new(),
            resource: Some("i-1".into()),
            vault_id: Some("v-1".into()),
            created_at: Some(at(1_554_347_313)),
            completed_at: Some(at(1_554_347_999)),
            size_gib: Some(1),
            standing: Standing::Usable,
            hint: None,
            copies: Vec::new(),
            copies_told: false,
        };
        assert_eq!(found, wanted);
        let bucket = listed(json!({"InstanceId": "", "Bucket": "hbr-backup-oss", "Detail": {"DoCopy": "true"}}));
        assert_eq!(bucket.resource.as_deref(), Some("hbr-backup-oss"));
        assert_eq!(bucket.hint.as_deref(), Some("its own plan copies it to another region"));
    }

    #[test]
    fn whole_instance_backups_do_not_follow_a_pair() {
        let whole = Standing::Ineligible("is a whole-instance backup, and those do not follow a vault pair".into());
        assert_eq!(listed(json!({"SourceType": "UDM_ECS"})).standing, whole);
        assert_eq!(listed(json!({"SourceType": "UDM_ECS_DISK"})).standing, whole);
        assert_eq!(listed(json!({"Status": "PARTIAL_COMPLETE"})).standing, Standing::Usable);
        assert_eq!(listed(json!({"Status": "RUNNING"})).standing, Standing::NotReady("is still running".into()));
        assert_eq!(listed(json!({"Status": "FAILED"})).standing, Standing::Ineligible("has not succeeded".into()));
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
        assert_eq!(read_known(&[vaults(&[target])]), wanted);
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
        let untold = read_known(&[target(
            json!({"ReplicationSourceVaultId": "v-1", "ReplicationProgress": {"NewReplicationProgress": 0}}),
        )]);
        assert_eq!((untold.historical_progress, untold.new_progress_until), (None, None));
    }
}
