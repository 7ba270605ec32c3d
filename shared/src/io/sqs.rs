//! The queue on SQS. Messages go in batches of up to ten, and entries that failed are sent again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::aws::{Aws, AwsEndpoint};
use crate::model::command::Command;
use crate::model::error::{EmitError, Error};
use crate::model::name::ascii;
use crate::model::receipt::Message;
use crate::model::text::hash_of;
use crate::model::time::later;
use crate::ports::{Boxed, Clock, DeadLetter, Emitter, WorkQueue};
use crate::settings::environment::Environment;

/// Entries of one SendMessageBatch. Source: SQS API reference, SendMessageBatch, 2026.
const BATCH: usize = 10;

/// How often an entry that fails is sent in all.
const TRIES: u32 = 4;

/// How long one send is repeated while the queue does not answer.
const TIMEOUT: Duration = Duration::from_secs(8);

type Outcome = Result<(), EmitError>;

/// Sends messages to one SQS queue. Concurrent calls share batches: the one that holds `lead` sends for all that wait.
pub struct SqsEmitter {
    aws: Arc<Aws>,
    clock: Arc<dyn Clock>,
    endpoint: AwsEndpoint,
    queue_url: String,
    waiting: Mutex<Vec<(Message, oneshot::Sender<Outcome>)>>,
    lead: tokio::sync::Mutex<()>,
}

impl SqsEmitter {
    /// The emitter for the queue at `QUEUE_URL`, called at `AWS_ENDPOINT_URL_SQS` if that is set.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_environment(
        environment: &Environment,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<SqsEmitter, Error> {
        let queue_url = environment.get("QUEUE_URL").ok_or_else(|| {
            Error::configuration("QUEUE_URL is missing: set it to the URL of the SQS queue that takes the receipts")
        })?;
        SqsEmitter::at(environment, "QUEUE_URL", queue_url, aws, clock)
    }

    /// The emitter for the queue at this URL, which the variable of this name holds.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn at(
        environment: &Environment,
        variable: &str,
        queue_url: &str,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<SqsEmitter, Error> {
        let endpoint = aws.queue_endpoint(environment, variable, queue_url)?;
        let queue_url = queue_url.to_owned();
        Ok(SqsEmitter {
            aws,
            clock,
            endpoint,
            queue_url,
            waiting: Mutex::default(),
            lead: tokio::sync::Mutex::default(),
        })
    }

    fn take_batch(&self) -> Vec<(Message, oneshot::Sender<Outcome>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }

    async fn send_batch(&self, messages: &[&Message], until: Timestamp) -> Vec<Outcome> {
        let late = "no time was left before this function's deadline";
        let mut outcomes: Vec<Outcome> = messages.iter().map(|_| Err(EmitError(late.into()))).collect();
        let left = || Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let mut open: Vec<usize> = (0..messages.len()).collect();
        let mut delay = Duration::from_millis(100);
        for round in 0..TRIES {
            if round > 0 {
                self.clock.sleep(delay.min(left())).await;
                delay *= 2;
            }
            if left().is_zero() {
                break;
            }
            let patience = TIMEOUT.min(left());
            let entries: Vec<Value> =
                open.iter().filter_map(|index| Some(self.entry(*index, messages.get(*index)?))).collect();
            let body = json!({ "QueueUrl": self.queue_url, "Entries": entries });
            match self.aws.call(&self.endpoint, "sqs", "1.0", "AmazonSQS.SendMessageBatch", &body, patience).await {
                Ok(answer) => {
                    for index in ids(&answer, "Successful") {
                        if let Some(outcome) = outcomes.get_mut(index) {
                            *outcome = Ok(());
                        }
                    }
                    for failed in answer.get("Failed").and_then(Value::as_array).into_iter().flatten() {
                        let text = |name: &str| failed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                        if let Some(outcome) =
                            text("Id").parse::<usize>().ok().and_then(|index| outcomes.get_mut(index))
                        {
                            *outcome = Err(EmitError(format!("{}: {}", text("Code"), text("Message"))));
                        }
                    }
                }
                Err(error) => {
                    for index in &open {
                        if let Some(outcome) = outcomes.get_mut(*index) {
                            *outcome = Err(EmitError(error.to_string()));
                        }
                    }
                }
            }
            open.retain(|index| outcomes.get(*index).is_some_and(Result::is_err));
            if open.is_empty() {
                break;
            }
        }
        outcomes
    }

    fn entry(&self, index: usize, message: &Message) -> Value {
        let mut entry = json!({ "Id": index.to_string(), "MessageBody": message.event.to_string() });
        let told = |name: &str| message.event.get(name).and_then(Value::as_str).map(group);
        // On a standard queue a group only keeps a rule with much to do from delaying the others.
        // Source: Amazon SQS Developer Guide, fair queues, 2026.
        if let Some(rule) = told("rule") {
            entry["MessageGroupId"] = json!(rule);
        }
        if self.queue_url.ends_with(".fifo") {
            entry["MessageGroupId"] = json!(told("subject").or(told("rule")).unwrap_or_else(|| "offsite".to_owned()));
            entry["MessageDeduplicationId"] = json!(message.id);
        }
        entry
    }
}

/// The group that a name or subject stands for: itself, in ASCII where it is not, and as a hash where that is too long. So each name is a
/// group of its own.
///
/// Source: SQS API reference, SendMessageBatch, MessageGroupId, 2026: 1 to 128 letters, digits and signs of ASCII.
fn group(text: &str) -> String {
    let is_taken = |text: &str| (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let written = if is_taken(text) && !text.contains('%') { text.to_owned() } else { ascii(text) };
    if is_taken(&written) { written } else { hash_of(&["group", text]) }
}

fn ids(answer: &Value, list: &str) -> Vec<usize> {
    let entries = answer.get(list).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.get("Id")?.as_str()?.parse().ok()).collect()
}

impl Emitter for SqsEmitter {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(messages.len());
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                for message in messages {
                    let (sender, receiver) = oneshot::channel();
                    waiting.push((message.clone(), sender));
                    answers.push(receiver);
                }
            }
            loop {
                let _lead = self.lead.lock().await;
                let batch = self.take_batch();
                if batch.is_empty() {
                    break;
                }
                let outcomes =
                    self.send_batch(&batch.iter().map(|(message, _)| message).collect::<Vec<_>>(), until).await;
                for ((_, sender), outcome) in batch.into_iter().zip(outcomes) {
                    // The caller that waited may be gone; its receipt stays in the ledger's outbox.
                    let _ = sender.send(outcome);
                }
            }
            let mut outcomes = Vec::with_capacity(answers.len());
            for answer in answers {
                outcomes.push(answer.await.unwrap_or_else(|_| Err(EmitError("the sender was interrupted".into()))));
            }
            outcomes
        })
    }
}

/// The SQS queue through which a sweep hands commands to other functions.
pub(crate) struct SqsWorkQueue {
    queue: SqsEmitter,
    dead_letters: Option<SqsEmitter>,
    clock: Arc<dyn Clock>,
}

impl SqsWorkQueue {
    /// The work queue at `OFFSITE_WORK_QUEUE_URL`, or `None` if that is not set.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub(crate) fn from_environment(
        environment: &Environment,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<SqsWorkQueue>, Error> {
        let name = "OFFSITE_WORK_QUEUE_URL";
        let Some(url) = environment.get(name) else { return Ok(None) };
        let queue = SqsEmitter::at(environment, name, url, aws.clone(), clock.clone())?;
        let name = "OFFSITE_DEAD_LETTERS_URL";
        let dead_letters = match environment.get(name) {
            Some(url) => Some(SqsEmitter::at(environment, name, url, aws, clock.clone())?),
            None => None,
        };
        Ok(Some(SqsWorkQueue { queue, dead_letters, clock }))
    }
}

impl WorkQueue for SqsWorkQueue {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Outcome>> {
        Box::pin(async move {
            let message = |command: &Command| {
                let event = command.to_json();
                Message { id: hash_of(&["command", &event.to_string()]), event }
            };
            let messages: Vec<Message> = commands.iter().map(message).collect();
            self.queue.emit(&messages, later(self.clock.now(), TIMEOUT * 2)).await
        })
    }

    fn give_up<'a>(&'a self, letters: &'a [DeadLetter]) -> Boxed<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(letters.len());
            for some in letters.chunks(BATCH) {
                match &self.dead_letters {
                    Some(queue) => outcomes.extend(bury(queue, some).await),
                    None => outcomes.extend(some.iter().map(|_| Err(EmitError("there are no dead letters".into())))),
                }
            }
            outcomes
        })
    }
}

/// Sends one batch of dead letters, each as it was received, with why as attributes.
async fn bury(queue: &SqsEmitter, letters: &[DeadLetter]) -> Vec<Outcome> {
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let entry = |(index, letter): (usize, &DeadLetter)| {
        let why = json!({
            "error": text(letter.error.name.name()), "reason": text(&letter.error.message), "message_id": text(&letter.id),
        });
        json!({ "Id": index.to_string(), "MessageBody": letter.body, "MessageAttributes": why })
    };
    let entries: Vec<Value> = letters.iter().enumerate().map(entry).collect();
    let body = json!({ "QueueUrl": queue.queue_url, "Entries": entries });
    let sent = queue.aws.call(&queue.endpoint, "sqs", "1.0", "AmazonSQS.SendMessageBatch", &body, TIMEOUT).await;
    let (there, why) = match &sent {
        Ok(answer) => (ids(answer, "Successful"), "the queue did not take it".to_owned()),
        Err(error) => (Vec::new(), error.to_string()),
    };
    (0..letters.len()).map(|index| there.contains(&index).then_some(()).ok_or_else(|| EmitError(why.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::clock::SystemClock;
    use crate::io::http::HttpTransport;
    use crate::model::http::{HttpRequest, Reply, TransportError};
    use crate::ports::Transport;

    fn queue(url: &str) -> SqsEmitter {
        let environment =
            [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x")]
                .into_iter()
                .fold(Environment::default(), |environment, (name, value)| environment.with(name, value));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let transport = Arc::new(HttpTransport::new(Duration::from_secs(1)).unwrap());
        let aws = Arc::new(Aws::from_environment(&environment, transport, clock.clone()).unwrap());
        SqsEmitter::at(&environment, "QUEUE_URL", url, aws, clock).unwrap()
    }

    /// A rule with much to do keeps nobody else's commands waiting; what has no rule, and a receipt, has no group.
    #[test]
    fn on_a_standard_queue_a_command_is_grouped_by_its_rule_and_on_an_ordered_one_everything_has_a_group() {
        let message = |event: Value| Message { id: "1".into(), event };
        let standard = queue("https://sqs.us-east-1.amazonaws.com/123456789012/work");
        let ordered = queue("https://sqs.us-east-1.amazonaws.com/123456789012/work.fifo");
        let of_nightly = "%E6%AF%8F%E6%99%9A%E7%A3%81%E7%9B%98";
        let again = of_nightly.replace('%', "%25");
        let long = "磁".repeat(64);
        let hashed = hash_of(&["group", &long]);
        for (event, on_standard, on_ordered) in [
            (json!({ "rule": "nightly" }), json!("nightly"), json!("nightly")),
            (json!({ "subject": "10ce" }), Value::Null, json!("10ce")),
            (json!({}), Value::Null, json!("offsite")),
            (json!({ "rule": "每晚磁盘" }), json!(of_nightly), json!(of_nightly)),
            (json!({ "rule": of_nightly }), json!(again), json!(again)),
            (json!({ "rule": long }), json!(hashed), json!(hashed)),
        ] {
            let (one, other) = (standard.entry(0, &message(event.clone())), ordered.entry(0, &message(event)));
            assert_eq!((&one["MessageGroupId"], &other["MessageGroupId"]), (&on_standard, &on_ordered));
            assert_eq!((&one["MessageDeduplicationId"], &other["MessageDeduplicationId"]), (&Value::Null, &json!("1")));
        }
    }

    /// Takes every message, and keeps what was sent.
    #[derive(Default)]
    struct Taken(std::sync::Mutex<Vec<Value>>);

    impl Transport for Taken {
        fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let entries = body["Entries"].as_array().unwrap().clone();
            let ids: Vec<Value> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
            self.0.lock().unwrap().extend(entries);
            let body = json!({ "Successful": ids }).to_string().into_bytes();
            Box::pin(async move { Ok(Reply { status: 200, headers: Vec::new(), body }) })
        }
    }

    #[tokio::test]
    async fn a_command_that_is_handed_over_goes_into_the_group_of_its_rule() {
        let environment = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("OFFSITE_WORK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/work"),
        ]
        .into_iter()
        .fold(Environment::default(), |environment, (name, value)| environment.with(name, value));
        let (clock, taken): (Arc<dyn Clock>, Arc<Taken>) = (Arc::new(SystemClock), Arc::default());
        let aws = Arc::new(Aws::from_environment(&environment, taken.clone(), clock.clone()).unwrap());
        let queue = SqsWorkQueue::from_environment(&environment, aws, clock).unwrap().unwrap();
        let rule = |name: &str| {
            json!({
                "name": name, "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": name } },
                "destinations": [{ "region": "ap-singapore" }],
            })
        };
        let policy = json!({ "version": 1, "rules": [rule("nightly"), rule("hourly")] });
        let policy = crate::policy::Policy::from_json(&policy).unwrap();
        let mut commands: Vec<Command> = policy.rules.iter().map(|rule| rule.command_of("snap-group0001")).collect();
        commands.push(Command { rule: None, ..commands[0].clone() });
        assert!(queue.hand_over(&commands).await.iter().all(Result::is_ok));
        let groups: Vec<Value> = taken.0.lock().unwrap().iter().map(|entry| entry["MessageGroupId"].clone()).collect();
        assert_eq!(groups, [json!("nightly"), json!("hourly"), Value::Null]);
    }
}
