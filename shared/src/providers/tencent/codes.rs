//! Tencent's error codes: what each means for what happens next.

use crate::model::failure::Disposition::{Ambiguous, Authentication, Conflict, Permanent, Retryable, Throttled, Unfit};
use crate::model::failure::Row;

const API: &str = "API page 362/45941, 2023-07-10 and 2026-05-15; tencentcloud-sdk-go cbs/v20170312";
const COMMON: &str = "tencentcloud-sdk-python-cbs 3.1.175, error codes";
const LIMITS: &str = "cloud.tencent.com 1278/109059, 2025-04-15";
const TERRAFORM: &str = "terraform-provider-tencentcloud, PR 4231, 2026-06-22";

const ALERT: &str = "this needs a person: see the code in the provider's documents";
const KEY: &str = "correct the key, its token or its permissions (cbs:CopySnapshotCrossRegions, cbs:DescribeSnapshots)";

/// The table.
pub const TABLE: &[Row] = &[
    Row {
        code: "ResourceInUse.CopySnapshotConflict",
        disposition: Conflict,
        advice: "the running copy is looked up and adopted",
        source: API,
    },
    Row {
        code: "ResourceBusy",
        disposition: Retryable,
        advice: "the provider is busy with this snapshot; it is tried again",
        source: API,
    },
    Row { code: "InternalError", disposition: Ambiguous, advice: "", source: API },
    Row { code: "InternalError.*", disposition: Ambiguous, advice: "", source: API },
    Row {
        code: "InsufficientSnapshotQuota",
        disposition: Permanent,
        advice: "raise the snapshot quota of the destination region or delete old snapshots there",
        source: API,
    },
    Row {
        code: "InvalidAccount.InsufficientBalance",
        disposition: Permanent,
        advice: "top up the account's balance",
        source: API,
    },
    Row {
        code: "InvalidParameterValue",
        disposition: Permanent,
        advice: "check the region codes and the snapshot ID",
        source: API,
    },
    Row {
        code: "InvalidParameterValue.*",
        disposition: Permanent,
        advice: "check the region codes and the snapshot ID",
        source: API,
    },
    Row {
        code: "InvalidSnapshotId.NotFound",
        disposition: Permanent,
        advice: "check the snapshot ID and that source.region is the region it is in",
        source: API,
    },
    Row {
        code: "InvalidSnapshot.NotSupported",
        disposition: Unfit,
        advice: "this snapshot cannot be copied to another region",
        source: API,
    },
    Row {
        code: "UnsupportedOperation.SnapshotNotSupportCopy",
        disposition: Unfit,
        advice: "this snapshot cannot be copied to another region (system disk, encrypted or instant)",
        source: API,
    },
    Row { code: "UnsupportedOperation.*", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "UnsupportedOperation", disposition: Permanent, advice: ALERT, source: COMMON },
    // Throttled at the gateway, before the backend: always safe to repeat.
    Row {
        code: "RequestLimitExceeded",
        disposition: Throttled,
        advice: "lower OFFSITE_TENCENT_RPS or the concurrency if this stays",
        source: LIMITS,
    },
    Row {
        code: "RequestLimitExceeded.*",
        disposition: Throttled,
        advice: "lower OFFSITE_TENCENT_RPS or the concurrency if this stays",
        source: LIMITS,
    },
    Row { code: "ServiceUnavailable", disposition: Ambiguous, advice: "", source: COMMON },
    Row { code: "ResourceUnavailable", disposition: Ambiguous, advice: "", source: TERRAFORM },
    Row { code: "ResourceUnavailable.*", disposition: Ambiguous, advice: "", source: TERRAFORM },
    Row { code: "ResourceInUse", disposition: Ambiguous, advice: "", source: TERRAFORM },
    Row { code: "ResourceInUse.*", disposition: Ambiguous, advice: "", source: TERRAFORM },
    Row { code: "AuthFailure", disposition: Authentication, advice: KEY, source: COMMON },
    Row { code: "AuthFailure.*", disposition: Authentication, advice: KEY, source: COMMON },
    // Signed anew at the next try; a clock that is really wrong runs out of tries.
    Row {
        code: "AuthFailure.SignatureExpire",
        disposition: Retryable,
        advice: "this machine's clock is more than 5 minutes off: correct it",
        source: COMMON,
    },
    Row { code: "UnauthorizedOperation", disposition: Authentication, advice: KEY, source: COMMON },
    Row { code: "UnauthorizedOperation.*", disposition: Authentication, advice: KEY, source: COMMON },
    Row {
        code: "OperationDenied.*",
        disposition: Permanent,
        advice: "the account is restricted: look at its security notices",
        source: COMMON,
    },
    Row { code: "UnsupportedRegion", disposition: Permanent, advice: "check the region codes", source: COMMON },
    Row { code: "InvalidAction", disposition: Permanent, advice: "check OFFSITE_TENCENT_ENDPOINT", source: COMMON },
    Row { code: "ActionOffline", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "NoSuchVersion", disposition: Permanent, advice: "check OFFSITE_TENCENT_ENDPOINT", source: COMMON },
    Row { code: "NoSuchProduct", disposition: Permanent, advice: "check OFFSITE_TENCENT_ENDPOINT", source: COMMON },
    Row { code: "MissingParameter", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "UnknownParameter", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "InvalidParameter", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "InvalidParameter.*", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "InvalidFilter", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "InvalidRequest", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "UnsupportedProtocol", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "RequestSizeLimitExceeded", disposition: Permanent, advice: ALERT, source: COMMON },
    Row { code: "ResponseSizeLimitExceeded", disposition: Permanent, advice: ALERT, source: COMMON },
    Row {
        code: "IpInBlacklist",
        disposition: Permanent,
        advice: "this address is blocked by the account",
        source: COMMON,
    },
    Row {
        code: "IpNotInWhitelist",
        disposition: Permanent,
        advice: "this address is not on the account's list",
        source: COMMON,
    },
    Row { code: "DryRunOperation", disposition: Permanent, advice: ALERT, source: COMMON },
];
