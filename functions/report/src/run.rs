//! One report: read, written as JSON and as a page, and measured.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use offsite_page::{Filter, Reader};
use offsite_shared::model::error::{Error, ErrorName};
use offsite_shared::report::reading::ReportRequest;
use offsite_shared::report::{Conclusion, Report, keeping, measuring};
use serde_json::{Value, json};

use crate::setup::Setup;

const JSON: &str = "application/json";
const PAGE: &str = "text/html; charset=utf-8";

/// Makes the report, writes it and says what it came to. Whether it holds is measured in any case.
///
/// # Errors
/// The payload asks for something else; ledger or policy cannot be read; or the report is not written.
pub async fn run(setup: &Setup, payload: &Value) -> Result<Value, Error> {
    if payload.get("action").and_then(Value::as_str) != Some("report") {
        let reason = "this function takes {\"action\":\"report\"} alone; commands go to the function of their cloud";
        return Err(Error::new(ErrorName::InvalidCommand, reason));
    }
    let at = setup.clock.now();
    let report = match made(setup, at).await {
        Ok(report) => report,
        Err(error) => {
            measuring::measure(&setup.metrics, at, None, false);
            return Err(error);
        }
    };
    let written = write(setup, &report).await;
    measuring::measure(&setup.metrics, at, Some(&report), written.is_ok());
    let name = written?;
    tracing::info!(conclusion = ?report.conclusion, name, "the report is written");
    Ok(json!({ "at": report.at, "conclusion": report.conclusion, "report": name }))
}

async fn made(setup: &Setup, at: Timestamp) -> Result<Report, Error> {
    // Without a policy nobody knows what is wanted: the report says so, and how one is written.
    let (policy, missing) = match setup.policies.policy().await {
        Err(error) if error.name == ErrorName::NoPolicy => (None, Some(error.message)),
        policy => (policy?, None),
    };
    let wish = ReportRequest {
        at,
        max_age: setup.max_age,
        rule: None,
        live: false,
        lines: keeping::lines(policy.as_deref()),
        defaults: setup.defaults.clone(),
    };
    let mut report = keeping::read(&*setup.ledger, &*setup.notes, policy.as_deref(), &wish).await.map_err(|error| {
        Error::new(ErrorName::Unavailable, format!("no report was made: {error}; the next one is made on schedule"))
    })?;
    if let Some(missing) = missing {
        report.conclusion = Conclusion::Unknown;
        report.remarks.insert(0, missing);
    }
    Ok(report)
}

/// Writes both forms, dated ones first, and gives the dated name. Of the two only one is in memory at a time.
async fn write(setup: &Setup, report: &Report) -> Result<String, Error> {
    let name = report.at.to_zoned_datetime(TimeZone::UTC).strftime("%Y/%m/%dT%H%MZ").to_string();
    for (ending, content_type, form) in [("json", JSON, as_json as Form), ("html", PAGE, as_page)] {
        let bytes = form(setup, report)?;
        setup.objects.put(&format!("{name}.{ending}"), content_type, &bytes).await?;
        setup.objects.put(&format!("latest.{ending}"), content_type, &bytes).await?;
    }
    Ok(name)
}

type Form = fn(&Setup, &Report) -> Result<Vec<u8>, Error>;

/// As `offsite report --format json` has it, on one line, written without a tree of values in between.
fn as_json(_: &Setup, report: &Report) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec(report).map_err(|error| {
        Error::new(ErrorName::Unavailable, format!("the report cannot be written as JSON: {error}"))
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn as_page(setup: &Setup, report: &Report) -> Result<Vec<u8>, Error> {
    let reader = Reader { language: setup.language, ..Reader::default() };
    Ok(offsite_page::narrowed_html(report, &Filter::default(), &reader).into_bytes())
}
