//! The canonical request of each scheme against a second implementation, which is slow and does what the documents say, word by word.
//!
//! It shares no code with the first one: it knows a draft and the names of the headers that are signed, and nothing else.

use jiff::Timestamp;
use offsite_shared::sign::{Credential, Nonce, Query, RequestDraft, Signed, SignedHeaders, acs3, sdk_hmac, tc3};
use proptest::prelude::*;
use secrecy::SecretString;

use crate::corpus::config;

/// RFC 3986: everything but letters, digits and `-_.~` becomes `%XX`.
fn encoded(bytes: &[u8]) -> String {
    let kept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    let of =
        |byte: &u8| if kept.as_bytes().contains(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(of).collect()
}

/// `%XX` as its byte. What only looks like it stays.
fn decoded(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
        match digits {
            Some(digits) if bytes[at] == b'%' => {
                out.push(u8::from_str_radix(digits, 16).unwrap());
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// The query by name, then by value, each part encoded once.
fn by_name(query: &Query) -> String {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = match query {
        Query::None => Vec::new(),
        Query::Pairs(pairs) => {
            pairs.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect()
        }
        Query::Raw(raw) => {
            let parts = raw.split('&').filter(|part| !part.is_empty());
            let pair = |part: &str| match part.find('=') {
                Some(at) => (part[..at].to_owned(), part[at + 1..].to_owned()),
                None => (part.to_owned(), String::new()),
            };
            let plus = |text: String| decoded(&text.replace('+', "%20"));
            parts.map(pair).map(|(name, value)| (plus(name), plus(value))).collect()
        }
    };
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// The query as it is given; pairs as a form writes them.
fn as_given(query: &Query) -> String {
    let form = |text: &String| encoded(text.as_bytes()).replace("%20", "+");
    match query {
        Query::None => String::new(),
        Query::Raw(raw) => raw.clone(),
        Query::Pairs(pairs) => {
            pairs.iter().map(|(name, value)| format!("{}={}", form(name), form(value))).collect::<Vec<_>>().join("&")
        }
    }
}

/// The header lines of these names, which the signed request must hold, and the names.
fn header_lines(signed: &Signed, wanted: impl Fn(&str) -> bool, lower: bool) -> (String, String) {
    let mut chosen: Vec<(String, String)> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| name != "authorization" && wanted(name))
        .collect();
    chosen.sort();
    let line = |(name, value): &(String, String)| {
        format!("{name}:{}\n", if lower { value.to_lowercase() } else { value.clone() })
    };
    let names: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
    (chosen.iter().map(line).collect(), names.join(";"))
}

/// SHA-256; the vectors hold it.
fn hash(bytes: &[u8]) -> String {
    offsite_shared::sign::canonical::sha256_hex(bytes)
}

fn whole(draft: &RequestDraft, uri: &str, query: &str, (lines, names): (String, String), payload: &str) -> String {
    format!("{}\n{uri}\n{query}\n{lines}\n{names}\n{payload}", draft.method.to_uppercase())
}

fn credential() -> Credential {
    Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        access_key_secret: SecretString::from("not-a-real-secret"),
        security_token: Some(SecretString::from("not-a-real-token")),
    }
}

fn at() -> Timestamp {
    "2026-11-21T08:30:00Z".parse().unwrap()
}

fn draft() -> impl Strategy<Value = RequestDraft> {
    let word = "[a-z A-Z0-9%+/&=~_.é中-]{0,12}";
    let query = prop_oneof![
        Just(Query::None),
        proptest::collection::vec((word, word), 0..5).prop_map(Query::Pairs),
        "[a-zA-Z0-9%+/&=~_.-]{0,40}".prop_map(Query::Raw),
    ];
    let names = prop::sample::select(vec![
        "x-project-id",
        "X-Acs-Action",
        "x-acs-version",
        "x-tc-action",
        "x-tc-region",
        "X-Other",
        "x_under",
        "user-agent",
        "x-sdk-content-sha256",
    ]);
    let headers = proptest::collection::vec((names, "[ -~]{0,12}"), 0..5);
    let path = prop_oneof!["/[a-z A-Z0-9%/~_.é中-]{0,24}", Just("/".to_owned()), Just("/v3/a%2Fb//c/".to_owned())];
    let method = prop::sample::select(vec!["GET", "POST", "put", "Delete"]);
    (method, path, query, headers, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(method, path, query, headers, body)| {
            let mut headers: Vec<(String, String)> =
                headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
            RequestDraft {
                method: method.to_owned(),
                host: "cbr.example.com:8443".to_owned(),
                path,
                query,
                headers,
                body,
            }
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn acs3_is_what_the_document_says(draft in draft()) {
        let signed = acs3::sign(&draft, &credential(), at(), &Nonce("n".repeat(32)), SignedHeaders::Minimal);
        if let Ok(signed) = signed {
            let headers = header_lines(&signed, |name| name == "host" || name == "content-type" || name.starts_with("x-acs-"), false);
            let wanted = whole(&draft, &draft.path, &by_name(&draft.query), headers, &hash(&draft.body));
            prop_assert_eq!(&signed.trace.canonical_request, &wanted);
            let to_sign = format!("ACS3-HMAC-SHA256\n{}", hash(wanted.as_bytes()));
            prop_assert_eq!(&signed.trace.string_to_sign, &to_sign);
        }
    }

    #[test]
    fn sdk_hmac_is_what_the_document_says(draft in draft()) {
        if let Ok(signed) = sdk_hmac::sign(&draft, &credential(), at(), SignedHeaders::Minimal) {
            let named = ["content-type", "host", "x-project-id", "x-sdk-date", "x-security-token"];
            let headers = header_lines(&signed, |name| named.contains(&name), false);
            let decoded = decoded(&draft.path);
            let mut uri = decoded.split(|byte| *byte == b'/').map(encoded).collect::<Vec<_>>().join("/");
            if !uri.ends_with('/') {
                uri.push('/');
            }
            let given = signed.headers.iter().find(|(name, _)| name == "x-sdk-content-sha256");
            let payload = match given {
                Some((_, given)) if !draft.body.is_empty() => given.clone(),
                _ => hash(&draft.body),
            };
            let wanted = whole(&draft, &uri, &by_name(&draft.query), headers, &payload);
            prop_assert_eq!(&signed.trace.canonical_request, &wanted);
            let to_sign = format!("SDK-HMAC-SHA256\n20261121T083000Z\n{}", hash(wanted.as_bytes()));
            prop_assert_eq!(&signed.trace.string_to_sign, &to_sign);
        }
    }

    #[test]
    fn tc3_is_what_the_document_says(draft in draft()) {
        let draft = RequestDraft { path: "/".to_owned(), ..draft };
        if let Ok(signed) = tc3::sign(&draft, &credential(), at(), "cbs", SignedHeaders::Minimal) {
            let headers = header_lines(&signed, |name| ["content-type", "host", "x-tc-action"].contains(&name), true);
            let wanted = whole(&draft, "/", &as_given(&draft.query), headers, &hash(&draft.body));
            prop_assert_eq!(&signed.trace.canonical_request, &wanted);
            let to_sign = format!("TC3-HMAC-SHA256\n1795249800\n2026-11-21/cbs/tc3_request\n{}", hash(wanted.as_bytes()));
            prop_assert_eq!(&signed.trace.string_to_sign, &to_sign);
        }
    }
}
