//! Accounts: where the credential of each comes from, as `OFFSITE_<CLOUD>_ACCOUNTS` says. Nothing here is a secret.

use std::collections::BTreeMap;

use serde_json::Value;

use super::environment::Environment;
use crate::model::command::{Cloud, reading};
use crate::model::error::Error;
use crate::model::fields::{FieldError, Fields};
use crate::model::json;
use crate::model::name::Names;
use crate::providers::sts::{Federation, LIFE_S, Role};

/// How the credential of one account is got and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// The origin of the credential.
    pub source: CredentialSource,
    /// The role that the credential takes on before anything else, if any.
    pub role: Option<Role>,
    /// The region whose token service is asked; if absent, the region of the call.
    pub sts_region: Option<String>,
    /// The number of the provider account that the credential must belong to, if it is to be checked.
    pub identity: Option<String>,
}

/// Where a credential comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The environment variables that the vendors themselves define.
    Environment,
    /// A secret of AWS Secrets Manager, by ARN.
    Secret(String),
    /// A file, by its path, with the content of such a secret.
    File(String),
    /// The AWS role of this process, exchanged at the cloud's token service.
    Federation(Federation),
}

impl CredentialSource {
    /// The place where a person corrects a wrong credential, for messages.
    pub fn place(&self) -> &str {
        match self {
            CredentialSource::Environment => "the environment",
            CredentialSource::Secret(place) | CredentialSource::File(place) => place,
            CredentialSource::Federation(federation) => &federation.role,
        }
    }

    /// Whether AWS is asked on the way to it.
    pub fn is_by_aws(&self) -> bool {
        matches!(self, CredentialSource::Secret(_) | CredentialSource::Federation(_))
    }
}

impl AccountSettings {
    /// An account from the vendors' own variables. It needs no configuration.
    pub(crate) fn of_environment() -> AccountSettings {
        AccountSettings { source: CredentialSource::Environment, role: None, sts_region: None, identity: None }
    }
}

/// The name of the variable that lists a cloud's accounts.
pub fn variable(cloud: Cloud) -> String {
    format!("OFFSITE_{}_ACCOUNTS", cloud.name().to_ascii_uppercase())
}

/// The accounts of a cloud by name. Without the variable there is one account, `default`, from the vendors' own variables.
///
/// # Errors
/// An account is wrong; the error names the variable and the field, and says what it must be.
pub fn read(environment: &Environment, cloud: Cloud) -> Result<BTreeMap<String, AccountSettings>, Error> {
    let name = variable(cloud);
    let Some(text) = environment.get(&name) else {
        return Ok(BTreeMap::from([("default".to_owned(), AccountSettings::of_environment())]));
    };
    let wrong = |reason: String| Error::configuration(format!("{name}: {reason}"));
    let value = json::read(text).map_err(|reason| wrong(format!("it {reason}")))?;
    let Value::Object(accounts) = value else {
        return Err(wrong(
            "must be an object of accounts by name, such as {\"default\":{\"secret\":\"arn:…\"}}".into(),
        ));
    };
    if accounts.is_empty() {
        return Err(wrong("names no account".into()));
    }
    let one = |(name, value): (&String, &Value)| -> Result<(String, AccountSettings), FieldError> {
        Ok((Names::Account.checked(name.clone(), "an account's name")?, account(value, name)?))
    };
    accounts.iter().map(one).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}

fn account(value: &Value, name: &str) -> Result<AccountSettings, FieldError> {
    let mut fields = Fields::of(value, name)?;
    let mut sources = Vec::new();
    match fields.boolean("environment")? {
        Some(true) => sources.push(CredentialSource::Environment),
        Some(false) => return Err(FieldError::new(fields.path("environment"), "must be true, or left out")),
        None => {}
    }
    if let Some(place) = fields.text("secret")? {
        sources.push(secret(&place).ok_or_else(|| {
            FieldError::new(
                fields.path("secret"),
                "must be the ARN of a secret (arn:…:secretsmanager:…) or file:/PATH; the secret itself does not belong here",
            )
        })?);
    }
    if let Some(value) = fields.value("federation") {
        sources.push(CredentialSource::Federation(federation(value, &fields.path("federation"))?));
    }
    let role = match fields.value("role") {
        Some(value) => Some(role(value, &fields.path("role"))?),
        None => None,
    };
    let account = AccountSettings {
        source: match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => source,
            _ => return Err(FieldError::new(name, "needs exactly one of secret, federation and environment")),
        },
        role,
        sts_region: match fields.text("sts_region")? {
            Some(region) => Some(reading::region_text(&region, &fields.path("sts_region"))?),
            None => None,
        },
        identity: fields.text("identity")?,
    };
    if account.role.is_some() && matches!(account.source, CredentialSource::Federation(_)) {
        return Err(FieldError::new(
            fields.path("role"),
            "belongs to a stored key; a federation names its role inside",
        ));
    }
    fields.finish()?;
    Ok(account)
}

fn secret(place: &str) -> Option<CredentialSource> {
    let arn = place.starts_with("arn:")
        && place.split(':').nth(2) == Some("secretsmanager")
        && !place.contains(char::is_whitespace);
    match place.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Some(CredentialSource::File(path.to_owned())),
        _ => (arn && place.split(':').count() >= 7).then(|| CredentialSource::Secret(place.to_owned())),
    }
}

fn role(value: &Value, path: &str) -> Result<Role, FieldError> {
    let mut fields = Fields::of(value, path)?;
    let role =
        Role { role: fields.required("role")?, external_id: fields.text("external_id")?, life_s: life(&mut fields)? };
    fields.finish()?;
    Ok(role)
}

fn federation(value: &Value, path: &str) -> Result<Federation, FieldError> {
    let mut fields = Fields::of(value, path)?;
    let federation = Federation {
        role: fields.required("role")?,
        provider: fields.required("provider")?,
        audience: fields.required("audience")?,
        // Source: AWS STS API reference, GetWebIdentityToken, SigningAlgorithm, 2026.
        algorithm: match fields.text("algorithm")?.as_deref() {
            None | Some("RS256") => "RS256",
            Some("ES384") => "ES384",
            Some(_) => return Err(FieldError::new(fields.path("algorithm"), "must be RS256 or ES384")),
        },
        life_s: life(&mut fields)?,
    };
    fields.finish()?;
    Ok(federation)
}

/// Reads a life in seconds. Every cloud takes 15 minutes to 12 hours. Sources: the three token services, see [`crate::providers::sts`].
fn life(fields: &mut Fields<'_>) -> Result<u32, FieldError> {
    match fields.value("duration_s") {
        None => Ok(LIFE_S),
        Some(value) => {
            let life = value.as_u64().and_then(|life| u32::try_from(life).ok());
            life.filter(|life| (900..=43_200).contains(life)).ok_or_else(|| {
                FieldError::new(fields.path("duration_s"), "must be a whole number of seconds from 900 to 43200")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:offsite/tencent-AbCdEf";

    fn of(text: &str) -> Result<BTreeMap<String, AccountSettings>, Error> {
        let environment = Environment::new([("OFFSITE_TENCENT_ACCOUNTS".to_owned(), text.to_owned())]);
        read(&environment, Cloud::Tencent)
    }

    #[test]
    fn without_the_variable_there_is_the_account_of_the_environment() {
        let accounts = read(&Environment::default(), Cloud::Tencent).unwrap();
        assert_eq!(accounts, BTreeMap::from([("default".to_owned(), AccountSettings::of_environment())]));
    }

    #[test]
    fn every_source_is_read() {
        let text = format!(
            r#"{{"default":{{"secret":"{ARN}","identity":"100000000001"}},
                "prod":{{"federation":{{"role":"qcs::cam::uin/1:roleName/o","provider":"aws","audience":"offsite"}},"sts_region":"ap-guangzhou"}},
                "lab":{{"secret":"file:/etc/offsite/lab.json","role":{{"role":"qcs::cam::uin/2:roleName/o","external_id":"x","duration_s":900}}}},
                "old":{{"environment":true}}}}"#
        );
        let accounts = of(&text).unwrap();
        assert_eq!(accounts["default"].source, CredentialSource::Secret(ARN.to_owned()));
        assert_eq!(accounts["default"].identity.as_deref(), Some("100000000001"));
        let CredentialSource::Federation(federation) = &accounts["prod"].source else { panic!() };
        assert_eq!(
            (federation.algorithm, federation.life_s, federation.audience.as_str()),
            ("RS256", 3_600, "offsite")
        );
        assert_eq!(accounts["prod"].sts_region.as_deref(), Some("ap-guangzhou"));
        assert_eq!(accounts["lab"].source, CredentialSource::File("/etc/offsite/lab.json".to_owned()));
        assert_eq!(accounts["lab"].role.as_ref().unwrap().life_s, 900);
        assert_eq!(accounts["old"], AccountSettings::of_environment());
    }

    #[test]
    fn what_is_wrong_is_named_with_variable_and_field() {
        for (text, expected) in [
            ("[]", "OFFSITE_TENCENT_ACCOUNTS: must be an object of accounts"),
            ("{}", "names no account"),
            ("{", "it is not JSON"),
            (r#"{"a":{}}"#, "a: needs exactly one of secret, federation and environment"),
            (r#"{"a":{"environment":true,"secret":"file:x"}}"#, "a: needs exactly one of"),
            (r#"{"a":{"environment":false}}"#, "a.environment: must be true, or left out"),
            (r#"{"a":{"secret":"AKIDxyz"}}"#, "a.secret: must be the ARN of a secret"),
            (r#"{"a":{"secret":"arn:aws:s3:::x"}}"#, "a.secret: must be the ARN of a secret"),
            (r#"{"a":{"environment":true,"key":"x"}}"#, "a.key: is not known here"),
            (r#"{"a":{"federation":{"role":"r","provider":"p"}}}"#, "a.federation.audience: is missing"),
            (
                r#"{"a":{"federation":{"role":"r","provider":"p","audience":"a"},"role":{"role":"r"}}}"#,
                "a.role: belongs to a stored key",
            ),
            (r#"{"a":{"environment":true,"role":{"role":"r","duration_s":60}}}"#, "a.role.duration_s: must be a whole"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.message.contains(expected), "{text}: {}", error.message);
            assert!(!error.message.contains("AKIDxyz"), "what may be a key is not repeated");
        }
    }
}
