//! TC3-HMAC-SHA256 as the server reads it, and the common parameters in the X-TC- headers.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::fields::{missing, refusal};
use crate::cloud::{Call, Received, Refusal};
use crate::credentials::{Account, Key};
use crate::text::{hex, hmac_sha256, pairs, sha256_hex};

/// How far the time of a request may be from the clock. Source: signature v3 page; 2026-11-21.
const WINDOW: SignedDuration = SignedDuration::from_secs(300);

/// Actions by service, with the version each belongs to.
const SERVICES: [(&str, &str, &[&str]); 2] = [
    (
        "cbs",
        "2017-03-12",
        &[
            "CopySnapshotCrossRegions",
            "DescribeSnapshots",
            "DeleteSnapshots",
            "ModifySnapshotAttribute",
            "CreateSnapshot",
        ],
    ),
    ("sts", "2018-08-13", &["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"]),
];

/// Authenticates `request` and reads which action it is.
///
/// # Errors
/// The refusal the gateway gives.
pub(super) fn identify(
    request: &Received,
    account: &Account,
    now: Timestamp,
    request_id: String,
    any_source: bool,
) -> Result<Call, Refusal> {
    let action = request.header("x-tc-action").ok_or_else(|| missing("Action"))?;
    // AssumeRoleWithWebIdentity is the one action that is not signed, which it says by `SKIP`.
    let service = match (action.as_str(), request.header("authorization").as_deref()) {
        ("AssumeRoleWithWebIdentity", Some("SKIP")) => "sts".to_owned(),
        _ => authenticate(request, account, now)?,
    };
    let version = request.header("x-tc-version").ok_or_else(|| missing("Version"))?;
    let (_, known_version, actions) = SERVICES
        .iter()
        .find(|(name, ..)| *name == service)
        .ok_or_else(|| refusal("NoSuchProduct", format!("The product `{service}` does not exist.")))?;
    if version != *known_version {
        return Err(refusal("NoSuchVersion", format!("The version `{version}` of `{service}` does not exist.")));
    }
    if !actions.contains(&action.as_str()) {
        return Err(refusal("InvalidAction", format!("The action `{action}` does not exist.")));
    }
    let region = request.header("x-tc-region").filter(|region| !region.is_empty());
    if service == "cbs" {
        let region = region.as_deref().ok_or_else(|| missing("Region"))?;
        if !is_region(region, any_source) {
            return Err(refusal("UnsupportedRegion", format!("The region `{region}` is not supported.")));
        }
    }
    let query = pairs(&request.query);
    let body = if request.method == "GET" {
        Some(unflatten(&query))
    } else {
        serde_json::from_slice::<Value>(&request.body).ok()
    };
    let mut regions: Vec<String> = region.iter().cloned().collect();
    let mut source = None;
    if let Some(body) = &body {
        source = body["SnapshotId"].as_str().or_else(|| body["SnapshotIds"][0].as_str()).map(str::to_owned);
        let destinations = body["DestinationRegions"].as_array().into_iter().flatten();
        regions.extend(destinations.filter_map(Value::as_str).map(str::to_owned));
    }
    let host = request.header("host").unwrap_or_default();
    Ok(Call { action, source, regions, region, request_id, host, path: Vec::new(), query, body })
}

/// Whether snapshots can be in this region.
pub(super) fn is_region(region: &str, any: bool) -> bool {
    /// Source: region codes seen in 2023, reference section 5; 2026-11-21.
    const REGIONS: [&str; 21] = [
        "ap-guangzhou",
        "ap-shanghai",
        "ap-nanjing",
        "ap-beijing",
        "ap-chengdu",
        "ap-chongqing",
        "ap-hongkong",
        "ap-singapore",
        "ap-jakarta",
        "ap-mumbai",
        "ap-seoul",
        "ap-bangkok",
        "ap-tokyo",
        "na-siliconvalley",
        "na-ashburn",
        "na-toronto",
        "sa-saopaulo",
        "eu-frankfurt",
        "eu-moscow",
        "ap-shanghai-fsi",
        "ap-shenzhen-fsi",
    ];
    let well_formed = region.len() > 3
        && region.as_bytes()[2] == b'-'
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    REGIONS.contains(&region) || (any && well_formed)
}

/// Checks the signature; answers with the service it is scoped to.
fn authenticate(request: &Received, account: &Account, now: Timestamp) -> Result<String, Refusal> {
    if request.method != "POST" && request.method != "GET" {
        return Err(refusal("UnsupportedProtocol", "Only GET and POST requests are supported."));
    }
    let authorization = request.header("authorization").ok_or_else(|| missing("Authorization"))?;
    let malformed =
        || refusal("AuthFailure.InvalidAuthorization", "The `Authorization` header of the request is malformed.");
    let fields = authorization.strip_prefix("TC3-HMAC-SHA256 ").ok_or_else(malformed)?;
    let field = |name: &str| {
        fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=')).ok_or_else(malformed)
    };
    let (credential, signed, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let scope: Vec<&str> = credential.split('/').collect();
    let [id, date, service, "tc3_request"] = scope[..] else {
        return Err(malformed());
    };
    let stamp = request.header("x-tc-timestamp").ok_or_else(|| missing("Timestamp"))?;
    let at = stamp.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
        refusal("InvalidParameterValue", "The value of `X-TC-Timestamp` is not a UNIX time in seconds.")
    })?;
    if now.duration_since(at).abs() > WINDOW {
        return Err(refusal(
            "AuthFailure.SignatureExpire",
            "The provided credentials could not be validated because the signature has expired: the time differs from the server's by more than 5 minutes.",
        ));
    }
    let wrong = || {
        refusal(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please ensure your signature is correct.",
        )
    };
    if at.strftime("%Y-%m-%d").to_string() != date {
        return Err(wrong());
    }
    let (secret, token) = match account.find(id, now) {
        Key::Unknown => {
            return Err(refusal(
                "AuthFailure.SecretIdNotFound",
                "The SecretId is not found, please ensure that your SecretId is correct.",
            ));
        }
        Key::Known { expired: true, .. } => {
            return Err(refusal("AuthFailure.TokenFailure", "The token has expired."));
        }
        Key::Known { secret, token, .. } => (secret, token),
    };
    if request.header("x-tc-token").filter(|token| !token.is_empty()).as_deref() != token {
        return Err(refusal("AuthFailure.TokenFailure", "The provided token could not be validated."));
    }
    let names: Vec<&str> = signed.split(';').collect();
    if !names.is_sorted() || !names.contains(&"host") || !names.contains(&"content-type") {
        return Err(wrong());
    }
    let mut canonical =
        format!("{}\n/\n{}\n", request.method, if request.method == "GET" { &request.query } else { "" });
    for name in &names {
        let value = request.header(name).ok_or_else(wrong)?;
        canonical.push_str(&format!("{name}:{}\n", value.trim().to_lowercase()));
    }
    let unsigned = request.header("x-tc-content-sha256").is_some_and(|value| value == "UNSIGNED-PAYLOAD");
    let payload = if unsigned { "UNSIGNED-PAYLOAD".as_bytes() } else { &request.body };
    canonical.push_str(&format!("\n{signed}\n{}", sha256_hex(payload)));
    let to_sign =
        format!("TC3-HMAC-SHA256\n{stamp}\n{date}/{service}/tc3_request\n{}", sha256_hex(canonical.as_bytes()));
    let day_key = hmac_sha256(format!("TC3{secret}").as_bytes(), date.as_bytes());
    let service_key = hmac_sha256(&day_key, service.as_bytes());
    let request_key = hmac_sha256(&service_key, b"tc3_request");
    if hex(&hmac_sha256(&request_key, to_sign.as_bytes())) != signature {
        return Err(wrong());
    }
    Ok(service.to_owned())
}

/// `Filters.0.Values.0=x` and the like as the JSON they stand for.
fn unflatten(pairs: &[(String, String)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, value) in pairs {
        let mut place = &mut root;
        for step in name.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[step];
        }
        *place = Value::String(value.clone());
    }
    lists(root)
}

/// Objects whose keys are all numbers become arrays, in numeric order.
fn lists(value: Value) -> Value {
    let Value::Object(object) = value else {
        return value;
    };
    let numbered: Option<Vec<u32>> = object.keys().map(|key| key.parse().ok()).collect();
    match numbered {
        Some(numbers) if !numbers.is_empty() => {
            let mut items: Vec<(u32, Value)> =
                numbers.into_iter().zip(object.into_iter().map(|(_, item)| lists(item))).collect();
            items.sort_by_key(|(number, _)| *number);
            Value::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        _ => Value::Object(object.into_iter().map(|(key, item)| (key, lists(item))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_parameters_become_nested_json() {
        let query = pairs("Limit=5&Filters.0.Name=snapshot-name&Filters.0.Values.0=a+b&Filters.0.Values.1=c");
        assert_eq!(
            unflatten(&query),
            json!({"Limit": "5", "Filters": [{"Name": "snapshot-name", "Values": ["a b", "c"]}]})
        );
    }

    #[test]
    fn regions_are_known_or_well_formed() {
        assert!(is_region("ap-guangzhou", false));
        assert!(!is_region("ap-nowhere", false));
        assert!(is_region("ap-nowhere", true));
        assert!(!is_region("Nowhere", true));
    }
}
