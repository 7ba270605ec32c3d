//! What the vectors do not show: properties over all bytes, and everything that must be refused.

use jiff::Timestamp;
use secrecy::SecretString;

use super::canonical::{
    encode_into, form_encode_into, hex, hmac_sha256, percent_decode, query_as_given, sha256_hex, sorted_query,
};
use super::*;

const SECRET: &str = "sEcReT-of-the-tests";
const TOKEN: &str = "tOkEn-of-the-tests";

fn credential() -> Credential {
    Credential {
        access_key_id: "AKID".into(),
        access_key_secret: SecretString::from(SECRET),
        security_token: Some(SecretString::from(TOKEN)),
    }
}

fn draft() -> RequestDraft {
    RequestDraft {
        method: "POST".into(),
        host: "cloud.example".into(),
        path: "/".into(),
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: b"{}".to_vec(),
        ..RequestDraft::default()
    }
}

fn at() -> Timestamp {
    Timestamp::from_second(1_795_262_400).unwrap()
}

/// Signs with all three schemes.
fn all(draft: &RequestDraft, credential: &Credential, signed: SignedHeaders<'_>) -> [Result<Signed, SignError>; 3] {
    [
        acs3::sign(draft, credential, at(), &Nonce("n".into()), signed),
        sdk_hmac::sign(draft, credential, at(), signed),
        tc3::sign(draft, credential, at(), "cbs", signed),
    ]
}

/// Asserts that all three schemes refuse, with a message that starts with the field.
fn refused(field: &str, draft: &RequestDraft, credential: &Credential) {
    for result in all(draft, credential, SignedHeaders::Minimal) {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with(&format!("{field} is ")), "{field}: {message}");
        assert!(!message.contains(SECRET) && !message.contains(TOKEN), "{message}");
    }
}

fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    encode_into(&mut out, bytes);
    out
}

fn form_encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    form_encode_into(&mut out, bytes);
    out
}

/// Byte strings without a pattern: a fixed linear congruential sequence, lengths 0 to 63.
fn byte_strings() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..512).map(move |round| (0..round % 64).map(|_| next()).collect())
}

#[test]
fn exactly_the_unreserved_bytes_stay() {
    let unreserved = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for byte in 0..=u8::MAX {
        let escaped = format!("%{byte:02X}");
        let kept = unreserved.contains(&byte).then(|| char::from(byte).to_string());
        assert_eq!(encoded(&[byte]), kept.clone().unwrap_or_else(|| escaped.clone()));
        let form = if byte == b' ' { "+".to_owned() } else { kept.unwrap_or(escaped) };
        assert_eq!(form_encoded(&[byte]), form);
        assert_eq!(hex(&[byte]), format!("{byte:02x}"));
    }
}

#[test]
fn encoding_is_undone_by_decoding() {
    for bytes in byte_strings() {
        assert_eq!(percent_decode(&encoded(&bytes)), bytes);
        assert_eq!(percent_decode(&form_encoded(&bytes).replace('+', "%20")), bytes);
        // Each byte on its own, so nothing depends on what stands beside it.
        assert_eq!(encoded(&bytes), bytes.iter().map(|byte| encoded(&[*byte])).collect::<String>());
    }
}

#[test]
fn a_percent_without_two_digits_stands_for_itself() {
    for text in ["%", "%2", "100%", "%zz", "%+1", "%%", "a%g0b"] {
        assert_eq!(percent_decode(text), text.as_bytes());
    }
    assert_eq!(percent_decode("%%41%4a%4A"), b"%AJJ".as_slice());
}

/// Sources: FIPS 180-4 example "abc"; RFC 4231, test cases 2 and 6.
#[test]
fn published_digests() {
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let short = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let long = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

#[test]
fn a_query_signs_alike_in_any_order_and_from_its_own_wire_form() {
    let mut pairs: Vec<(String, String)> = byte_strings()
        .take(40)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map(|text| (text.chars().take(3).collect(), text))
        .collect();
    let canonical = sorted_query(&Query::Pairs(pairs.clone())).unwrap();
    for _ in 0..pairs.len() {
        pairs.rotate_left(1);
        assert_eq!(sorted_query(&Query::Pairs(pairs.clone())).unwrap(), canonical);
    }
    assert_eq!(sorted_query(&Query::Raw(canonical.clone())).unwrap(), canonical);
    let form = query_as_given(&Query::Pairs(pairs.clone())).unwrap().into_owned();
    assert_eq!(sorted_query(&Query::Raw(form)).unwrap(), canonical);
}

#[test]
fn queries_as_they_are_met() {
    let raw = |text: &str| sorted_query(&Query::Raw(text.into())).unwrap();
    assert_eq!(raw("b=+%2b&&a&a=1&=x"), "=x&a=&a=1&b=%20%2B");
    assert_eq!(raw(""), "");
    assert_eq!(raw("a=b=c"), "a=b%3Dc");
    let pairs = Query::Pairs(vec![("b".into(), "1 2".into()), ("a".into(), "~*".into())]);
    assert_eq!(query_as_given(&pairs).unwrap(), "b=1+2&a=~%2A");
}

#[test]
fn sdk_hmac_paths() {
    let sign = |path: &str| {
        let draft = RequestDraft { path: path.into(), ..draft() };
        let signed = sdk_hmac::sign(&draft, &credential(), at(), SignedHeaders::Minimal).unwrap();
        let uri = signed.trace.canonical_request.split('\n').nth(1).unwrap().to_owned();
        (uri, signed.path_and_query)
    };
    let both = |uri: &str, wire: &str| (uri.to_owned(), wire.to_owned());
    assert_eq!(sign("/v3/a%2Fb"), both("/v3/a/b/", "/v3/a%2Fb"));
    assert_eq!(sign("/v3//b/"), both("/v3//b/", "/v3//b/"));
    assert_eq!(sign("/100%/%zz"), both("/100%25/%25zz/", "/100%25/%25zz"));
    assert_eq!(sign("/%ff%7e"), both("/%FF~/", "/%FF~"));
}

#[test]
fn sdk_hmac_takes_a_given_payload_hash_only_with_a_body() {
    let last = |body: &[u8]| {
        let mut draft = RequestDraft { body: body.to_vec(), ..draft() };
        draft.headers.push(("X-Sdk-Content-Sha256".into(), "UNSIGNED-PAYLOAD".into()));
        let signed = sdk_hmac::sign(&draft, &credential(), at(), SignedHeaders::Minimal).unwrap();
        signed.trace.canonical_request.rsplit('\n').next().unwrap().to_owned()
    };
    assert_eq!(last(b"{}"), "UNSIGNED-PAYLOAD");
    assert_eq!(last(b""), sha256_hex(b""));
}

#[test]
fn temporary_credentials_send_their_token_and_all_but_tc3_sign_it() {
    let [acs3, sdk_hmac, tc3] = all(&draft(), &credential(), SignedHeaders::Minimal).map(Result::unwrap);
    for (signed, name, covered) in
        [(acs3, "x-acs-security-token", true), (sdk_hmac, "x-security-token", true), (tc3, "x-tc-token", false)]
    {
        assert!(signed.headers.contains(&(name.to_owned(), TOKEN.to_owned())));
        assert_eq!(signed.trace.signed_headers.split(';').any(|held| held == name), covered, "{name}");
    }
}

#[test]
fn dates_are_utc_and_in_seconds() {
    let at = "2026-12-31T23:59:59.999999999-11:30".parse().unwrap();
    let acs3 = acs3::sign(&draft(), &credential(), at, &Nonce("n".into()), SignedHeaders::Minimal).unwrap();
    assert!(acs3.headers.contains(&("x-acs-date".into(), "2027-01-01T11:29:59Z".into())));
    let sdk_hmac = sdk_hmac::sign(&draft(), &credential(), at, SignedHeaders::Minimal).unwrap();
    assert!(sdk_hmac.headers.contains(&("x-sdk-date".into(), "20270101T112959Z".into())));
    let tc3 = tc3::sign(&draft(), &credential(), at, "cbs", SignedHeaders::Minimal).unwrap();
    assert!(tc3.trace.string_to_sign.contains("\n2027-01-01/cbs/tc3_request\n"));
}

#[test]
fn values_are_trimmed_where_sent_and_where_signed() {
    let mut draft = draft();
    draft.headers[0].1 = " \tapplication/json; a  b\t ".into();
    for signed in all(&draft, &credential(), SignedHeaders::Minimal).map(Result::unwrap) {
        assert!(signed.headers.contains(&("content-type".into(), "application/json; a  b".into())));
        assert!(signed.trace.canonical_request.contains("\ncontent-type:application/json; a  b\n"));
    }
}

#[test]
fn a_list_of_signed_headers_may_come_in_any_case_order_and_number() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let names = list(&["HOST", "Content-Type", "host"]);
    for signed in all(&draft(), &credential(), SignedHeaders::Exactly(&names)).map(Result::unwrap) {
        assert_eq!(signed.trace.signed_headers, "content-type;host");
    }
    for names in [list(&["host", "x-absent"]), list(&["authorization"]), list(&[])] {
        for result in all(&draft(), &credential(), SignedHeaders::Exactly(&names)) {
            assert!(result.unwrap_err().to_string().starts_with("signed_headers is "));
        }
    }
}

#[test]
fn every_byte_that_a_header_cannot_carry_is_refused() {
    for character in (0..=0x24f).filter_map(char::from_u32) {
        let mut draft = draft();
        draft.headers.push(("x-test".into(), format!("a{character}b")));
        for result in all(&draft, &credential(), SignedHeaders::Minimal) {
            let visible = matches!(character, ' '..='~');
            assert_eq!(result.is_ok(), visible, "{:?}", character);
            if let Err(error) = result {
                assert_eq!(error.to_string().split(' ').next(), Some("x-test"));
            }
        }
    }
    for value in ["a\r\nx-injected: 1", "a\n", "\ra", "\0"] {
        let mut draft = draft();
        draft.headers.push(("x-test".into(), value.into()));
        refused("x-test", &draft, &credential());
    }
}

#[test]
fn keys_that_no_provider_issues_are_refused() {
    let with = |change: fn(&mut Credential)| {
        let mut credential = credential();
        change(&mut credential);
        credential
    };
    for (field, credential) in [
        ("access_key_id", with(|c| c.access_key_id.clear())),
        ("access_key_id", with(|c| c.access_key_id = "AKID\n".into())),
        ("access_key_id", with(|c| c.access_key_id = "AK ID".into())),
        ("access_key_id", with(|c| c.access_key_id = "AKÏD".into())),
        ("access_key_secret", with(|c| c.access_key_secret = SecretString::from(""))),
        ("access_key_secret", with(|c| c.access_key_secret = SecretString::from(format!("{SECRET}\n")))),
        ("access_key_secret", with(|c| c.access_key_secret = SecretString::from(format!(" {SECRET}")))),
        ("access_key_secret", with(|c| c.access_key_secret = SecretString::from(format!("{SECRET}\r\n{SECRET}")))),
        ("security_token", with(|c| c.security_token = Some(SecretString::from("")))),
        ("security_token", with(|c| c.security_token = Some(SecretString::from(format!("{TOKEN} "))))),
        ("security_token", with(|c| c.security_token = Some(SecretString::from(format!("a\n{TOKEN}"))))),
    ] {
        refused(field, &draft(), &credential);
    }
}

#[test]
fn requests_that_cannot_be_sent_as_signed_are_refused() {
    let with = |change: fn(&mut RequestDraft)| {
        let mut draft = draft();
        change(&mut draft);
        draft
    };
    for (field, draft) in [
        ("method", with(|d| d.method.clear())),
        ("method", with(|d| d.method = "PO ST".into())),
        ("host", with(|d| d.host.clear())),
        ("host", with(|d| d.host = "cloud.example/path".into())),
        ("host", with(|d| d.host = "cloud.example\n".into())),
        ("host", with(|d| d.headers.push(("Host".into(), "other.example".into())))),
        ("path", with(|d| d.path.clear())),
        ("path", with(|d| d.path = "no-slash".into())),
        ("path", with(|d| d.path = "/?a=b".into())),
        ("headers[1]", with(|d| d.headers.push((String::new(), "a".into())))),
        ("headers[1]", with(|d| d.headers.push(("x y".into(), "a".into())))),
        ("content-type", with(|d| d.headers.push(("content-TYPE".into(), "a".into())))),
        ("authorization", with(|d| d.headers.push(("Authorization".into(), "a".into())))),
    ] {
        refused(field, &draft, &credential());
    }
    let same_host = with(|d| d.headers.push(("Host".into(), "cloud.example".into())));
    assert!(all(&same_host, &credential(), SignedHeaders::Minimal).iter().all(Result::is_ok));
}

#[test]
fn what_one_scheme_alone_refuses() {
    let with = |change: fn(&mut RequestDraft)| {
        let mut draft = draft();
        change(&mut draft);
        draft
    };
    let acs3 = |draft: &RequestDraft, nonce: &str| {
        acs3::sign(draft, &credential(), at(), &Nonce(nonce.into()), SignedHeaders::Minimal).unwrap_err().to_string()
    };
    let tc3 = |draft: &RequestDraft, service: &str| {
        tc3::sign(draft, &credential(), at(), service, SignedHeaders::Minimal).unwrap_err().to_string()
    };
    for (field, message) in [
        ("x-acs-signature-nonce", acs3(&draft(), "")),
        ("x-acs-signature-nonce", acs3(&draft(), "a\nb")),
        ("x-acs-date", acs3(&with(|d| d.headers.push(("x-acs-date".into(), String::new()))), "n")),
        ("x-acs-content-sha256", acs3(&with(|d| d.headers.push(("x-acs-content-sha256".into(), "0".into()))), "n")),
        ("path", acs3(&with(|d| d.path = "/a b".into()), "n")),
        ("query", acs3(&with(|d| d.query = Query::Raw("a=b c".into())), "n")),
        ("content-type", tc3(&with(|d| d.headers.clear()), "cbs")),
        ("service", tc3(&draft(), "")),
        ("service", tc3(&draft(), "cbs/x")),
        ("path", tc3(&with(|d| d.path = "/v1".into()), "cbs")),
        ("query", tc3(&with(|d| d.query = Query::Raw("a=b".into())), "cbs")),
        ("x-tc-timestamp", tc3(&with(|d| d.headers.push(("x-tc-timestamp".into(), "+5".into()))), "cbs")),
        ("x-tc-timestamp", tc3(&with(|d| d.headers.push(("x-tc-timestamp".into(), "9".repeat(30)))), "cbs")),
    ] {
        assert!(message.starts_with(&format!("{field} is ")), "{field}: {message}");
    }
}

#[test]
fn nothing_secret_is_debug_printed() {
    for signed in all(&draft(), &credential(), SignedHeaders::Minimal).map(Result::unwrap) {
        let printed = format!("{signed:?} {:?} {:?}", signed.trace, credential());
        let hidden =
            [SECRET, TOKEN, &signed.trace.signature, &signed.trace.string_to_sign, &signed.trace.canonical_request];
        for hidden in hidden {
            assert!(!printed.contains(hidden), "{printed}");
        }
        assert!(printed.contains("content-type;host"));
    }
}
