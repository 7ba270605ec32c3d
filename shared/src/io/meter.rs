//! Writes metrics as lines of JSON: to standard output for Lambda's log, or to standard error beside a command's answer.

use std::io::Write;
use std::sync::Arc;

use serde_json::Value;

use crate::context::metrics::Metrics;
use crate::model::error::{Error, ErrorName};
use crate::ports::Meter;
use crate::settings;
use crate::settings::environment::Environment;

/// Writes each document as one line with one write, so that a line of the log beside it is never torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMeter {
    /// For Lambda, which logs standard output. CloudWatch wants the bare line, so it does not go through the log's formatter.
    Stdout,
    /// For a command, whose answer is on standard output.
    Stderr,
}

impl Meter for LineMeter {
    fn put(&self, line: &Value) {
        let mut text = line.to_string();
        text.push('\n');
        let written = match self {
            LineMeter::Stdout => std::io::stdout().lock().write_all(text.as_bytes()),
            LineMeter::Stderr => std::io::stderr().lock().write_all(text.as_bytes()),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "a metric was not written");
        }
    }
}

/// The metrics that `OFFSITE_METRICS` asks for, as those of the stack that `OFFSITE_STACK` names. `usual` says whether there are any if the
/// first is not set.
///
/// # Errors
/// The first is neither `emf` nor `none`, or the second cannot be a stack's name.
pub fn from_environment(environment: &Environment, to: LineMeter, usual: bool) -> Result<Metrics, Error> {
    let on = match environment.get("OFFSITE_METRICS") {
        None => usual,
        Some("emf") => true,
        Some("none") => false,
        Some(other) => {
            let reason = format!("OFFSITE_METRICS: \"{other}\" is neither emf nor none");
            return Err(Error::new(ErrorName::Configuration, reason));
        }
    };
    let metrics = if on { Metrics::to(Arc::new(to)) } else { Metrics::default() };
    Ok(metrics.of_stack(settings::stack(environment)?.as_deref()))
}

/// The metrics of a Lambda function, which writes them unless it is told not to.
///
/// # Errors
/// As [`from_environment`].
pub fn of_function(environment: &Environment) -> Result<Metrics, Error> {
    let metrics = from_environment(environment, LineMeter::Stdout, true)?;
    if metrics.is_on() && is_filtered(environment) {
        tracing::error!(
            "AWS_LAMBDA_LOG_LEVEL keeps the metrics out of the log, which count as INFO there: set it to INFO"
        );
    }
    Ok(metrics)
}

/// Whether Lambda's own filter keeps the metrics out of the log: a line of JSON without a level counts as INFO.
/// Source: AWS Lambda developer guide, "Log-level filtering", 2026.
fn is_filtered(environment: &Environment) -> bool {
    let is = |name: &str, wanted: &[&str]| {
        environment.get(name).is_some_and(|value| wanted.iter().any(|one| one.eq_ignore_ascii_case(value)))
    };
    is("AWS_LAMBDA_LOG_FORMAT", &["JSON"]) && is("AWS_LAMBDA_LOG_LEVEL", &["WARN", "ERROR", "FATAL"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_decides_and_else_the_home() {
        let on = |value: &str, usual| {
            let environment = Environment::default().with("OFFSITE_METRICS", value);
            from_environment(&environment, LineMeter::Stderr, usual).map(|metrics| metrics.is_on())
        };
        assert_eq!((on("", true), on("", false)), (Ok(true), Ok(false)));
        assert_eq!((on("emf", false), on("none", true)), (Ok(true), Ok(false)));
        assert!(on("statsd", true).unwrap_err().message.contains("OFFSITE_METRICS"));
    }

    #[test]
    fn a_stack_has_the_name_of_a_stack() {
        let named = |name: &str| {
            let environment = Environment::default().with("OFFSITE_STACK", name);
            from_environment(&environment, LineMeter::Stdout, true).map(|metrics| metrics.is_on())
        };
        assert_eq!((named("offsite-eu"), named("")), (Ok(true), Ok(true)));
        for wrong in ["offsite eu", "offsite/eu", &"x".repeat(129)] {
            assert!(named(wrong).unwrap_err().message.contains("OFFSITE_STACK"), "{wrong}");
        }
    }

    #[test]
    fn a_level_above_info_filters_json_lines_only() {
        let environment = Environment::default().with("AWS_LAMBDA_LOG_LEVEL", "WARN");
        assert!(!is_filtered(&environment));
        assert!(is_filtered(&environment.clone().with("AWS_LAMBDA_LOG_FORMAT", "JSON")));
        assert!(!is_filtered(&environment.with("AWS_LAMBDA_LOG_FORMAT", "JSON").with("AWS_LAMBDA_LOG_LEVEL", "INFO")));
    }
}
