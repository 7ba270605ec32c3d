//! Tencent's error codes: what each means for what happens next.

use crate::model::failure::Disposition::{Ambiguous, Authentication, Conflict, Permanent, Retryable, Throttled, Unfit};
use crate::model::failure::Row;
use crate::model::failure::Whose::{Account, Backup, Destination, Installation, Unknown};

const API: &str = "API page 362/45941, 2023-07-10 and 2026-05-15; tencentcloud-sdk-go cbs/v20170312";
const COMMON: &str = "tencentcloud-sdk-python-cbs 3.1.175, error codes";
const LIMITS: &str = "cloud.tencent.com 1278/109059, 2025-04-15";
const TERRAFORM: &str = "terraform-provider-tencentcloud, PR 4231, 2026-06-22";

const ALERT: &str = "this needs a person: see the code in the provider's documents";
const BUG: &str = "the request was refused as malformed: report it with the request ID";
const KEY: &str = "correct the key or its token";
const RIGHTS: &str = "this key may not do this here: allow cbs:CopySnapshotCrossRegions and cbs:DescribeSnapshots, or the same names with cvm:, in its CAM policy";
const BUSY: &str = "the provider is busy with this snapshot; it is tried again";
const SLOWER: &str = "lower OFFSITE_TENCENT_RPS or the concurrency if this stays";
const ROOM: &str = "raise the snapshot quota of the destination region or delete old snapshots there";
const REGIONS: &str = "check the region codes and the snapshot ID";
const GONE: &str = "check the snapshot ID and that source.region is the region it is in";
const CHAIN: &str = "the disk has too many snapshots in a row: delete old ones";
const UNFIT: &str = "this snapshot cannot be copied to another region";
const ENDPOINT: &str = "check OFFSITE_TENCENT_ENDPOINT";

/// The table.
pub const TABLE: &[Row] = &[
    Row::new("ResourceInUse.CopySnapshotConflict", Conflict, Unknown, "the running copy is looked up and adopted", API),
    Row::new("ResourceBusy", Retryable, Backup, BUSY, API),
    Row::new("InternalError", Ambiguous, Unknown, "", API),
    Row::new("InternalError.*", Ambiguous, Unknown, "", API),
    Row::new("InsufficientSnapshotQuota", Permanent, Destination, ROOM, API),
    Row::new("InvalidAccount.InsufficientBalance", Permanent, Account, "top up the account's balance", API),
    Row::new("InvalidParameterValue", Permanent, Installation, REGIONS, API),
    Row::new("InvalidParameterValue.*", Permanent, Installation, REGIONS, API),
    Row::new("InvalidSnapshotId.NotFound", Permanent, Backup, GONE, API),
    Row::new("InvalidSnapshot.NotSupported", Unfit, Backup, UNFIT, API),
    Row::new(
        "UnsupportedOperation.SnapshotNotSupportCopy",
        Unfit,
        Backup,
        "this snapshot cannot be copied to another region (system disk, encrypted or instant)",
        API,
    ),
    // Of the operation on this snapshot: its state, its kind, or its disk's.
    Row::new("UnsupportedOperation", Permanent, Backup, ALERT, COMMON),
    Row::new("UnsupportedOperation.*", Permanent, Backup, ALERT, COMMON),
    // What the service checks before it begins: each names a state in which nothing was made.
    Row::new("ResourceNotFound", Permanent, Backup, GONE, COMMON),
    Row::new("ResourceNotFound.*", Permanent, Backup, GONE, COMMON),
    Row::new(
        "ResourceUnavailable.SnapshotCreating",
        Retryable,
        Backup,
        "the snapshot is still being created; it is tried again",
        COMMON,
    ),
    Row::new(
        "ResourceUnavailable.TooManyCreatingSnapshot",
        Retryable,
        Account,
        "too many snapshots are being made; it is tried again",
        COMMON,
    ),
    Row::new("InvalidDisk.Busy", Retryable, Backup, BUSY, COMMON),
    Row::new("InvalidDisk.SnapshotCreating", Retryable, Backup, BUSY, COMMON),
    Row::new("InvalidDisk.*", Permanent, Backup, ALERT, COMMON),
    Row::new("InvalidDiskId.*", Permanent, Backup, ALERT, COMMON),
    Row::new("InvalidInstance.*", Permanent, Backup, ALERT, COMMON),
    Row::new("InvalidInstanceId.*", Permanent, Backup, ALERT, COMMON),
    Row::new("InvalidAutoSnapshotPolicyId.*", Permanent, Installation, BUG, COMMON),
    Row::new("InsufficientRefundQuota", Permanent, Account, ALERT, COMMON),
    Row::new("ResourceInUse.DiskMigrating", Retryable, Backup, BUSY, COMMON),
    Row::new("ResourceInUse.DiskRollbacking", Retryable, Backup, BUSY, COMMON),
    Row::new("ResourceUnavailable.DiskBackupCreating", Retryable, Backup, BUSY, COMMON),
    Row::new("ResourceUnavailable.DiskSnapshotChainTooLarge", Permanent, Backup, CHAIN, COMMON),
    Row::new("ResourceUnavailable.NotSupportSnapshot", Permanent, Backup, ALERT, COMMON),
    Row::new("ResourceUnavailable.NotSupported", Permanent, Backup, ALERT, COMMON),
    Row::new("DiskSnapshotChainTooLarge", Permanent, Backup, CHAIN, COMMON),
    Row::new(
        "TradeDealConflict",
        Permanent,
        Account,
        "another order of the account is being settled: see the orders in the console",
        COMMON,
    ),
    Row::new("FailedOperation", Permanent, Unknown, ALERT, COMMON),
    Row::new("LimitExceeded", Permanent, Account, "raise the account's quota", COMMON),
    Row::new("LimitExceeded.*", Permanent, Account, "raise the account's quota", COMMON),
    Row::new(
        "ResourceInsufficient",
        Permanent,
        Destination,
        "the destination region has no room: choose another one, or ask the provider",
        COMMON,
    ),
    Row::new(
        "ResourceInsufficient.*",
        Permanent,
        Destination,
        "the destination region has no room: choose another one, or ask the provider",
        COMMON,
    ),
    // Throttled at the gateway, before the backend: always safe to repeat.
    Row::new("RequestLimitExceeded", Throttled, Unknown, SLOWER, LIMITS),
    Row::new("RequestLimitExceeded.*", Throttled, Unknown, SLOWER, LIMITS),
    Row::new("ServiceUnavailable", Ambiguous, Unknown, "", COMMON),
    Row::new("ResourceUnavailable", Ambiguous, Unknown, "", TERRAFORM),
    Row::new("ResourceUnavailable.*", Ambiguous, Unknown, "", TERRAFORM),
    Row::new("ResourceInUse", Ambiguous, Unknown, "", TERRAFORM),
    Row::new("ResourceInUse.*", Ambiguous, Unknown, "", TERRAFORM),
    Row::new("AuthFailure", Authentication, Installation, KEY, COMMON),
    Row::new("AuthFailure.*", Authentication, Installation, KEY, COMMON),
    // Signed anew at the next try; a clock that is really wrong runs out of tries.
    Row::new(
        "AuthFailure.SignatureExpire",
        Retryable,
        Installation,
        "this machine's clock is more than 5 minutes off: correct it",
        COMMON,
    ),
    // The key is good and lacks a right, which may be given for some resources and not for others.
    Row::new("AuthFailure.UnauthorizedOperation", Permanent, Backup, RIGHTS, COMMON),
    Row::new("UnauthorizedOperation", Permanent, Backup, RIGHTS, COMMON),
    Row::new("UnauthorizedOperation.*", Permanent, Backup, RIGHTS, COMMON),
    // A token that is wrong is wrong for everything.
    Row::new("UnauthorizedOperation.InvalidToken", Authentication, Installation, KEY, COMMON),
    Row::new(
        "UnauthorizedOperation.NotCertification",
        Permanent,
        Account,
        "complete the account's real-name authentication",
        COMMON,
    ),
    Row::new(
        "UnauthorizedOperation.NotHavePaymentRight",
        Permanent,
        Account,
        "give this user the right to pay (QcloudFinanceFullAccess), or have the account's owner pay",
        COMMON,
    ),
    Row::new(
        "OperationDenied.*",
        Permanent,
        Account,
        "the account is restricted: look at its security notices",
        COMMON,
    ),
    Row::new("UnsupportedRegion", Permanent, Installation, "check the region codes", COMMON),
    Row::new("InvalidAction", Permanent, Installation, ENDPOINT, COMMON),
    Row::new("ActionOffline", Permanent, Installation, ALERT, COMMON),
    Row::new("NoSuchVersion", Permanent, Installation, ENDPOINT, COMMON),
    Row::new("NoSuchProduct", Permanent, Installation, ENDPOINT, COMMON),
    Row::new("MissingParameter", Permanent, Installation, BUG, COMMON),
    Row::new("UnknownParameter", Permanent, Installation, BUG, COMMON),
    Row::new("InvalidParameter", Permanent, Installation, BUG, COMMON),
    Row::new("InvalidParameter.*", Permanent, Installation, BUG, COMMON),
    Row::new("InvalidFilter", Permanent, Installation, BUG, COMMON),
    Row::new("InvalidRequest", Permanent, Installation, BUG, COMMON),
    Row::new("UnsupportedProtocol", Permanent, Installation, BUG, COMMON),
    Row::new("RequestSizeLimitExceeded", Permanent, Installation, BUG, COMMON),
    Row::new("ResponseSizeLimitExceeded", Permanent, Installation, BUG, COMMON),
    Row::new("IpInBlacklist", Permanent, Account, "this address is blocked by the account", COMMON),
    Row::new("IpNotInWhitelist", Permanent, Account, "this address is not on the account's list", COMMON),
    Row::new("DryRunOperation", Permanent, Installation, BUG, COMMON),
];
