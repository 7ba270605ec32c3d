//! Credentials from environment variables: the vendors' own for keys, and ours for Huawei's password.

use secrecy::SecretString;

use super::StoredCredential;
use crate::model::command::Cloud;
use crate::model::error::Error;
use crate::settings::environment::Environment;
use crate::sign::Credential;

/// The names of the variables that hold a cloud's key: key ID, secret, session token.
pub fn key_variables(cloud: Cloud) -> [&'static str; 3] {
    match cloud {
        Cloud::Alibaba => {
            ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"]
        }
        Cloud::Huawei => ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"],
        Cloud::Tencent => ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"],
    }
}

/// The names of the variables that hold Huawei's password: account name, user, password.
pub(super) const PASSWORD: [&str; 3] =
    ["OFFSITE_HUAWEI_IAM_DOMAIN", "OFFSITE_HUAWEI_IAM_USER", "OFFSITE_HUAWEI_IAM_PASSWORD"];

/// The key or the password that the environment holds.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub(super) fn means(environment: &Environment, cloud: Cloud) -> Result<StoredCredential, Error> {
    let [id, secret, token] = key_variables(cloud);
    let password = cloud == Cloud::Huawei && PASSWORD.iter().any(|name| environment.get(name).is_some());
    if password && environment.get(id).is_none() {
        let [domain, user, password] = PASSWORD;
        return Ok(StoredCredential::Password {
            domain: needed(environment, domain, cloud)?,
            user: needed(environment, user, cloud)?,
            password: needed(environment, password, cloud)?.into(),
        });
    }
    let or = if cloud == Cloud::Huawei { " (or OFFSITE_HUAWEI_IAM_DOMAIN, _USER and _PASSWORD)" } else { "" };
    if environment.get(id).is_none() && environment.get(secret).is_none() {
        return Err(Error::configuration(format!(
            "{id} and {secret} are missing{or}: the account \"default\" of {} has no credential",
            cloud.name()
        )));
    }
    Ok(StoredCredential::Key(Credential {
        access_key_id: clean(id, needed(environment, id, cloud)?)?,
        access_key_secret: clean(secret, needed(environment, secret, cloud)?)?.into(),
        security_token: environment
            .get(token)
            .map(|value| clean(token, value.to_owned()))
            .transpose()?
            .map(SecretString::from),
    }))
}

fn needed(environment: &Environment, name: &str, cloud: Cloud) -> Result<String, Error> {
    environment.get(name).map(str::to_owned).ok_or_else(|| {
        Error::configuration(format!("{name} is missing: it belongs to the credential of {}", cloud.name()))
    })
}

/// Returns `value` if it is all visible ASCII. A blank copied along with a key makes a wrong signature, which is hard to find.
///
/// # Errors
/// It holds another character; the message gives `name`, where it stands.
pub(super) fn clean(name: &str, value: String) -> Result<String, Error> {
    // No cloud has a quote in a key: it came along from a file or a shell.
    if value.contains(['"', '\'', '`']) {
        return Err(Error::configuration(format!("{name} holds a quote: give it without quotes")));
    }
    if value.chars().all(|c| c.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err(Error::configuration(format!("{name} holds a blank, a line break or a non-ASCII character")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_blanks_around_a_key_are_refused_by_name_and_not_shown() {
        for wrong in ["\"hunter2\"", "'hunter2'", "hunter2 ", "hunter2\n", "h\u{fc}nter2"] {
            let error = clean("TENCENTCLOUD_SECRET_KEY", wrong.to_owned()).unwrap_err();
            assert!(error.message.starts_with("TENCENTCLOUD_SECRET_KEY holds a"), "{}", error.message);
            assert!(!error.message.contains("nter2"), "{}", error.message);
        }
        assert_eq!(clean("TENCENTCLOUD_SECRET_ID", "AKIDhunter2".to_owned()).unwrap(), "AKIDhunter2");
    }
}
