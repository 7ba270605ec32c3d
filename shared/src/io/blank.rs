//! Blanks the secrets that a request carried, where its reply quotes them: error messages reach logs, answers and the ledger.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use serde_json::Value;

use crate::model::http::{HttpRequest, Reply};

/// What stands for a secret.
const BLANK: u8 = b'*';

/// So many bytes of a secret in a row are taken for a part of it.
const PART: usize = 8;

/// A longer reply is a listing: it is looked through at every eighth place, and twice as many bytes in a row are a part.
const LISTING: usize = 64 * 1024;

/// The fields of a body that hold a secret.
const FIELDS: [&str; 6] =
    ["password", "WebIdentityToken", "OIDCToken", "SAMLAssertion", "SecretAccessKey", "SecretKey"];

/// The secrets that a request carries: tokens and signatures in its headers, passwords and tokens in its body.
pub(crate) struct Carried {
    secrets: Vec<Vec<u8>>,
    /// Whether the answer is to be a credential.
    gives: bool,
}

impl Carried {
    /// Finds the secrets of a request.
    pub(crate) fn by(request: &HttpRequest) -> Carried {
        let mut secrets: Vec<Vec<u8>> = Vec::new();
        for (name, value) in &request.headers {
            if name.eq_ignore_ascii_case("authorization") {
                let signature = value.rsplit_once("Signature=").map(|(_, signature)| signature);
                secrets.extend(signature.or(value.strip_prefix("Bearer ")).map(|secret| secret.as_bytes().to_vec()));
                secrets.extend(swapped(value).map(|secret| secret.as_bytes().to_vec()));
            } else if contains(name.as_bytes(), b"token") {
                secrets.push(value.as_bytes().to_vec());
            }
        }
        if let Some((_, query)) = request.url.split_once('?') {
            of_form(query.as_bytes(), &mut secrets);
        }
        if names_a_secret(&request.body) {
            match serde_json::from_slice::<Value>(&request.body) {
                Ok(body) => of_json(&body, &mut secrets),
                Err(_) => of_form(&request.body, &mut secrets),
            }
        }
        secrets.retain(|secret| secret.len() >= 4);
        Carried { secrets, gives: request.manner.gives_credential }
    }

    /// The reply with each secret blanked, whole or in part. One that gives a credential stays as it is: two tokens of one service may
    /// begin alike, and whoever reads it shows nothing of it.
    pub(crate) fn blanked(&self, mut reply: Reply) -> Reply {
        if self.secrets.is_empty() || (self.gives && gives_credential(&reply)) {
            return reply;
        }
        let parts = Parts::of(&self.secrets, PART);
        if reply.body.len() > LISTING {
            Parts::of(&self.secrets, 2 * PART).blank(&mut reply.body, PART);
        } else {
            parts.blank(&mut reply.body, 1);
        }
        for (_, value) in &mut reply.headers {
            let mut bytes = std::mem::take(value).into_bytes();
            parts.blank(&mut bytes, 1);
            *value = String::from_utf8_lossy(&bytes).into_owned();
        }
        reply
    }
}

/// What a request names as the ID of its key if it is no ID: somebody has set ID and secret the other way round. Secrets have 30 signs
/// (Alibaba), 32 (Tencent) and 40 (Huawei, AWS). Source: the providers' console examples, 2026: longer IDs begin in one of these ways.
fn swapped(authorization: &str) -> Option<&str> {
    let id = ["Credential=", "Access="].iter().find_map(|name| Some(authorization.split_once(name)?.1))?;
    let id = id.split(['/', ',', ' ']).next()?;
    let is_id = ["AKID", "IKID", "LTAI", "STS.", "TMP.", "AKIA", "ASIA"].iter().any(|begin| id.starts_with(begin));
    (id.len() >= 30 && !is_id).then_some(id)
}

/// What stands in the reply of a token service, of IAM (whose token is in a header) and of Secrets Manager.
const GIVEN: [&[u8]; 4] = [b"Credentials", b"\"credential\"", b"\"expires_at\"", b"\"SecretString\""];

/// Whether a reply gives a credential. Tencent's errors come with status 200. No reply that does is as long as a listing.
fn gives_credential(reply: &Reply) -> bool {
    (200..300).contains(&reply.status)
        && reply.body.len() <= LISTING
        && !contains(&reply.body, b"\"error")
        && GIVEN.iter().any(|part| contains(&reply.body, part))
}

/// All stretches of this length of some secrets. A shorter secret is one stretch.
struct Parts<'s> {
    length: usize,
    all: HashSet<&'s [u8], BuildHasherDefault<First>>,
    short: Vec<&'s [u8]>,
    /// Which hashes occur, a bit for each, so that most places of a reply cost one look.
    seen: [u64; HASHES / 64],
}

const HASHES: usize = 1 << 14;

impl<'s> Parts<'s> {
    fn of(secrets: &'s [Vec<u8>], length: usize) -> Parts<'s> {
        let stretches = secrets.iter().map(|secret| (secret.len() + 1).saturating_sub(length)).sum();
        let all = HashSet::with_capacity_and_hasher(stretches, BuildHasherDefault::default());
        let mut parts = Parts { length, all, short: Vec::new(), seen: [0; HASHES / 64] };
        for secret in secrets {
            if secret.len() < length {
                parts.short.push(secret);
            }
            for stretch in secret.windows(length) {
                let hash = hash(stretch);
                if let Some(seen) = parts.seen.get_mut(hash / 64) {
                    *seen |= 1 << (hash % 64);
                }
                parts.all.insert(stretch);
            }
        }
        parts
    }

    fn is_part(&self, stretch: &[u8]) -> bool {
        let hash = hash(stretch);
        self.seen.get(hash / 64).is_some_and(|seen| seen >> (hash % 64) & 1 == 1) && self.all.contains(stretch)
    }

    /// Blanks each stretch of `text` that is part of a secret, looking at every `step`th place and growing what is found there.
    fn blank(&self, text: &mut [u8], step: usize) {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for secret in &self.short {
            found.extend(positions(text, secret).into_iter().map(|at| (at, at + secret.len())));
        }
        let is_part = |at: usize| text.get(at..at + self.length).is_some_and(|stretch| self.is_part(stretch));
        let mut at = 0;
        while at + self.length <= text.len() {
            if !is_part(at) {
                at += step;
                continue;
            }
            let (mut first, mut last) = (at, at);
            while first > 0 && is_part(first - 1) {
                first -= 1;
            }
            while is_part(last + 1) {
                last += 1;
            }
            found.push((first, last + self.length));
            at = last + self.length;
        }
        for (from, to) in found {
            if let Some(part) = text.get_mut(from..to) {
                part.fill(BLANK);
            }
        }
    }
}

/// A hash of the first [`PART`] bytes: it is asked at every place of every reply.
fn hash(stretch: &[u8]) -> usize {
    (spread(stretch) >> 50) as usize % HASHES
}

fn spread(stretch: &[u8]) -> u64 {
    let first = stretch.first_chunk::<PART>().map_or(0, |first| u64::from_le_bytes(*first));
    first.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Hashes a stretch by its first bytes. What is kept by it are our own secrets, so nobody can choose what falls together.
#[derive(Default)]
struct First(u64);

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        let spread = spread(bytes);
        self.0 = spread ^ (spread >> 29);
    }

    /// All stretches are of one length.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn positions(text: &[u8], wanted: &[u8]) -> Vec<usize> {
    text.windows(wanted.len()).enumerate().filter(|(_, window)| *window == wanted).map(|(at, _)| at).collect()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    // Most places differ in the first byte, and this is asked of every reply.
    let first = wanted.first().map(u8::to_ascii_lowercase);
    let may = |window: &[u8]| window.first().map(u8::to_ascii_lowercase) == first;
    text.windows(wanted.len()).any(|window| may(window) && window.eq_ignore_ascii_case(wanted))
}

/// Whether the name of a field that holds a secret stands in a body. Every request is asked, so one look goes to every fourth byte: each
/// name is long enough to hold one of them with the three after it.
fn names_a_secret(body: &[u8]) -> bool {
    // Most places differ in the first byte.
    let begins = |from: usize, field: &str| {
        body.get(from).map(u8::to_ascii_lowercase) == field.bytes().next().map(|first| first.to_ascii_lowercase())
    };
    let is_name = |from: usize, field: &str| {
        begins(from, field)
            && body.get(from..from + field.len()).is_some_and(|part| part.eq_ignore_ascii_case(field.as_bytes()))
    };
    let is_near =
        |at: usize| FIELDS.iter().any(|field| (at.saturating_sub(field.len())..=at).any(|from| is_name(from, field)));
    body.chunks_exact(4).enumerate().any(|(nth, four)| match *four {
        [a, b, c, d] => {
            let place = place_of([a, b, c, d]);
            OF_NAMES[place / 64] >> (place % 64) & 1 == 1 && is_near(nth * 4)
        }
        _ => false,
    })
}

/// Which places the parts of four bytes of the names have, a bit for each.
const OF_NAMES: [u64; 128] = {
    let (mut places, mut field) = ([0; 128], 0);
    while field < FIELDS.len() {
        let (name, mut at) = (FIELDS[field].as_bytes(), 0);
        assert!(name.len() >= 7);
        while at + 4 <= name.len() {
            let place = place_of([name[at], name[at + 1], name[at + 2], name[at + 3]]);
            places[place / 64] |= 1 << (place % 64);
            at += 1;
        }
        field += 1;
    }
    places
};

/// The same for upper and lower case.
const fn place_of(four: [u8; 4]) -> usize {
    ((u32::from_le_bytes(four) | 0x2020_2020).wrapping_mul(0x9e37_79b1) >> 19) as usize
}

fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

fn of_json(value: &Value, secrets: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                match inner {
                    Value::String(text) if is_field(name) => {
                        secrets.push(text.as_bytes().to_vec());
                        // In another JSON text it stands escaped.
                        let quoted = Value::String(text.clone()).to_string();
                        let escaped = quoted.trim_matches('"');
                        if escaped != text {
                            secrets.push(escaped.as_bytes().to_vec());
                        }
                    }
                    inner => of_json(inner, secrets),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_json(item, secrets)),
        _ => {}
    }
}

fn of_form(body: &[u8], secrets: &mut Vec<Vec<u8>>) {
    let text = String::from_utf8_lossy(body);
    for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        if is_field(name) {
            secrets.push(value.as_bytes().to_vec());
            if let Cow::Owned(decoded) = decoded(value) {
                secrets.push(decoded.into_bytes());
            }
        }
    }
}

/// A value of a form without its escapes.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, escape) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::http::Manner;

    const TOKEN: &str = "MIICTOKENTOKENTOKEN1234567890+/=abcdefghijklmnopqrstuvwxyz";

    fn request(headers: &[(&str, &str)], body: &str) -> HttpRequest {
        HttpRequest {
            manner: Manner { gives_credential: true, ..Manner::default() },
            method: "POST".into(),
            url: "https://somewhere".into(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
            timeout: Duration::from_secs(1),
        }
    }

    fn quoted(request: &HttpRequest, body: &str) -> String {
        let reply =
            Reply { status: 400, headers: vec![("x-echo".into(), body.into())], body: body.as_bytes().to_vec() };
        let reply = Carried::by(request).blanked(reply);
        let body = String::from_utf8(reply.body).unwrap();
        if body.len() <= LISTING {
            assert_eq!(reply.headers, [("x-echo".to_owned(), body.clone())]);
        }
        body
    }

    #[test]
    fn a_quoted_secret_is_blanked_whole_and_in_part() {
        for name in ["X-Auth-Token", "x-amz-security-token", "X-TC-Token", "x-acs-security-token", "X-Security-Token"] {
            let request = request(&[(name, TOKEN), ("x-date", "20261121T080000Z")], "");
            assert_eq!(
                quoted(&request, &format!("bad token {TOKEN}.")),
                format!("bad token {}.", "*".repeat(TOKEN.len()))
            );
            assert_eq!(quoted(&request, &format!("bad {}…", &TOKEN[20..40])), format!("bad {}…", "*".repeat(20)));
            assert_eq!(quoted(&request, "at 20261121T080000Z"), "at 20261121T080000Z", "what is no secret stays");
        }
        let signed =
            request(&[("Authorization", "AWS4-HMAC-SHA256 Credential=AK/2026, Signature=0123456789abcdef")], "");
        assert_eq!(quoted(&signed, "AK sent 0123456789abcdef"), "AK sent ****************");
        let bearer = request(&[("Authorization", "Bearer abcdefghij")], "");
        assert_eq!(quoted(&bearer, "no: abcdefghij"), "no: **********");
    }

    #[test]
    fn a_secret_in_the_place_of_its_id_is_blanked() {
        let secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAM";
        for line in [
            format!("TC3-HMAC-SHA256 Credential={secret}/2026/cbs, Signature=s"),
            format!("SDK-HMAC-SHA256 Access={secret}, SignedHeaders=host, Signature=s"),
        ] {
            let request = request(&[("Authorization", &line)], "");
            assert_eq!(quoted(&request, &format!("no {secret}")), format!("no {}", "*".repeat(secret.len())));
        }
        let id = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
        let well = request(&[("Authorization", &format!("TC3-HMAC-SHA256 Credential={id}/2026/cbs, Signature=s"))], "");
        assert_eq!(quoted(&well, &format!("no {id}")), format!("no {id}"));
    }

    #[test]
    fn a_secret_of_the_body_is_blanked_as_it_was_sent_and_as_it_was_meant() {
        let login = request(&[], r#"{"auth":{"identity":{"password":{"user":{"name":"usr","password":"pa\"ss77"}}}}}"#);
        assert_eq!(quoted(&login, r#"usr said pa\"ss77 or pa"ss77"#), "usr said ******** or *******");
        let form = request(&[], "Action=AssumeRole&WebIdentityToken=eyJhbGciOi%2BJSUzI1NiJ9.body&RoleArn=acs");
        assert_eq!(quoted(&form, "acs eyJhbGciOi%2BJSUzI1NiJ9.body"), format!("acs {}", "*".repeat(28)));
        assert_eq!(quoted(&form, "acs eyJhbGciOi+JSUzI1NiJ9.body"), format!("acs {}", "*".repeat(26)));
        assert_eq!(quoted(&request(&[], r#"{"password":"abc"}"#), "abc"), "abc", "three letters are in everything");
        let mut asked = request(&[], "");
        asked.url = "https://sts/?Action=AssumeRoleWithOIDC&OIDCToken=eyJhbGciOi%2BJSUzI1NiJ9".into();
        assert_eq!(quoted(&asked, "OIDC eyJhbGciOi+JSUzI1NiJ9"), format!("OIDC {}", "*".repeat(21)));
    }

    #[test]
    fn a_reply_that_gives_a_credential_is_left_as_it_is_unless_it_is_an_error() {
        let request = request(&[("X-Amz-Security-Token", TOKEN)], "");
        let answer = |status: u16, body: String| {
            let reply = Reply { status, headers: Vec::new(), body: body.into_bytes() };
            String::from_utf8(Carried::by(&request).blanked(reply).body).unwrap()
        };
        let given = format!("<Credentials><SessionToken>{}another</SessionToken></Credentials>", &TOKEN[..20]);
        assert_eq!(answer(200, given.clone()), given, "two tokens of one service begin alike");
        assert!(answer(403, given).contains(&"*".repeat(20)));
        // Whatever an answer says of itself: of a call that asks for no credential it gives none.
        let mut other = request.clone();
        other.manner = Manner::default();
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: format!("{{\"Credentials\":1,\"Message\":\"{TOKEN}\"}}").into_bytes(),
        };
        assert!(!String::from_utf8(Carried::by(&other).blanked(reply).body).unwrap().contains("TOKEN"));
        let refused = format!(r#"{{"Response":{{"Error":{{"Message":"Credentials {TOKEN}"}}}}}}"#);
        assert!(!answer(200, refused).contains("TOKEN"));
    }

    #[test]
    fn the_name_of_every_secret_field_is_found_in_a_body() {
        for field in FIELDS {
            let shifted = ["", "a", "ab", "abc", "abcd"].map(|before| format!("{before}{field}"));
            let bodies = [format!("{{\"{field}\":1}}"), field.to_uppercase(), format!("a={field}&b=c")];
            for body in shifted.into_iter().chain(bodies) {
                assert!(names_a_secret(body.as_bytes()), "{body}");
            }
            assert!(!names_a_secret(&field.as_bytes()[1..]), "{field}");
        }
        assert!(!names_a_secret(b"") && !names_a_secret(b"{\"pass\":\"sssss\"}"));
    }

    #[test]
    fn a_long_listing_is_looked_through_too() {
        let request = request(&[("X-Auth-Token", TOKEN)], "");
        for shift in 0..16 {
            let body = format!("{}{TOKEN}{}", "x".repeat(LISTING + shift), "y".repeat(100));
            let blanked = quoted(&request, &body);
            assert!(!blanked.contains("TOKEN") && blanked.len() == body.len(), "{shift}");
        }
    }
}
