//! Who may knock: the function's one secret, as JSON. No error message repeats any part of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::Error;
use offsite_shared::model::json;
use secrecy::{SecretSlice, SecretString};
use serde::Deserialize;

/// The secret part of the path has so many signs at least: nobody guesses it.
const PATH: usize = 32;

/// So many bytes has a key. Source: Standard Webhooks specification 1.0.0, "Signature scheme": 24 to 64 bytes.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;

/// So many keys has a sender: two while one is changed.
const KEYS: usize = 4;

/// Who may knock, and at which path.
pub struct Senders {
    /// The secret part of the path.
    pub path: SecretString,
    by_name: BTreeMap<String, Sender>,
}

/// Somebody who may knock.
pub enum Sender {
    /// Signs with a key that both sides hold.
    Webhook {
        /// The cloud whose backups it tells of.
        cloud: Cloud,
        /// Any of these is its key.
        keys: Vec<SecretSlice<u8>>,
    },
    /// Huawei's SMN.
    Smn(Smn),
}

/// What is taken of SMN.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smn {
    /// The topics, as `urn:smn:REGION:PROJECT:NAME`.
    pub topics: Vec<String>,
    /// What the cloud's own hosts end with, after `smn.REGION.`.
    #[serde(default = "public")]
    pub suffix: String,
    /// Base64 of the SHA-256 of the public keys that may sign; empty for any that the cloud's own host shows.
    #[serde(default)]
    pub public_key_sha256: Vec<String>,
}

fn public() -> String {
    "myhuaweicloud.com".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    senders: BTreeMap<String, WrittenSender>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSender {
    webhook: Option<WrittenWebhook>,
    smn: Option<Smn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWebhook {
    provider: String,
    keys: Vec<String>,
}

impl Senders {
    /// Reads the text of the secret that lies at `place`.
    ///
    /// # Errors
    /// Names the part that is missing or wrong.
    pub fn read(text: &str, place: &str) -> Result<Senders, Error> {
        let wrong = |why: String| {
            Error::configuration(format!(
                "the secret {place} {why}; docs/aws.md, \"The door\", has its form. Nobody is let in until it is right"
            ))
        };
        let value = json::read(text).map_err(wrong)?;
        // The reader's own message would quote what it found.
        let written: Written = serde_json::from_value(value)
            .map_err(|_| wrong("has a part that is missing, unknown or of another kind".to_owned()))?;
        let path = &written.path;
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if path.len() < PATH || !is_word(path) {
            return Err(wrong(format!("has a path that is no {PATH} letters, digits, - and _ or more")));
        }
        let mut by_name = BTreeMap::new();
        for (name, sender) in written.senders {
            if name.is_empty() || name.len() > 64 || !is_word(&name) {
                return Err(wrong("names a sender otherwise than in 64 letters, digits, - and _ at most".to_owned()));
            }
            let read = match (sender.webhook, sender.smn) {
                (Some(webhook), None) => of_webhook(webhook),
                (None, Some(smn)) => of_smn(smn),
                _ => Err("is neither a webhook nor smn, or both".to_owned()),
            };
            let sender = read.map_err(|why| wrong(format!("has a sender {name} that {why}")))?;
            by_name.insert(name, sender);
        }
        Ok(Senders { path: written.path.into(), by_name })
    }

    /// The sender of this name.
    pub fn get(&self, name: &str) -> Option<&Sender> {
        self.by_name.get(name)
    }
}

impl Sender {
    /// The cloud whose backups it tells of.
    pub fn cloud(&self) -> Cloud {
        match self {
            Sender::Webhook { cloud, .. } => *cloud,
            Sender::Smn(_) => Cloud::Huawei,
        }
    }

    /// How it proves who it is, in words.
    pub fn proof(&self) -> &'static str {
        match self {
            Sender::Webhook { .. } => "webhook",
            Sender::Smn(_) => "smn",
        }
    }
}

/// The region of a topic, `urn:smn:REGION:PROJECT:NAME`.
pub fn region_of(topic: &str) -> Option<&str> {
    let mut parts = topic.split(':');
    let is_smn = parts.next() == Some("urn") && parts.next() == Some("smn");
    let region = parts.next().filter(|_| is_smn)?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.bytes().all(is_name)).then_some(region)
}

fn of_webhook(webhook: WrittenWebhook) -> Result<Sender, String> {
    let cloud =
        Cloud::from_name(&webhook.provider).ok_or_else(|| "has no provider of alibaba, huawei, tencent".to_owned())?;
    let key = |text: &String| {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        KEY.contains(&bytes.len()).then(|| SecretSlice::from(bytes))
    };
    let keys: Option<Vec<SecretSlice<u8>>> = webhook.keys.iter().map(key).collect();
    match keys.filter(|keys| (1..=KEYS).contains(&keys.len())) {
        Some(keys) => Ok(Sender::Webhook { cloud, keys }),
        None => Err(format!(
            "has no keys, more than {KEYS}, or one that is not whsec_ and base64 of {} to {} bytes",
            KEY.start(),
            KEY.end()
        )),
    }
}

fn of_smn(smn: Smn) -> Result<Sender, String> {
    if smn.topics.is_empty() || !smn.topics.iter().all(|topic| region_of(topic).is_some()) {
        return Err("has no topics, or one that is not urn:smn:REGION:PROJECT:NAME".to_owned());
    }
    let labels: Vec<&str> = smn.suffix.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if labels.len() < 2 || !labels.iter().all(is_label) {
        return Err("has a suffix that is no domain such as myhuaweicloud.com".to_owned());
    }
    let is_hash = |text: &String| STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
    if !smn.public_key_sha256.iter().all(is_hash) {
        return Err("has a public_key_sha256 that is not base64 of 32 bytes".to_owned());
    }
    Ok(Sender::Smn(smn))
}
