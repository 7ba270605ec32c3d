//! The `offsite` command.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use offsite_local::cmd::{
    brake, chaos, code, demo, doctor, events, handle, init, ledger, observe, policy, queue, report, risk, rule, show,
    sign, simulate, status, stopping, sweep, watch, witness,
};
use offsite_local::home::profile;
use offsite_local::report::Health;
use offsite_local::report::witness::Says;
use offsite_local::terminal::{self, Colours, Log};
use offsite_shared::io::environment;
use offsite_shared::report::Conclusion;

const EXAMPLES: &str = "\
Examples:
  offsite demo                      the whole product on this machine
  offsite init tencent              a policy to begin with
  offsite witness                   what has a copy now, whoever made it
  offsite sweep --dry-run           what would be started; then without --dry-run
  offsite report                    what has its copy, and what has not
  offsite watch                     all of it, again and again, until Ctrl-C
  offsite explain in_doubt          what a code or state means

Exit codes:
  0  done   1  failed   2  the command line is wrong   3  some of it was not accepted

A table on a terminal; what answers to programs is JSON in a pipe. --format decides everywhere.
The first Ctrl-C finishes what is begun, a second one ends at once.

Ledger and queue are in OFFSITE_DB (./offsite.db). Keys come from the vendors' own variables:
  ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET
  HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK
  TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
`offsite explain configuration` has every variable.";

/// The subcommands, as the help groups them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("To begin", &["demo", "init", "doctor", "witness"]),
    ("Copies", &["sweep", "observe", "watch", "handle", "events"]),
    ("What came of them", &["report", "status", "queue", "explain"]),
    ("Decisions of a person", &["ledger", "risk", "rule", "pause", "resume", "policy"]),
    ("Tools", &["simulate", "sign", "chaos", "completions", "man"]),
];

/// Off-region copies of cloud backups: started once, seen in the destination, provable.
#[derive(Parser, Debug)]
#[command(name = "offsite", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
    /// Log what is done to standard error (-v), and every exchange (-vv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Say nothing while it takes its time: no progress on standard error
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Subcommand, Debug)]
enum Commands {
    /// Show the product at work on this machine: the real functions against simulated clouds
    Demo(demo::DemoArgs),
    /// Write a policy to begin with, and say what to do next
    Init(init::InitArgs),
    /// Look at accounts, network, rights and vaults, and change nothing: what to run first
    Doctor(doctor::DoctorArgs),
    /// Handle one event on this machine and print the answer
    Handle(handle::HandleArgs),
    /// Explain an event: its envelopes, who sent it, which rules it is about, and what would follow
    Events(events::EventsArgs),
    /// Look at accepted copies in the destination and record the evidence
    Observe(observe::ObserveArgs),
    /// Find what has no copy, and have it copied
    Sweep(sweep::SweepArgs),
    /// Look at what is new every minute, and do all else that is due, until it is told to stop
    Watch(watch::WatchArgs),
    /// Tell what has its copy and what has not, since when and why
    Report(report::ReportArgs),
    /// Tell of a backup, disk, server, vault or record: has it its copy, since when not, why, and what next?
    Status(status::StatusArgs),
    /// Say what need not be protected and what is no more, list that, and take it back
    Risk(risk::RiskArgs),
    /// Retire a rule that is gone from the policy, or let sweeps go on after a mass loss
    Rule(rule::RuleArgs),
    /// Stop every call that starts a copy, until somebody resumes it; a deployment does not
    Pause(brake::PauseArgs),
    /// Let go on what was paused
    Resume(brake::ResumeArgs),
    /// Say which backups have a copy now, whoever made it; needs keys that may only read
    Witness(witness::WitnessArgs),
    /// Check a policy, print its schema, or normalise it for the functions
    Policy(policy::PolicyArgs),
    /// Read the embedded queue
    Queue(queue::QueueArgs),
    /// Look at the ledger, and settle what only a person can
    Ledger(ledger::LedgerArgs),
    /// Run simulators of the three clouds
    Simulate(simulate::SimulateArgs),
    /// Explain a signature, stage by stage
    Sign(sign::SignArgs),
    /// Kill the real binaries at random moments, break their calls, and count copies and receipts
    Chaos(chaos::ChaosArgs),
    /// Say what a code or state means, and what to do
    Explain(code::CodeArgs),
    /// Write the manual pages
    #[command(after_help = "Example:\n  offsite man --to /usr/local/share/man/man1")]
    Man {
        /// The folder; it is made if it is not there
        #[arg(long, value_name = "FOLDER")]
        to: std::path::PathBuf,
    },
    /// Print a completion script
    #[command(after_help = "Example:\n  offsite completions bash > /etc/bash_completion.d/offsite")]
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let matches = show::grouped(Cli::command(), &GROUPS).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if cli.quiet {
        show::be_quiet();
    }
    terminal::log(match (cli.verbose, &cli.command) {
        (0, Commands::Demo(_)) => Log::Errors,
        // They have no table, and serve for long.
        (0, Commands::Watch(_)) => Log::Watch,
        (0, Commands::Simulate(_) | Commands::Chaos(_)) => Log::Warnings,
        (0, _) => Log::BesideTables,
        (1, _) => Log::Steps,
        _ => Log::Exchanges,
    });
    let mut runtime = match cli.command {
        // As in a function: it reads one page after the other, and a second thread would only be woken for each of them.
        Commands::Sweep(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::anyhow!("this process cannot start its threads: {error}")),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut environment = environment::capture();
    if matches!(
        cli.command,
        Commands::Doctor(_)
            | Commands::Report(_)
            | Commands::Status(_)
            | Commands::Risk(_)
            | Commands::Rule(_)
            | Commands::Pause(_)
            | Commands::Resume(_)
            | Commands::Ledger(_)
    ) {
        environment = profile::resolved(&environment).await?;
    }
    let colours = match cli.command {
        Commands::Demo(_)
        | Commands::Doctor(_)
        | Commands::Report(_)
        | Commands::Status(_)
        | Commands::Witness(_)
        | Commands::Chaos(_)
        | Commands::Handle(_)
        | Commands::Sweep(_)
        | Commands::Queue(_)
        | Commands::Ledger(_)
        | Commands::Policy(_)
        | Commands::Risk(_)
        | Commands::Explain(_) => Colours::Ours,
        _ => Colours::None,
    };
    let mut out = terminal::stdout(colours);
    match cli.command {
        Commands::Demo(args) => {
            let well = demo::run(&args, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Commands::Doctor(mut args) => {
            args.all |= cli.verbose > 0;
            let well = doctor::run(&args, &environment, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Commands::Handle(args) => Ok(match handle::run(&args, &environment, &mut out).await? {
            handle::Ended::Well => ExitCode::SUCCESS,
            handle::Ended::Badly => ExitCode::FAILURE,
            handle::Ended::Partly => ExitCode::from(3),
        }),
        Commands::Events(args) => {
            let readable = events::run(&args, &environment, &mut out).await?;
            Ok(if readable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Commands::Observe(args) => {
            let well = observe::run(&args, &environment, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Commands::Sweep(args) => Ok(ExitCode::from(sweep::run(&args, &environment, &mut out).await?)),
        Commands::Watch(args) => {
            let told = stopping::told_to_stop()?;
            Ok(match watch::run(&args, &environment, told, &mut terminal::stderr()).await? {
                watch::Ended::Well => ExitCode::SUCCESS,
                watch::Ended::NotAll => ExitCode::FAILURE,
                watch::Ended::Refused => ExitCode::from(3),
            })
        }
        Commands::Report(args) => {
            let conclusion = report::run(&args, &environment, &mut out).await?;
            Ok(match conclusion {
                Conclusion::Holds => ExitCode::SUCCESS,
                Conclusion::Unknown | Conclusion::NotJudged => ExitCode::FAILURE,
                Conclusion::Broken => ExitCode::from(3),
            })
        }
        Commands::Status(args) => {
            let health = status::run(&args, &environment, &mut out).await?;
            Ok(match health {
                Health::Well => ExitCode::SUCCESS,
                Health::Unknown => ExitCode::FAILURE,
                Health::NotWell => ExitCode::from(3),
            })
        }
        Commands::Risk(args) => {
            let well = risk::run(&args, &environment, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Commands::Rule(args) => {
            let well = rule::run(&args, &environment, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Commands::Pause(args) => brake::pause(&args, &environment, &mut out).await.map(|()| ExitCode::SUCCESS),
        Commands::Resume(args) => brake::resume(&args, &environment, &mut out).await.map(|()| ExitCode::SUCCESS),
        Commands::Witness(args) => {
            let says = witness::run(&args, &environment, &mut out).await?;
            Ok(match says {
                Says::AllCopied => ExitCode::SUCCESS,
                Says::NotAllSeen => ExitCode::FAILURE,
                Says::SomeWithout => ExitCode::from(3),
            })
        }
        Commands::Policy(args) => {
            let good = policy::run(&args, &environment, &mut out).await?;
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Commands::Queue(args) => queue::run(&args, &environment, &mut out).await.map(|()| ExitCode::SUCCESS),
        Commands::Ledger(args) => {
            let well = ledger::run(&args, &environment, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Commands::Init(args) => init::run(&args, &environment, &mut out).map(|()| ExitCode::SUCCESS),
        Commands::Simulate(args) => simulate::run(args, &mut out).await.map(|()| ExitCode::SUCCESS),
        Commands::Sign(args) => sign::run(args, &mut out).map(|()| ExitCode::SUCCESS),
        Commands::Chaos(args) => {
            let well = chaos::run(&args, &mut out).await?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Commands::Explain(args) => code::run(&args, &mut out).map(|()| ExitCode::SUCCESS),
        Commands::Man { to } => {
            let written = || format!("the manual pages could not be written to {}", to.display());
            std::fs::create_dir_all(&to).with_context(written)?;
            // The hand-written list of groups is for the screen; a page lists them as it lists all.
            clap_mangen::generate_to(Cli::command(), &to).with_context(written)?;
            writeln!(out, "the manual pages are in {}: man {}", to.display(), to.join("offsite.1").display())?;
            Ok(ExitCode::SUCCESS)
        }
        Commands::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "offsite", &mut script);
            // For a shell, and none of it from outside.
            anstream::stdout().write_all(&script).context("the completion script could not be written")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    // `offsite queue list | head` ends well.
    if error.chain().any(gone) {
        return ExitCode::SUCCESS;
    }
    terminal::say_failed(error);
    ExitCode::FAILURE
}
