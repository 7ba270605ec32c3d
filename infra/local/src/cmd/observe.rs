//! `offsite observe`: look at accepted copies in the destination.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use super::reader::ClockArgs;
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
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, requires = "until_done", value_parser = show::seconds::<0, 31_622_400>)]
    pub timeout: u64,
    /// How it is written [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// By which clock
    #[command(flatten)]
    pub clock: ClockArgs,
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
    let (before, _) = under_way(&context).await?;
    let bar = show::quiet(ProgressBar::new(before));
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos} of {len} copies arrived or given up, {elapsed} so far")
    {
        bar.set_style(style);
    }
    bar.tick();
    let (mut replicated, mut failed, mut lost, mut looked) = (0, 0, 0, 0);
    let (mut unanswered, mut unreadable, mut not_looked);
    let (left, next) = loop {
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
        let (left, next) = under_way(&context).await?;
        bar.set_length(before.max(left));
        bar.set_position(before.max(left) - left);
        if !args.until_done || left == 0 || clock.now() >= end {
            break (left, next);
        }
        tokio::select! {
            () = clock.sleep(Duration::from_secs(1)) => {}
            _ = told_to.changed() => {}
        }
        if *told_to.borrow() > 0 {
            break (left, next);
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
        Form::Table => {
            out.write_all(told::of_observation(&answer, next, &args.clock.reader(), show::width()).as_bytes())?
        }
        Form::Json => writeln!(out, "{answer}")?,
    }
    Ok(well)
}

/// How many accepted copies there are of which the destination has not been seen, and when it is looked at next.
pub(super) async fn under_way(context: &Context) -> anyhow::Result<(u64, Option<Timestamp>)> {
    let filter = RecordFilter { state: Some(State::Accepted.name().to_owned()), ..RecordFilter::default() };
    let (mut count, mut next) = (0, None);
    let see = |page: RecordPage| {
        for at in page.records.iter().filter_map(|record| record.look_at) {
            count += 1;
            next = Some(next.map_or(at, |next: Timestamp| next.min(at)));
        }
        Ok(())
    };
    home::each_page(&*context.ports.ledger, &filter, see).await?;
    Ok((count, next))
}
