//! One request: verified, and handed to the work queue of its cloud as a hint.

use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::Error;
use offsite_shared::model::receipt::Message;
use offsite_shared::model::text::{hash_of, one_line};
use offsite_shared::model::time::later;
use offsite_shared::triggers::door::Delivered;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::certificate;
use crate::refused::Refused;
use crate::request::Request;
use crate::senders::{Sender, Smn};
use crate::setup::Setup;
use crate::{smn, webhook};

/// How long the queue may take. SMN waits for five seconds in all.
const QUEUE: Duration = Duration::from_secs(2);

/// Answers a request of the API with a status.
///
/// # Errors
/// None: what goes wrong is a status too.
pub async fn run(setup: &Setup, event: &Value) -> Result<Value, Error> {
    let now = setup.clock.now();
    let status = match taken(setup, event, now).await {
        Ok(()) => 202,
        Err(refused) => {
            if let Some(line) = setup.tally.add(refused, now) {
                tracing::warn!("refused at the door: {line}");
            }
            refused.status()
        }
    };
    Ok(json!({ "statusCode": status, "headers": { "cache-control": "no-store" }, "body": "" }))
}

async fn taken(setup: &Setup, event: &Value, now: Timestamp) -> Result<(), Refused> {
    let senders = setup.senders().await?;
    let request = Request::read(event, senders.path.expose_secret())?;
    let sender = senders.get(&request.sender).ok_or(Refused::Sender)?;
    let (id, raw) = match sender {
        Sender::Webhook { keys, .. } => {
            let id = webhook::verify(&request, keys, now)?;
            (id, String::from_utf8(request.body).map_err(|_| Refused::Malformed)?)
        }
        Sender::Smn(smn) => match of_smn(setup, &request.body, smn, now).await? {
            Some(message) => message,
            None => return Ok(()),
        },
    };
    let delivered = Delivered::new(&request.sender, sender.proof(), &id, now, raw);
    hand_over(setup, sender.cloud(), &delivered).await
}

/// The ID and the message of a verified notification; `None` where there is nothing to hand on.
async fn of_smn(setup: &Setup, body: &[u8], smn: &Smn, now: Timestamp) -> Result<Option<(String, String)>, Refused> {
    let told = smn::read(body, smn, now)?;
    let signer = setup.certificates.at(&told.certificate).await?;
    certificate::verify(&signer, &smn.public_key_sha256, now, &told.signed, &told.signature)?;
    if told.is_message {
        return Ok(Some((told.id, told.message)));
    }
    match told.confirm {
        None => tracing::warn!(topic = told.topic, "SMN says that its subscription has ended"),
        Some(url) if smn::may_confirm(&url, &told.topic, &smn.suffix) => {
            setup.certificates.confirm(&url).await?;
            tracing::info!(topic = told.topic, "the subscription is confirmed");
        }
        // The rest of the address is a secret of the subscription.
        Some(url) => {
            let host = url.split('/').nth(2).unwrap_or_default();
            tracing::warn!(
                topic = told.topic,
                host,
                "a subscription was not confirmed: its address is none of this cloud's; confirm it in the console"
            );
        }
    }
    Ok(None)
}

async fn hand_over(setup: &Setup, cloud: Cloud, delivered: &Delivered) -> Result<(), Refused> {
    let Some(queue) = setup.queue(cloud) else {
        let (sender, cloud) = (&delivered.sender, cloud.name());
        return Err(trouble(&format!("the sender {sender} tells of {cloud}, for which nothing is installed here")));
    };
    let id = hash_of(&["door", &delivered.sender, &delivered.id]);
    if setup.was_taken(&id) {
        return Ok(());
    }
    let message = Message { id: id.clone(), event: delivered.to_json() };
    let until = later(setup.clock.now(), QUEUE);
    match queue.emit(&[message], until).await.into_iter().next() {
        Some(Ok(())) => {
            setup.take(id);
            tracing::info!(sender = delivered.sender, id = one_line(&delivered.id), "a notification was handed on");
            Ok(())
        }
        Some(Err(error)) => Err(trouble(&error.to_string())),
        None => Err(Refused::Unavailable),
    }
}

/// Our own trouble is told in full: whoever could cause it at will is known by a signature, or cannot.
fn trouble(why: &str) -> Refused {
    tracing::error!("nothing is taken at the door: {why}");
    Refused::Unavailable
}
