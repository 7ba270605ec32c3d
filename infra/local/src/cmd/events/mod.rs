//! `offsite events explain`: what an event is, and what would follow from it. Nothing is started.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::{handle, rules_named};
use offsite_shared::model::command::{Cloud, Command, Operation};
use offsite_shared::model::json;
use offsite_shared::model::text::{exact, one_line, plain};
use offsite_shared::model::time::later;
use offsite_shared::policy::{Policy, Rule, duration_text};
use offsite_shared::settings::environment::Environment;
use offsite_shared::triggers::hint::{Hint, HintTarget};
use offsite_shared::triggers::{self, Answer, Item};
use serde_json::{Map, Value};

use crate::home;
use crate::home::policy_file;

/// What the help says below the options.
const EXAMPLES: &str = "\
Examples:
  offsite events explain event.json               what it is, which rules it is about, what would follow
  offsite events explain event.json --look        the same, and what the cloud shows now; reads only
  aws sqs receive-message ... | jq -r .Messages[0].Body | offsite events explain -

Exit codes:
  0  it was explained   1  it cannot be read, or a part of it cannot   2  the command line is wrong";

/// Options of `offsite events`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  offsite events explain event.json")]
pub struct EventsArgs {
    #[command(subcommand)]
    action: EventsAction,
}

/// What is done with an event.
#[derive(Subcommand, Debug)]
enum EventsAction {
    /// Say what an event is, who sent it, how that is known, and what would follow from it, without starting anything
    #[command(after_help = EXAMPLES)]
    Explain {
        /// The event: a JSON file, or - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The policy, if it is not OFFSITE_POLICY or ./offsite.yaml
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Ask the cloud as well what is there now; needs keys that may read
        #[arg(long)]
        look: bool,
    },
}

/// Explains an event. False if a part of it cannot be read.
///
/// # Errors
/// The file or the policy cannot be read.
pub async fn run(args: &EventsArgs, environment: &Environment, out: &mut impl Write) -> anyhow::Result<bool> {
    let EventsAction::Explain { file, policy, look } = &args.action;
    let event = read(file)?;
    let environment = match policy {
        Some(policy) => environment.clone().with(policy_file::VARIABLE, policy.to_string_lossy().into_owned()),
        None => environment.clone(),
    };
    let policy = policy_file::in_force(&environment)?.map(std::sync::Arc::new);
    let context = home::read_only(&environment, &home::Reading::of(policy.clone()))?;
    let names = envelopes(&event);
    writeln!(
        out,
        "envelope: {}",
        if names.is_empty() { "none: it stands alone".to_owned() } else { names.join(", in it ") }
    )?;
    writeln!(out, "sender:   {}", sender(&event).unwrap_or_else(|| "it names none".to_owned()))?;
    writeln!(
        out,
        "verified: not at all. Whoever may send to the queue or call the function could have written it; so a named backup is read from the\n          cloud before anything follows, and a command starts only what the policy wants"
    )?;
    let read = match triggers::read(&event) {
        Ok(read) => read,
        Err(error) => {
            writeln!(out, "\nit cannot be read: {}: {}; nothing would follow", error.field, error.reason)?;
            return Ok(false);
        }
    };
    let answer = match read.answer {
        Answer::Batch => "each record by itself; those that failed are delivered again",
        Answer::Results => "a result for each copy",
    };
    writeln!(out, "answer:   {answer}")?;
    let mut readable = true;
    for (at, record) in read.records.iter().enumerate() {
        let id = record.id.as_deref().map(|id| format!(" ({})", exact(id))).unwrap_or_default();
        for item in &record.items {
            writeln!(out, "\nrecord {}{id}", at + 1)?;
            match item {
                Err(error) => {
                    readable = false;
                    writeln!(out, "  cannot be read: {}: {}; nothing would follow from it", error.field, error.reason)?;
                }
                Ok(Item::Ignored(reason)) => writeln!(out, "  passed over: {reason}")?,
                Ok(Item::Action(action)) => writeln!(out, "  {}", of_action(action))?,
                Ok(Item::Command(command)) => of_command(&context, policy.as_deref(), command, out)?,
                Ok(Item::Hint(hint)) => of_hint(&context, policy.as_deref(), hint, out)?,
            }
        }
    }
    if *look {
        looked(&context, &event, out).await?;
    }
    Ok(readable)
}

/// What follows from an action.
fn of_action(action: &Value) -> &'static str {
    let text = |name: &str| action[name].as_str();
    match (text("action"), text("depth")) {
        (Some("observe"), _) => {
            "an observation: accepted copies that are due are looked at in their destination; nothing is started"
        }
        (_, Some("recent")) => {
            "a look at what is new: the newest backups and those that were not finished are read, and what a rule covers and has no copy is started"
        }
        _ => "a full sweep: all backups and copies are listed, and what is missing is started",
    }
}

fn of_command(
    context: &Context,
    policy: Option<&Policy>,
    command: &Command,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let source = &command.source;
    writeln!(out, "  a command: {} of {} in {}", command.operation.name(), source.id, source.region)?;
    let Some(policy) = policy else {
        return Ok(writeln!(
            out,
            "  there is no policy here: a function without one starts it, one with a policy what a rule wants"
        )?);
    };
    for destination in &command.destinations {
        let fits = |rule: &&Rule| {
            rule.operation.cloud() == command.operation.cloud()
                && rule.account == command.account
                && rule.source.region == source.region
                && rule.destinations.contains(destination)
        };
        let rules: Vec<&Rule> = policy.rules.iter().filter(fits).collect();
        let to = &destination.region;
        match rules.as_slice() {
            [] => writeln!(
                out,
                "  to {to}: refused: no rule copies from {} there (unless OFFSITE_DIRECT_COMMANDS lets it)",
                source.region
            )?,
            rules => {
                for rule in rules {
                    writeln!(
                        out,
                        "  to {to}: rule {}: {}; then started, unless the ledger has it or the copy is there",
                        rule.name,
                        condition(rule)
                    )?;
                }
            }
        }
    }
    if context.settings.check_destinations(command).is_err() {
        writeln!(out, "  refused all the same: OFFSITE_ALLOWED_DESTINATIONS does not allow one of these destinations")?;
    }
    Ok(())
}

fn of_hint(context: &Context, policy: Option<&Policy>, hint: &Hint, out: &mut impl Write) -> anyhow::Result<()> {
    let (kind, id) = match &hint.what {
        HintTarget::Backup(id) => ("backup", id),
        HintTarget::CheckpointItem(id) => ("checkpoint item", id),
        HintTarget::Vault(id) => ("vault", id),
        HintTarget::Resource(id) => ("something, a backup or not,", id),
    };
    let place = hint.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
    writeln!(out, "  it names the {kind} {id} of {}{place}", hint.cloud.name())?;
    let Some(policy) = policy else {
        return Ok(writeln!(
            out,
            "  refused: such an event says nothing about destinations, and there is no policy: set OFFSITE_POLICY or --policy"
        )?);
    };
    let rules = rules_named(context, hint, policy);
    if rules.is_empty() {
        let others = policy.rules.iter().filter(|rule| rule.operation.cloud() == hint.cloud).count();
        return Ok(writeln!(
            out,
            "  passed over: none of the {others} rules for {} has its source there; nothing is read",
            hint.cloud.name()
        )?);
    }
    for rule in rules {
        writeln!(out, "  rule {}: {}", rule.name, follows(rule, hint))?;
    }
    if hint.cloud == Cloud::Tencent {
        writeln!(
            out,
            "  Tencent sends such an event when a snapshot is asked for, not when it is finished: not finished yet, it is delivered again, and looks find it"
        )?;
    }
    Ok(())
}

/// What follows from a hint for one rule.
fn follows(rule: &Rule, hint: &Hint) -> String {
    let vault_wide = rule.operation.source_field() == "vault_id";
    if matches!(hint.what, HintTarget::Vault(_)) {
        return match vault_wide {
            true if rule.operation == Operation::CreateVaultReplication => {
                "nothing is read; the pair of vaults is set up once, and from then on the provider carries what is new"
                    .to_owned()
            }
            true => "nothing is read; the call for the whole vault is made, once for each occurrence".to_owned(),
            false => "passed over: it copies backups one by one, and a look or sweep finds them".to_owned(),
        };
    }
    let later = match rule.limits.start_after {
        Some(after) => {
            format!("left to looks and sweeps, which start it {} after it was finished", duration_text(after))
        }
        None => "started, unless the ledger has it or the copy is there".to_owned(),
    };
    format!(
        "the backup is read in {}; {}; if it is not finished it is delivered again, else {later}",
        rule.source.region,
        condition(rule)
    )
}

/// What a backup must be like for a rule to cover it, in words.
fn condition(rule: &Rule) -> String {
    let select = rule.to_json()["source"]["select"].clone();
    match select.as_object().filter(|select| !select.is_empty()) {
        None => "it covers every backup there".to_owned(),
        Some(_) => format!("it covers those that fit {select}, else it is passed over"),
    }
}

/// Asks the clouds, as a dry run does.
async fn looked(context: &Context, event: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\nlooked at now, with an empty ledger, so that only the clouds speak")?;
    let deadline = later(context.now(), Duration::from_secs(60));
    match handle(context, event, &Invocation { id: "explain".into(), deadline }).await {
        Err(error) => writeln!(out, "  {}", error.message)?,
        Ok(answer) => {
            for result in answer["results"].as_array().into_iter().flatten() {
                let text = |place: &str| result.pointer(place).and_then(Value::as_str);
                let to = text("/destination/region").map(|to| format!("to {to}: ")).unwrap_or_default();
                let what = text("/would")
                    .map(|would| format!("would {would}"))
                    .or(text("/state").map(str::to_owned))
                    .unwrap_or_default();
                let why = text("/reason").or(text("/error/message")).unwrap_or_default();
                writeln!(out, "  {}", plain(&format!("{to}{what}: {why}")))?;
            }
            for failed in answer["batchItemFailures"].as_array().into_iter().flatten() {
                let id = failed["itemIdentifier"].as_str().unwrap_or_default();
                writeln!(out, "  {} would be delivered again", exact(id))?;
            }
        }
    }
    Ok(())
}

/// The envelopes of an event, from the outside in.
fn envelopes(event: &Value) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut current = Some(event.clone());
    while let Some(value) = current.take().filter(|_| names.len() < 8) {
        let Some((name, inner)) = envelope(&value) else { break };
        names.push(name);
        current = inner.and_then(|inner| match inner {
            Value::String(text) => json::read(&text).ok(),
            other => Some(other),
        });
    }
    names
}

/// The outermost envelope, with what is in it. Of several records the first one stands for all.
fn envelope(value: &Value) -> Option<(&'static str, Option<Value>)> {
    let object = match value {
        Value::Array(items) => return Some(("an array of commands or events", items.first().cloned())),
        Value::Object(object) => object,
        _ => return None,
    };
    let text = |object: &Map<String, Value>, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(first) = object.get("Records").and_then(|records| records.get(0)) {
        return Some(match first.get("eventSource").and_then(Value::as_str) {
            Some("aws:sqs") => ("a batch of SQS", first.get("body").cloned()),
            _ => ("records of SNS", first.pointer("/Sns/Message").cloned()),
        });
    }
    if object.contains_key("requestContext") && object.contains_key("requestPayload") {
        return Some(("the letter of an invocation that failed", object.get("requestPayload").cloned()));
    }
    if object.contains_key("detail-type") {
        return Some(("EventBridge", object.get("detail").cloned()));
    }
    if object.contains_key("specversion") {
        let cloud = text(object, "source")
            .is_some_and(|source| source.ends_with(".cloud.tencent") || source.starts_with("HC."));
        return Some(("a CloudEvent", object.get("data").cloned().filter(|_| !cloud)));
    }
    if text(object, "Type").as_deref() == Some("Notification") {
        return Some(("a notification of SNS", object.get("Message").cloned()));
    }
    if object.contains_key("topic_urn") {
        return Some(("a notification of Huawei SMN", object.get("message").cloned()));
    }
    for (field, name) in [("EventList", "a batch of Tencent EventBridge"), ("events", "a batch of Huawei EventGrid")] {
        if let Some(items) = object.get(field).and_then(Value::as_array) {
            return Some((name, items.first().cloned()));
        }
    }
    None
}

/// Who the event says that it is from: the innermost sender that it names.
fn sender(event: &Value) -> Option<String> {
    let mut named = None;
    let mut current = Some(event.clone());
    for _ in 0..8 {
        let Some(value) = current.take() else { break };
        let first = value.pointer("/Records/0").unwrap_or(&value);
        let text = |place: &str| first.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
        let places =
            ["/source", "/topic_urn", "/TopicArn", "/Sns/TopicArn", "/eventSourceARN", "/namespace", "/service_type"];
        if let Some(found) = places.into_iter().find_map(text) {
            named = Some(format!("{} (as it says itself)", one_line(found)));
        }
        current = envelope(&value).and_then(|(_, inner)| match inner? {
            Value::String(text) => json::read(&text).ok(),
            other => Some(other),
        });
    }
    named
}

fn read(path: &PathBuf) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("standard input could not be read")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("the event {} could not be read", path.display()))?;
    }
    json::read_bytes(&bytes).map_err(|reason| anyhow!("the event {} {reason}", path.display()))
}
