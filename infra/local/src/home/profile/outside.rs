//! Credentials from a program or from a person's sign-on: only where that is asked for.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use jiff::Timestamp;
use offsite_shared::io::assume::{self, Session, SignOn};
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::settings::environment::Environment;
use secrecy::SecretString;
use serde_json::Value;
use tokio::process::Command;

use super::file::{Profiles, Section, in_home};

/// Whether `OFFSITE_AWS_ALLOW` names this way to a credential.
///
/// # Errors
/// It does not.
pub(super) fn allowed(environment: &Environment, way: &str, profile: &str) -> Result<(), Error> {
    let given = environment.get("OFFSITE_AWS_ALLOW").unwrap_or_default();
    if given.split(',').any(|one| one.trim() == way) {
        return Ok(());
    }
    let what = match way {
        "process" => "would start the program of its credential_process",
        _ => "would use a person's sign-on (SSO)",
    };
    Err(Error::configuration(format!(
        "the AWS profile {profile} {what}, which is done only where it is asked for: set OFFSITE_AWS_ALLOW={way}, or name another profile in AWS_PROFILE"
    )))
}

/// Starts the program of a profile, which prints a credential. No error repeats what it printed.
/// Source: AWS SDKs and Tools Reference Guide, "Process credential provider", 2026.
///
/// # Errors
/// It cannot be started, ends badly, or prints something else.
pub(super) async fn process(command: &str, profile: &str) -> Result<Session, Error> {
    let wrong =
        |why: String| Error::configuration(format!("the credential_process of the AWS profile {profile} {why}"));
    let mut program = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    program.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command);
    let output = program.stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| wrong(format!("cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(wrong(format!("ended with {}; run it by hand", output.status)));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let part = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let session = || {
        Some(Session {
            id: part("AccessKeyId")?,
            secret: part("SecretAccessKey")?.into(),
            token: part("SessionToken").unwrap_or_default().into(),
        })
    };
    let version = answer.get("Version").and_then(Value::as_u64);
    session().filter(|_| version == Some(1)).ok_or_else(|| wrong("prints no credential of version 1".to_owned()))
}

/// Takes the session of a sign-on that a person made with `aws sso login`.
/// Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential provider", 2026: what is cached, and where.
///
/// # Errors
/// The profile is incomplete, nobody has signed on, or the portal refuses.
pub(super) async fn sign_on(
    environment: &Environment,
    profiles: &Profiles,
    profile: &Section,
    name: &str,
    transport: &Arc<dyn Transport>,
    clock: &dyn Clock,
) -> Result<Session, Error> {
    let shared = profile.get("sso_session").and_then(|session| profiles.sign_on(session));
    let of = |setting: &str| {
        let found = profile.get(setting).or_else(|| shared.and_then(|shared| shared.get(setting)));
        found.ok_or_else(|| Error::configuration(format!("the AWS profile {name} has no {setting}")))
    };
    let (start, region) = (of("sso_start_url")?, of("sso_region")?);
    let as_what =
        SignOn { region: region.clone(), account: of("sso_account_id")?.clone(), role: of("sso_role_name")?.clone() };
    let cache = in_home(environment, "sso/cache");
    let token = cache.and_then(|cache| cached(&cache, start, clock.now())).ok_or_else(|| {
        Error::configuration(format!("nobody has signed on at {start}, or no longer: `aws sso login --profile {name}`"))
    })?;
    assume::with_sign_on(environment, &**transport, &as_what, &token).await
}

/// The token of a sign-on at this address that has not ended. The files' names are hashes, so each is looked into.
fn cached(folder: &Path, start: &str, now: Timestamp) -> Option<SecretString> {
    let read = |path: PathBuf| serde_json::from_str::<Value>(&std::fs::read_to_string(path).ok()?).ok();
    let files = std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| read(entry.path()));
    let mut tokens = files.filter_map(|file| {
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let ends: Timestamp = text("expiresAt")?.replace("UTC", "Z").parse().ok()?;
        let fits = text("startUrl")?.trim_end_matches(['/', '#']) == start.trim_end_matches(['/', '#']) && ends > now;
        fits.then(|| text("accessToken").map(|token| SecretString::from(token.to_owned()))).flatten()
    });
    tokens.next()
}
