//! The full set: worlds that are too large for every run of the tests. One world on each core, the largest ones first.

#![allow(clippy::print_stdout)] // It is a command.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use offsite_protocol::search;
use offsite_protocol::world::World;
use offsite_protocol::worlds::full;

const USAGE: &str =
    "offsite-protocol --full [PART]   explores every world of the full set, or those whose names hold PART
offsite-protocol --list          names them";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let part = words.get(1).map(String::as_str).unwrap_or_default();
    let chosen: Vec<(&str, World)> = full().into_iter().filter(|(name, _)| name.contains(part)).collect();
    match words.first().map(String::as_str) {
        Some("--full") if words.len() <= 2 && !chosen.is_empty() => explore(&chosen),
        Some("--list") => {
            chosen.iter().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        _ => {
            println!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn explore(chosen: &[(&str, World)]) -> ExitCode {
    let (next, failed, done) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(chosen.len());
    println!("| world | states | steps | s | at rest |\n|---|---|---|---|---|");
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((name, world)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let explored = search::explore(*world);
                    println!("{}", explored.row(name));
                    if let Err(why) = explored.judged(name) {
                        println!("{why}");
                        failed.store(true, Ordering::Relaxed);
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push((explored.states, explored.steps));
                    }
                }
            });
        }
    });
    let (states, steps) = done
        .lock()
        .map_or((0, 0), |done| done.iter().fold((0, 0), |(states, steps), one| (states + one.0, steps + one.1)));
    let worlds = chosen.len();
    println!("{worlds} worlds, {states} states, {steps} steps");
    if failed.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
