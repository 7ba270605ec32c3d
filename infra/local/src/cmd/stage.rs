//! What `demo` and `chaos` both stand on: the functions, a folder for their files, and orders to the simulators.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::http::HttpRequest;
use offsite_shared::ports::{Clock, Transport};
use serde_json::Value;

use super::show;
use crate::fleet::build::{self, Binaries, Profile};

/// The functions: those beside this program, or built in a checkout, which is said on standard error.
///
/// # Errors
/// There is no checkout, or they do not compile.
pub(super) async fn functions(profile: Profile, source: Option<&Path>) -> anyhow::Result<Binaries> {
    if profile == Profile::Current
        && source.is_none()
        && let Some(found) = build::current()
    {
        return Ok(found);
    }
    let root = build::checkout(source)?;
    let line = build::command_line(profile).join(" ");
    writeln!(
        anstream::stderr(),
        "building the functions in {} (the first time takes minutes): {line}",
        root.display()
    )?;
    let shown = std::io::stderr().is_terminal() && !show::is_quiet();
    let built = tokio::task::spawn_blocking(move || build::build_in(&root, profile, shown));
    Ok(built.await.context("the build was interrupted")??)
}

/// Posts to a simulator's admin interface.
///
/// # Errors
/// The simulator refused.
pub async fn post(base: &str, path: &str, body: Value) -> anyhow::Result<()> {
    let transport = HttpTransport::new(Duration::from_secs(1))?;
    let request = HttpRequest {
        manner: Default::default(),
        method: "POST".into(),
        url: format!("{base}{path}"),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into_bytes(),
        timeout: Duration::from_secs(5),
    };
    let reply = transport.send(request).await?;
    ensure!(reply.status == 200, "{path} answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
    Ok(())
}

/// A temporary folder that is removed when this value is dropped.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Makes a folder in the system's folder for temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new() -> anyhow::Result<Folder> {
        let nonce = SystemClock.nonce().0;
        let path = std::env::temp_dir().join(format!("offsite-{}", nonce.get(..8).unwrap_or_default()));
        std::fs::create_dir(&path).with_context(|| format!("{} could not be made", path.display()))?;
        Ok(Folder(path))
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
