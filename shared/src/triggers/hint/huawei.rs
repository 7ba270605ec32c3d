//! Traces of Huawei's CTS, as EventGrid and functions pass them on, and alarms of CES, as SMN passes them on.
//!
//! Source: Open Telekom Cloud cloud-backup-recovery cbr_03_0036 (trace names), cloud-trace-service cdc75f7, 2025-11-12 (fields);
//! cloud-eye 0ef5555, 2026-06-11 (events of `SYS.CBR`). That EventGrid calls CBR's source `HC.CBR`, and what an alarm's
//! `metric_name` and `ResourceId` are for such an event, is inferred. No trace names a region or project.

use serde_json::{Map, Value};

use super::{Hint, HintReading, HintTarget, ignored, object_of, required, text, told_id, told_region};
use crate::model::command::Cloud;
use crate::model::fields::FieldError;

/// Reads an EventGrid event of this Huawei service.
pub(super) fn trace_event(event: &Value, service: &str) -> Result<HintReading, FieldError> {
    if !service.eq_ignore_ascii_case("CBR") {
        return ignored(format!("it is an event of Huawei's {service}, not of CBR"));
    }
    let data = object_of(event.get("data")).ok_or_else(|| FieldError::new("data", "must be an object"))?;
    trace(&data, "data.")
}

/// Reads the trace at `path`. An asynchronous operation leaves two traces, so the first may come before there is a backup.
pub(super) fn trace(trace: &Map<String, Value>, path: &str) -> Result<HintReading, FieldError> {
    let service = required(trace, path, "service_type")?;
    if !service.eq_ignore_ascii_case("CBR") {
        return ignored(format!("it is a trace of {service}, not of CBR"));
    }
    match required(trace, path, "trace_name")? {
        "createBackup" | "createVaultBackup" => {}
        "replicateBackup" | "replicateVaultBackup" => return ignored("it tells of the call that starts a copy"),
        other => return ignored(format!("{other} makes no backup")),
    }
    let rating = text(trace, "trace_rating").or(text(trace, "trace_status"));
    if let Some(rating) = rating.filter(|rating| *rating != "normal") {
        return ignored(format!("the backup was not made: the trace is rated {rating}"));
    }
    let code = trace.get("code").and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    if let Some(code) = code.filter(|code| *code >= 400) {
        return ignored(format!("the backup was not made: HTTP {code}"));
    }
    let id = told_id(required(trace, path, "resource_id")?, &format!("{path}resource_id"))?;
    Ok(HintReading::Hint(hint(match text(trace, "resource_type") {
        Some("backup") => HintTarget::Backup(id),
        Some("vault") => HintTarget::Vault(id),
        _ => HintTarget::Resource(id),
    })))
}

/// Reads an alarm of CES, Huawei's monitoring service.
pub(super) fn alarm(alarm: &Map<String, Value>) -> Result<HintReading, FieldError> {
    let namespace = required(alarm, "", "namespace")?;
    if namespace != "SYS.CBR" {
        return ignored(format!("it is an alarm of {namespace}, not of SYS.CBR"));
    }
    let name = required(alarm, "", "metric_name")?;
    if name != "backupSucceeded" {
        return ignored(format!("{name} does not tell of a new backup"));
    }
    if let Some(status) = text(alarm, "alarm_status").filter(|status| *status != "alarm") {
        return ignored(format!("the alarm is in the state {status}"));
    }
    let variables = object_of(alarm.get("template_variable")).unwrap_or_default();
    let id = required(&variables, "template_variable.", "ResourceId")?;
    let id = told_id(id, "template_variable.ResourceId")?;
    let region = told_region(text(&variables, "Region"), "template_variable.Region")?;
    Ok(HintReading::Hint(Hint { region, ..hint(HintTarget::Resource(id)) }))
}

fn hint(what: HintTarget) -> Hint {
    Hint { cloud: Cloud::Huawei, account: None, region: None, project_id: None, what, occurrence: None }
}
