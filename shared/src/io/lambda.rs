//! Runs the handler as a Lambda function.

use std::sync::{Arc, Once};
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::aws::Aws;
use super::clock::SystemClock;
use super::credentials::AccountSecrets;
use super::dynamodb::DynamoLedger;
use super::http::HttpTransport;
use super::log;
use super::memory::{FixedPolicy, MemoryLedger};
use super::meter;
use super::patience;
use super::policies::StoredPolicy;
use super::roots::Roots;
use super::sqs::{SqsEmitter, SqsWorkQueue};
use crate::context::{Context, Invocation, LONGEST_INVOCATION, Ports};
use crate::handler::handle;
use crate::model::error::{Error, ErrorName};
use crate::model::fields::FieldError;
use crate::model::http::HttpRequest;
use crate::model::json::Strict;
use crate::model::time::later;
use crate::ports::{Boxed, Clock, Ledger, Notes, Policies, Transport, WorkQueue};
use crate::providers::provider::Provider;
use crate::settings::environment::Environment;
use crate::settings::{Settings, Trust, known};

/// Runs one provider's handler until the platform ends the process.
///
/// # Errors
/// The configuration is wrong, or the runtime API cannot be reached.
pub async fn run(provider: &'static dyn Provider) -> Result<(), lambda_runtime::Error> {
    let build = |environment: &Environment| context(provider, environment, Arc::new(SystemClock));
    serve(build, |ctx, payload, invocation| Box::pin(handle(ctx, payload, invocation))).await
}

/// What answers one invocation.
pub type Handle<C> = for<'a> fn(&'a C, &'a Value, &'a Invocation) -> Boxed<'a, Result<Value, Error>>;

/// Builds what a function holds, and answers each invocation with `handle` until the platform ends the process.
///
/// # Errors
/// The configuration is wrong, or the runtime API cannot be reached.
pub async fn serve<C: Send + Sync>(
    build: impl FnOnce(&Environment) -> Result<C, Error>,
    handle: Handle<C>,
) -> Result<(), lambda_runtime::Error> {
    let environment = super::environment::capture();
    log::begin(&environment);
    let ctx = match build(&environment) {
        Ok(ctx) => ctx,
        Err(error) => {
            tracing::error!("{error}");
            report(&environment, &error).await;
            return Err(error.to_string().into());
        }
    };
    let ctx = &ctx;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Payload>| async move {
        let deadline = deadline(event.context.deadline, SystemClock.now());
        let invocation = Invocation { id: event.context.request_id.clone(), deadline };
        let handled = match &event.payload.0 {
            Ok(payload) => patience::until(invocation.stop(), handle(ctx, payload, &invocation)).await,
            Err(error) => Err(Error::new(ErrorName::InvalidCommand, format!("event {}: {error}", invocation.id))),
        };
        handled.inspect_err(|error| tracing::error!("{error}"))
    }))
    .await
}

/// Before this, in milliseconds since 1970, it was 2001: what is less is no moment.
const NO_MOMENT: u64 = 1_000_000_000_000;

/// When the platform ends an invocation that arrived now. Local runtimes give a number of milliseconds instead of a moment.
fn deadline(told: u64, arrived: Timestamp) -> Timestamp {
    let latest = later(arrived, LONGEST_INVOCATION);
    if told < NO_MOMENT {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| tracing::warn!(told, "the deadline is no moment; it is read as milliseconds from now"));
        return later(arrived, Duration::from_millis(told)).min(latest);
    }
    let moment = i64::try_from(told).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    moment.unwrap_or(latest).min(latest)
}

/// A payload, or why it cannot be read. The runtime's own error message would name this program's types.
struct Payload(Result<Value, FieldError>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Payload, D::Error> {
        // Lambda has checked that it is JSON, other runtimes may not have.
        let read = Strict::deserialize(from).map(|Strict(value)| value);
        Ok(Payload(read.map_err(|error| FieldError::new("event", unread(&error.to_string())))))
    }
}

/// Why a payload cannot be read, by what the parser says of it.
fn unread(text: &str) -> &str {
    match text {
        ours if ["gives", "holds"].iter().any(|word| ours.starts_with(word)) => ours,
        _ if text.starts_with("recursion") => "is nested too deeply",
        _ if text.starts_with("EOF while parsing a value at line 1 column 0") => "is empty",
        _ if text.starts_with("EOF") => "is cut short",
        _ if text.contains("unicode") => "is not UTF-8 text",
        _ => "is not JSON",
    }
}

/// Builds the context of one provider's function from the environment.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub fn context(
    provider: &'static dyn Provider,
    environment: &Environment,
    clock: Arc<dyn Clock>,
) -> Result<Context, Error> {
    known::check(environment)?;
    let mut settings = Settings::from_environment(environment, &[provider])?;
    settings.trust = commands(environment)?;
    let transport: Arc<dyn Transport> =
        Arc::new(HttpTransport::trusting(settings.connect_timeout, &Roots::of(environment)?)?);
    let to_aws: Arc<dyn Transport> =
        Arc::new(HttpTransport::trusting(settings.connect_timeout, &Roots::of_aws(environment)?)?);
    let secrets = AccountSecrets::new(environment, settings.clone(), &[provider], transport.clone(), clock.clone())
        .reaching_aws_by(to_aws.clone());
    secrets.check(provider.cloud())?;
    let aws = Arc::new(Aws::from_environment(environment, to_aws, clock.clone())?);
    let emitter = SqsEmitter::from_environment(environment, aws.clone(), clock.clone())?;
    let work_queue = SqsWorkQueue::from_environment(environment, aws.clone(), clock.clone())?;
    let policies: Arc<dyn Policies> = match StoredPolicy::from_environment(environment, aws.clone(), clock.clone())? {
        Some(policy) => Arc::new(policy),
        None => Arc::new(FixedPolicy(None)),
    };
    let (ledger, notes): (Arc<dyn Ledger>, Arc<dyn Notes>) = match environment.get("OFFSITE_TABLE") {
        Some(table) => {
            let table = Arc::new(DynamoLedger::from_environment(environment, aws, table)?);
            (table.clone(), table)
        }
        None => {
            tracing::warn!(
                "OFFSITE_TABLE is not set: the ledger lives in this process only, so two functions at once can start the same copy twice"
            );
            let memory = Arc::new(MemoryLedger::default());
            (memory.clone(), memory)
        }
    };
    if settings.trust == Trust::Anyone && !settings.restricts_destinations() {
        tracing::warn!(
            "neither OFFSITE_POLICY nor OFFSITE_ALLOWED_DESTINATIONS is set: whoever can send a command can have a copy made in any region"
        );
    }
    let metrics = meter::of_function(environment)?;
    let ports = Ports {
        providers: vec![provider],
        transport,
        ledger,
        notes,
        policies,
        work_queue: work_queue.map(|queue| Arc::new(queue) as Arc<dyn WorkQueue>),
        emitter: Arc::new(emitter),
        secrets: Arc::new(secrets),
        clock,
    };
    Ok(Context::new(ports, settings, metrics))
}

/// Which commands the function takes. A policy allows those that a rule covers or, if set so, any to one of its destinations.
fn commands(environment: &Environment) -> Result<Trust, Error> {
    let policy = environment.get("OFFSITE_POLICY").is_some();
    match (environment.get("OFFSITE_DIRECT_COMMANDS"), policy) {
        (None | Some("refuse"), true) => Ok(Trust::PolicyRules),
        (Some("allow"), true) => Ok(Trust::PolicyDestinations),
        (None | Some("allow"), false) => Ok(Trust::Anyone),
        (Some("refuse"), false) => Err(Error::configuration(
            "OFFSITE_DIRECT_COMMANDS is refuse and OFFSITE_POLICY is not set: no command could be taken; set the policy",
        )),
        (Some(_), _) => Err(Error::configuration("OFFSITE_DIRECT_COMMANDS must be refuse or allow")),
    }
}

/// Tells the platform why the function cannot start. Source: AWS Lambda runtime API 2018-06-01, runtime/init/error.
async fn report(environment: &Environment, error: &Error) {
    let Some(api) = environment.get("AWS_LAMBDA_RUNTIME_API") else { return };
    // The platform names host and port alone, and cargo-lambda's local one the scheme as well.
    let api = api.strip_prefix("http://").unwrap_or(api);
    let Ok(transport) = HttpTransport::new(Duration::from_secs(1)) else { return };
    let body = json!({ "errorType": error.name.name(), "errorMessage": error.message, "stackTrace": [] });
    let request = HttpRequest {
        manner: Default::default(),
        method: "POST".into(),
        url: format!("http://{api}/2018-06-01/runtime/init/error"),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("lambda-runtime-function-error-type".into(), error.name.name().into()),
        ],
        body: body.to_string().into_bytes(),
        timeout: Duration::from_secs(1),
    };
    if let Err(reason) = transport.send(request).await {
        tracing::warn!(%reason, "the platform did not take the start error");
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Diagnostic {
        Diagnostic { error_type: error.name.name().to_owned(), error_message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_cannot_be_read_says_why() {
        let deep = "[".repeat(200);
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b"{\"a\":", "is cut short"),
            (b"\"\xff\xfe\"", "is not UTF-8 text"),
            (b"what", "is not JSON"),
            (deep.as_bytes(), "is nested too deeply"),
            (b"{\"a\":1,\"a\":2}", "gives the key \"a\" twice"),
        ] {
            let mut parser = serde_json::Deserializer::from_slice(bytes);
            let Payload(read) = Payload::deserialize(&mut parser).unwrap();
            let told = read.unwrap_err().to_string();
            assert!(told.contains(why), "{why}: {told}");
        }
    }
}
