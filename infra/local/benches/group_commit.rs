//! How many small durable writes a second the database takes: `cargo bench -p offsite`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used)]

use std::time::{Duration, Instant};

use offsite_local::home::database::Database;
use offsite_local::home::queue::{Outgoing, Queue};

const SECONDS: u64 = 3;

fn main() {
    let directory = std::env::temp_dir().join(format!("offsite-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for writers in [1, 8, 64, 256] {
        let path = directory.join(format!("{writers}.db"));
        let database = Database::open(&path).expect("the file can be created");
        let started = Instant::now();
        let written = runtime.block_on(run(&database, writers, started));
        let seconds = started.elapsed().as_secs_f64();
        println!("{writers:>4} writers: {:>7.0} durable writes a second", written as f64 / seconds);
    }
    std::fs::remove_dir_all(&directory).expect("the temporary directory can be removed");
}

async fn run(database: &Database, writers: usize, started: Instant) -> usize {
    let now = jiff::Timestamp::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let queue = Queue::receipts(database.clone());
            tokio::spawn(async move {
                let mut written = 0;
                while started.elapsed() < Duration::from_secs(SECONDS) {
                    let message = Outgoing { id: format!("{writer}-{written}"), body: "x".repeat(400) };
                    queue.send(message, now).await.expect("a write");
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.expect("a writer");
    }
    total
}
