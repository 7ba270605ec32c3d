//! The two files of AWS's tools, as far as credentials need them: sections, and one `name = value` a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use offsite_shared::model::error::Error;
use offsite_shared::settings::environment::Environment;

/// One profile: its settings by name.
pub(super) type Section = BTreeMap<String, String>;

/// What both files say.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Section>,
    sign_ons: BTreeMap<String, Section>,
}

impl Profiles {
    /// Reads the files that the environment names, or those in the home directory. A file that is not there is empty.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn read(environment: &Environment) -> Result<Profiles, Error> {
        let mut read = Profiles::default();
        for (variable, name) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
            let Some(path) = environment.get(variable).map(PathBuf::from).or_else(|| in_home(environment, name)) else {
                continue;
            };
            match std::fs::read_to_string(&path) {
                Ok(text) => read.take(&text, name == "config"),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Error::configuration(format!("{} cannot be read: {error}", path.display())));
                }
            }
        }
        Ok(read)
    }

    /// A profile.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) fn profile(&self, name: &str) -> Result<&Section, Error> {
        self.profiles.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("known are {}", known.join(", ")) };
            Error::configuration(format!("the AWS profile {name} is in neither file of AWS's tools: {known}"))
        })
    }

    /// Whether there is a profile of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.profiles.contains_key(name)
    }

    /// A section `sso-session`.
    pub(super) fn sign_on(&self, name: &str) -> Option<&Section> {
        self.sign_ons.get(name)
    }

    /// The region of the profile that is used.
    pub(super) fn region(&self, environment: &Environment) -> Option<&str> {
        let profile = self.profiles.get(environment.get("AWS_PROFILE").unwrap_or("default"))?;
        profile.get("region").map(String::as_str)
    }

    fn take(&mut self, text: &str, is_config: bool) {
        let mut into: Option<&mut Section> = None;
        for line in text.lines() {
            // An indented line belongs to the setting before it, none of which is about credentials.
            if line.trim().is_empty() || line.starts_with(['#', ';', ' ', '\t']) {
                continue;
            }
            if let Some(name) = line.trim_end().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let words: Vec<&str> = name.split_whitespace().collect();
                into = match words.as_slice() {
                    ["default"] => Some(self.profiles.entry("default".to_owned()).or_default()),
                    ["profile", name] if is_config => Some(self.profiles.entry((*name).to_owned()).or_default()),
                    ["sso-session", name] if is_config => Some(self.sign_ons.entry((*name).to_owned()).or_default()),
                    [name] if !is_config => Some(self.profiles.entry((*name).to_owned()).or_default()),
                    _ => None,
                };
            } else if let (Some(into), Some((name, value))) = (into.as_deref_mut(), line.split_once('=')) {
                // The file with the credentials is read last, and counts.
                into.insert(name.trim().to_lowercase(), value.trim().to_owned());
            }
        }
    }
}

/// A file in the home directory's folder of AWS's tools.
pub(super) fn in_home(environment: &Environment, name: &str) -> Option<PathBuf> {
    let home = environment.get("HOME").or_else(|| environment.get("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".aws").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_the_tools_of_aws_write_them() {
        let mut read = Profiles::default();
        read.take(
            "# mine\n[default]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n\n[profile  audit]\nRole_Arn=arn:x\n\
             source_profile = default\n[sso-session corp]\nsso_region = eu-west-1\n[services local]\nregion = nowhere\n[stray]\nregion = no\n",
            true,
        );
        read.take(
            "[default]\naws_access_key_id = AKIA\naws_secret_access_key = a=b\n[profile audit]\nregion = no\n",
            false,
        );
        assert_eq!(read.profile("default").unwrap()["aws_secret_access_key"], "a=b");
        assert_eq!(read.profile("default").unwrap()["region"], "eu-west-1");
        assert!(!read.profile("default").unwrap().contains_key("max_concurrent_requests"));
        assert_eq!(read.profile("audit").unwrap()["role_arn"], "arn:x");
        assert!(!read.profile("audit").unwrap().contains_key("region") && !read.has("stray"));
        assert_eq!(read.sign_on("corp").unwrap()["sso_region"], "eu-west-1");
        let unknown = read.profile("prod").unwrap_err().message;
        assert!(unknown.contains("known are audit, default"), "{unknown}");
    }
}
