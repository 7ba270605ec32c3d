//! Huawei's error codes: what each means for what happens next.
//!
//! HTTP statuses say little (400 and 500 cover temporary and permanent alike), so the code decides. Where one code means
//! different things at different statuses, the status is appended to it: `APIGW.0201/4*`.

use crate::model::failure::Disposition::{
    self, Ambiguous, Authentication, Conflict, NoWork, Permanent, Retryable, Throttled, Unfit,
};
use crate::model::failure::Row;

const CBR: &str = "support.huaweicloud.com/intl, api-cbr, ErrorCode, read 2026-11";
const CSBS: &str = "Open Telekom Cloud, cloud-server-backup-service 8839849, 2026-06-30";
const GATEWAY: &str =
    "Huawei API Request Signing Guide, error codes, read 2026-11; cloud-custodian 2532d43, 2026-08-18";
const IAM: &str = "huawei-cloud-api-definitions e05e9a0, IAM, 2026-07-24";
const SWAGGER: &str = "huawei-cloud-api-definitions-CBR 0.1.20261030, CopyCheckpoint";

const ADOPT: &str = "the running or finished copy is looked up and adopted";
const BUSY: &str = "the provider is busy with this backup; it is tried again";
const TARGET: &str =
    "check the destination vault: its region, project, type (replication, for servers), status and capacity";
const SOURCE: &str = "this backup cannot be copied: only backups of whole servers with their system disk can";
const GONE: &str = "check the source's ID, and that source.region and source.project_id are where it is";
const REGION: &str =
    "check that the source's region can replicate to the destination's (GET /v3/{project_id}/replication-capabilities)";
const ACCOUNT: &str = "complete the account's real-name authentication";
const PARAMETER: &str = "the message names the parameter: correct it in the command";
const KEY: &str = "correct the key or token and this machine's clock (15 minutes at most); five wrong signatures lock a key for 5 minutes";
const RIGHTS: &str =
    "give this user cbr:backups:replicate, cbr:vaults:replicate, cbr:backups:get, cbr:backups:list and cbr:tasks:list";
const ENDPOINT: &str = "check source.region and OFFSITE_HUAWEI_CBR_ENDPOINT or OFFSITE_HUAWEI_CSBS_ENDPOINT";
const SLOWER: &str = "lower OFFSITE_HUAWEI_RPS or the concurrency if this stays";
const SUPPORT: &str = "if this stays, give the request ID to the provider's support";

/// What goes for every call.
pub const TABLE: &[Row] = &[
    // The copy exists.
    row("BackupService.1009", Conflict, ADOPT, CBR),
    // "A manual copy is executing": the nearest that CSBS has to a duplicate error.
    row("CSBS.6031", Conflict, ADOPT, CSBS),
    // Preconditions that the service checks before it makes a replication record: certainly not applied.
    // About one backup, "nothing to back up" can only mean that its data is not there yet.
    row("BackupService.0001", Retryable, "the backup may still be running; it is tried again", SWAGGER),
    row("BackupService.0002", Retryable, BUSY, CBR),
    row("BackupService.4005", Retryable, TARGET, CBR),
    row("BackupService.6118", Retryable, TARGET, CBR),
    row("BackupService.6125", Retryable, BUSY, CBR),
    row("BackupService.6130", Retryable, "another replication of this vault is running; it is tried again", CBR),
    row("BackupService.6203", Retryable, BUSY, CBR),
    row("BackupService.6216", Retryable, BUSY, CBR),
    row("BackupService.7203", Retryable, BUSY, CBR),
    row("CSBS.2003", Retryable, BUSY, CSBS),
    row("CSBS.2004", Retryable, BUSY, CSBS),
    // May have been applied.
    row("BackupService.9910", Ambiguous, SUPPORT, CBR),
    // Importing comes after the copy was begun.
    row("BackupService.1006", Ambiguous, SUPPORT, CBR),
    row("CSBS.9998", Ambiguous, SUPPORT, CSBS),
    row("CSBS.9999", Ambiguous, SUPPORT, CSBS),
    // CSBS documents no code for "a replica exists"; this one, "wrong parameter", is the other candidate, so the records decide.
    row("CSBS.9001", Ambiguous, PARAMETER, CSBS),
    // Certainly not applied, and a person is needed.
    row("BackupService.1002", Permanent, SOURCE, CBR),
    row("BackupService.1003", Unfit, SOURCE, CBR),
    row("BackupService.1005", Permanent, REGION, CBR),
    row(
        "BackupService.1011",
        Permanent,
        "the destination project cannot take replicas: check destinations[].project_id",
        CBR,
    ),
    row("BackupService.1012", Permanent, "this backup has as many replicas as it may have: delete one", CBR),
    row("BackupService.4008", Permanent, "this project may not use CSBS any more: use copy-backup (CBR)", CBR),
    row("BackupService.6105", Permanent, GONE, CBR),
    row("BackupService.6200", Permanent, GONE, CBR),
    row("BackupService.6217", Permanent, GONE, CBR),
    row("BackupService.6500", Permanent, SUPPORT, CBR),
    row("BackupService.6112", Permanent, TARGET, CBR),
    row("BackupService.6113", Permanent, TARGET, CBR),
    row("BackupService.6114", Permanent, "expand the vault", CBR),
    row("BackupService.6119", Permanent, TARGET, CBR),
    row("BackupService.6120", Permanent, TARGET, CBR),
    row("BackupService.6122", Permanent, SOURCE, CBR),
    row("BackupService.6128", Permanent, TARGET, CBR),
    row("BackupService.6129", Permanent, "the destination vault is full: expand it or delete old replicas", CBR),
    row("BackupService.8600", Permanent, ACCOUNT, CBR),
    row("BackupService.9900", Permanent, PARAMETER, CBR),
    row("CSBS.3001", Permanent, GONE, CSBS),
    row("CSBS.9006", Permanent, "raise the quota", CSBS),
    row("CSBS.9009", Permanent, ACCOUNT, CSBS),
    // The credential was refused, before the service saw the call. Also said with HTTP 500.
    row("BackupService.9998", Authentication, KEY, CBR),
    // Wrong signature, unknown or locked key, wrong or expired token, clock skew: all come as 0301. None is repeated in a loop,
    // not even skew, because repeating wrong signatures is what locks the key.
    row("APIGW.0301", Authentication, KEY, GATEWAY),
    row("APIGW.0302", Authentication, RIGHTS, GATEWAY),
    row("APIGW.0303", Authentication, KEY, GATEWAY),
    row("APIGW.0304", Authentication, RIGHTS, GATEWAY),
    row("APIGW.0305", Authentication, KEY, GATEWAY),
    row("APIGW.0306", Authentication, RIGHTS, GATEWAY),
    row(
        "APIGW.0307",
        Authentication,
        "the token is not valid here any more: a new one of the source's region is needed",
        GATEWAY,
    ),
    row("APIGW.0311", Authentication, KEY, GATEWAY),
    row("APIGW.0802", Authentication, "this user may not use this region", GATEWAY),
    // IAM v3 has the HTTP status as its code.
    row("401", Authentication, "correct the account name, user name and password", IAM),
    row("403", Authentication, RIGHTS, IAM),
    // Refused by the gateway, before the service saw the call.
    row("APIGW.0308", Throttled, SLOWER, GATEWAY),
    row("APIGW.0101", Permanent, ENDPOINT, GATEWAY),
    row("APIGW.0103", Permanent, ENDPOINT, GATEWAY),
    row("APIGW.0104", Permanent, SUPPORT, GATEWAY),
    row("APIGW.0105", Permanent, SUPPORT, GATEWAY),
    row("APIGW.0106", Permanent, SUPPORT, GATEWAY),
    row("APIGW.0201/4*", Permanent, "the gateway refuses the request as malformed or too large", GATEWAY),
    row("APIGW.0310", Permanent, "the project is not available: check source.project_id", GATEWAY),
    row("APIGW.0401", Permanent, "the gateway does not accept this client's address", GATEWAY),
    row("APIGW.0402", Permanent, "this client's address is not on the account's list", GATEWAY),
    row("APIGW.0404", Permanent, SUPPORT, GATEWAY),
    row("APIGW.0501", Permanent, "raise the quota", GATEWAY),
    row("APIGW.0502", Permanent, "top up the account's balance", GATEWAY),
    row("APIGW.0602", Permanent, SUPPORT, GATEWAY),
    row("APIGW.0607", Permanent, ENDPOINT, GATEWAY),
    row("APIGW.0801", Permanent, REGION, GATEWAY),
    // Trouble inside the gateway, or behind it: the service may have seen the call.
    row("APIGW.0201/5*", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0601", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0605", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0606", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0608", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0609", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0610", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0611", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0612", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0613", Ambiguous, SUPPORT, GATEWAY),
    row("APIGW.0705", Ambiguous, SUPPORT, GATEWAY),
];

/// What copy-checkpoint reads differently. It covers many backups, and nobody documents whether trouble with one of them comes
/// before the first copy is begun; a repeat would list only the rest, and the first ones' IDs would be lost. So it reads back.
pub const VAULT_WIDE: &[Row] = &[
    row("BackupService.0001", NoWork, "", SWAGGER),
    row("BackupService.0002", Ambiguous, BUSY, CBR),
    row("BackupService.6125", Ambiguous, BUSY, CBR),
    row("BackupService.6203", Ambiguous, BUSY, CBR),
    row("BackupService.6216", Ambiguous, BUSY, CBR),
    row("BackupService.7203", Ambiguous, BUSY, CBR),
];

/// Advice for an HTTP 401 whose code, if any, is not in the table.
pub const REFUSED_KEY: &str = KEY;

const fn row(code: &'static str, disposition: Disposition, advice: &'static str, source: &'static str) -> Row {
    Row { code, disposition, advice, source }
}
