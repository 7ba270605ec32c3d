//! Notifications of Huawei SMN: what is signed, and where its certificate may lie.
//!
//! Source: Open Telekom Cloud simple-message-notification 47f5cfc, 2026-04-22, "HTTP or HTTPS Message Format" and "Verifying Message
//! Signatures". Which authority issues the certificates, and for what, is not published: so there is no chain to hold them to, and what is
//! trusted is the host that TLS proves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::model::json;
use serde_json::Value;

use crate::refused::Refused;
use crate::senders::{Smn, region_of};

/// SMN repeats for up to an hour.
const OLDEST: SignedDuration = SignedDuration::from_mins(70);

/// So far may its clock be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A notification that is about a listed topic and of now. Nobody has looked at its signature yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its ID.
    pub id: String,
    /// The topic that sent it.
    pub topic: String,
    /// What it carries.
    pub message: String,
    /// Where the subscription is confirmed that it asks about; `None` for what carries a message or ends a subscription.
    pub confirm: Option<String>,
    /// Whether it carries a message.
    pub is_message: bool,
    /// Where the certificate of its signature is.
    pub certificate: String,
    /// The texts that may have been signed: an empty subject is left out by the manual and kept by Huawei's own samples.
    pub signed: Vec<String>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Reads a notification, and holds topic, time and places against what is set.
///
/// # Errors
/// It is something else, of another topic or time, or its certificate lies elsewhere.
pub fn read(body: &[u8], smn: &Smn, now: Timestamp) -> Result<Notification, Refused> {
    let value = json::read_bytes(body).map_err(|_| Refused::Malformed)?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or(Refused::Malformed);
    // A line feed in one of these would let the same signed text be cut into other fields; the message alone may hold some.
    let line = |name: &str| text(name).and_then(|text| if is_line(text) { Ok(text) } else { Err(Refused::Malformed) });
    if text("signature_version")? != "v1" {
        return Err(Refused::Signature);
    }
    let (kind, topic, id, time) = (line("type")?, line("topic_urn")?, line("message_id")?, line("timestamp")?);
    if !smn.topics.iter().any(|listed| listed == topic) {
        return Err(Refused::Topic);
    }
    let at: Timestamp = time.parse().map_err(|_| Refused::Stale)?;
    if now.duration_since(at) > OLDEST || at.duration_since(now) > AHEAD {
        return Err(Refused::Stale);
    }
    let message = text("message")?;
    let confirm = match kind {
        "Notification" => None,
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => Some(line("subscribe_url")?),
        _ => return Err(Refused::Malformed),
    };
    let subject = match value.get("subject").filter(|_| confirm.is_none()) {
        None | Some(Value::Null) => None,
        Some(_) => Some(line("subject")?),
    };
    let written = |subject: Option<&str>| {
        let mut text = String::new();
        for (name, value) in [
            ("message", Some(message)),
            ("message_id", Some(id)),
            ("subject", subject),
            ("subscribe_url", confirm),
            ("timestamp", Some(time)),
            ("topic_urn", Some(topic)),
            ("type", Some(kind)),
        ] {
            if let Some(value) = value {
                text.extend([name, "\n", value, "\n"]);
            }
        }
        text
    };
    let signed = match subject {
        Some("") => vec![written(None), written(subject)],
        subject => vec![written(subject)],
    };
    let certificate = text("signing_cert_url")?;
    if !is_certificate_of(certificate, topic, &smn.suffix) {
        return Err(Refused::CertificatePlace);
    }
    Ok(Notification {
        id: id.to_owned(),
        topic: topic.to_owned(),
        message: message.to_owned(),
        confirm: confirm.filter(|_| kind == "SubscriptionConfirmation").map(str::to_owned),
        is_message: confirm.is_none(),
        certificate: certificate.to_owned(),
        signed,
        signature: STANDARD.decode(text("signature")?).map_err(|_| Refused::Signature)?,
    })
}

fn is_line(text: &str) -> bool {
    text.len() <= 1_024 && !text.contains(char::is_control)
}

/// Whether a certificate lies where those of this topic's region do, written exactly so: any other port, user, host, path or query is
/// another place.
fn is_certificate_of(url: &str, topic: &str, suffix: &str) -> bool {
    let Some(region) = region_of(topic) else { return false };
    let inner = url
        .strip_prefix(&format!("https://smn.{region}.{suffix}/smn/SMN_{region}_"))
        .and_then(|rest| rest.strip_suffix(".pem"));
    inner.is_some_and(|hex| (8..=128).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a subscription may be confirmed there. The address is signed; it is held to the cloud's own hosts all the same, because it
/// is opened.
pub fn may_confirm(url: &str, topic: &str, suffix: &str) -> bool {
    let Some(region) = region_of(topic) else { return false };
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else { return false };
    // The manual masks the console's host; Huawei's own public one differs from its API's.
    let console = if suffix == "myhuaweicloud.com" { "huaweicloud.com" } else { suffix };
    let hosts = [format!("smn.{region}.{suffix}"), format!("console.{suffix}"), format!("console.{console}")];
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'@'));
    hosts.iter().any(|known| known == host) && path.starts_with("smn/") && is_plain
}
