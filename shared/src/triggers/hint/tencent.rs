//! Records of API calls that Tencent's CloudAudit sends through its EventBridge.
//!
//! There is no event "snapshot finished". This one says that CreateSnapshot was called, so the snapshot is still being created.
//! Source: CloudAudit event, intl 1108/46246, 2024-07-23; CBS event names, cloud.tencent.com 629/100762; record format, tccli
//! 3.1.189.1, cloudaudit DescribeEvents. That CBS sends it with the source `cbs.cloud.tencent` is inferred; an older list has CBS
//! under `cvm`. Types vary between the published samples, so every type in them is accepted.

use serde_json::{Map, Value};

use super::{Hint, HintReading, HintTarget, ignored, object_of, required, text, told_id, told_region};
use crate::model::command::Cloud;
use crate::model::fields::FieldError;

/// Reads a CloudAudit event of this Tencent product, such as `cbs`.
pub(super) fn audit_event(event: &Value, product: &str) -> Result<HintReading, FieldError> {
    if !matches!(product, "cbs" | "cvm") {
        return ignored(format!("it is an event of Tencent's {product}, not of CBS"));
    }
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    if !kind.contains(":CloudEvent:") {
        return ignored(format!("{kind} is no record of a call"));
    }
    let data = object_of(event.get("data")).ok_or_else(|| FieldError::new("data", "must be an object"))?;
    match required(&data, "data.", "eventName")? {
        "CreateSnapshot" => {}
        "CopySnapshotCrossRegions" => return ignored("it tells of the call that starts a copy"),
        other => return ignored(format!("{other} makes no snapshot")),
    }
    let response = object_of(data.get("responseElements")).unwrap_or_default();
    let response = object_of(response.get("Response")).unwrap_or(response);
    if let Some(code) = failure(&data, &response) {
        return ignored(format!("the snapshot was not made: {code}"));
    }
    let subject = event.get("subject").and_then(Value::as_str);
    let others = [text(&data, "resourceName"), subject];
    let id = text(&response, "SnapshotId")
        .or(others.into_iter().flatten().find(|id| id.starts_with("snap-")))
        .ok_or_else(|| FieldError::new("data.responseElements.SnapshotId", "is missing"))?;
    let region = text(&data, "eventRegion").or(event.get("region").and_then(Value::as_str));
    Ok(HintReading::Hint(Hint {
        cloud: Cloud::Tencent,
        account: None,
        region: told_region(region.filter(|region| !region.is_empty()), "data.eventRegion")?,
        project_id: None,
        what: HintTarget::Backup(told_id(id, "data.responseElements.SnapshotId")?),
        occurrence: None,
    }))
}

/// The error code of a failed call; `None` if the call succeeded. A zero, as a number or a string, means success.
fn failure(data: &Map<String, Value>, response: &Map<String, Value>) -> Option<String> {
    let told =
        ["errorCode", "apiErrorCode"].into_iter().filter_map(|name| data.get(name)).find_map(|code| match code {
            Value::String(code) if !code.is_empty() && code != "0" => Some(code.clone()),
            Value::Number(code) if code.as_i64() != Some(0) => Some(code.to_string()),
            _ => None,
        });
    let answered = || Some(text(response.get("Error")?.as_object()?, "Code")?.to_owned());
    told.or_else(answered)
}
