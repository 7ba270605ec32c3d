//! `offsite sign` over every vector, in both ways of writing a request, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;

use offsite_local::cmd::sign::{Scheme, SignArgs, run};
use serde_json::{Map, Value, json};

use crate::vectors::{open, query_pairs, without};

/// What the command prints for an input.
fn printed(scheme: Scheme, input: &Value) -> Result<String, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input.to_string().as_bytes()).unwrap();
    let mut out = Vec::new();
    let args = SignArgs { scheme, input: file.path().to_owned() };
    run(args, &mut out).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

fn explained(case: &str, scheme: Scheme, input: &Value) -> Value {
    let text = printed(scheme, input).unwrap_or_else(|error| panic!("{case}: {error}"));
    let secret = input["access_key_secret"].as_str().unwrap();
    // One published example uses 32 asterisks for the secret and as a part of the key ID.
    if !input["access_key_id"].as_str().unwrap().contains(secret) {
        assert!(!text.contains(secret), "{case}: the secret is printed");
    }
    let output: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&String> = output.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["canonical_request", "headers", "signature", "signed_headers", "string_to_sign"], "{case}");
    output
}

fn assert_explains(case: &str, scheme: Scheme, input: &Value, expected: &Value) {
    let output = explained(case, scheme, input);
    for stage in ["canonical_request", "string_to_sign", "signed_headers", "signature"] {
        assert_eq!(output[stage], expected[stage], "{case}: {stage}");
    }
    assert_eq!(output["headers"]["Authorization"], expected["authorization"], "{case}");
}

/// The input with some keys replaced (or, by null, left out).
fn with(input: &Value, changes: Value) -> Value {
    let mut input = input.clone();
    let object = input.as_object_mut().unwrap();
    object.extend(changes.as_object().unwrap().clone());
    input
}

fn as_url(input: &Value, target: &str) -> Value {
    let url = format!("https://{}{target}", input["host"].as_str().unwrap());
    with(input, json!({ "url": url, "host": null, "path": null, "query": null }))
}

fn names(joined: &Value) -> Vec<&str> {
    joined.as_str().unwrap().split(';').collect()
}

fn pairs_of(headers: &Value) -> Vec<(String, String)> {
    let headers = headers.as_object().unwrap().iter();
    headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn acs3_vectors_are_explained() {
    let (mut file, cases) = open("acs3.json");
    let vectors = file.list("vectors");
    assert_eq!(vectors.len(), cases);
    for v in vectors {
        let case = v["name"].as_str().unwrap();
        let added = ["host", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256", "x-acs-security-token"];
        let input = json!({
            "method": v["method"], "host": v["headers"]["host"], "path": v["path"], "query": v["query"],
            "headers": without(&pairs_of(&v["headers"]), &added), "body": v["body"],
            "access_key_id": v["access_key_id"], "access_key_secret": v["access_key_secret"],
            "security_token": v["security_token"], "date": v["date"], "nonce": v["nonce"],
            "signed_headers": names(&v["expected"]["signed_headers"]),
        });
        // An encoded path can be told only by a URL: a path of its own is taken as not encoded.
        if !v["path"].as_str().unwrap().contains('%') {
            assert_explains(case, Scheme::Acs3, &input, &v["expected"]);
        }
        let line = |at: usize| v["expected"]["canonical_request"].as_str().unwrap().split('\n').nth(at).unwrap();
        let as_signed = as_url(&input, &format!("{}?{}", line(1), line(2)));
        assert_explains(case, Scheme::Acs3, &as_signed, &v["expected"]);
        // All headers as they were sent, and nothing beside them.
        let sent = with(&as_signed, json!({ "headers": v["headers"], "date": null, "nonce": null }));
        assert_explains(case, Scheme::Acs3, &sent, &v["expected"]);

        let minimal = v.get("minimal_signed_headers_variant").unwrap_or(&v["expected"]);
        let default = with(&as_signed, json!({ "signed_headers": null }));
        assert_explains(case, Scheme::Acs3, &default, minimal);
        if let Some(url) = v.get("wire_url") {
            let input = with(&as_signed, json!({ "url": url }));
            assert_explains(case, Scheme::Acs3, &input, &v["expected"]);
        }
    }
}

#[test]
fn sdk_hmac_vectors_are_explained() {
    let (mut file, cases) = open("sdk_hmac.json");
    let vectors = file.list("vectors");
    assert_eq!(vectors.len(), cases);
    for v in vectors {
        let case = v["name"].as_str().unwrap();
        let pairs: Vec<_> = v["query"].as_array().unwrap().iter().cloned().flat_map(query_pairs).collect();
        let input = json!({
            "method": v["method"], "host": v["host"], "path": v["resource_path"], "query": pairs,
            "headers": v["headers"], "body": v["body"], "access_key_id": v["ak"], "access_key_secret": v["sk"],
            "security_token": v["security_token"], "project_id": v["project_id"], "domain_id": v["domain_id"],
            "date": v["x_sdk_date"], "signed_headers": v["signed_headers"],
        });
        assert_explains(case, Scheme::SdkHmac, &input, &v);
        let input = as_url(&input, v["wire_request_target"].as_str().unwrap());
        assert_explains(case, Scheme::SdkHmac, &input, &v);
        // As sent, with the Authorization that is in question.
        let sent =
            json!({ "headers": v["headers_after_signing"], "date": null, "project_id": null, "domain_id": null });
        assert_explains(case, Scheme::SdkHmac, &with(&input, sent), &v);
        // The vectors write a repeated name with a list of values.
        let input =
            with(&input, json!({ "url": null, "host": v["host"], "path": v["resource_path"], "query": v["query"] }));
        assert_explains(case, Scheme::SdkHmac, &input, &v);
    }
}

#[test]
fn tc3_vectors_are_explained() {
    let (mut file, cases) = open("tc3.json");
    let vectors: Vec<Value> = file.list("documentation_examples").into_iter().chain(file.list("vectors")).collect();
    assert_eq!(vectors.len(), cases);
    let (signed, unsigned): (Vec<_>, Vec<_>) =
        vectors.into_iter().partition(|v| v["expect"].get("signature").is_some());
    assert_eq!(unsigned.len(), 1, "only sts-web-identity is sent without a signature");
    for v in signed {
        let case = v["name"].as_str().unwrap();
        let request = &v["input"];
        let mut headers = Map::from_iter([("X-TC-Action".to_owned(), request["action"].clone())]);
        let default = match request["method"].as_str().unwrap() {
            "GET" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        if request["content_type"] != default {
            headers.insert("Content-Type".to_owned(), request["content_type"].clone());
        }
        if request["unsigned_payload"] == true {
            headers.insert("X-TC-Content-SHA256".to_owned(), "UNSIGNED-PAYLOAD".into());
        }
        let input = json!({
            "method": request["method"], "host": request["host"], "path": request["path"], "query": request["query"],
            "headers": headers, "body_base64": request["body_base64"], "access_key_id": request["secret_id"],
            "access_key_secret": request["secret_key"], "security_token": request["token"],
            "timestamp": request["timestamp"], "service": request["service"],
            "signed_headers": names(&v["expect"]["signed_headers"]),
        });
        assert_explains(case, Scheme::Tc3, &input, &v["expect"]);
        let timestamp = request["timestamp"].to_string();
        let target = format!("/?{}", request["query"].as_str().unwrap());
        let url = with(&as_url(&input, &target), json!({ "timestamp": timestamp }));
        assert_explains(case, Scheme::Tc3, &url, &v["expect"]);
        if request["host"].as_str().unwrap().contains("tencentcloudapi.com") {
            assert_explains(case, Scheme::Tc3, &with(&url, json!({ "service": null })), &v["expect"]);
        }
        if let Some(sent) = v.get("sdk_headers") {
            let sent = json!({ "headers": sent, "timestamp": null, "security_token": null });
            assert_explains(case, Scheme::Tc3, &with(&url, sent), &v["expect"]);
        }
    }
}

fn example() -> Value {
    json!({
        "method": "GET", "host": "cbr.example", "path": "/v3/a b", "query": {"z": 1, "a": [true, "x y"]},
        "access_key_id": "AKID", "access_key_secret": "not-to-be-printed", "date": "2026-11-21T09:30:00+01:00",
    })
}

#[test]
fn what_is_not_given_is_added() {
    let acs3 = explained("acs3", Scheme::Acs3, &example());
    assert_eq!(acs3["headers"]["x-acs-date"], "2026-11-21T08:30:00Z");
    assert!(acs3["canonical_request"].as_str().unwrap().starts_with("GET\n/v3/a%20b\na=true&a=x%20y&z=1\n"));
    let again = explained("acs3", Scheme::Acs3, &example());
    let nonce = |output: &Value| output["headers"]["x-acs-signature-nonce"].as_str().unwrap().to_owned();
    assert_eq!(nonce(&acs3).len(), 32);
    assert_ne!(nonce(&acs3), nonce(&again));

    let sdk_hmac = explained("sdk-hmac", Scheme::SdkHmac, &example());
    assert_eq!(sdk_hmac["headers"]["x-sdk-date"], "20261121T083000Z");

    let tc3 = json!({ "path": "/", "service": "cbs" });
    let tc3 = explained("tc3", Scheme::Tc3, &with(&example(), tc3));
    assert_eq!(tc3["headers"]["x-tc-timestamp"], "1795249800");
    assert_eq!(tc3["headers"]["content-type"], "application/x-www-form-urlencoded");

    let undated = explained("acs3", Scheme::Acs3, &with(&example(), json!({ "date": null })));
    let date: jiff::Timestamp = undated["headers"]["x-acs-date"].as_str().unwrap().parse().unwrap();
    assert!(date > "2025-01-01T00:00:00Z".parse().unwrap());
}

/// Unlike the others, TC3 does not sort.
#[test]
fn tc3_keeps_the_order_of_parameters() {
    let input = r#"{"method":"GET","host":"cbs.tencentcloudapi.com","path":"/","query":{"Zone":"a b","Limit":1},
        "access_key_id":"AKID","access_key_secret":"not-to-be-printed","timestamp":1}"#;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    let mut out = Vec::new();
    run(SignArgs { scheme: Scheme::Tc3, input: file.path().to_owned() }, &mut out).unwrap();
    let output: Value = serde_json::from_slice(&out).unwrap();
    assert!(output["canonical_request"].as_str().unwrap().starts_with("GET\n/\nZone=a+b&Limit=1\n"));
}

#[test]
fn a_default_port_is_not_part_of_the_host() {
    let url = |url: &str| with(&example(), json!({ "host": null, "path": null, "query": null, "url": url }));
    for (given, host) in [
        ("https://cbr.example:443", "cbr.example"),
        ("http://cbr.example:80/?", "cbr.example"),
        ("https://cbr.example:8443/", "cbr.example:8443"),
        ("http://cbr.example:443?a=b", "cbr.example:443"),
    ] {
        assert_eq!(explained(given, Scheme::SdkHmac, &url(given))["headers"]["host"], host, "{given}");
    }
    for given in ["cbr.example/", "ftp://cbr.example/", "https://user@cbr.example/", "https://cbr.example/#top"] {
        let error = printed(Scheme::SdkHmac, &url(given)).unwrap_err();
        assert!(error.starts_with("`url` "), "{error}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_named_and_never_shown() {
    let tencent = with(&example(), json!({ "path": "/", "service": "cbs" }));
    for (scheme, changes, named) in [
        (Scheme::Acs3, json!({ "method": null }), "lacks `method`"),
        (Scheme::Acs3, json!({ "host": null }), "lacks `host`"),
        (Scheme::SdkHmac, json!({ "path": null }), "lacks `path`"),
        (Scheme::SdkHmac, json!({ "access_key_id": null }), "lacks `access_key_id`"),
        (Scheme::Tc3, json!({ "access_key_secret": null }), "lacks `access_key_secret`"),
        (Scheme::Tc3, json!({ "service": null }), "lacks `service`"),
        (Scheme::Acs3, json!({ "service": "cbs" }), "`service` has no meaning"),
        (Scheme::SdkHmac, json!({ "nonce": "n" }), "`nonce` has no meaning"),
        (Scheme::Tc3, json!({ "project_id": "p" }), "`project_id` has no meaning"),
        (Scheme::Acs3, json!({ "secret": "hidden-value" }), "unknown key `secret`"),
        (Scheme::Acs3, json!({ "access_key_secret": 12345678 }), "`access_key_secret` is not"),
        (Scheme::Acs3, json!({ "access_key_secret": ["hidden-value"] }), "`access_key_secret` is not"),
        (Scheme::Acs3, json!({ "access_key_secret": "hidden-value " }), "access_key_secret is not valid"),
        (Scheme::Acs3, json!({ "access_key_secret": "AKID" }), "are the same"),
        (Scheme::Acs3, json!({ "security_token": "hidden-value\n" }), "security_token is not valid"),
        (Scheme::Acs3, json!({ "query": { "k": "not-to-be-printed" } }), "contains access_key_secret"),
        (Scheme::Acs3, json!({ "headers": { "x-k": "not-to-be-printed" } }), "contains access_key_secret"),
        (Scheme::Acs3, json!({ "headers": { "x-k": "hidden\nvalue" } }), "x-k is not valid"),
        (Scheme::Acs3, json!({ "headers": { "x-k": null } }), "`headers` has a value"),
        (Scheme::Acs3, json!({ "headers": [["x-k"]] }), "`headers` is neither"),
        (Scheme::Acs3, json!({ "headers": { "host": "hidden.example" } }), "host is not valid"),
        (Scheme::Acs3, json!({ "query": 1 }), "`query` is neither"),
        (Scheme::Acs3, json!({ "query": { "a": { "b": "c" } } }), "`query` has a value"),
        (Scheme::Acs3, json!({ "url": "https://cbr.example/" }), "`url` and `host`"),
        (Scheme::Acs3, json!({ "body": {} }), "`body` is not"),
        (Scheme::Acs3, json!({ "body": "", "body_base64": "" }), "`body` and `body_base64`"),
        (Scheme::Acs3, json!({ "body_base64": "?" }), "`body_base64` is not"),
        (Scheme::Acs3, json!({ "date": "hidden-value" }), "`date` is neither"),
        (Scheme::Acs3, json!({ "timestamp": 1 }), "`date` and `timestamp`"),
        (Scheme::Tc3, json!({ "date": null, "timestamp": "hidden-value" }), "`timestamp` is not"),
        (Scheme::Tc3, json!({ "date": null, "timestamp": [1] }), "`timestamp` is not"),
        (Scheme::Acs3, json!({ "signed_headers": 1 }), "`signed_headers` is not"),
        (Scheme::Acs3, json!({ "signed_headers": [1] }), "`signed_headers` holds"),
        (Scheme::Acs3, json!({ "signed_headers": "host;x-absent" }), "signed_headers is not valid"),
    ] {
        let base = if scheme == Scheme::Tc3 { tencent.clone() } else { example() };
        let error = printed(scheme, &with(&base, changes)).expect_err(named);
        assert!(error.contains(named), "{named}: {error}");
        for hidden in ["not-to-be-printed", "hidden", "12345678"] {
            assert!(!error.contains(hidden), "{error}");
        }
    }
}

#[test]
fn input_that_is_not_a_json_object_is_refused() {
    for (text, named) in [
        (r#"{"access_key_secret": "hidden-value""#, "not JSON"),
        (r#"["hidden-value"]"#, "not a JSON object"),
        (r#"{"method": "GET", "method": "hidden-value"}"#, "`method` is given twice"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let args = SignArgs { scheme: Scheme::Acs3, input: file.path().to_owned() };
        let error = format!("{:#}", run(args, &mut Vec::new()).unwrap_err());
        assert!(error.contains(named) && !error.contains("hidden"), "{error}");
    }
    let absent = SignArgs { scheme: Scheme::Acs3, input: "/nonexistent/request.json".into() };
    assert!(run(absent, &mut Vec::new()).unwrap_err().to_string().contains("/nonexistent/request.json"));
}
