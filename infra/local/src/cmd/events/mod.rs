//! `offsite events explain`: what an event is, and what would follow from it. Nothing is started.

mod envelope;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::{handle, rules_named};
use offsite_shared::model::command::{Cloud, Command, Operation};
use offsite_shared::model::fields::FieldError;
use offsite_shared::model::text::{exact, one_line, plain};
use offsite_shared::model::time::later;
use offsite_shared::policy::{Policy, Rule, duration_text};
use offsite_shared::settings::environment::Environment;
use offsite_shared::triggers::door::Delivered;
use offsite_shared::triggers::hint::{Hint, HintTarget};
use offsite_shared::triggers::{self, Answer, Item};
use serde_json::{Value, json};

use self::envelope::{delivered, envelopes, sender};
use super::handle::read;
use super::show::{self, Form};
use crate::home;
use crate::home::policy_file;

/// What the help says below the options.
const EXAMPLES: &str = "\
Examples:
  offsite events explain event.json                 what it is, which rules it is about, what would follow
  offsite events explain event.json --look          the same, and what the cloud shows now; reads only
  offsite events explain event.json --format json   for programs
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
        /// How it is written
        #[arg(long, value_enum, default_value_t = Form::Table)]
        format: Form,
    },
}

/// Explains an event. False if a part of it cannot be read.
///
/// # Errors
/// The file or the policy cannot be read.
pub async fn run(args: &EventsArgs, environment: &Environment, out: &mut impl Write) -> anyhow::Result<bool> {
    let EventsAction::Explain { file, policy, look, format } = &args.action;
    let event = read(file)?;
    let environment = match policy {
        Some(policy) => environment.clone().with(policy_file::VARIABLE, policy.to_string_lossy().into_owned()),
        None => environment.clone(),
    };
    let policy = policy_file::in_force(&environment)?.map(std::sync::Arc::new);
    let context = home::read_only(&environment, &home::Reading::of(policy.clone()))?;
    let told = Explained {
        envelopes: envelopes(&event),
        sender: sender(&event),
        delivered: delivered(&event),
        read: triggers::read(&event),
        looked: if *look { Some(looked(&context, &event).await) } else { None },
    };
    match format {
        Form::Table => told.write(&context, policy.as_deref(), out)?,
        Form::Json => writeln!(out, "{}", told.to_json(&context, policy.as_deref()))?,
    }
    Ok(told.is_readable())
}

/// What is said of an event.
struct Explained {
    envelopes: Vec<&'static str>,
    sender: Option<String>,
    /// What the door says of it, if it came through there.
    delivered: Option<Delivered>,
    read: Result<triggers::Event, FieldError>,
    /// What the clouds say now, if they were asked.
    looked: Option<Vec<String>>,
}

impl Explained {
    /// Whether every part of the event can be read.
    fn is_readable(&self) -> bool {
        let good = |event: &triggers::Event| event.records.iter().flat_map(|record| &record.items).all(Result::is_ok);
        self.read.as_ref().is_ok_and(good)
    }

    fn write(&self, context: &Context, policy: Option<&Policy>, out: &mut impl Write) -> anyhow::Result<()> {
        let mut say = |indent: usize, text: &str| match text {
            "" => writeln!(out),
            text => show::say(out, text, indent, show::room()),
        };
        let names = self.envelopes.join(", in it ");
        let names = if names.is_empty() { "none: it stands alone" } else { &names };
        say(0, &format!("envelope: {names}"))?;
        say(0, &format!("sender: {}", self.sender.as_deref().unwrap_or("it names none")))?;
        say(0, &format!("verified: {}", verified(self.delivered.as_ref())))?;
        let event = match &self.read {
            Ok(event) => event,
            Err(error) => {
                let why = format!("it cannot be read: {}: {}; nothing would follow", error.field, error.reason);
                say(0, "")?;
                return Ok(say(0, &why)?);
            }
        };
        say(0, &format!("answer: {}", answer(&event.answer)))?;
        for (at, record) in event.records.iter().enumerate() {
            let id = record.id.as_deref().map(|id| format!(" ({})", exact(id))).unwrap_or_default();
            for item in &record.items {
                say(0, "")?;
                say(0, &format!("record {}{id}", at + 1))?;
                says(context, policy, item).iter().try_for_each(|line| say(2, line))?;
            }
        }
        if let Some(lines) = &self.looked {
            say(0, "")?;
            say(0, "looked at now, with an empty ledger, so that only the clouds speak")?;
            lines.iter().try_for_each(|line| say(2, line))?;
        }
        Ok(())
    }

    /// The same for programs: of each part what it is, and the sentences that a person reads.
    fn to_json(&self, context: &Context, policy: Option<&Policy>) -> Value {
        let of = |item: &Result<Item, FieldError>| {
            let mut told = match item {
                Err(error) => json!({ "kind": "unreadable", "field": error.field, "reason": error.reason }),
                Ok(Item::Ignored(reason)) => json!({ "kind": "ignored", "reason": reason }),
                Ok(Item::Action(action)) => json!({ "kind": "action", "action": action }),
                Ok(Item::Command(command)) => json!({ "kind": "command", "command": command.to_json() }),
                Ok(Item::Hint(hint)) => json!({
                    "kind": "hint",
                    "provider": hint.cloud.name(),
                    "region": hint.region,
                    "rules": policy.map(|policy| {
                        rules_named(context, hint, policy).iter().map(|rule| rule.name.clone()).collect::<Vec<_>>()
                    }),
                }),
            };
            told["says"] = json!(says(context, policy, item));
            told
        };
        let mut told = json!({
            "envelopes": self.envelopes,
            "sender": self.sender,
            "verified": self.delivered.is_some(),
            "proof": self.delivered.as_ref().map(|delivered| &delivered.proof),
            "readable": self.is_readable(),
        });
        match &self.read {
            Err(error) => told["error"] = json!({ "field": error.field, "reason": error.reason }),
            Ok(event) => {
                told["answer"] = json!(answer(&event.answer));
                let of_record = |record: &triggers::EventRecord| json!({ "id": record.id, "items": record.items.iter().map(of).collect::<Vec<_>>() });
                told["records"] = json!(event.records.iter().map(of_record).collect::<Vec<_>>());
            }
        }
        if let Some(lines) = &self.looked {
            told["looked"] = json!(lines);
        }
        told
    }
}

/// How it is known who sent an event.
fn verified(delivered: Option<&Delivered>) -> String {
    let Some(delivered) = delivered else {
        return "not at all. Whoever may send to the queue or call the function could have written it; so a named backup is read from the cloud before anything follows, and a command starts only what the policy wants".to_owned();
    };
    let proof = match delivered.proof.as_str() {
        "smn" => "the signature of Huawei's SMN",
        "webhook" => "its signature, by the key of this sender",
        other => return format!("by the door, in a way that is not known here: {}", one_line(other)),
    };
    let (sender, at) = (one_line(&delivered.sender), delivered.received_at);
    format!(
        "by the door, at {at}: {proof}, {sender}. That holds as long as nobody but the door sends such envelopes to the queue; what is in it is a hint all the same: a command in it starts nothing"
    )
}

fn answer(answer: &Answer) -> &'static str {
    match answer {
        Answer::Batch => "each record by itself; those that failed are delivered again",
        Answer::Results => "a result for each copy",
    }
}

/// What a part of an event is, and what would follow from it, a sentence each.
fn says(context: &Context, policy: Option<&Policy>, item: &Result<Item, FieldError>) -> Vec<String> {
    match item {
        Err(error) => {
            vec![format!("cannot be read: {}: {}; nothing would follow from it", error.field, error.reason)]
        }
        Ok(Item::Ignored(reason)) => vec![format!("passed over: {reason}")],
        Ok(Item::Action(action)) => vec![of_action(action).to_owned()],
        Ok(Item::Command(command)) => of_command(context, policy, command),
        Ok(Item::Hint(hint)) => of_hint(context, policy, hint),
    }
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

fn of_command(context: &Context, policy: Option<&Policy>, command: &Command) -> Vec<String> {
    let source = &command.source;
    let mut says = vec![format!("a command: {} of {} in {}", command.operation.name(), source.id, source.region)];
    let Some(policy) = policy else {
        let none = "there is no policy here: a function without one starts it, one with a policy what a rule wants";
        says.push(none.to_owned());
        return says;
    };
    for destination in &command.destinations {
        let fits = |rule: &&Rule| {
            rule.operation.cloud() == command.operation.cloud()
                && rule.account == command.account
                && rule.source.region == source.region
                && rule.destinations.contains(destination)
        };
        let to = &destination.region;
        let before = says.len();
        says.extend(policy.rules.iter().filter(fits).map(|rule| {
            let condition = condition(rule);
            format!(
                "to {to}: rule {}: {condition}; then started, unless the ledger has it or the copy is there",
                rule.name
            )
        }));
        if says.len() == before {
            let from = &source.region;
            says.push(format!(
                "to {to}: refused: no rule copies from {from} there (unless OFFSITE_DIRECT_COMMANDS lets it)"
            ));
        }
    }
    if context.settings.check_destinations(command).is_err() {
        let refused = "refused all the same: OFFSITE_ALLOWED_DESTINATIONS does not allow one of these destinations";
        says.push(refused.to_owned());
    }
    says
}

fn of_hint(context: &Context, policy: Option<&Policy>, hint: &Hint) -> Vec<String> {
    let (kind, id) = match &hint.what {
        HintTarget::Backup(id) => ("backup", id),
        HintTarget::CheckpointItem(id) => ("checkpoint item", id),
        HintTarget::Vault(id) => ("vault", id),
        HintTarget::Resource(id) => ("something, a backup or not,", id),
    };
    let cloud = hint.cloud.name();
    let place = hint.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
    let mut says = vec![format!("it names the {kind} {id} of {cloud}{place}")];
    let Some(policy) = policy else {
        let refused = "refused: such an event says nothing about destinations, and there is no policy: set OFFSITE_POLICY or --policy";
        says.push(refused.to_owned());
        return says;
    };
    let rules = rules_named(context, hint, policy);
    if rules.is_empty() {
        let others = policy.rules.iter().filter(|rule| rule.operation.cloud() == hint.cloud).count();
        says.push(format!("passed over: none of the {others} rules for {cloud} has its source there; nothing is read"));
        return says;
    }
    says.extend(rules.iter().map(|rule| format!("rule {}: {}", rule.name, follows(rule, hint))));
    if hint.cloud == Cloud::Tencent {
        let late = "Tencent sends such an event when a snapshot is asked for, not when it is finished: not finished yet, it is delivered again, and looks find it";
        says.push(late.to_owned());
    }
    says
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

/// What the clouds say, asked as a dry run does.
async fn looked(context: &Context, event: &Value) -> Vec<String> {
    let deadline = later(context.now(), Duration::from_secs(60));
    let answer = match handle(context, event, &Invocation { id: "explain".into(), deadline }).await {
        Err(error) => return vec![error.message],
        Ok(answer) => answer,
    };
    let result = |result: &Value| {
        let text = |place: &str| result.pointer(place).and_then(Value::as_str);
        let to = text("/destination/region").map(|to| format!("to {to}: ")).unwrap_or_default();
        let what = text("/would").map(|would| format!("would {would}")).or(text("/state").map(str::to_owned));
        let why = text("/reason").or(text("/error/message")).unwrap_or_default();
        plain(&format!("{to}{}: {why}", what.unwrap_or_default()))
    };
    let again = |failed: &Value| {
        format!("{} would be delivered again", exact(failed["itemIdentifier"].as_str().unwrap_or_default()))
    };
    let of = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    of("results").iter().map(result).chain(of("batchItemFailures").iter().map(again)).collect()
}
