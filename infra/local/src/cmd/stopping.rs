//! Ctrl-C and SIGTERM: the first one has the work end cleanly, a second one ends it at once.

use std::io::Write;

use anyhow::Context as _;
use offsite_shared::context::Context;
use tokio::sync::watch::Receiver;

/// How often this process was told to stop: once to finish, twice to end at once.
pub type Told = Receiver<u32>;

/// Counts the signals that ask this process to stop, from now on.
///
/// # Errors
/// This process cannot hear signals.
pub fn told_to_stop() -> anyhow::Result<Told> {
    use tokio::signal::unix::{SignalKind, signal};
    let unheard = "this process cannot hear signals";
    let mut terminate = signal(SignalKind::terminate()).context(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).context(unheard)?;
    let (tell, told) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tell.send_modify(|times| *times += 1);
        }
    });
    Ok(told)
}

/// Returns when this process is told to stop.
///
/// # Errors
/// This process cannot hear signals.
pub(super) async fn until_told() -> anyhow::Result<()> {
    told_to_stop()?.wait_for(|times| *times > 0).await?;
    Ok(())
}

/// Does the work to its end. When told to stop, it finishes what is begun, begins nothing new, and gives back what it holds.
///
/// # Errors
/// It was told a second time before that: what was under way is as after a crash, and read back by whoever comes next.
pub(super) async fn finishing<T>(
    context: &Context,
    told: &mut Told,
    work: impl Future<Output = T>,
) -> anyhow::Result<T> {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return Ok(done),
        _ = told.wait_for(|times| *times > 0) => {}
    }
    context.end_soon();
    writeln!(anstream::stderr(), "stopping: what is begun is finished; a second signal ends at once")?;
    tokio::select! {
        biased;
        done = work => Ok(done),
        _ = told.wait_for(|times| *times > 1) => anyhow::bail!(
            "stopped at once: a copy that was being started is in doubt, and the next run asks the cloud for it before anything else"
        ),
    }
}
