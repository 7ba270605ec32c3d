//! Every signature vector, every stage in order. The runner walks the files and uses up each field it asserts, so a case
//! that is forgotten and a field that is not understood both fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use offsite_shared::sign::canonical::{hex, percent_decode, sha256_hex, sorted_query};
use offsite_shared::sign::{Credential, Nonce, Query, RequestDraft, Signed, SignedHeaders, acs3, sdk_hmac, tc3};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// A JSON object whose fields are used up one by one.
pub struct Fields {
    name: String,
    rest: Map<String, Value>,
}

impl Fields {
    pub fn new(name: &str, value: Value) -> Self {
        let Value::Object(rest) = value else { panic!("{name}: not an object") };
        Self { name: name.to_owned(), rest }
    }

    /// A vector, called by its own name.
    pub fn case(value: Value) -> Self {
        let mut fields = Self::new("vector", value);
        fields.name = fields.text("name");
        fields
    }

    pub fn take(&mut self, field: &str) -> Value {
        self.rest.remove(field).unwrap_or_else(|| panic!("{}: no field {field}", self.name))
    }

    pub fn maybe(&mut self, field: &str) -> Option<Value> {
        self.rest.remove(field)
    }

    pub fn text(&mut self, field: &str) -> String {
        match self.take(field) {
            Value::String(text) => text,
            other => panic!("{}: {field} is {other}", self.name),
        }
    }

    pub fn text_or_null(&mut self, field: &str) -> Option<String> {
        match self.take(field) {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => panic!("{}: {field} is {other}", self.name),
        }
    }

    pub fn object(&mut self, field: &str) -> Self {
        let name = format!("{}.{field}", self.name);
        Self::new(&name, self.take(field))
    }

    pub fn list(&mut self, field: &str) -> Vec<Value> {
        match self.take(field) {
            Value::Array(list) => list,
            other => panic!("{}: {field} is {other}", self.name),
        }
    }

    /// Names and texts of an object field.
    pub fn texts(&mut self, field: &str) -> Vec<(String, String)> {
        let text = |value: Value| value.as_str().unwrap().to_owned();
        self.object(field).rest.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    /// Fails when a field was not used.
    pub fn done(self) {
        let left: Vec<&String> = self.rest.keys().collect();
        assert!(left.is_empty(), "{}: fields that no assertion uses: {left:?}", self.name);
    }
}

/// A vector file and the number of cases it holds, counted on its text.
pub fn open(file: &str) -> (Fields, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let cases = text.matches("\"name\":").count();
    (Fields::new(file, serde_json::from_str(&text).unwrap()), cases)
}

fn credential(id: String, secret: String, token: Option<String>) -> Credential {
    Credential {
        access_key_id: id,
        access_key_secret: SecretString::from(secret),
        security_token: token.map(SecretString::from),
    }
}

/// The stages in the order in which a signature comes about.
fn assert_stages(case: &str, signed: &Signed, payload_hash: Option<&str>, expected: &mut Fields) {
    let trace = &signed.trace;
    let at = |stage: &str| format!("{case}: {stage}");
    if let Some(hash) = payload_hash {
        assert_eq!(trace.canonical_request.rsplit('\n').next().unwrap(), hash, "{}", at("payload hash"));
    }
    assert_eq!(trace.canonical_request, expected.text("canonical_request"), "{}", at("canonical request"));
    let hash = sha256_hex(trace.canonical_request.as_bytes());
    if let Some(value) = expected.maybe("canonical_request_sha256") {
        assert_eq!(hash, value.as_str().unwrap(), "{}", at("hash of the canonical request"));
    }
    assert_eq!(trace.string_to_sign.rsplit('\n').next().unwrap(), hash, "{}", at("hash in the string to sign"));
    assert_eq!(trace.string_to_sign, expected.text("string_to_sign"), "{}", at("string to sign"));
    assert_eq!(trace.signed_headers, expected.text("signed_headers"), "{}", at("signed headers"));
    assert_eq!(trace.signature, expected.text("signature"), "{}", at("signature"));
    assert_eq!(header(signed, "Authorization"), expected.text("authorization"), "{}", at("Authorization"));
}

fn header<'a>(signed: &'a Signed, name: &str) -> &'a str {
    let mut found = signed.headers.iter().filter(|(held, _)| held == name);
    let (_, value) = found.next().unwrap_or_else(|| panic!("{name} is not sent"));
    assert!(found.next().is_none(), "{name} is sent twice");
    value
}

fn lower_names<'a>(headers: impl IntoIterator<Item = &'a (String, String)>) -> BTreeMap<String, String> {
    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

/// The headers without those of the given lower-case names.
pub fn without(headers: &[(String, String)], names: &[&str]) -> Vec<(String, String)> {
    headers.iter().filter(|(name, _)| !names.contains(&name.to_ascii_lowercase().as_str())).cloned().collect()
}

fn names(joined: &str) -> Vec<String> {
    joined.split(';').map(str::to_owned).collect()
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A time that no vector uses: where the draft gives a date, that one must win.
fn elsewhere() -> Timestamp {
    Timestamp::from_second(1).unwrap()
}

#[test]
fn every_vector_file_has_a_runner() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["acs3.json", "sdk_hmac.json", "tc3.json"]);
}

#[test]
fn acs3_vectors() {
    let (mut file, cases) = open("acs3.json");
    file.text("about");
    file.object("packages");
    let vectors = file.list("vectors");
    file.done();
    assert_eq!(vectors.len(), cases);
    vectors.into_iter().for_each(acs3_vector);
}

fn acs3_vector(vector: Value) {
    let mut v = Fields::case(vector);
    let case = v.name.clone();
    v.maybe("note");
    assert_eq!(v.take("spec_match"), Value::Bool(true), "{case}: the vector contradicts the specification");
    let body = bytes_of_hex(&v.text("body_hex"));
    assert_eq!(v.text("body").as_bytes(), body, "{case}");
    let given = v.texts("headers");
    let host = given.iter().find(|(name, _)| name == "host").unwrap().1.clone();
    let complete = RequestDraft {
        method: v.text("method"),
        host: host.clone(),
        path: v.text("path"),
        query: Query::Pairs(v.texts("query")),
        headers: given.clone(),
        body,
    };
    let token = v.text_or_null("security_token");
    let credential = credential(v.text("access_key_id"), v.text("access_key_secret"), token);
    let at: Timestamp = v.text("date").parse().unwrap();
    let nonce = Nonce(v.text("nonce"));
    let mut expected = v.object("expected");
    let exactly = names(expected.rest["signed_headers"].as_str().unwrap());
    let layer = v.text("layer");
    let which = match layer.as_str() {
        "signer" => SignedHeaders::Minimal,
        "client" => SignedHeaders::Exactly(&exactly),
        other => panic!("{case}: layer {other}"),
    };

    let signed = acs3::sign(&complete, &credential, elsewhere(), &Nonce("unused".into()), which).unwrap();
    assert_stages(&case, &signed, Some(&v.text("body_sha256")), &mut expected);
    expected.done();

    // The same request, with the signer adding what the scheme needs.
    let added = ["host", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256", "x-acs-security-token"];
    let bare = RequestDraft { headers: without(&given, &added), ..complete.clone() };
    let completed = acs3::sign(&bare, &credential, at, &nonce, which).unwrap();
    assert_eq!(completed.headers, signed.headers, "{case}: headers added by the signer");
    assert!(completed.trace == signed.trace, "{case}: trace with headers added by the signer");
    assert_eq!(lower_names(&without(&signed.headers, &["authorization"])), lower_names(&given), "{case}");

    assert_eq!(v.rest.contains_key("wire_url"), layer == "client", "{case}");
    assert_eq!(v.rest.contains_key("minimal_signed_headers_variant"), layer == "client", "{case}");
    if layer == "client" {
        let wire_url = v.text("wire_url");
        let target = wire_url.strip_prefix(&format!("https://{host}")).unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // The SDK sends spaces as `+`; we send the canonical form of the same query.
        let query = sorted_query(&Query::Raw(query.to_owned())).unwrap();
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        assert_eq!(signed.path_and_query, target, "{case}");

        let minimal = acs3::sign(&complete, &credential, at, &nonce, SignedHeaders::Minimal).unwrap();
        let mut expected = v.object("minimal_signed_headers_variant");
        assert_stages(&format!("{case} (minimal)"), &minimal, None, &mut expected);
        expected.done();
    }
    v.done();
}

#[test]
fn sdk_hmac_vectors() {
    let (mut file, cases) = open("sdk_hmac.json");
    file.text("about");
    file.list("notes");
    let vectors = file.list("vectors");
    file.done();
    assert_eq!(vectors.len(), cases);
    let quirks = vectors.iter().filter(|v| v["name"].as_str().unwrap().ends_with("_QUIRK")).count();
    assert_eq!(quirks, 1, "a new quirk needs a look");
    vectors.into_iter().for_each(sdk_hmac_vector);
}

fn sdk_hmac_vector(vector: Value) {
    let mut v = Fields::case(vector);
    let case = v.name.clone();
    v.text("note");
    let given = v.texts("headers");
    let mut headers = given.clone();
    headers.extend(v.text_or_null("project_id").map(|id| ("X-Project-Id".to_owned(), id)));
    headers.extend(v.text_or_null("domain_id").map(|id| ("X-Domain-Id".to_owned(), id)));
    let resource_path = v.text("resource_path");
    let draft = RequestDraft {
        method: v.text("method"),
        host: v.text("host"),
        path: resource_path.clone(),
        query: Query::Pairs(v.list("query").into_iter().flat_map(query_pairs).collect()),
        headers,
        body: v.text_or_null("body").unwrap_or_default().into_bytes(),
    };
    let credential = credential(v.text("ak"), v.text("sk"), v.text_or_null("security_token"));
    let date = v.text("x_sdk_date");
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &date).unwrap();
    let at = at.to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap().timestamp();

    // The SDK signs every header it sends; the signer leaves out the names that it must not sign.
    let sent = v.texts("headers_after_signing");
    let all: Vec<String> = without(&sent, &["authorization"]).into_iter().map(|(name, _)| name).collect();
    let signed = sdk_hmac::sign(&draft, &credential, at, SignedHeaders::Exactly(&all)).unwrap();
    let payload_hash = v.text("body_sha256");
    let joined = v.rest["signed_headers"].as_str().unwrap().to_owned();
    assert_stages(&case, &signed, Some(&payload_hash), &mut v);
    assert_eq!(lower_names(&signed.headers), lower_names(&sent), "{case}: headers sent");

    // A date among the headers wins over the time given.
    let mut dated = draft.clone();
    dated.headers.push(("X-Sdk-Date".to_owned(), date));
    let redone = sdk_hmac::sign(&dated, &credential, elsewhere(), SignedHeaders::Exactly(&all)).unwrap();
    assert_eq!(redone.headers, signed.headers, "{case}: date given as a header");

    // The minimal set is what the SDK signs unless it was given further headers.
    let minimal = sdk_hmac::sign(&draft, &credential, at, SignedHeaders::Minimal).unwrap();
    let further = given.iter().any(|(name, _)| !name.eq_ignore_ascii_case("content-type") && !name.contains('_'));
    assert_eq!(minimal.trace.signed_headers == joined, !further, "{case}: minimal set");
    assert_eq!(minimal.trace == signed.trace, !further, "{case}: minimal signature");

    // On the wire: the SDK's target in canonical encoding. Identical where the SDK's path was encoded already.
    let target = v.text("wire_request_target");
    assert_eq!(percent_decode(&signed.path_and_query), percent_decode(&target), "{case}: wire target");
    if !resource_path.contains([' ', '*', ':', '@', ',', ';', '=', '&']) && resource_path.is_ascii() {
        assert_eq!(signed.path_and_query, target, "{case}: wire target");
    }
    let canonical_uri = signed.trace.canonical_request.split('\n').nth(1).unwrap();
    let path = signed.path_and_query.split('?').next().unwrap();
    assert_eq!(canonical_uri.trim_end_matches('/'), path.trim_end_matches('/'), "{case}: path sent and path signed");
    v.done();
}

/// A name with one value or with several.
pub fn query_pairs(entry: Value) -> Vec<(String, String)> {
    let [name, value] = <[Value; 2]>::try_from(entry.as_array().unwrap().clone()).unwrap();
    let values = match value {
        Value::Array(values) => values,
        single => vec![single],
    };
    values.iter().map(|value| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn tc3_vectors() {
    let (mut file, cases) = open("tc3.json");
    file.text("about");
    file.list("notes");
    let examples = file.list("documentation_examples");
    let vectors = file.list("vectors");
    file.done();
    assert_eq!(examples.len() + vectors.len(), cases);
    let unsigned = examples.into_iter().chain(vectors).filter(|vector| !tc3_vector(vector.clone())).count();
    assert_eq!(unsigned, 1, "only sts-web-identity is sent without a signature");
}

/// Runs one vector; false when the vector says that its request is not signed at all.
fn tc3_vector(vector: Value) -> bool {
    let mut v = Fields::case(vector);
    let case = v.name.clone();
    if v.maybe("source").is_none() {
        v.text("note");
    }
    let mut input = v.object("input");
    let mut expected = v.object("expect");
    let sdk_headers = v.rest.contains_key("sdk_headers").then(|| v.texts("sdk_headers"));
    v.done();
    if !expected.rest.contains_key("signature") {
        assert_eq!(case, "sts-web-identity");
        assert_eq!(expected.text("authorization"), "SKIP");
        assert_eq!(lower_names(sdk_headers.as_deref().unwrap())["authorization"], "SKIP");
        expected.text("note");
        expected.done();
        return false;
    }

    let body = BASE64_STANDARD.decode(input.text("body_base64")).unwrap();
    assert_eq!(input.text("body_utf8").as_bytes(), body, "{case}");
    let mut headers = vec![
        ("Content-Type".to_owned(), input.text("content_type")),
        ("X-TC-Action".to_owned(), input.text("action")),
        ("X-TC-Version".to_owned(), input.text("version")),
    ];
    let region = Some(input.text("region")).filter(|region| !region.is_empty());
    headers.extend(region.map(|region| ("X-TC-Region".to_owned(), region)));
    let language = input.maybe("language").map(|language| language.as_str().unwrap().to_owned());
    headers.extend(language.map(|language| ("X-TC-Language".to_owned(), language)));
    let unsigned_payload = input.maybe("unsigned_payload") == Some(Value::Bool(true));
    if unsigned_payload {
        headers.push(("X-TC-Content-SHA256".to_owned(), tc3::UNSIGNED_PAYLOAD.to_owned()));
    }
    if let Some(sent) = &sdk_headers {
        // Also those that say something about the client only.
        let client = |name: &str| matches!(name, "X-TC-TraceId" | "X-TC-RequestClient");
        headers.extend(sent.iter().filter(|(name, _)| client(name)).cloned());
    }
    let draft = RequestDraft {
        method: input.text("method"),
        host: input.text("host"),
        path: input.text("path"),
        query: Query::Raw(input.text("query")),
        headers,
        body,
    };
    let secret = SecretString::from(input.rest["secret_key"].as_str().unwrap());
    let credential = credential(input.text("secret_id"), input.text("secret_key"), input.text_or_null("token"));
    let seconds = input.take("timestamp").as_i64().unwrap();
    let at = Timestamp::from_second(seconds).unwrap();
    let service = input.text("service");
    input.done();

    let exactly = names(expected.rest["signed_headers"].as_str().unwrap());
    let signed = tc3::sign(&draft, &credential, at, &service, SignedHeaders::Exactly(&exactly)).unwrap();
    let payload_hash = expected.text("payload_sha256");
    let date = expected.text("date");
    let scope = expected.text("credential_scope");
    let key = expected.text("signing_key_hex");
    assert_stages(&case, &signed, Some(&payload_hash), &mut expected);
    expected.done();
    assert!(header(&signed, "Authorization").contains(&format!("/{scope}, ")), "{case}: scope");
    assert_eq!(signed.trace.string_to_sign.split('\n').nth(2).unwrap(), scope, "{case}: scope");
    assert_eq!(scope.split('/').next().unwrap(), date, "{case}: date");
    assert_eq!(hex(&tc3::signing_key(&secret, &date, &service)), key, "{case}: signing key");
    if let Some(sent) = &sdk_headers {
        assert_eq!(lower_names(&signed.headers), lower_names(sent), "{case}: headers sent");
    }
    let Query::Raw(query) = &draft.query else { unreachable!() };
    let target = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
    assert_eq!(signed.path_and_query, target, "{case}: the query goes out as given");

    let mut stamped = draft.clone();
    stamped.headers.push(("X-TC-Timestamp".to_owned(), seconds.to_string()));
    let redone = tc3::sign(&stamped, &credential, elsewhere(), &service, SignedHeaders::Exactly(&exactly)).unwrap();
    assert_eq!(redone.headers, signed.headers, "{case}: timestamp given as a header");

    // We sign the action as well, like the current edition of the documentation.
    let minimal = tc3::sign(&draft, &credential, at, &service, SignedHeaders::Minimal).unwrap();
    assert_eq!(minimal.trace.signed_headers, "content-type;host;x-tc-action", "{case}");
    assert_eq!(minimal.trace == signed.trace, exactly.len() == 3, "{case}");
    true
}
