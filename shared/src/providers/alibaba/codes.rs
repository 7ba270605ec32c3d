//! Alibaba's error codes: what each means for what happens next. Match on the code, never on the HTTP status:
//! products disagree about the status.

use crate::model::failure::Disposition::{Ambiguous, Authentication, Permanent, Retryable, Throttled};
use crate::model::failure::Row;

const HBR: &str = "HBR error codes, api-hbr-2017-09-08-errorcodes, 2025";
const GATEWAY: &str = "help.aliyun.com 434846, 48054, 51132";
const TERRAFORM: &str = "terraform-provider-alicloud 81c43b672, errors.go, 2026-08-21";
const STS: &str = "inferred: spelling seen in general use only, 2026";

const KEY: &str = "correct the key, its token or its RAM policy (hbr:CreateVaultReplication, hbr:DescribeVaults)";
const BUG: &str = "the request was refused as malformed: report it with the request ID";
const MONEY: &str = "the account is in debt or the service is not activated: settle that in the console";

/// The table.
pub const TABLE: &[Row] = &[
    // Throttled in front of the service, usually with HTTP 400.
    Row {
        code: "Throttling",
        disposition: Throttled,
        advice: "lower OFFSITE_ALIBABA_RPS if this stays",
        source: GATEWAY,
    },
    Row {
        code: "Throttling.*",
        disposition: Throttled,
        advice: "lower OFFSITE_ALIBABA_RPS if this stays",
        source: GATEWAY,
    },
    Row {
        code: "Rejected.Throttling",
        disposition: Throttled,
        advice: "lower OFFSITE_ALIBABA_RPS if this stays",
        source: TERRAFORM,
    },
    Row { code: "ServiceUnavailable", disposition: Ambiguous, advice: "", source: GATEWAY },
    Row { code: "InternalError", disposition: Ambiguous, advice: "", source: HBR },
    // The nonce is new for every request, so an earlier copy of this very request was received.
    Row {
        code: "SignatureNonceUsed",
        disposition: Ambiguous,
        advice: "",
        source: "aliyun/alibaba-cloud-sdk-go issue 39",
    },
    // Signed anew at the next try; a clock that is really wrong runs out of tries.
    Row {
        code: "InvalidTimeStamp.Expired",
        disposition: Retryable,
        advice: "this machine's clock is more than 15 minutes off: correct it",
        source: GATEWAY,
    },
    Row { code: "InvalidTimeStamp.Format", disposition: Permanent, advice: BUG, source: GATEWAY },
    Row {
        code: "SignatureDoesNotMatch",
        disposition: Authentication,
        advice: "the secret does not belong to the key, or a proxy changes requests: compare with `offsite sign`",
        source: GATEWAY,
    },
    Row { code: "IncompleteSignature", disposition: Authentication, advice: BUG, source: GATEWAY },
    Row { code: "InvalidSignatureMethod", disposition: Permanent, advice: BUG, source: GATEWAY },
    Row { code: "InvalidAccessKeyId.*", disposition: Authentication, advice: KEY, source: GATEWAY },
    Row { code: "InvalidSecurityToken.*", disposition: Authentication, advice: KEY, source: STS },
    Row { code: "Forbidden.*", disposition: Authentication, advice: KEY, source: GATEWAY },
    Row { code: "Forbidden", disposition: Authentication, advice: KEY, source: GATEWAY },
    Row { code: "NoPermission", disposition: Authentication, advice: KEY, source: HBR },
    Row { code: "Forbidden.RiskControl", disposition: Permanent, advice: MONEY, source: GATEWAY },
    Row { code: "RiskControlProhibited", disposition: Permanent, advice: MONEY, source: HBR },
    Row { code: "ServiceNotActivated", disposition: Permanent, advice: MONEY, source: HBR },
    Row { code: "InDebt*", disposition: Permanent, advice: MONEY, source: HBR },
    Row {
        code: "AssumeRoleFail",
        disposition: Permanent,
        advice: "grant HBR its service-linked role in the console",
        source: HBR,
    },
    Row {
        code: "RoleNotExist",
        disposition: Permanent,
        advice: "grant HBR its service-linked role in the console",
        source: HBR,
    },
    Row {
        code: "CrossAccountBackupSlrNotExist",
        disposition: Permanent,
        advice: "grant HBR its service-linked role in the console",
        source: "OpenAPI metadata, CheckRole, 2024-07",
    },
    Row {
        code: "AccountNotEnableRdTrustedService",
        disposition: Permanent,
        advice: "enable trusted access for Cloud Backup in Resource Management",
        source: HBR,
    },
    Row {
        code: "VaultNotExist",
        disposition: Permanent,
        advice: "check both vault IDs and their regions",
        source: HBR,
    },
    Row {
        code: "ResourceNotFound",
        disposition: Permanent,
        advice: "check both vault IDs and their regions",
        source: HBR,
    },
    Row {
        code: "ObjectNotExist",
        disposition: Permanent,
        advice: "check both vault IDs and their regions",
        source: HBR,
    },
    Row {
        code: "TaskTypeNotSupported",
        disposition: Permanent,
        advice: "this vault type cannot be replicated",
        source: HBR,
    },
    Row { code: "InitVaultError", disposition: Ambiguous, advice: "", source: HBR },
    Row { code: "AccessVaultFail", disposition: Ambiguous, advice: "", source: HBR },
    Row { code: "BadRequest", disposition: Permanent, advice: "check both vault IDs and their regions", source: HBR },
    Row { code: "Missing*", disposition: Permanent, advice: BUG, source: GATEWAY },
    Row {
        code: "InvalidParameter*",
        disposition: Permanent,
        advice: "check both vault IDs and their regions",
        source: GATEWAY,
    },
    Row {
        code: "InvalidAction*",
        disposition: Permanent,
        advice: "check OFFSITE_ALIBABA_ENDPOINT and that the region has this API",
        source: GATEWAY,
    },
    Row {
        code: "InvalidApi.NotFound",
        disposition: Permanent,
        advice: "check OFFSITE_ALIBABA_ENDPOINT and that the region has this API",
        source: GATEWAY,
    },
    Row {
        code: "InvalidProduct.NotFound",
        disposition: Permanent,
        advice: "check OFFSITE_ALIBABA_ENDPOINT",
        source: GATEWAY,
    },
    Row {
        code: "InvalidProtocol.NeedSsl",
        disposition: Permanent,
        advice: "use https in OFFSITE_ALIBABA_ENDPOINT",
        source: GATEWAY,
    },
    Row { code: "UnsupportedHTTPMethod", disposition: Permanent, advice: BUG, source: GATEWAY },
    Row { code: "NoSuchVersion", disposition: Permanent, advice: "check OFFSITE_ALIBABA_ENDPOINT", source: GATEWAY },
    Row {
        code: "UnsupportedOperation",
        disposition: Permanent,
        advice: "this vault cannot be replicated so",
        source: GATEWAY,
    },
];
