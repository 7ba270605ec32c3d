//! What is read as an instruction: events, policies, secrets.

use std::sync::{Arc, LazyLock};

use offsite_local::home::policy_file;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::credentials::AccountSecrets;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::command::{Cloud, Realm};
use offsite_shared::model::json;
use offsite_shared::model::text::steers;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Secrets;
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::triggers::{self, Item};
use proptest::prelude::*;
use serde_json::{Value, json as value};

use crate::corpus::{config, events, policies};
use crate::spoil::{changes, cut, cuts, spoilt};

static EVENTS: LazyLock<Vec<Value>> = LazyLock::new(events);
static POLICIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(policies);

/// A complaint is a line of bounded length with nothing in it that steers.
fn is_plain(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!text.contains(steers), "{text:?}");
    prop_assert!(text.chars().count() < 3_000, "{} signs", text.chars().count());
    Ok(())
}

fn event_is_read(event: &Value) -> Result<(), TestCaseError> {
    match triggers::read(event) {
        Err(error) => is_plain(&error.to_string()),
        Ok(read) => {
            prop_assert!(read.records.len() <= 1_000, "{} records", read.records.len());
            for item in read.records.iter().flat_map(|record| &record.items) {
                match item {
                    Err(error) => is_plain(&error.to_string())?,
                    Ok(Item::Ignored(reason)) => is_plain(reason)?,
                    Ok(Item::Command(command)) => {
                        let again = triggers::read(&command.to_json());
                        let same = again.as_ref().is_ok_and(|again| {
                            matches!(again.records[0].items[..], [Ok(Item::Command(ref other))] if other == command)
                        });
                        prop_assert!(same, "{command:?} is not read again");
                    }
                    Ok(_) => {}
                }
            }
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_event_is_read_or_refused(at in any::<prop::sample::Index>(), changes in changes()) {
        event_is_read(&spoilt(at.get(EVENTS.as_slice()), &changes))?;
    }

    #[test]
    fn any_event_in_a_batch_is_read_or_refused(at in any::<prop::sample::Index>(), changes in changes(), cuts in cuts()) {
        let body = cut(spoilt(at.get(EVENTS.as_slice()), &changes).to_string().as_bytes(), &cuts);
        let body = String::from_utf8_lossy(&body).into_owned();
        event_is_read(&value!({ "Records": [{ "messageId": "m", "eventSource": "aws:sqs", "body": body }] }))?;
    }

    #[test]
    fn any_text_is_json_or_not(at in any::<prop::sample::Index>(), cuts in cuts()) {
        let bytes = cut(at.get(EVENTS.as_slice()).to_string().as_bytes(), &cuts);
        match json::read_bytes(&bytes) {
            Err(reason) => is_plain(&reason)?,
            // What the strict reader takes, the usual one takes as the same.
            Ok(read) => {
                let text = std::str::from_utf8(&bytes).unwrap().trim_start_matches('\u{feff}');
                prop_assert_eq!(read, serde_json::from_str::<Value>(text).unwrap());
            }
        }
    }

    #[test]
    fn any_policy_is_read_and_written_as_the_same_or_refused(at in any::<prop::sample::Index>(), cuts in cuts(), changes in changes()) {
        let sample: &Vec<u8> = at.get(POLICIES.as_slice());
        let read = policy_file::parse("p", &cut(sample, &cuts));
        if let Err(problems) = &read {
            for line in problems.to_string().lines() {
                is_plain(line)?;
            }
        }
        let good = policy_file::parse("p", sample).unwrap().to_json();
        let spoilt = Policy::from_json(&spoilt(&good, &changes));
        for policy in [read.ok(), spoilt.ok()].into_iter().flatten() {
            let again = Policy::from_json(&policy.to_json());
            prop_assert_eq!(again.map(|again| again.to_json()).ok(), Some(policy.to_json()));
        }
    }

    #[test]
    fn any_secret_is_a_key_or_refused_and_is_not_told(is_password in any::<bool>(), changes in changes(), cuts in cuts()) {
        const TELLTALE: &str = "hunter2hunter2";
        let good = match is_password {
            true => value!({ "domain": TELLTALE, "user": TELLTALE, "password": TELLTALE }),
            false => value!({ "access_key_id": TELLTALE, "access_key_secret": TELLTALE, "security_token": TELLTALE }),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.json");
        std::fs::write(&path, cut(spoilt(&good, &changes).to_string().as_bytes(), &cuts)).unwrap();
        let accounts = value!({ "default": { "secret": format!("file:{}", path.display()) } });
        let environment = Environment::default().with("OFFSITE_TENCENT_ACCOUNTS", accounts.to_string());
        let settings = Settings::from_environment(&environment, &[&Tencent]).unwrap();
        let transport = Arc::new(HttpTransport::new(std::time::Duration::from_secs(1)).unwrap());
        let secrets = AccountSecrets::new(&environment, settings, &[&Tencent], transport, Arc::new(SystemClock));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let realm = Realm { region: "ap-guangzhou", project: None };
        let given = runtime.block_on(secrets.access(Cloud::Tencent, "default", realm, None));
        let told = match &given {
            Ok(access) => format!("{access:?}").replace(&format!("access_key_id: \"{TELLTALE}\""), ""),
            Err(error) => error.to_string(),
        };
        if given.is_err() {
            is_plain(&told)?;
        }
        // A key that is a part of another text of the file is not looked for.
        prop_assert!(given.is_ok() || !told.contains(TELLTALE), "{told}");
    }
}
