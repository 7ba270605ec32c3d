//! `offsite observe`: look at accepted copies in the destination.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use super::show::{self, Form};
use super::stopping::{finishing, told_to_stop};
use super::told;
use crate::home;

/// Options of `offsite observe`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite observe                        look once at what is due\n  offsite observe --until-done           wait until every copy is seen\n\nExit codes:\n  0  all is well   3  a copy failed, is lost, could not be read, or is still under way after --until-done"
)]
pub struct ObserveArgs {
    /// Wait until no copy is under way any more
    #[arg(long)]
    pub until_done: bool,
    /// Stop waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, requires = "until_done")]
    pub timeout: u64,
    /// How it is written [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    pub format: Option<Form>,
}

/// Writes what was seen, and tells whether every copy that was under way is now usable.
///
/// # Errors
/// The ledger cannot be used, or standard output is gone.
pub async fn run(args: &ObserveArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let path = home::database_path(environment);
    anyhow::ensure!(
        path.exists(),
        "there is no ledger at {}: handle an event first, or set OFFSITE_DB to the file",
        path.display()
    );
    let database = home::open(&path, home::is_simulated(environment)).await?;
    let context = home::context(environment, &database)?;
    let clock = SystemClock;
    let end = later(clock.now(), Duration::from_secs(args.timeout));
    let mut told_to = told_to_stop()?;
    let before = under_way(&context).await?;
    let bar = show::quiet(ProgressBar::new(before));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} copies settled  {elapsed} elapsed") {
        bar.set_style(style);
    }
    bar.tick();
    let (mut replicated, mut failed, mut lost, mut looked) = (0, 0, 0, 0);
    let (mut unanswered, mut unreadable, mut not_looked);
    let left = loop {
        let invocation = Invocation { id: "local".into(), deadline: later(clock.now(), Duration::from_secs(300)) };
        let payload = json!({ "action": "observe" });
        let answer = finishing(&context, &mut told_to, handle(&context, &payload, &invocation)).await??;
        let count = |name: &str| answer.pointer(&format!("/observed/{name}")).and_then(Value::as_u64).unwrap_or(0);
        replicated += count("replicated");
        failed += count("failed");
        lost += count("lost");
        looked += count("looked");
        unanswered = count("unanswered");
        unreadable = count("unreadable");
        not_looked = count("not_looked");
        let left = under_way(&context).await?;
        bar.set_length(before.max(left));
        bar.set_position(before.max(left) - left);
        if !args.until_done || left == 0 || clock.now() >= end {
            break left;
        }
        tokio::select! {
            () = clock.sleep(Duration::from_secs(1)) => {}
            _ = told_to.changed() => {}
        }
        if *told_to.borrow() > 0 {
            break left;
        }
    };
    bar.finish_and_clear();
    let observed = json!({
        "looked": looked, "replicated": replicated, "failed": failed, "lost": lost, "unanswered": unanswered,
        "not_looked": not_looked, "unreadable": unreadable, "under_way": left,
    });
    let well = failed == 0 && lost == 0 && unanswered == 0 && unreadable == 0 && (left == 0 || !args.until_done);
    let answer = json!({ "observed": observed });
    match Form::or_by_reader(args.format) {
        Form::Table => out.write_all(told::of_observation(&answer, show::width()).as_bytes())?,
        Form::Json => writeln!(out, "{answer}")?,
    }
    Ok(well)
}

/// Accepted copies of which the destination has not been seen.
pub(super) async fn under_way(context: &Context) -> anyhow::Result<u64> {
    let filter = RecordFilter { state: Some(State::Accepted.name().to_owned()), ..RecordFilter::default() };
    let mut count = 0;
    let count_page = |page: RecordPage| {
        count += page.records.iter().filter(|record| record.look_at.is_some()).count() as u64;
        Ok(())
    };
    home::each_page(&*context.ports.ledger, &filter, count_page).await?;
    Ok(count)
}
