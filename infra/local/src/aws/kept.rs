//! Secrets and parameters, as far as functions read them. They are kept in memory; whoever runs the emulator puts them there.
//! Source: AWS Secrets Manager and Systems Manager API references, GetSecretValue and GetParameter, 2026.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::wire::{Service, ServiceError, unknown_operation};

/// Texts by service and name.
#[derive(Default)]
pub(super) struct TextStore(Mutex<BTreeMap<(Service, String), String>>);

impl TextStore {
    pub(super) fn put(&self, service: Service, name: &str, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((service, name.to_owned()), text.to_owned());
    }

    pub(super) fn run(
        &self,
        service: Service,
        operation: &str,
        input: &Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let member = match (service, operation) {
            (Service::SecretsManager, "GetSecretValue") => "SecretId",
            (Service::Parameters, "GetParameter") => "Name",
            _ => return Err(unknown_operation()),
        };
        let name = input
            .get(member)
            .and_then(Value::as_str)
            .ok_or_else(|| ServiceError::new(400, "ValidationException", format!("{member} is missing")))?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = kept.get(&(service, name.to_owned()));
        match service {
            Service::SecretsManager => match text {
                Some(text) => {
                    Ok(json!({"ARN": name, "Name": name, "SecretString": text, "VersionStages": ["AWSCURRENT"]}))
                }
                None => Err(ServiceError::new(
                    400,
                    "ResourceNotFoundException",
                    "Secrets Manager can't find the specified secret.",
                )),
            },
            _ => match text {
                Some(text) => Ok(json!({"Parameter": {"Name": name, "Type": "String", "Value": text, "Version": 1}})),
                None => Err(ServiceError::new(400, "ParameterNotFound", "")),
            },
        }
    }
}
