//! The function's log, as the platform's settings for logs want it.
//!
//! The runtime's own set-up reads filters by module as well. What parses those has tables of all alphabets, a tenth of the program.

use tracing_subscriber::filter::LevelFilter;

use super::guard::{Colours, Guard};
use crate::settings::environment::Environment;

/// Sends what is logged to standard output: as text, or as one JSON object a line. Does nothing where a log is set up already.
pub(super) fn begin(environment: &Environment) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level(environment))
        .with_target(false)
        .without_time()
        .with_ansi(false)
        .with_writer(|| Guard::new(std::io::stdout(), Colours::Ours));
    let is_json = environment.get("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let _ = if is_json { log.json().try_init() } else { log.try_init() };
}

/// The least grave level that is logged. Source: AWS Lambda developer guide, advanced logging controls: TRACE, DEBUG, INFO, WARN, ERROR,
/// FATAL. Nothing here is graver than ERROR.
fn level(environment: &Environment) -> LevelFilter {
    let told = environment.get("AWS_LAMBDA_LOG_LEVEL").or_else(|| environment.get("RUST_LOG")).unwrap_or("info");
    if told.eq_ignore_ascii_case("fatal") { LevelFilter::ERROR } else { told.parse().unwrap_or(LevelFilter::INFO) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_level_goes_before_the_other_and_what_is_none_is_info() {
        let of = |ours: &str, other: &str| {
            level(&Environment::default().with("AWS_LAMBDA_LOG_LEVEL", ours).with("RUST_LOG", other))
        };
        let read = [
            (of("WARN", "trace"), LevelFilter::WARN),
            (of("", "debug"), LevelFilter::DEBUG),
            (of("FATAL", "info"), LevelFilter::ERROR),
            (of("", "hyper=trace"), LevelFilter::INFO),
            (of("", ""), LevelFilter::INFO),
        ];
        read.iter().for_each(|(found, wanted)| assert_eq!(found, wanted));
    }
}
