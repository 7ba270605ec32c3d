//! Huawei's error codes, and what each means for what happens next.
//!
//! HTTP statuses say little (400 and 500 cover temporary and permanent errors alike), so the code decides. If one code means different
//! things at different statuses, the status is appended to it: `APIGW.0201/4*`.

use crate::model::failure::Disposition::{
    Ambiguous, Authentication, Conflict, NoWork, Permanent, Retryable, Throttled, Unfit,
};
use crate::model::failure::Row;
use crate::model::failure::Whose::{Account, Backup, Destination, Installation, Unknown};

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
const RIGHTS: &str = "this user may not do this here: give it cbr:backups:replicate, cbr:vaults:replicate, cbr:backups:get, cbr:backups:list and cbr:tasks:list";
const ENDPOINT: &str = "check source.region and OFFSITE_HUAWEI_CBR_ENDPOINT or OFFSITE_HUAWEI_CSBS_ENDPOINT";
const SLOWER: &str = "lower OFFSITE_HUAWEI_RPS or the concurrency if this stays";
const SUPPORT: &str = "if this stays, give the request ID to the provider's support";

/// The codes as every call reads them.
pub const TABLE: &[Row] = &[
    // The copy exists.
    Row::new("BackupService.1009", Conflict, Unknown, ADOPT, CBR),
    // CSBS documents no duplicate error. The nearest is "A manual copy is executing".
    Row::new("CSBS.6031", Conflict, Unknown, ADOPT, CSBS),
    // Preconditions that the service checks before it makes a replication record, so the call certainly was not applied.
    // For a single backup, "nothing to back up" can only mean that its data is not there yet.
    Row::new("BackupService.0001", Retryable, Backup, "the backup may still be running; it is tried again", SWAGGER),
    Row::new("BackupService.0002", Retryable, Backup, BUSY, CBR),
    Row::new("BackupService.4005", Retryable, Destination, TARGET, CBR),
    Row::new("BackupService.6118", Retryable, Destination, TARGET, CBR),
    Row::new("BackupService.6125", Retryable, Backup, BUSY, CBR),
    Row::new(
        "BackupService.6130",
        Retryable,
        Backup,
        "another replication of this vault is running; it is tried again",
        CBR,
    ),
    Row::new("BackupService.6203", Retryable, Backup, BUSY, CBR),
    Row::new("BackupService.6216", Retryable, Backup, BUSY, CBR),
    Row::new("BackupService.7203", Retryable, Backup, BUSY, CBR),
    Row::new("CSBS.2003", Retryable, Backup, BUSY, CSBS),
    Row::new("CSBS.2004", Retryable, Backup, BUSY, CSBS),
    // The call may have been applied.
    Row::new("BackupService.9910", Ambiguous, Unknown, SUPPORT, CBR),
    // The import comes after the copy has begun.
    Row::new("BackupService.1006", Ambiguous, Unknown, SUPPORT, CBR),
    Row::new("CSBS.9998", Ambiguous, Unknown, SUPPORT, CSBS),
    Row::new("CSBS.9999", Ambiguous, Unknown, SUPPORT, CSBS),
    // CSBS documents no code for "a replica exists". This one, "wrong parameter", is the other candidate, so the records decide.
    Row::new("CSBS.9001", Ambiguous, Installation, PARAMETER, CSBS),
    // The call certainly was not applied, and a person is needed.
    Row::new("BackupService.1002", Permanent, Backup, SOURCE, CBR),
    Row::new("BackupService.1003", Unfit, Backup, SOURCE, CBR),
    Row::new("BackupService.1005", Permanent, Installation, REGION, CBR),
    Row::new(
        "BackupService.1011",
        Permanent,
        Installation,
        "the destination project cannot take replicas: check destinations[].project_id",
        CBR,
    ),
    Row::new(
        "BackupService.1012",
        Permanent,
        Backup,
        "this backup has as many replicas as it may have: delete one",
        CBR,
    ),
    Row::new(
        "BackupService.4008",
        Permanent,
        Installation,
        "this project may not use CSBS any more: use copy-backup (CBR)",
        CBR,
    ),
    Row::new("BackupService.6105", Permanent, Backup, GONE, CBR),
    Row::new("BackupService.6200", Permanent, Backup, GONE, CBR),
    Row::new("BackupService.6217", Permanent, Backup, GONE, CBR),
    Row::new("BackupService.6500", Permanent, Unknown, SUPPORT, CBR),
    Row::new("BackupService.6112", Permanent, Destination, TARGET, CBR),
    Row::new("BackupService.6113", Permanent, Destination, TARGET, CBR),
    Row::new("BackupService.6114", Permanent, Destination, "expand the vault", CBR),
    Row::new("BackupService.6119", Permanent, Destination, TARGET, CBR),
    Row::new("BackupService.6120", Permanent, Destination, TARGET, CBR),
    Row::new("BackupService.6122", Permanent, Backup, SOURCE, CBR),
    Row::new("BackupService.6128", Permanent, Destination, TARGET, CBR),
    Row::new(
        "BackupService.6129",
        Permanent,
        Destination,
        "the destination vault is full: expand it or delete old replicas",
        CBR,
    ),
    Row::new("BackupService.8600", Permanent, Account, ACCOUNT, CBR),
    Row::new("BackupService.9900", Permanent, Installation, PARAMETER, CBR),
    Row::new("CSBS.3001", Permanent, Backup, GONE, CSBS),
    Row::new("CSBS.9006", Permanent, Account, "raise the quota", CSBS),
    Row::new("CSBS.9009", Permanent, Account, ACCOUNT, CSBS),
    // The credential was refused, before the service saw the call. Also sent with HTTP 500.
    Row::new("BackupService.9998", Authentication, Installation, KEY, CBR),
    // Wrong signature, unknown or locked key, wrong or expired token, clock skew: all come as 0301. None is repeated in a loop, not even
    // skew, because repeated wrong signatures lock the key.
    Row::new("APIGW.0301", Authentication, Installation, KEY, GATEWAY),
    Row::new("APIGW.0303", Authentication, Installation, KEY, GATEWAY),
    Row::new("APIGW.0305", Authentication, Installation, KEY, GATEWAY),
    Row::new(
        "APIGW.0307",
        Authentication,
        Installation,
        "the token is not valid here any more: a new one of the source's region is needed",
        GATEWAY,
    ),
    Row::new("APIGW.0311", Authentication, Installation, KEY, GATEWAY),
    // IAM v3 uses the HTTP status as its code.
    Row::new("401", Authentication, Installation, "correct the account name, user name and password", IAM),
    // The key is good but lacks a permission, which may be granted for some resources and projects and not for others.
    Row::new("APIGW.0302", Permanent, Backup, RIGHTS, GATEWAY),
    Row::new("APIGW.0304", Permanent, Backup, RIGHTS, GATEWAY),
    Row::new("APIGW.0306", Permanent, Backup, RIGHTS, GATEWAY),
    Row::new("APIGW.0802", Permanent, Backup, "this user may not use this region: allow it in IAM", GATEWAY),
    Row::new("403", Permanent, Backup, RIGHTS, IAM),
    // Refused by the gateway, before the service saw the call.
    Row::new("APIGW.0308", Throttled, Unknown, SLOWER, GATEWAY),
    Row::new("APIGW.0101", Permanent, Installation, ENDPOINT, GATEWAY),
    Row::new("APIGW.0103", Permanent, Installation, ENDPOINT, GATEWAY),
    Row::new("APIGW.0104", Permanent, Installation, SUPPORT, GATEWAY),
    Row::new("APIGW.0105", Permanent, Installation, SUPPORT, GATEWAY),
    Row::new("APIGW.0106", Permanent, Installation, SUPPORT, GATEWAY),
    Row::new(
        "APIGW.0201/4*",
        Permanent,
        Installation,
        "the gateway refuses the request as malformed or too large",
        GATEWAY,
    ),
    Row::new("APIGW.0310", Permanent, Installation, "the project is not available: check source.project_id", GATEWAY),
    Row::new("APIGW.0401", Permanent, Account, "the gateway does not accept this client's address", GATEWAY),
    Row::new("APIGW.0402", Permanent, Account, "this client's address is not on the account's list", GATEWAY),
    Row::new("APIGW.0404", Permanent, Installation, SUPPORT, GATEWAY),
    Row::new("APIGW.0501", Permanent, Account, "raise the quota", GATEWAY),
    Row::new("APIGW.0502", Permanent, Account, "top up the account's balance", GATEWAY),
    Row::new("APIGW.0602", Permanent, Installation, SUPPORT, GATEWAY),
    Row::new("APIGW.0607", Permanent, Installation, ENDPOINT, GATEWAY),
    Row::new("APIGW.0801", Permanent, Installation, REGION, GATEWAY),
    // Trouble inside the gateway, or behind it: the service may have seen the call.
    Row::new("APIGW.0201/5*", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0601", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0605", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0606", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0608", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0609", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0610", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0611", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0612", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0613", Ambiguous, Unknown, SUPPORT, GATEWAY),
    Row::new("APIGW.0705", Ambiguous, Unknown, SUPPORT, GATEWAY),
];

/// Codes that copy-checkpoint reads differently, so that it reads back. It covers many backups, and no document says whether trouble with
/// one comes before the first copy is begun. A repeat would list only the rest, and the first ones' IDs would be lost.
pub const VAULT_WIDE: &[Row] = &[
    Row::new("BackupService.0001", NoWork, Backup, "", SWAGGER),
    Row::new("BackupService.0002", Ambiguous, Backup, BUSY, CBR),
    Row::new("BackupService.6125", Ambiguous, Backup, BUSY, CBR),
    Row::new("BackupService.6203", Ambiguous, Backup, BUSY, CBR),
    Row::new("BackupService.6216", Ambiguous, Backup, BUSY, CBR),
    Row::new("BackupService.7203", Ambiguous, Backup, BUSY, CBR),
];

/// The advice for an HTTP 400 or 404 without a code.
pub(crate) const NO_CODE: &str = "the service has no such place, or something between refuses the request: check the endpoint, source.region and the proxy";

/// The advice for an HTTP 403 without a code.
pub(crate) const DENIED: &str = RIGHTS;

/// The advice for an HTTP 401 whose code, if any, is not in the table.
pub(crate) const REFUSED_KEY: &str = KEY;
