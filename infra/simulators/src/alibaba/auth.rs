//! ACS3-HMAC-SHA256 as the server reads it: signature over the declared headers, clock window, nonces.

use std::collections::{HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::cloud::{Call, Received, Refusal};
use crate::credentials::{Account, Key};
use crate::text::{encode, hex, hmac_sha256, pairs, sha256_hex};

/// How far the date of a request may be from the clock. Source: V3 request structure and signature, help document 2593177;
/// 2026-11-21.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// The actions of HBR and of STS, each group with the API version that a request for it must name.
const VERSIONS: [(&str, &[&str]); 2] = [
    (
        "2017-09-08",
        &[
            "CreateVaultReplication",
            "DeleteVaultReplication",
            "DescribeVaults",
            "DescribeTask",
            "CreateVault",
            "DescribeVaultReplicationRegions",
            "DescribeBackupJobs2",
        ],
    ),
    ("2015-04-01", &["GetCallerIdentity", "AssumeRole", "AssumeRoleWithOIDC"]),
];

/// Nonces seen within the clock window; an older request is refused by its date anyway.
#[derive(Default)]
pub(super) struct Nonces {
    seen: HashSet<String>,
    by_age: VecDeque<(Timestamp, String)>,
}

impl Nonces {
    /// Notes a nonce; `false` if it was used already.
    fn take(&mut self, nonce: &str, now: Timestamp) -> bool {
        // A date may be one window ahead of the clock or one behind, so a nonce matters for two windows.
        let memory = SignedDuration::from_mins(30);
        while self.by_age.front().is_some_and(|(at, _)| now.duration_since(*at) > memory) {
            if let Some((_, old)) = self.by_age.pop_front() {
                self.seen.remove(&old);
            }
        }
        let fresh = self.seen.insert(nonce.to_owned());
        if fresh {
            self.by_age.push_back((now, nonce.to_owned()));
        }
        fresh
    }
}

/// Authenticates `request` and reads action and parameters.
///
/// # Errors
/// The refusal the gateway gives.
pub(super) fn identify(
    request: &Received,
    account: &Account,
    nonces: &mut Nonces,
    now: Timestamp,
    request_id: String,
) -> Result<Call, Refusal> {
    if request.method != "POST" && request.method != "GET" {
        return Err(Refusal::new(405, "UnsupportedHTTPMethod", "This http method is not supported."));
    }
    if request.path != "/" {
        return Err(Refusal::new(
            404,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
        ));
    }
    let header = |name: &str, missing: &'static str| {
        request
            .header(name)
            .ok_or_else(|| Refusal::new(400, missing, format!("The header {name} is mandatory for this action.")))
    };
    let action = header("x-acs-action", "MissingAction")?;
    let version = header("x-acs-version", "MissingVersion")?;
    let (_, actions) = VERSIONS
        .iter()
        .find(|(known, _)| *known == version)
        .ok_or_else(|| Refusal::new(400, "NoSuchVersion", "Specified version does not exist."))?;
    if !actions.contains(&action.as_str()) {
        return Err(Refusal::new(
            404,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
        ));
    }
    // AssumeRoleWithOIDC is the one action that may come without a signature.
    if action != "AssumeRoleWithOIDC" || request.header("authorization").is_some() {
        authenticate(request, account, now)?;
        let nonce = header("x-acs-signature-nonce", "MissingSignatureNonce")?;
        if !nonces.take(&nonce, now) {
            return Err(Refusal::new(400, "SignatureNonceUsed", "Specified signature nonce was used already."));
        }
    }
    let mut query = pairs(&request.query);
    let form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if form {
        query.extend(pairs(&String::from_utf8_lossy(&request.body)));
    }
    let region = request.host_region();
    let mut call =
        Call { action, request_id, region, query, host: request.header("host").unwrap_or_default(), ..Call::default() };
    let named = ["VaultRegionId", "ReplicationSourceRegionId"];
    call.regions = call
        .region
        .clone()
        .into_iter()
        .chain(named.iter().filter_map(|name| call.parameter(name)).map(str::to_owned))
        .collect();
    call.source = ["ReplicationSourceVaultId", "VaultId", "TaskId", "SourceType"]
        .iter()
        .find_map(|name| call.parameter(name))
        .map(str::to_owned);
    Ok(call)
}

fn authenticate(request: &Received, account: &Account, now: Timestamp) -> Result<(), Refusal> {
    let incomplete = |why: &str| {
        Refusal::new(
            400,
            "IncompleteSignature",
            format!("The request signature does not conform to Aliyun standards. {why}"),
        )
    };
    let authorization =
        request.header("authorization").ok_or_else(|| incomplete("There is no Authorization header."))?;
    let Some((method, fields)) = authorization.split_once(' ') else {
        return Err(incomplete("The Authorization header is malformed."));
    };
    if method != "ACS3-HMAC-SHA256" {
        return Err(Refusal::new(400, "InvalidSignatureMethod", "The specified signature method is invalid."));
    }
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| incomplete("The Authorization header is malformed."))
    };
    let (id, signed, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let date = request
        .header("x-acs-date")
        .ok_or_else(|| Refusal::new(400, "MissingTimeStamp", "The header x-acs-date is mandatory for this action."))?;
    let at = date.parse::<Timestamp>().ok().filter(|_| date.len() == 20 && date.ends_with('Z')).ok_or_else(|| {
        Refusal::new(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
    })?;
    if now.duration_since(at).abs() > WINDOW {
        return Err(Refusal::new(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."));
    }
    let (secret, token) = match account.find(id, now) {
        Key::Unknown => {
            return Err(Refusal::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."));
        }
        Key::Known { expired: true, .. } => {
            return Err(Refusal::new(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."));
        }
        Key::Known { secret, token, .. } => (secret, token),
    };
    let sent = request.header("x-acs-security-token").filter(|token| !token.is_empty());
    match (token, sent.as_deref()) {
        (Some(_), None) => {
            return Err(Refusal::new(400, "MissingSecurityToken", "SecurityToken is mandatory for this action."));
        }
        (Some(token), Some(sent)) if token == sent => {}
        (None, None) => {}
        _ => {
            return Err(Refusal::new(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            ));
        }
    }
    let names: Vec<&str> = signed.split(';').collect();
    if !names.is_sorted() {
        return Err(incomplete("SignedHeaders must be sorted."));
    }
    let mut mandatory =
        vec!["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];
    mandatory.extend(sent.is_some().then_some("x-acs-security-token"));
    if let Some(absent) = mandatory.iter().find(|name| !names.contains(name)) {
        return Err(incomplete(&format!("The header {absent} must be signed.")));
    }
    let canonical = canonical_request(request, &names, signed)
        .ok_or_else(|| incomplete("A signed header is not in the request."))?;
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", sha256_hex(canonical.as_bytes()));
    let declared = request.header("x-acs-content-sha256").unwrap_or_default();
    let body_fits = declared == sha256_hex(&request.body);
    if !body_fits || hex(&hmac_sha256(secret.as_bytes(), to_sign.as_bytes())) != signature {
        // The live service names its own canonical request, which may hold the token: so does the simulator.
        return Err(Refusal::new(
            400,
            "SignatureDoesNotMatch",
            format!(
                "Specified signature does not match our calculation. server CanonicalRequest is [{canonical}], server StringToSign is [{to_sign}]"
            ),
        ));
    }
    Ok(())
}

fn canonical_request(request: &Received, names: &[&str], signed: &str) -> Option<String> {
    let mut query = pairs(&request.query);
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mut canonical = format!("{}\n/\n{}\n", request.method, query.join("&"));
    for name in names {
        canonical.push_str(&format!("{name}:{}\n", request.header(name)?));
    }
    canonical.push_str(&format!("\n{signed}\n{}", sha256_hex(&request.body)));
    Some(canonical)
}
