//! Strict reading of commands: every complaint names the field and the reason. A policy reads its destinations and options with
//! the same functions and reports all complaints; a command is answered with the first.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Cloud, Command, Destination, Operation, Options, Source};
use crate::model::fields::{Complaints, FieldError, Fields, kind};
use crate::model::name::Names;
use crate::model::text::one_line;

/// As many destinations may a command or a rule name: as many copies may a record ask for.
const DESTINATIONS: usize = 1_000;

impl Command {
    /// Reads a command. A field that is missing, wrong or unknown is an error.
    ///
    /// # Errors
    /// The first complaint, which names the field and the reason.
    pub fn from_json(value: &Value) -> Result<Command, FieldError> {
        let command = Command::read(value, Operation::from_name)?;
        Names::Account.checked(command.account.clone(), "account")?;
        if let Some(rule) = &command.rule {
            Names::Rule.checked(rule.clone(), "rule")?;
        }
        Ok(command)
    }

    /// Reads the command of a record, which may be about a backup that a pair of vaults carries. What is stored is not measured by what names
    /// are today.
    ///
    /// # Errors
    /// As for a command.
    pub(crate) fn of_record(value: &Value) -> Result<Command, FieldError> {
        let carried = |name: &str| Some(Operation::CarryBackup).filter(|carried| carried.name() == name);
        Command::read(value, |name| Operation::from_name(name).or_else(|| carried(name)))
    }

    fn read(value: &Value, known: impl Fn(&str) -> Option<Operation>) -> Result<Command, FieldError> {
        let mut fields = Fields::of(value, "")?;
        match fields.required("action")?.as_str() {
            "replicate" => {}
            other => {
                return Err(FieldError::new(
                    "action",
                    format!("\"{other}\" is not known here; known is \"replicate\""),
                ));
            }
        }
        let provider = fields.required("provider")?;
        let cloud = Cloud::from_name(&provider).ok_or_else(|| {
            FieldError::new("provider", format!("\"{provider}\" is not one of alibaba, huawei, tencent"))
        })?;
        let operation = fields.required("operation")?;
        let operation = known(&operation).filter(|found| found.cloud() == cloud).ok_or_else(|| {
            let known: Vec<_> = Operation::ALL.iter().filter(|op| op.cloud() == cloud).map(|op| op.name()).collect();
            FieldError::new(
                "operation",
                format!("\"{operation}\" is not an operation of {provider}; known: {}", known.join(", ")),
            )
        })?;
        let account = fields.short("account")?.unwrap_or_else(|| "default".to_owned());
        let missing = |name: &str| FieldError::new(name, "is missing");
        let source = source(fields.value("source").ok_or_else(|| missing("source"))?, operation)?;
        let wanted = fields.value("destinations").ok_or_else(|| missing("destinations"))?;
        let destinations =
            destinations(wanted, "destinations", operation, Some(&source.region)).map_err(Complaints::first)?;
        let options = match fields.value("options") {
            None => Options::default(),
            Some(value) => options(value, "options", operation).map_err(Complaints::first)?,
        };
        let occurrence = fields.short("occurrence")?;
        let rule = fields.short("rule")?;
        let dry_run = fields.boolean("dry_run")?.unwrap_or(false);
        fields.finish()?;
        Ok(Command { operation, account, source, destinations, options, occurrence, rule, dry_run })
    }
}

fn source(value: &Value, operation: Operation) -> Result<Source, FieldError> {
    let mut fields = Fields::of(value, "source")?;
    let region = region(&mut fields)?;
    let project_id = project(&mut fields, operation)?;
    let id = identifier(&mut fields, operation.source_field())?;
    fields.finish()?;
    Ok(Source { region, project_id, id })
}

/// Reads the destinations at `path`. `source_region` is `None` where the source's region could not be read.
///
/// # Errors
/// All complaints, not only the first.
pub(crate) fn destinations(
    value: &Value,
    path: &str,
    operation: Operation,
    source_region: Option<&str>,
) -> Result<Vec<Destination>, Complaints> {
    let Value::Array(items) = value else {
        return Err(FieldError::new(path, format!("must be an array, not {}", kind(value))).into());
    };
    if items.is_empty() {
        return Err(FieldError::new(path, "must name at least one destination").into());
    }
    if items.len() > DESTINATIONS {
        return Err(FieldError::new(
            path,
            format!("names {} destinations, and {DESTINATIONS} are the most", items.len()),
        )
        .into());
    }
    let mut complaints = Complaints::default();
    if operation == Operation::CreateVaultReplication && items.len() > 1 {
        complaints.add(path, "an Alibaba source vault replicates to one target vault only");
    }
    let mut regions = BTreeSet::new();
    let mut found = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(destination) = complaints.keep_all(destination(item, &path, operation)) else { continue };
        let region = destination.region.as_str();
        if source_region == Some(region) {
            let reason = format!("{region} is the source's own region; a copy must go to another one");
            complaints.add(format!("{path}.region"), reason);
        }
        if !regions.insert(region.to_owned()) {
            complaints.add(format!("{path}.region"), format!("{region} is named twice"));
        }
        found.push(destination);
    }
    complaints.or(found)
}

fn destination(item: &Value, path: &str, operation: Operation) -> Result<Destination, Complaints> {
    let mut fields = Fields::of(item, path)?;
    let mut complaints = Complaints::default();
    let region = complaints.keep(region(&mut fields));
    let project_id = complaints.keep(project(&mut fields, operation)).flatten();
    if operation.cloud() == Cloud::Huawei && fields.is_absent("project_id") {
        complaints.add(fields.path("project_id"), "is missing: the project ID in the destination region");
    }
    let vault_id = match operation.destination_has_vault() {
        true => complaints.keep(identifier(&mut fields, "vault_id")),
        false => None,
    };
    complaints.extend(fields.unknown());
    complaints.or(Destination { region: region.unwrap_or_default(), project_id, vault_id })
}

/// Reads the options at `path`.
///
/// # Errors
/// All complaints, not only the first.
pub(crate) fn options(value: &Value, path: &str, operation: Operation) -> Result<Options, Complaints> {
    let Value::Object(object) = value else {
        return Err(FieldError::new(path, format!("must be an object, not {}", kind(value))).into());
    };
    let mut complaints = Complaints::default();
    let known = operation.options();
    let listed = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        let reason = format!("is not an option of {}: {listed}", operation.name());
        complaints.add(format!("{path}.{}", one_line(key)), reason);
    }
    let mut fields = Fields::of(value, path)?;
    let name = complaints.keep(fields.text("name")).flatten();
    let description = match fields.value("description") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => {
            complaints.add(fields.path("description"), format!("must be a text, not {}", kind(other)));
            None
        }
        None => None,
    };
    let enable_acceleration = complaints.keep(fields.boolean("enable_acceleration")).flatten();
    let auto_trigger = complaints.keep(fields.boolean("auto_trigger")).flatten();
    complaints.or(Options { name, description, enable_acceleration, auto_trigger })
}

/// Reads Huawei's `project_id`; `None` for the other clouds, which have none.
///
/// # Errors
/// It is not an ID.
pub(crate) fn project(fields: &mut Fields<'_>, operation: Operation) -> Result<Option<String>, FieldError> {
    match operation.cloud() {
        Cloud::Huawei => optional_identifier(fields, "project_id"),
        _ => Ok(None),
    }
}

/// Reads the required `region`. A region code goes into host names, so it has letters, digits, `.`, `_`, `-` only, at most 255.
/// Source: Huawei CBR definition 0.1.20261030, `destination_region`; the other clouds' codes fit it.
///
/// # Errors
/// It is missing or not a region code.
pub(crate) fn region(fields: &mut Fields<'_>) -> Result<String, FieldError> {
    let text = fields.required("region")?;
    region_text(&text, &fields.path("region"))
}

/// Checks a region code that stands at `field`: letters, digits, `.`, `_`, `-`, at most 255, a letter or digit first.
///
/// # Errors
/// It is not a region code.
pub(crate) fn region_text(text: &str, field: &str) -> Result<String, FieldError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.len() <= 255 && text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        let reason = "must be a region code: letters, digits, '-', '_' or '.', at most 255";
        Err(FieldError::new(field, reason))
    }
}

/// Reads a required ID. IDs go into paths and names, so they have letters, digits, `.`, `_`, `-` only, at most 255.
///
/// # Errors
/// It is missing or not an ID.
pub(crate) fn identifier(fields: &mut Fields<'_>, name: &'static str) -> Result<String, FieldError> {
    optional_identifier(fields, name)?.ok_or_else(|| FieldError::new(fields.path(name), "is missing"))
}

/// Reads an ID that may be left out.
///
/// # Errors
/// It is not an ID.
pub(crate) fn optional_identifier(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, FieldError> {
    let text = fields.text(name)?;
    text.map(|text| identifier_text(&text, &fields.path(name))).transpose()
}

/// Checks an ID that stands at `field`: letters, digits, `.`, `_`, `-`, at most 255, and neither `.` nor `..`.
///
/// # Errors
/// It is not an ID.
pub(crate) fn identifier_text(text: &str, field: &str) -> Result<String, FieldError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 255 || !text.chars().all(fits) || text == "." || text == ".." {
        let reason = "must be an ID: letters, digits, '-', '_' or '.', at most 255";
        return Err(FieldError::new(field, reason));
    }
    Ok(text.to_owned())
}
