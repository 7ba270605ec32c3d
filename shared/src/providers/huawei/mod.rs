//! Huawei Cloud: CBR v3 CopyBackup and CopyCheckpoint, CSBS v1 checkpoint item replication.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030; Huawei CSBS API page "Replicating a Backup"; Open Telekom Cloud
//! cloud-backup-recovery 3cca460, 2025-10-17. No call has a client token. But the provider keeps one replica for each backup and
//! destination region and refuses a second one (BackupService.1009), so a repeat costs no second copy; only the ID can be lost.

pub(crate) mod calls;
pub mod codes;
pub(crate) mod errors;
pub(crate) mod inventory;
pub(crate) mod model;
pub(crate) mod observe;
pub(crate) mod probe;
mod readback;
mod sts;
mod subject;
#[cfg(test)]
mod tests;
pub mod token;

pub use probe::project_of;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::de::IgnoredAny;

use super::asked::{Asked, Reading};
use super::call::{Call, Effect, Service};
use super::inventory::Inventory;
use super::provider::{Acceptance, AttemptContext, Defaults, FoundCopy, Provider, ReadBack, Unseen};
use super::refusal::unreadable;
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Destination, Operation, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::{Disposition, Failure};
use crate::model::fields::FieldError;
use crate::model::http::{HttpRequest, Reply};
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed, SignedHeaders, sdk_hmac};
use model::{Backup, OperationLog, Page, Record, ShownBackup, ShownItem, Started, given};

/// Huawei Cloud as a provider, with CBR and CSBS.
pub struct Huawei;

impl Provider for Huawei {
    fn cloud(&self) -> Cloud {
        Cloud::Huawei
    }

    fn inventory(&self) -> &dyn Inventory {
        self
    }

    fn sts(&self) -> &dyn Sts {
        self
    }

    fn check(&self, command: &Command) -> Result<(), FieldError> {
        check_project(command.source.project_id.as_deref())?;
        if let Some(name) = &command.options.name {
            check_name(command.operation, name)?;
        }
        if let Some(description) = &command.options.description {
            check_description(description)?;
        }
        Ok(())
    }

    fn complete(&self, command: &Command, defaults: &Defaults) -> Command {
        let mut command = command.clone();
        if command.source.project_id.is_none() {
            command.source.project_id = defaults.huawei_project_id.clone();
        }
        command
    }

    fn start(&self, replication: &Replication, _intent: &AttemptContext) -> Call {
        calls::start(replication)
    }

    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        let vault_wide = replication.operation == Operation::CopyCheckpoint;
        let first = if vault_wide { codes::VAULT_WIDE } else { &[] };
        let service = calls::service(replication.operation);
        let answer: Started = errors::read_with(first, service, reply)?;
        subject::of_start(replication, &answer.replication, reply)?;
        let request_id = errors::request_id(reply);
        let incomplete = |why| unreadable(reply, errors::request_id(reply), why);
        if !vault_wide {
            let id = given(&answer.replication.replication_record_id)
                .ok_or_else(|| incomplete("the answer holds no replication_record_id"))?;
            return Ok(Acceptance::one(Some(id.to_owned()), request_id));
        }
        let backups = answer.replication.backups;
        let backups = backups.ok_or_else(|| incomplete("the answer holds no list of backups"))?;
        if backups.is_empty() {
            let why = "the provider started no copy: the vault holds nothing that has not gone to this region before";
            let failure = Failure::local(Disposition::NoWork, "no_backups", why, "");
            return Err(Failure { request_id, ..failure });
        }
        let mut receipts = Vec::with_capacity(backups.len());
        for backup in backups {
            if given(&backup.backup_id).is_none() || given(&backup.replication_record_id).is_none() {
                return Err(incomplete("the answer holds a backup without its IDs"));
            }
            receipts.push(FoundCopy { backup_id: backup.backup_id, replication_id: backup.replication_record_id });
        }
        Ok(Acceptance { receipts, request_id })
    }

    fn read_back<'a>(&'a self, replication: &'a Replication, intent: &'a AttemptContext) -> Reading<'a, ReadBack> {
        readback::read_back(replication, intent)
    }

    /// A missing source, or a missing list of CSBS records, is an answer, which read-back interprets.
    fn refused(&self, call: &Call, reply: &Reply) -> Option<Failure> {
        let service = call.service;
        match call.action {
            calls::SHOW_BACKUP | calls::SHOW_ITEM if errors::is_gone(reply) => None,
            calls::LIST_RECORDS if readback::is_no_listing(reply) => None,
            calls::SHOW_BACKUP => errors::read::<ShownBackup>(service, reply).err(),
            calls::SHOW_ITEM => errors::read::<ShownItem>(service, reply).err(),
            calls::LIST_BACKUPS | calls::LIST_ITEMS => errors::read::<Page<Backup>>(service, reply).err(),
            calls::LIST_OPERATION_LOGS => errors::read::<Page<OperationLog>>(service, reply).err(),
            calls::LIST_RECORDS => errors::read::<Page<Record>>(service, reply).err(),
            _ => errors::read::<IgnoredAny>(service, reply).err(),
        }
    }

    /// A vault-wide call does not: some of its records may become visible later than others.
    fn settles_at_once(&self, replication: &Replication) -> bool {
        replication.operation != Operation::CopyCheckpoint
    }

    /// A vault-wide call skips what has been copied, so there is nothing to look for before the first one.
    fn reads_first(&self, replication: &Replication) -> bool {
        replication.operation != Operation::CopyCheckpoint
    }

    fn observe<'a>(
        &'a self,
        replication: &'a Replication,
        receipt: &'a Receipt,
        known: Option<&'a Evidence>,
    ) -> Reading<'a, Observation> {
        Box::new(observe::observe(replication, receipt, known))
    }

    fn headroom(&self, operation: Operation, destination: &Destination, replies: &[Reply]) -> Asked<Option<u64>> {
        probe::headroom(operation, destination, replies.first())
    }

    fn sign(
        &self,
        _call: &Call,
        mut draft: RequestDraft,
        access: &Access,
        at: Timestamp,
        _nonce: &Nonce,
    ) -> Result<Signed, SignError> {
        match access {
            Access::Key(credential) => sdk_hmac::sign(&draft, credential, at, SignedHeaders::Minimal),
            Access::Token(token) => {
                let token = token.expose_secret();
                if token.trim().is_empty() {
                    return Err(SignError::missing("x-auth-token"));
                }
                draft.headers.push(("x-auth-token".to_owned(), token.to_owned()));
                sdk_hmac::unsigned(&draft)
            }
        }
    }

    fn effect_of(&self, request: &HttpRequest) -> Option<Effect> {
        calls::effect_of(request)
    }

    /// Source: huaweicloudsdkcbr and huaweicloudsdkcore 3.1.219, region files; Open Telekom Cloud API reference 3cca460, 2025-10-17.
    /// Partner clouds (Flexible Engine, Cloud.ru) and the European site have hosts of their own: they need the endpoint setting.
    fn endpoint(&self, service: Service, region: &str) -> String {
        let name = match service {
            Service::Csbs => "csbs",
            Service::Iam => "iam",
            Service::HuaweiSts => "sts",
            _ => "cbr",
        };
        let domain = match region {
            "eu-de" | "eu-nl" => "otc.t-systems.com",
            _ => "myhuaweicloud.com",
        };
        format!("https://{name}.{region}.{domain}")
    }

    /// A signed request is accepted for 15 minutes. Source: Huawei API Request Signing Guide. When a record can be seen is inferred:
    /// nothing is published, and no report says that one took longer than moments to show.
    fn unseen(&self) -> Unseen {
        Unseen { applied: Duration::from_secs(900), hidden: Duration::from_secs(300) }
    }

    /// A token lives for 24 hours. Source: IAM API reference, "Obtaining a User Token". CBR documents that it makes one replica for each
    /// backup and region; of CSBS that is inferred only.
    fn token_lives(&self, operation: Operation) -> Option<Duration> {
        (operation == Operation::CopyCheckpointItem).then_some(Duration::from_secs(86_400))
    }

    /// No figure is published for CBR or CSBS. The gateway's own limit is 200 a second for each API, but other services of this
    /// cloud were seen to throttle at 5 (sbercloud terraform issue 388), so this stays well below.
    fn requests_per_second(&self) -> u32 {
        10
    }
}

/// Checks the project, which goes into the path. One from the environment has not passed the reading of a command.
fn check_project(project: Option<&str>) -> Result<(), FieldError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let reason = match project {
        None | Some("") => {
            "is missing: the project ID in the source's region; HUAWEICLOUD_SDK_PROJECT_ID may give it for all commands"
        }
        Some(project) if project.len() <= 64 && project.chars().all(fits) => return Ok(()),
        Some(_) => {
            "must be a project ID: letters, digits, '-' or '_', at most 64 (from the command or HUAWEICLOUD_SDK_PROJECT_ID)"
        }
    };
    Err(FieldError::new("source.project_id", reason))
}

/// Checks a replica's name. Source: huawei-cloud-api-definitions-CBR 0.1.20261030, CopyBackup. CSBS documents no limit for replicas, so
/// that for its backups' names is used (Open Telekom Cloud cloud-server-backup-service 8839849, 2026-06-30).
fn check_name(operation: Operation, name: &str) -> Result<(), FieldError> {
    let basic = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let han = |c: char| matches!(c, '\u{4e00}'..='\u{9fa5}' | '\u{f900}'..='\u{fa2d}');
    let length = name.chars().count();
    let (fits, wanted) = match operation {
        Operation::CopyCheckpointItem => {
            ((1..=255).contains(&length) && name.chars().all(basic), "must be 1 to 255 letters, digits, '_' or '-'")
        }
        _ => (
            (1..=64).contains(&length) && name.chars().all(|c| basic(c) || han(c)),
            "must be 1 to 64 letters, digits, Chinese characters, '_' or '-'",
        ),
    };
    if fits { Ok(()) } else { Err(FieldError::new("options.name", wanted)) }
}

/// Checks a replica's description. Source: huawei-cloud-api-definitions-CBR 0.1.20261030, CopyBackup; for CSBS, as for its backups, Open
/// Telekom Cloud cloud-server-backup-service 8839849, 2026-06-30.
fn check_description(description: &str) -> Result<(), FieldError> {
    let fits = description.chars().count() <= 255 && !description.contains(['<', '>']);
    if fits {
        Ok(())
    } else {
        Err(FieldError::new("options.description", "must be at most 255 characters without '<' and '>'"))
    }
}
