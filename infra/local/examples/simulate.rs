//! Runs the three simulators until interrupted; prints one JSON line with their addresses.
#![allow(clippy::print_stdout, reason = "the addresses are this program's output")]

use offsite_local::sim::{SimOptions, Simulators};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let any_source = std::env::args().any(|argument| argument == "--any-source");
    let simulators = Simulators::start(SimOptions { any_source, ..SimOptions::default() }).await?;
    println!("{}", simulators.endpoints_json());
    tokio::signal::ctrl_c().await?;
    simulators.stopped().await;
    Ok(())
}
