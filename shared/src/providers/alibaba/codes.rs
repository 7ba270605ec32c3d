//! Alibaba's error codes, and what each means for what happens next. Match on the code, never on the HTTP status: products disagree about
//! the status.
//!
//! HBR copies a vault, so [`Backup`] stands for the pair of vaults that was to be made: what is wrong with it says nothing about another
//! pair.

use crate::model::failure::Disposition::{Ambiguous, Authentication, Permanent, Retryable, Throttled};
use crate::model::failure::Row;
use crate::model::failure::Whose::{Account, Backup, Installation, Unknown};

const HBR: &str = "HBR error codes, api-hbr-2017-09-08-errorcodes, 2025";
const GATEWAY: &str = "help.aliyun.com 434846, 48054, 51132";
const TERRAFORM: &str = "terraform-provider-alicloud 81c43b672, errors.go, 2026-08-21";
const STS: &str = "inferred: spelling seen in general use only, 2026";
const ROLES: &str = "OpenAPI metadata, CheckRole, 2024-07";
const NONCE: &str = "aliyun/alibaba-cloud-sdk-go issue 39";

const KEY: &str = "correct the key or its token";
const RIGHTS: &str = "this key may not do this here: allow hbr:CreateVaultReplication, hbr:DescribeVaults and hbr:DescribeBackupJobs2 in its RAM policy";
const SECRET: &str = "the secret does not belong to the key, or a proxy changes requests: compare with `offsite sign`";
const BUG: &str = "the request was refused as malformed: report it with the request ID";
const MONEY: &str = "the account is in debt or the service is not activated: settle that in the console";
const SLOWER: &str = "lower OFFSITE_ALIBABA_RPS if this stays";
const CLOCK: &str = "this machine's clock is more than 15 minutes off: correct it";
const ROLE: &str = "grant HBR its service-linked role in the console";
const VAULTS: &str = "check both vault IDs and their regions";
const ENDPOINT: &str = "check OFFSITE_ALIBABA_ENDPOINT";
const REGION: &str = "check OFFSITE_ALIBABA_ENDPOINT and that the region has this API";

/// The codes of HBR, STS and the gateway before them.
pub const TABLE: &[Row] = &[
    // Throttled in front of the service, usually with HTTP 400.
    Row::new("Throttling", Throttled, Unknown, SLOWER, GATEWAY),
    Row::new("Throttling.*", Throttled, Unknown, SLOWER, GATEWAY),
    Row::new("Rejected.Throttling", Throttled, Unknown, SLOWER, TERRAFORM),
    Row::new("ServiceUnavailable", Ambiguous, Unknown, "", GATEWAY),
    Row::new("InternalError", Ambiguous, Unknown, "", HBR),
    // Each request has a new nonce, so an earlier copy of this very request was received.
    Row::new("SignatureNonceUsed", Ambiguous, Unknown, "", NONCE),
    // The next try is signed anew; a clock that is really wrong runs out of tries.
    Row::new("InvalidTimeStamp.Expired", Retryable, Installation, CLOCK, GATEWAY),
    Row::new("InvalidTimeStamp.Format", Permanent, Installation, BUG, GATEWAY),
    Row::new("SignatureDoesNotMatch", Authentication, Installation, SECRET, GATEWAY),
    Row::new("IncompleteSignature", Authentication, Installation, BUG, GATEWAY),
    Row::new("InvalidSignatureMethod", Permanent, Installation, BUG, GATEWAY),
    Row::new("InvalidAccessKeyId.*", Authentication, Installation, KEY, GATEWAY),
    Row::new("InvalidSecurityToken.*", Authentication, Installation, KEY, STS),
    // The key is good but lacks a permission, which may be granted for some resources and not for others.
    Row::new("Forbidden", Permanent, Backup, RIGHTS, GATEWAY),
    Row::new("Forbidden.*", Permanent, Backup, RIGHTS, GATEWAY),
    Row::new("NoPermission", Permanent, Backup, RIGHTS, HBR),
    Row::new("NoPermission.*", Permanent, Backup, RIGHTS, HBR),
    Row::new("Forbidden.RiskControl", Permanent, Account, MONEY, GATEWAY),
    Row::new("RiskControlProhibited", Permanent, Account, MONEY, HBR),
    Row::new("ServiceNotActivated", Permanent, Account, MONEY, HBR),
    Row::new("InDebt*", Permanent, Account, MONEY, HBR),
    Row::new("AssumeRoleFail", Permanent, Account, ROLE, HBR),
    Row::new("RoleNotExist", Permanent, Account, ROLE, HBR),
    Row::new("CrossAccountBackupSlrNotExist", Permanent, Account, ROLE, ROLES),
    Row::new(
        "AccountNotEnableRdTrustedService",
        Permanent,
        Account,
        "enable trusted access for Cloud Backup in Resource Management",
        HBR,
    ),
    Row::new("VaultNotExist", Permanent, Backup, VAULTS, HBR),
    Row::new("ResourceNotFound", Permanent, Backup, VAULTS, HBR),
    Row::new("ObjectNotExist", Permanent, Backup, VAULTS, HBR),
    Row::new("TaskTypeNotSupported", Permanent, Backup, "this vault type cannot be replicated", HBR),
    Row::new("InitVaultError", Ambiguous, Unknown, "", HBR),
    Row::new("AccessVaultFail", Ambiguous, Unknown, "", HBR),
    Row::new("BadRequest", Permanent, Installation, VAULTS, HBR),
    Row::new("Missing*", Permanent, Installation, BUG, GATEWAY),
    Row::new("InvalidParameter*", Permanent, Installation, VAULTS, GATEWAY),
    Row::new("InvalidAction*", Permanent, Installation, REGION, GATEWAY),
    Row::new("InvalidApi.NotFound", Permanent, Installation, REGION, GATEWAY),
    Row::new("InvalidProduct.NotFound", Permanent, Installation, ENDPOINT, GATEWAY),
    Row::new("InvalidProtocol.NeedSsl", Permanent, Installation, "use https in OFFSITE_ALIBABA_ENDPOINT", GATEWAY),
    Row::new("UnsupportedHTTPMethod", Permanent, Installation, BUG, GATEWAY),
    Row::new("NoSuchVersion", Permanent, Installation, ENDPOINT, GATEWAY),
    Row::new("UnsupportedOperation", Permanent, Backup, "this vault cannot be replicated so", GATEWAY),
];
