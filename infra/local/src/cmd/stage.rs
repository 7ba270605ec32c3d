//! What `demo` and `chaos` both stand on: a folder for their files, a spinner, and orders to the simulators.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::http::HttpRequest;
use offsite_shared::ports::{Clock, Transport};
use serde_json::Value;

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

/// A spinner on a terminal, nothing in a pipe.
pub(super) fn spinner(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A temporary folder that is removed when this value is dropped.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Makes a folder in the system's folder for temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new() -> anyhow::Result<Folder> {
        let path = std::env::temp_dir().join(format!("offsite-{}", SystemClock.nonce().0));
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
