//! Calls to AWS: JSON protocols over the one HTTP client, signed by the official aws-sigv4 crate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use backon::{BackoffBuilder, ExponentialBuilder};
use serde_json::Value;

use super::aws_error::{AwsError, failed, is_transient};
use super::aws_places::{QueueUrl, check_aws_region, partition, region_of};
use crate::model::error::Error;
use crate::model::http::{HttpRequest, Manner, Reply, TransportError};
use crate::model::text::one_line;
use crate::model::time::later;
use crate::ports::{Clock, Transport};
use crate::settings::environment::Environment;
use crate::settings::url::CheckedUrl;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The first and the longest delay before a repeat.
const DELAYS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// The variable that names the endpoint of all services.
const GENERAL: &str = "AWS_ENDPOINT_URL";

/// The variables that name the endpoint of one service each.
const ENDPOINTS: [&str; 6] = [
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_STS",
];

/// Signs and sends calls to AWS with one credential.
pub struct Aws {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    /// Absent for calls that are not signed.
    credentials: Option<Credentials>,
    region: String,
}

/// Where a service of AWS is called, and the region that its signatures are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsEndpoint {
    pub(super) url: String,
    pub(super) region: String,
}

impl Aws {
    /// Reads the region and the credential from the environment, and checks every endpoint that is set.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_environment(
        environment: &Environment,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Aws, Error> {
        let needed = |name: &str| {
            environment.get(name).map(str::to_owned).ok_or_else(|| {
                Error::configuration(format!("{name} is missing: Lambda sets it; elsewhere set it to the AWS credential that may use the queue and the table, or name a profile in AWS_PROFILE for the offsite command"))
            })
        };
        let unsigned = Aws::unsigned(environment, transport, clock)?;
        let id = needed("AWS_ACCESS_KEY_ID")?;
        let secret = needed("AWS_SECRET_ACCESS_KEY")?;
        let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
        let credentials = Credentials::new(id, secret, token, None, "environment");
        Ok(Aws { credentials: Some(credentials), ..unsigned })
    }

    /// The same without a credential, for the calls that get one.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn unsigned(
        environment: &Environment,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Aws, Error> {
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .into_iter()
            .find_map(|name| environment.get(name).map(|region| (name, region.to_owned())));
        let (name, region) = region.ok_or_else(|| {
            Error::configuration("AWS_REGION is missing: Lambda sets it; elsewhere set it to the region of the queue")
        })?;
        check_aws_region(name, &region)?;
        let aws = Aws { transport, clock, credentials: None, region };
        for variable in ENDPOINTS.into_iter().chain([GENERAL]) {
            if let Some(value) = environment.get(variable) {
                let url = CheckedUrl::endpoint(variable, value, false)?;
                aws.check_partition(variable, region_of(&url).as_deref())?;
            }
        }
        Ok(aws)
    }

    /// The endpoint of a service: its own variable, the general one, or the region's. A signature for it is made for the region that its
    /// host names.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn endpoint(&self, environment: &Environment, variable: &str, service: &str) -> Result<AwsEndpoint, Error> {
        Ok(match set(environment, variable)? {
            Some((_, url)) => {
                AwsEndpoint { region: region_of(&url).unwrap_or_else(|| self.region.clone()), url: url.origin }
            }
            None => AwsEndpoint { url: default_endpoint(service, &self.region), region: self.region.clone() },
        })
    }

    /// The endpoint of the queue whose URL is `url`, from the variable `name`: that of SQS if one is set, or else the URL's host. AWS takes
    /// a signature only for the region of the queue, so it is made for the region that the URL names.
    ///
    /// # Errors
    /// Names the variable that is wrong, or the two that name different regions.
    pub fn queue_endpoint(&self, environment: &Environment, name: &str, url: &str) -> Result<AwsEndpoint, Error> {
        let queue = QueueUrl::read(name, url)?;
        self.check_partition(name, queue.region.as_deref())?;
        let own = queue.region.clone().unwrap_or_else(|| self.region.clone());
        let Some((variable, set)) = set(environment, "AWS_ENDPOINT_URL_SQS")? else {
            return Ok(AwsEndpoint { url: queue.origin, region: own });
        };
        match (region_of(&set), queue.region) {
            (Some(called), Some(own)) if called != own => Err(Error::configuration(format!(
                "{variable} lies in {called}, and the queue of {name} in {own}: unset {variable}, or name an endpoint in {own}"
            ))),
            (Some(called), None) => Ok(AwsEndpoint { url: set.origin, region: called }),
            _ => Ok(AwsEndpoint { url: set.origin, region: own }),
        }
    }

    /// Checks that the resource of this ARN, from the variable `name`, lies in the region where its service is called.
    ///
    /// # Errors
    /// It lies in another one; the message names both regions and says what to do: `advice`.
    pub(crate) fn check_region(
        &self,
        name: &str,
        arn: &str,
        endpoint: &AwsEndpoint,
        advice: &str,
    ) -> Result<(), Error> {
        let lies = match arn.split(':').nth(3) {
            Some(region) if region == endpoint.region => return Ok(()),
            None | Some("") => "names no region".to_owned(),
            Some(region) => format!("lies in {region}"),
        };
        let called = &endpoint.region;
        Err(Error::configuration(format!(
            "{name}: {arn} {lies}, and its service is called in {called} (AWS_REGION is {}): {advice}",
            self.region
        )))
    }

    fn check_partition(&self, name: &str, region: Option<&str>) -> Result<(), Error> {
        match region {
            Some(region) if partition(region) != partition(&self.region) => Err(Error::configuration(format!(
                "{name} lies in {region}, and AWS_REGION is {}: a credential of one part of AWS is unknown in the other; write a URL of this one",
                self.region
            ))),
            _ => Ok(()),
        }
    }

    /// Calls `target`, and repeats a call that may succeed later until `patience` is used up. What is called here is safe to repeat:
    /// a conditional write recognizes what it wrote itself, and a message sent twice has the same event ID.
    ///
    /// # Errors
    /// The service's error, or that there was no answer.
    pub async fn call(
        &self,
        endpoint: &AwsEndpoint,
        service: &str,
        version: &str,
        target: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<Value, AwsError> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [("content-type".to_owned(), content_type), ("x-amz-target".to_owned(), target.to_owned())];
        let (headers, bytes) = (&headers, &bytes);
        let once = |timeout| async move {
            let url = format!("{}/", endpoint.url);
            let reply = self.send("POST", service, endpoint, url, headers.to_vec(), bytes.clone(), timeout).await?;
            let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
            if reply.status == 200 {
                return match answer {
                    None if !reply.body.is_empty() => Err(self.refused(&reply, None, "the answer is not JSON")),
                    answer => Ok(answer.unwrap_or_default()),
                };
            }
            let answer = answer.unwrap_or_default();
            let name = answer.get("__type").and_then(Value::as_str).and_then(|name| name.rsplit('#').next());
            let message = answer.get("message").or(answer.get("Message")).and_then(Value::as_str).unwrap_or_default();
            let error = self.refused(&reply, name, message);
            Err(AwsError { body: answer, ..error })
        };
        self.repeated(target, patience, once).await
    }

    /// Calls an action of a service that takes a form and answers with XML.
    ///
    /// # Errors
    /// The service's error, or that there was no answer.
    pub(crate) async fn query(
        &self,
        endpoint: &AwsEndpoint,
        service: &str,
        form: &str,
        patience: Duration,
    ) -> Result<String, AwsError> {
        let once = |timeout| async move {
            let (url, body) = (format!("{}/", endpoint.url), form.as_bytes().to_vec());
            let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
            let reply = self.send("POST", service, endpoint, url, headers, body, timeout).await?;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            match reply.status {
                200 => Ok(text),
                _ => Err(self.refused(&reply, element(&text, "Code"), element(&text, "Message").unwrap_or_default())),
            }
        };
        self.repeated(service, patience, once).await
    }

    /// Does `once`, which gets the time for one request, until it succeeds, fails for good, or `patience` is used up.
    pub(super) async fn repeated<T, F>(
        &self,
        what: &str,
        patience: Duration,
        once: impl Fn(Duration) -> F,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        let until = later(self.clock.now(), patience);
        let left = || Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        if left().is_zero() {
            return Err(failed("deadline", "no time is left before this function's deadline".to_owned(), true));
        }
        let mut delays = None;
        loop {
            let error = match once(TIMEOUT.min(left())).await {
                Ok(answer) => return Ok(answer),
                Err(error) if !error.is_transient => return Err(error),
                Err(error) => error,
            };
            let [first, longest] = DELAYS;
            let delays = delays.get_or_insert_with(|| {
                let delays = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest);
                delays.without_max_times().with_jitter().with_jitter_seed(self.clock.nonce().seed()).build()
            });
            let delay = delays.next().unwrap_or(longest);
            if delay >= left() {
                return Err(error);
            }
            tracing::info!(what, code = error.code, delay_ms = delay.as_millis() as u64, "AWS call is repeated");
            self.clock.sleep(delay).await;
        }
    }

    /// Waits by the clock of the calls.
    pub(super) async fn wait(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    #[allow(clippy::too_many_arguments)] // The parts of one request.
    pub(super) async fn send(
        &self,
        method: &str,
        service: &str,
        endpoint: &AwsEndpoint,
        url: String,
        mut headers: Vec<(String, String)>,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Reply, AwsError> {
        self.sign(method, (service, &endpoint.region), &url, &mut headers, &body)
            .map_err(|reason| failed("signing", reason, false))?;
        let request = HttpRequest {
            // A page of the table holds up to 1 MB, and more as JSON.
            manner: Manner {
                longest_answer: Manner::LISTING,
                gives_credential: matches!(service, "secretsmanager" | "sts"),
                ..Manner::default()
            },
            method: method.to_owned(),
            url,
            headers,
            body,
            timeout,
        };
        self.transport.send(request).await.map_err(|error| {
            let code = if matches!(error, TransportError::NotSent(_)) { "connect" } else { "no_answer" };
            failed(code, format!("{}: {error}", endpoint.url), true)
        })
    }

    /// The error for an answer that gives nothing. AWS quotes the request where it refuses a signature, and with it the session token.
    pub(super) fn refused(&self, reply: &Reply, code: Option<&str>, message: &str) -> AwsError {
        let code = match code.filter(|code| !code.is_empty()) {
            Some(code) => one_line(code),
            None => format!("http_{}", reply.status),
        };
        let mut message = message.split("The Canonical String").next().unwrap_or_default().trim().to_owned();
        if let Some(known) = &self.credentials {
            for secret in known.session_token().into_iter().chain([known.secret_access_key()]) {
                message = message.replace(secret, "(a secret)");
            }
        }
        let is_transient = is_transient(reply.status, &code);
        failed(&code, one_line(&message), is_transient)
    }

    fn sign(
        &self,
        method: &str,
        (service, region): (&str, &str),
        url: &str,
        headers: &mut Vec<(String, String)>,
        body: &[u8],
    ) -> Result<(), String> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let mut settings = SigningSettings::default();
        if service == "s3" {
            // S3 has rules of its own. Source: AWS SigV4 documentation, "Create a canonical request", 2026.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::try_from(self.clock.now()).map_err(|error| error.to_string())?)
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let unsigned = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(method, url, unsigned, SignableBody::Bytes(body))
            .map_err(|error| error.to_string())?;
        // At its finest level the signer logs the string to sign, which no log of ours may hold.
        let silent = tracing::subscriber::NoSubscriber::default();
        let signed = tracing::subscriber::with_default(silent, || sign(request, &params));
        let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
        headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(())
    }
}

/// The text of the first XML element of this name. It must hold neither markup nor entities, for none are read.
pub(super) fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim()).filter(|text| !text.is_empty())
}

/// The regional host of a service. Source: AWS General Reference, service endpoints, 2026.
pub(super) fn default_endpoint(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{service}.{region}.amazonaws.com{suffix}")
}

/// The endpoint that is set for a service, and the variable that names it.
fn set<'v>(environment: &Environment, variable: &'v str) -> Result<Option<(&'v str, CheckedUrl)>, Error> {
    let named = [variable, GENERAL].into_iter().find_map(|name| environment.get(name).map(|value| (name, value)));
    named.map(|(name, value)| Ok((name, CheckedUrl::endpoint(name, value, false)?))).transpose()
}
