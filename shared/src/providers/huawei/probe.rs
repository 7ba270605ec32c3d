//! Probes of CBR and CSBS: whose the projects are, whether backups can be listed, and what the destination vault is.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030 (ShowVault, ShowReplicationCapabilities); IAM v3 ListProjects, as
//! huaweicloudsdkcore 3.1.219 calls it; Open Telekom Cloud cloud-backup-recovery 3cca460, 2025-10-17 (what a destination vault is).

use std::time::Duration;

use serde::Deserialize;

use super::model::{Backup, Page};
use super::{Huawei, calls, errors};
use crate::model::command::{Destination, Operation};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::{Call, Effect, Service};
use crate::providers::probe::{Finding, Health, Probe, Route, Topic};
use crate::providers::reading::lenient;
use crate::providers::sts::Sts;
use crate::sign::{Query, RequestDraft};

impl Probe for Huawei {
    /// Source: API Request Signing Guide.
    fn clock_limit(&self) -> Duration {
        Duration::from_secs(900)
    }

    fn diagnose(&self, topic: Topic, route: &Route, replies: &[Reply]) -> Asked<Option<Finding>> {
        let destination = &route.destination;
        let finding = match topic {
            Topic::Identity => identity(route, replies.first()),
            Topic::Projects => projects(route, replies),
            Topic::Sources => backups(route, &route.region, route.project_id.as_deref(), "backup", replies.first()),
            Topic::Copies => {
                backups(route, &destination.region, destination.project_id.as_deref(), "replication", replies.first())
            }
            Topic::Vault if route.operation == Operation::CopyCheckpointItem => return Ok(None),
            Topic::Vault => vault(route, replies.first()),
            Topic::Capability => capability(route, replies.first()),
            Topic::Quota => Ok(Finding::new(
                Health::Unknown,
                "no call tells how many replicas a backup or an account may have; the room in the vault is what counts",
                "BackupService.1012 is what the limit answers, BackupService.6129 a full vault",
            )),
        };
        finding.map(Some)
    }

    /// Source: huawei-cloud-api-definitions-CBR 0.1.20261030 for backups and capability. The permission for the vault is inferred.
    fn permission(&self, topic: Topic, operation: Operation) -> &'static str {
        match (topic, operation) {
            (Topic::Identity | Topic::Projects, _) => "iam:projects:listProjects (the name is inferred)",
            (Topic::Sources | Topic::Copies | Topic::Capability, Operation::CopyCheckpointItem) => {
                "the CSBS right to list; no name is published"
            }
            (Topic::Sources | Topic::Copies, _) => "cbr:backups:list",
            (Topic::Vault, _) => "cbr:vaults:get (the name is inferred)",
            (Topic::Capability, _) => "cbr:backups:queryReplicationCapability",
            (Topic::Quota, _) => "none",
        }
    }

    fn start_permission(&self, operation: Operation) -> &'static str {
        match operation {
            Operation::CopyCheckpoint => "cbr:vaults:replicate",
            Operation::CopyCheckpointItem => "the CSBS right to replicate (no name is published)",
            _ => "cbr:backups:replicate",
        }
    }

    fn blind_spot(&self, topic: Topic, operation: Operation) -> &'static str {
        match topic {
            Topic::Identity => "which user the key belongs to and what it may do: IAM tells the account only",
            Topic::Projects => "sub-projects: a project may lie in the region under another name",
            Topic::Sources => "which backups CBR refuses to copy; only server backups with the system disk go",
            Topic::Copies => "whether a replica can be restored",
            Topic::Vault => "how large the next copies are",
            Topic::Capability if operation == Operation::CopyCheckpointItem => {
                "whether CSBS still serves this project: new ones are refused (BackupService.4008)"
            }
            Topic::Capability => "whether this account may use the pair of regions",
            Topic::Quota => "how near the limits of the account are",
        }
    }

    fn is_denied(&self, failure: &Failure) -> bool {
        matches!(failure.code.as_str(), "APIGW.0302" | "APIGW.0304" | "APIGW.0306" | "APIGW.0802" | "403")
    }
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    domain_id: Option<String>,
}

/// Asks for the project that bears a region's name. The source's region is always asked, because a token is good only there.
pub(super) fn list_projects(asked: &str, name: &str) -> Call {
    Call {
        lists: false,
        goes_first: false,
        action: "ListProjects",
        service: Service::Iam,
        effect: Effect::Read,
        region: asked.to_owned(),
        draft: RequestDraft {
            method: "GET".to_owned(),
            path: "/v3/projects".to_owned(),
            query: Query::Pairs(vec![("name".to_owned(), name.to_owned())]),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            ..Default::default()
        },
    }
}

/// The ID of the project that the reply to [`Sts::whose`] names first: the one that bears the region's name.
///
/// # Errors
/// The failure that the reply stands for.
pub fn project_of(reply: &Reply) -> Result<Option<String>, Failure> {
    let listed =
        errors::read::<Projects>(Service::Iam, reply).map_err(|failure| failure.of_sign_in(reply.status))?.projects;
    Ok(listed.into_iter().next().map(|project| project.id))
}

fn identity(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(reply) = reply else { return ask(Huawei.whose(&route.region)) };
    let listed = errors::read::<Projects>(Service::Iam, reply)?.projects;
    let region = &route.region;
    Ok(match listed.first() {
        Some(Project { id, domain_id }) => {
            let account = domain_id.as_deref().unwrap_or("not told");
            Finding::ok(format!("account {account}; its project in {region} is {id}"))
        }
        None => Finding::new(
            Health::Warn,
            format!("the key is taken, but the account has no project named {region}"),
            "check the region: an account gets its project there when it first uses it",
        ),
    })
}

fn projects(route: &Route, replies: &[Reply]) -> Asked<Finding> {
    let sides = [
        (&route.region, route.project_id.as_deref()),
        (&route.destination.region, route.destination.project_id.as_deref()),
    ];
    if sides.iter().all(|(_, project)| project.is_none()) {
        return Ok(no_project("the route"));
    }
    let mut strange = Vec::new();
    let mut replies = replies.iter();
    for (region, project) in sides {
        let Some(project) = project else { continue };
        let Some(reply) = replies.next() else { return ask(list_projects(&route.region, region)) };
        let listed = errors::read::<Projects>(Service::Iam, reply)?.projects;
        if !listed.iter().any(|found| found.id == project) {
            let named = listed.first().map_or("none", |found| found.id.as_str());
            strange.push(format!("{region}: {project} is named, and the region's own project is {named}"));
        }
    }
    Ok(if strange.is_empty() {
        Finding::ok("each project that is named is the one of its region")
    } else {
        Finding::new(
            Health::Warn,
            strange.join("; "),
            "take the region's own project ID, unless a sub-project is meant",
        )
    })
}

fn no_project(whose: &str) -> Finding {
    Finding::new(
        Health::Unknown,
        format!("no project ID is known for {whose}"),
        "give a policy; for the source alone HUAWEICLOUD_SDK_PROJECT_ID does, and the identity check tells which it is",
    )
}

/// Asks for the smallest page of backups of one kind.
fn backups(route: &Route, region: &str, project: Option<&str>, kind: &str, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(project) = project else { return Ok(no_project(region)) };
    let csbs = route.operation == Operation::CopyCheckpointItem;
    let Some(reply) = reply else {
        let pairs = [("image_type", kind), ("limit", "1"), ("offset", "0")];
        let (action, path) =
            if csbs { (calls::LIST_ITEMS, "checkpoint_items") } else { (calls::LIST_BACKUPS, "backups") };
        return ask(calls::get_in(action, route.operation, (region, project), path, &pairs));
    };
    let page = errors::read::<Page<Backup>>(calls::service(route.operation), reply)?;
    let what = if kind == "backup" { "backups" } else { "replicas" };
    let count = page.count.map_or(String::new(), |count| format!("; {count} in the project"));
    Ok(Finding::ok(format!("{what} can be listed{count}")))
}

#[derive(Deserialize)]
struct ShownVault {
    vault: Vault,
}

#[derive(Deserialize)]
struct Vault {
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    auto_expand: Option<bool>,
    billing: Billing,
}

#[derive(Deserialize)]
struct Billing {
    #[serde(default, deserialize_with = "lenient")]
    protect_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    object_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    /// Size in GB.
    #[serde(default, deserialize_with = "lenient")]
    size: Option<u64>,
    /// Space in use, in MB.
    #[serde(default, deserialize_with = "lenient")]
    used: Option<u64>,
}

fn vault(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let destination = &route.destination;
    let Some(id) = &destination.vault_id else {
        let why = "no vault is named, so none was looked at";
        return Ok(Finding::new(Health::Unknown, why, "give a policy that names the vaults"));
    };
    let Some(project) = destination.project_id.as_deref() else {
        return Ok(no_project(&destination.region));
    };
    let Some(reply) = reply else {
        return ask(show_vault(route.operation, destination, project, id));
    };
    let is_gone =
        matches!(errors::code(reply).as_deref(), Some("BackupService.6105" | "6105" | "BackupService.6120" | "6120"));
    if is_gone {
        return Ok(Finding::new(
            Health::Fail,
            format!("the vault {id} is not in project {project} of {}", destination.region),
            "check vault ID, project and region in the policy, or make a replication vault there",
        ));
    }
    let shown = errors::read::<ShownVault>(Service::Cbr, reply)?;
    Ok(judge(id, &shown.vault))
}

/// The gigabytes that are left in the destination vault; `None` if it grows by itself or is paid by use, because then nobody tells.
pub(super) fn headroom(operation: Operation, destination: &Destination, reply: Option<&Reply>) -> Asked<Option<u64>> {
    let (Some(vault), Some(project)) = (&destination.vault_id, destination.project_id.as_deref()) else {
        return Ok(None);
    };
    let Some(reply) = reply else { return ask(show_vault(operation, destination, project, vault)) };
    let Ok(shown) = errors::read::<ShownVault>(Service::Cbr, reply) else { return Ok(None) };
    let billing = &shown.vault.billing;
    Ok(match (billing.size.filter(|size| *size > 0), billing.used, shown.vault.auto_expand) {
        (Some(size), Some(used), None | Some(false)) => Some(size.saturating_mul(1024).saturating_sub(used) / 1024),
        _ => None,
    })
}

fn show_vault(operation: Operation, destination: &Destination, project: &str, vault: &str) -> Call {
    calls::get_in("ShowVault", operation, (&destination.region, project), &format!("vaults/{vault}"), &[])
}

/// Judges a vault, which must be a replication vault for servers, available, with room.
fn judge(id: &str, vault: &Vault) -> Finding {
    let billing = &vault.billing;
    let name = vault.name.as_deref().unwrap_or(id);
    let fail = |found: String, advice: &str| Finding::new(Health::Fail, found, advice);
    match billing.protect_type.as_deref() {
        None | Some("replication") => {}
        Some(other) => {
            return fail(
                format!("{name} is a vault for {other}, and copies need one for replication"),
                "name a vault whose protection type is replication",
            );
        }
    }
    match billing.object_type.as_deref() {
        None | Some("server" | "turbo") => {}
        Some(other) => {
            return fail(
                format!("{name} holds backups of the type {other}, and only server backups are copied"),
                "name a replication vault for servers",
            );
        }
    }
    match billing.status.as_deref() {
        None | Some("available") => {}
        Some(other) => {
            return fail(format!("{name} is in the state {other}"), "unlock, pay for or replace the vault");
        }
    }
    // A vault that is paid by use may have no size.
    let (Some(size), Some(used)) = (billing.size.filter(|size| *size > 0), billing.used) else {
        return Finding::new(Health::Unknown, format!("{name} is of the right kind; its room is not told"), "");
    };
    let (room, percent) = (size.saturating_mul(1024), used.saturating_mul(100) / size.saturating_mul(1024));
    let state = format!("{name}: {} GB of {size} GB used ({percent} %)", used / 1024);
    match vault.auto_expand {
        Some(true) => Finding::ok(format!("{state}; it grows by itself")),
        _ if used >= room => fail(format!("{state}: it is full"), "enlarge the vault, or let it grow by itself"),
        // This is the vendor's own default threshold for notices.
        _ if percent >= 80 => Finding::new(Health::Warn, state, "enlarge the vault, or let it grow by itself"),
        _ => Finding::ok(state),
    }
}

#[derive(Deserialize)]
struct Capabilities {
    regions: Vec<Capability>,
}

#[derive(Deserialize)]
struct Capability {
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    replication_destinations: Option<Vec<String>>,
}

fn capability(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let (source, wanted) = (&route.region, &route.destination.region);
    let Some(project) = route.project_id.as_deref() else { return Ok(no_project(source)) };
    let Some(reply) = reply else {
        // CSBS spells the path with an underscore.
        let path = match route.operation {
            Operation::CopyCheckpointItem => "replication_capabilities",
            _ => "replication-capabilities",
        };
        return ask(calls::get_in("ShowReplicationCapabilities", route.operation, (source, project), path, &[]));
    };
    let regions = errors::read::<Capabilities>(calls::service(route.operation), reply)?.regions;
    let fail = |found: String, advice: String| Ok(Finding::new(Health::Fail, found, advice));
    let Some(entry) = regions.iter().find(|region| region.name == *source) else {
        let names: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
        return fail(
            format!("{source} is not among the regions that replicate"),
            format!("regions that do: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
        );
    };
    let destinations = entry.replication_destinations.as_deref().unwrap_or_default();
    if destinations.contains(wanted) {
        return Ok(Finding::ok(format!("{source} replicates to {wanted}")));
    }
    let listed = if destinations.is_empty() { "none".to_owned() } else { destinations.join(", ") };
    fail(format!("{source} does not replicate to {wanted}"), format!("it replicates to: {listed}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::Destination;
    use crate::model::failure::Disposition;
    use crate::providers::asked::Need;

    fn route(operation: Operation) -> Route {
        Route {
            operation,
            region: "region1".into(),
            project_id: Some("p1".into()),
            vault_id: Some("v1".into()),
            destination: Destination {
                region: "region2".into(),
                project_id: Some("p2".into()),
                vault_id: Some("v2".into()),
            },
        }
    }

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn diagnose(topic: Topic, replies: &[Reply]) -> Asked<Option<Finding>> {
        Huawei.diagnose(topic, &route(Operation::CopyBackup), replies)
    }

    fn found(found: Asked<Option<Finding>>) -> Finding {
        found.unwrap().unwrap()
    }

    #[test]
    fn only_reads_are_planned() {
        for operation in [Operation::CopyBackup, Operation::CopyCheckpoint, Operation::CopyCheckpointItem] {
            for topic in Topic::ALL {
                if let Err(Need::Ask(call)) = Huawei.diagnose(topic, &route(operation), &[]) {
                    assert_eq!(call.draft.method, "GET", "{}", call.action);
                    let service = if call.service == Service::Iam { Service::Iam } else { calls::service(operation) };
                    assert_eq!(call.service, service, "{}", call.action);
                }
            }
        }
    }

    #[test]
    fn a_project_of_another_region_is_noticed() {
        let listed = |id: &str| reply(200, &json!({"projects": [{"id": id, "domain_id": "d"}]}));
        assert_eq!(found(diagnose(Topic::Identity, &[listed("p1")])).found, "account d; its project in region1 is p1");
        assert_eq!(found(diagnose(Topic::Projects, &[listed("p1"), listed("p2")])).health, Health::Ok);
        let strange = found(diagnose(Topic::Projects, &[listed("p1"), listed("p9")]));
        assert_eq!(strange.health, Health::Warn);
        assert!(strange.found.contains("region2: p2 is named, and the region's own project is p9"), "{strange:?}");
        let none = reply(200, &json!({"projects": []}));
        assert_eq!(found(diagnose(Topic::Identity, &[none])).health, Health::Warn);
        let unnamed = Route { project_id: None, ..route(Operation::CopyBackup) };
        for topic in [Topic::Sources, Topic::Capability] {
            assert_eq!(found(Huawei.diagnose(topic, &unnamed, &[])).health, Health::Unknown, "{topic:?}");
        }
    }

    #[test]
    fn the_vault_must_fit_and_have_room() {
        let shown = |billing: Value, auto_expand: bool| {
            let mut fields = json!({"protect_type": "replication", "object_type": "server", "status": "available", "size": 100, "used": 0});
            fields.as_object_mut().unwrap().extend(billing.as_object().unwrap().clone());
            let vault = json!({"vault": {"name": "n", "auto_expand": auto_expand, "billing": fields}});
            found(diagnose(Topic::Vault, &[reply(200, &vault)])).health
        };
        assert_eq!(shown(json!({}), false), Health::Ok);
        for wrong in [
            json!({"protect_type": "backup"}),
            json!({"object_type": "disk"}),
            json!({"status": "frozen"}),
            json!({"used": 102_400}),
        ] {
            assert_eq!(shown(wrong.clone(), false), Health::Fail, "{wrong}");
        }
        assert_eq!(shown(json!({"used": 90_000}), false), Health::Warn);
        assert_eq!(shown(json!({"used": 102_400}), true), Health::Ok);
        assert_eq!(shown(json!({"used": null}), false), Health::Unknown);
        assert_eq!(shown(json!({"size": 0}), false), Health::Unknown);
        let gone = reply(404, &json!({"error_code": "BackupService.6105", "error_msg": "m"}));
        assert_eq!(found(diagnose(Topic::Vault, &[gone])).health, Health::Fail);
    }

    #[test]
    fn source_and_destination_must_be_listed() {
        let of = |regions: Value| found(diagnose(Topic::Capability, &[reply(200, &json!({"regions": regions}))]));
        let entry = |name: &str, to: Value| json!({"name": name, "replication_destinations": to});
        assert_eq!(of(json!([entry("region1", json!(["region2"]))])).health, Health::Ok);
        assert_eq!(of(json!([entry("region1", json!(["region3"]))])).health, Health::Fail);
        assert_eq!(of(json!([entry("region1", Value::Null)])).health, Health::Fail);
        assert_eq!(of(json!([entry("region9", json!(["region2"]))])).health, Health::Fail);
        assert_eq!(of(json!([])).advice, "regions that do: none");
    }

    #[test]
    fn a_missing_right_is_not_a_wrong_key() {
        for (status, code, denied) in [(403, "APIGW.0302", true), (401, "APIGW.0301", false)] {
            let refused = reply(status, &json!({"error_code": code, "error_msg": "m"}));
            let Err(Need::Failed(failure)) = diagnose(Topic::Sources, &[refused]) else { panic!() };
            let wanted = if denied { Disposition::Permanent } else { Disposition::Authentication };
            assert_eq!((failure.disposition, Huawei.is_denied(&failure)), (wanted, denied));
        }
    }
}
