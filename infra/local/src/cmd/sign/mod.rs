//! `offsite sign`: every stage of a signature for a request given as JSON.
//!
//! What a person compares when a cloud answers "signature does not match". Its standard output is the one place where a
//! string to sign may appear. The secret never does; a session token does where the scheme sends or signs it as a header,
//! since the stages could not be compared without it.

mod input;
mod scheme;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use offsite_shared::sign::canonical::{encode_into, hex};
use offsite_shared::sign::{Credential, Nonce, RequestDraft, Signed, SignedHeaders, acs3, sdk_hmac, tc3};
use secrecy::{ExposeSecret, SecretString};

use input::{Input, lacks};

pub use scheme::Scheme;

/// Explains the signature of a request: canonical request, string to sign, signature, headers
///
/// The input is a JSON object: `method`; `url` as on the wire, or `host`, `path` and `query` (an object, or a list of
/// [name, value] pairs, unencoded; a string is taken as on the wire); `headers` (an object or a list of pairs); `body` or
/// `body_base64`; `access_key_id`, `access_key_secret`, `security_token`; `date` or `timestamp`; `nonce` (acs3);
/// `service` (tc3); `project_id`, `domain_id` (sdk-hmac); `signed_headers`. Headers that the scheme needs are added unless
/// given; a given Authorization is ignored. Without a date and nonce, now and a random one are used.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  offsite sign --scheme tc3 --input request.json      canonical request, string to sign, signature"
)]
pub struct SignArgs {
    /// The signature scheme
    #[arg(long, value_enum)]
    pub scheme: Scheme,
    /// The request as JSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
}

/// What the command prints.
#[derive(serde::Serialize)]
pub(crate) struct Explanation {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature in hex.
    pub signature: String,
    /// The signed header names, `;`-joined.
    pub signed_headers: String,
    /// Every header to send, `Authorization` among them.
    pub headers: BTreeMap<String, String>,
}

/// The time and the nonce for a request that gives none.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// Now.
    pub at: Timestamp,
    /// Random.
    pub nonce: Nonce,
}

/// Reads the request, signs it and prints the stages as JSON.
///
/// # Errors
/// When the input cannot be read, has an unknown or unusable key, or lacks one; the key is named, its value never shown.
pub fn run(args: SignArgs, out: &mut dyn Write) -> Result<()> {
    let explanation = explain(args.scheme, &read(&args.input)?, &stamp()?)?;
    serde_json::to_writer_pretty(&mut *out, &explanation)?;
    writeln!(out)?;
    Ok(())
}

/// The stages of the signature for a request in JSON.
///
/// # Errors
/// As [`run`].
pub(crate) fn explain(scheme: Scheme, input: &str, stamp: &Stamp) -> Result<Explanation> {
    let mut input = Input::parse(input)?;
    let secret = input.text("access_key_secret")?;
    let credential = Credential {
        access_key_id: input.text("access_key_id")?,
        access_key_secret: SecretString::from(secret),
        security_token: input.text_if_given("security_token")?.map(SecretString::from),
    };
    if credential.access_key_id == credential.access_key_secret.expose_secret() {
        bail!("`access_key_id` and `access_key_secret` are the same");
    }
    let at = input.time()?.unwrap_or(stamp.at);
    let signed_names = input.signed_headers()?;
    let which = signed_names.as_deref().map_or(SignedHeaders::Minimal, SignedHeaders::Exactly);
    let mut draft = input.draft(scheme)?;
    let signed = match scheme {
        Scheme::Acs3 => {
            let nonce = input.text_if_given("nonce")?.map_or_else(|| stamp.nonce.clone(), Nonce);
            input.finish(scheme)?;
            acs3::sign(&draft, &credential, at, &nonce, which)?
        }
        Scheme::SdkHmac => {
            add_header(&mut draft, "x-project-id", input.text_if_given("project_id")?);
            add_header(&mut draft, "x-domain-id", input.text_if_given("domain_id")?);
            input.finish(scheme)?;
            sdk_hmac::sign(&draft, &credential, at, which)?
        }
        Scheme::Tc3 => {
            let service =
                input.text_if_given("service")?.or_else(|| service_of(&draft.host)).ok_or_else(|| lacks("service"))?;
            input.finish(scheme)?;
            // The only scheme that requires the header; these are the values that the vendor's SDK sends.
            let get = draft.method.eq_ignore_ascii_case("GET");
            let default = if get { "application/x-www-form-urlencoded" } else { "application/json" };
            add_header(&mut draft, "content-type", Some(default.to_owned()));
            tc3::sign(&draft, &credential, at, &service, which)?
        }
    };
    explanation(signed, credential.access_key_secret.expose_secret())
}

/// The edge: the one place of this command that asks the clock and the random source.
#[allow(clippy::disallowed_methods)]
fn stamp() -> Result<Stamp> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow!("no random bytes for a nonce: {error}"))?;
    Ok(Stamp { at: Timestamp::now(), nonce: Nonce(hex(&random)) })
}

fn read(input: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if input == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(input).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", input.display()))?;
    Ok(text)
}

/// Refuses to print a request that itself carries the secret, as it is or percent-encoded.
fn explanation(signed: Signed, secret: &str) -> Result<Explanation> {
    let mut encoded = String::new();
    encode_into(&mut encoded, secret.as_bytes());
    let carries = |text: &str| text.contains(secret) || text.contains(&encoded);
    let headers: BTreeMap<String, String> = signed.headers.into_iter().collect();
    // Below this length a match is chance. `Authorization` is built of the key ID, which example keys share with the secret.
    let telling = secret.len() >= 8;
    let mut sent = headers.iter().filter(|(name, _)| *name != "Authorization").map(|(_, value)| value.as_str());
    if telling && (carries(&signed.trace.canonical_request) || sent.any(carries)) {
        bail!("the request itself contains access_key_secret; nothing is printed");
    }
    Ok(Explanation {
        canonical_request: signed.trace.canonical_request,
        string_to_sign: signed.trace.string_to_sign,
        signature: signed.trace.signature,
        signed_headers: signed.trace.signed_headers,
        headers,
    })
}

fn add_header(draft: &mut RequestDraft, name: &str, value: Option<String>) {
    let given = draft.headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name));
    if let (Some(value), false) = (value, given) {
        draft.headers.push((name.to_owned(), value));
    }
}

/// The first label of a Tencent Cloud host is the service.
fn service_of(host: &str) -> Option<String> {
    let (label, domain) = host.split_once('.')?;
    domain.contains("tencentcloudapi.com").then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SignArgs,
    }

    #[test]
    fn the_command_line_is_the_documented_one() {
        for (name, scheme) in [("acs3", Scheme::Acs3), ("sdk-hmac", Scheme::SdkHmac), ("tc3", Scheme::Tc3)] {
            let line = ["sign", "--scheme", name, "--input", "-"];
            let args = Line::try_parse_from(line).unwrap().args;
            assert_eq!((args.scheme, args.input.as_path()), (scheme, Path::new("-")));
        }
        assert!(Line::try_parse_from(["sign", "--scheme", "acs3"]).is_err());
        assert!(Line::try_parse_from(["sign", "--input", "-"]).is_err());
        assert!(Line::try_parse_from(["sign", "--scheme", "v4", "--input", "-"]).is_err());
    }
}
