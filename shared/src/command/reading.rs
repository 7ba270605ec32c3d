//! Reading a command, strictly: every complaint names the field and the reason.

use serde_json::Value;

use super::{Cloud, Command, Destination, Operation, Options, Source};
use crate::fields::{FieldError, Fields};

impl Command {
    /// Reads a command, strictly.
    ///
    /// # Errors
    /// Names the field and the reason.
    pub fn from_json(value: &Value) -> Result<Command, FieldError> {
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
        let operation = Operation::from_name(&operation).filter(|found| found.cloud() == cloud).ok_or_else(|| {
            let known: Vec<_> = Operation::ALL.iter().filter(|op| op.cloud() == cloud).map(|op| op.name()).collect();
            FieldError::new(
                "operation",
                format!("\"{operation}\" is not an operation of {provider}; known: {}", known.join(", ")),
            )
        })?;
        let account = fields.text("account")?.unwrap_or_else(|| "default".to_owned());
        let missing = |name: &str| FieldError::new(name, "is missing");
        let source = source(fields.value("source").ok_or_else(|| missing("source"))?, operation)?;
        let destinations =
            destinations(fields.value("destinations").ok_or_else(|| missing("destinations"))?, operation, &source)?;
        let options = match fields.value("options") {
            None => Options::default(),
            Some(value) => options(value, operation)?,
        };
        let occurrence = fields.text("occurrence")?;
        let dry_run = fields.boolean("dry_run")?.unwrap_or(false);
        fields.finish()?;
        Ok(Command { operation, account, source, destinations, options, occurrence, dry_run })
    }
}

fn source(value: &Value, operation: Operation) -> Result<Source, FieldError> {
    let mut fields = Fields::of(value, "source")?;
    let region = region(fields.required("region")?, "source.region")?;
    let project_id = project(&mut fields, operation)?;
    let id = identifier(fields.required(operation.source_field())?, &format!("source.{}", operation.source_field()))?;
    fields.finish()?;
    Ok(Source { region, project_id, id })
}

fn destinations(value: &Value, operation: Operation, source: &Source) -> Result<Vec<Destination>, FieldError> {
    let Value::Array(items) = value else {
        return Err(FieldError::new("destinations", format!("must be an array, not {}", crate::fields::kind(value))));
    };
    if items.is_empty() {
        return Err(FieldError::new("destinations", "must name at least one destination"));
    }
    if operation == Operation::CreateVaultReplication && items.len() > 1 {
        return Err(FieldError::new("destinations", "an Alibaba source vault replicates to one target vault only"));
    }
    let mut found: Vec<Destination> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("destinations[{index}]");
        let mut fields = Fields::of(item, &path)?;
        let region = region(fields.required("region")?, &format!("{path}.region"))?;
        let project_id = project(&mut fields, operation)?;
        if operation.cloud() == Cloud::Huawei && project_id.is_none() {
            return Err(FieldError::new(
                format!("{path}.project_id"),
                "is missing: the project ID in the destination region",
            ));
        }
        let vault_id = if operation.destination_has_vault() {
            Some(identifier(fields.required("vault_id")?, &format!("{path}.vault_id"))?)
        } else {
            None
        };
        fields.finish()?;
        if region == source.region {
            return Err(FieldError::new(
                format!("{path}.region"),
                format!("{region} is the source's own region; a copy must go to another one"),
            ));
        }
        if found.iter().any(|other| other.region == region) {
            return Err(FieldError::new(format!("{path}.region"), format!("{region} is named twice")));
        }
        found.push(Destination { region, project_id, vault_id });
    }
    Ok(found)
}

fn options(value: &Value, operation: Operation) -> Result<Options, FieldError> {
    let Value::Object(object) = value else {
        return Err(FieldError::new("options", format!("must be an object, not {}", crate::fields::kind(value))));
    };
    if let Some(key) = object.keys().find(|key| !operation.options().contains(&key.as_str())) {
        let known = operation.options();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(FieldError::new(
            format!("options.{}", crate::fields::one_line(key)),
            format!("is not an option of {}: {known}", operation.name()),
        ));
    }
    let mut fields = Fields::of(value, "options")?;
    Ok(Options {
        name: fields.text("name")?,
        description: match fields.value("description") {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                return Err(FieldError::new(
                    "options.description",
                    format!("must be a text, not {}", crate::fields::kind(other)),
                ));
            }
            None => None,
        },
        enable_acceleration: fields.boolean("enable_acceleration")?,
        auto_trigger: fields.boolean("auto_trigger")?,
    })
}

fn project(fields: &mut Fields<'_>, operation: Operation) -> Result<Option<String>, FieldError> {
    if operation.cloud() != Cloud::Huawei {
        return Ok(None);
    }
    let path = fields.path("project_id");
    fields.text("project_id")?.map(|project| identifier(project, &path)).transpose()
}

/// Region codes go into host names: letters, digits, `.`, `_`, `-`, at most 255.
/// Source: Huawei CBR definition 0.1.20261030, `destination_region`; the other clouds' codes fit it.
fn region(text: String, field: &str) -> Result<String, FieldError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.len() <= 255 && text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Ok(text)
    } else {
        Err(FieldError::new(field, "must be a region code: letters, digits, '-', '_' or '.', at most 255"))
    }
}

/// IDs go into paths and names: visible ASCII without `/`, at most 255.
fn identifier(text: String, field: &str) -> Result<String, FieldError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.len() <= 255 && text.chars().all(fits) && text != "." && text != ".." {
        Ok(text)
    } else {
        Err(FieldError::new(field, "must be an ID: letters, digits, '-', '_' or '.', at most 255"))
    }
}
