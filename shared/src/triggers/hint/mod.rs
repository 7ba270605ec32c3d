//! Hints: events that only name a backup or a vault.
//!
//! A hint is never trusted: what it names is read from the provider before anything is done. The sweep finds what no event named,
//! so a hint only makes things faster. Providers publish next to nothing about their events, so those are read leniently. Offsite's
//! own form is read as strictly as a command.

mod huawei;
mod tencent;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::model::command::reading::{identifier_text, optional_identifier, project, region, region_text};
use crate::model::command::{Cloud, Operation};
use crate::model::fields::{FieldError, Fields};
use crate::model::json;
use crate::model::name::Names;
use crate::model::text::one_line;

/// An event that names something to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The cloud that holds what the event names.
    pub cloud: Cloud,
    /// The account whose credential can read it, where the event says so.
    pub account: Option<String>,
    /// The region that it is in, where the event says so.
    pub region: Option<String>,
    /// The Huawei project that it is in, where the event says so.
    pub project_id: Option<String>,
    /// The backup, vault or other resource that the event names.
    pub what: HintTarget,
    /// Which firing of a trigger this is: what the event itself says, or else the event's ID.
    pub occurrence: Option<String>,
}

/// What a hint names, by its ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HintTarget {
    /// A Tencent snapshot or a CBR backup.
    Backup(String),
    /// A CSBS checkpoint item.
    CheckpointItem(String),
    /// A vault of Huawei or Alibaba.
    Vault(String),
    /// A backup, or something else: the event does not say.
    Resource(String),
}

impl HintTarget {
    /// The ID, whatever kind of resource it belongs to.
    pub(crate) fn id(&self) -> &str {
        match self {
            HintTarget::Backup(id)
            | HintTarget::CheckpointItem(id)
            | HintTarget::Vault(id)
            | HintTarget::Resource(id) => id,
        }
    }

    /// Whether a rule of this operation can cover it.
    pub(crate) fn is_for(&self, operation: Operation) -> bool {
        match self {
            HintTarget::CheckpointItem(_) => operation == Operation::CopyCheckpointItem,
            _ => operation != Operation::CopyCheckpointItem,
        }
    }
}

impl Hint {
    /// Says what the hint names and where it is, for people.
    pub(crate) fn describe(&self) -> String {
        let (kind, id) = match &self.what {
            HintTarget::Backup(id) if self.cloud == Cloud::Tencent => ("snapshot", id),
            HintTarget::Backup(id) => ("backup", id),
            HintTarget::CheckpointItem(id) => ("checkpoint item", id),
            HintTarget::Vault(id) => ("vault", id),
            HintTarget::Resource(id) => ("resource", id),
        };
        let place = self.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
        format!("the {} {kind} {id}{place}", self.cloud.name())
    }
}

/// What was read from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HintReading {
    /// The event names something to be copied.
    Hint(Hint),
    /// The event is of no concern to Offsite, and why.
    Ignored(String),
}

/// Reads a CloudEvent that a cloud itself sends; `None` for one from any other sender.
pub(crate) fn of_cloud_event(event: &Value) -> Option<Result<HintReading, FieldError>> {
    let source = event.get("source").and_then(Value::as_str)?;
    if let Some(product) = source.strip_suffix(".cloud.tencent") {
        return Some(tencent::audit_event(event, product));
    }
    let service = source.strip_prefix("HC.")?;
    Some(huawei::trace_event(event, service))
}

/// Reads a body that is no envelope: Offsite's own form, or the body of a cloud's notification; `None` for anything else.
pub fn of_body(body: &Value) -> Option<Result<HintReading, FieldError>> {
    let object = body.as_object()?;
    let has = |name: &str| object.contains_key(name);
    if has("provider") {
        return Some(own(body, object).map(HintReading::Hint));
    }
    if has("trace_name") && has("service_type") {
        return Some(huawei::trace(object, ""));
    }
    // A function's CTS trigger. Source: Open Telekom Cloud function-graph b1f7595, 2026-04-22.
    if let Some(Value::Object(trace)) = object.get("cts").filter(|_| object.len() == 1) {
        return Some(huawei::trace(trace, "cts."));
    }
    if has("namespace") && has("metric_name") {
        return Some(huawei::alarm(object));
    }
    None
}

/// Turns the ID in a field into the kind of thing that the field names.
type Named = fn(String) -> HintTarget;

/// Reads Offsite's own form: a provider, a region and one ID.
fn own(body: &Value, object: &Map<String, Value>) -> Result<Hint, FieldError> {
    if object.contains_key("operation") || object.contains_key("destinations") {
        return Err(FieldError::new(
            "action",
            "is missing: a command has \"replicate\" here, and an event that names a backup has neither operation nor destinations",
        ));
    }
    let mut fields = Fields::of(body, "")?;
    let provider = fields.required("provider")?;
    let cloud = Cloud::from_name(&provider)
        .ok_or_else(|| FieldError::new("provider", format!("\"{provider}\" is not one of alibaba, huawei, tencent")))?;
    let region = region(&mut fields)?;
    let account = fields.text("account")?.map(|name| Names::Account.checked(name, "account")).transpose()?;
    let project_id = match cloud {
        Cloud::Huawei => project(&mut fields, Operation::CopyBackup)?,
        _ => None,
    };
    let known: &[(&'static str, Named)] = match cloud {
        Cloud::Alibaba => &[("vault_id", HintTarget::Vault)],
        Cloud::Huawei => &[
            ("backup_id", HintTarget::Backup),
            ("checkpoint_item_id", HintTarget::CheckpointItem),
            ("vault_id", HintTarget::Vault),
        ],
        Cloud::Tencent => &[("snapshot_id", HintTarget::Backup)],
    };
    let mut named = None;
    for (name, what) in known {
        let Some(id) = optional_identifier(&mut fields, name)? else { continue };
        if named.replace(what(id)).is_some() {
            return Err(FieldError::new(*name, "names a second thing: an event names one"));
        }
    }
    let occurrence = fields.text("occurrence")?;
    fields.finish()?;
    let what = named.ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        FieldError::new(names.join(" or "), "is missing: the event must name what is to be copied")
    })?;
    Ok(Hint { cloud, account, region: Some(region), project_id, what, occurrence })
}

/// The string in a field; `None` if there is no string or it is empty.
fn text<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The string in a field that must be there and not be empty.
fn required<'v>(object: &'v Map<String, Value>, path: &str, name: &str) -> Result<&'v str, FieldError> {
    text(object, name).ok_or_else(|| FieldError::new(format!("{path}{name}"), "is missing or no text"))
}

/// A JSON object, given as it is or as text.
fn object_of(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value? {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => match json::read(text) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        },
        _ => None,
    }
}

fn ignored(reason: impl AsRef<str>) -> Result<HintReading, FieldError> {
    Ok(HintReading::Ignored(one_line(reason.as_ref())))
}

/// Checks a region code that an event gives; `None` if it gives none.
fn told_region(text: Option<&str>, field: &str) -> Result<Option<String>, FieldError> {
    text.map(|text| region_text(text, field)).transpose()
}

/// Checks an ID that an event gives.
fn told_id(text: &str, field: &str) -> Result<String, FieldError> {
    identifier_text(text, field)
}
