//! Calls to AWS: JSON protocols over the one HTTP client, signed by the official aws-sigv4 crate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::model::error::Error;
use crate::model::http::{HttpRequest, TransportError};
use crate::model::text::one_line;
use crate::model::time::later;
use crate::ports::{Clock, Transport};
use crate::settings::environment::{Environment, check_endpoint};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Signs and sends calls to AWS, to one region and with one credential.
pub struct Aws {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    credentials: Credentials,
    region: String,
    environment_endpoint: Option<String>,
}

/// Why an AWS call failed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// The error's short name, such as `ConditionalCheckFailedException`, or `connect`, `no_answer`.
    pub code: String,
    /// The service's message, as one line.
    pub message: String,
    /// The whole body of the error; null if there was none that is JSON.
    pub body: Value,
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Aws {
    /// Reads the region and the credential from the environment.
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
                Error::configuration(format!("{name} is missing: Lambda sets it; elsewhere set it to the AWS credential that may use the queue and the table"))
            })
        };
        let region = environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION"));
        let region = region.map(str::to_owned).ok_or_else(|| {
            Error::configuration("AWS_REGION is missing: Lambda sets it; elsewhere set it to the region of the queue")
        })?;
        let id = needed("AWS_ACCESS_KEY_ID")?;
        let secret = needed("AWS_SECRET_ACCESS_KEY")?;
        let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
        let environment_endpoint = environment.get("AWS_ENDPOINT_URL").map(str::to_owned);
        if let Some(url) = &environment_endpoint {
            check_endpoint("AWS_ENDPOINT_URL", url)?;
        }
        Ok(Aws {
            transport,
            clock,
            credentials: Credentials::new(id, secret, token, None, "environment"),
            region,
            environment_endpoint,
        })
    }

    /// The endpoint of a service: its own variable, the general one, or `default`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn endpoint(&self, environment: &Environment, variable: &str, default: String) -> Result<String, Error> {
        let url = match environment.get(variable) {
            Some(url) => {
                check_endpoint(variable, url)?;
                url.to_owned()
            }
            None => self.environment_endpoint.clone().unwrap_or(default),
        };
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// The regional host of a service. Source: AWS General Reference, service endpoints, 2026.
    pub(crate) fn default_endpoint(&self, service: &str) -> String {
        let suffix = if self.region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{service}.{}.amazonaws.com{suffix}", self.region)
    }

    /// Checks that a resource lies in the region that calls go to.
    ///
    /// # Errors
    /// It lies in another one; the message names both regions.
    pub(crate) fn check_region(&self, arn: &str) -> Result<(), Error> {
        match arn.split(':').nth(3) {
            Some(region) if region == self.region => Ok(()),
            region => Err(Error::configuration(format!(
                "{arn} lies in {}, and AWS_REGION is {}: replicate the secret into this region",
                region.unwrap_or("no region"),
                self.region
            ))),
        }
    }

    /// Calls `target`, and repeats a call that may succeed later until `patience` is used up. What is called here is safe to repeat:
    /// a conditional write recognizes what it wrote itself, and a message sent twice has the same event ID.
    ///
    /// # Errors
    /// The service's error, or that there was no answer.
    pub async fn call(
        &self,
        endpoint: &str,
        service: &str,
        version: &str,
        target: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<Value, AwsError> {
        let until = later(self.clock.now(), patience);
        let left = || Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let mut delay = Duration::from_millis(50);
        loop {
            let error = match self.once(endpoint, service, version, target, body, left()).await {
                Ok(answer) => return Ok(answer),
                Err((error, repeat)) if !repeat => return Err(error),
                Err((error, _)) => error,
            };
            if delay >= left() {
                return Err(error);
            }
            tracing::info!(target, code = error.code, delay_ms = delay.as_millis() as u64, "AWS call is repeated");
            self.clock.sleep(delay).await;
            delay = (delay * 2).min(Duration::from_secs(2));
        }
    }

    /// Reads an S3 object with one request. Source: AWS S3 API reference, GetObject (path-style), 2026.
    ///
    /// # Errors
    /// The service's status, or that there was no answer.
    pub(crate) async fn get(
        &self,
        endpoint: &str,
        service: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Vec<u8>, AwsError> {
        let mut url = endpoint.to_owned();
        for segment in path.split('/').skip(1) {
            url.push('/');
            crate::sign::canonical::encode_into(&mut url, segment.as_bytes());
        }
        let mut headers = Vec::new();
        self.sign("GET", service, &url, &mut headers, b"").map_err(|reason| failed("signing", reason))?;
        let request = HttpRequest { method: "GET".into(), url, headers, body: Vec::new(), timeout: patience };
        let reply = self.transport.send(request).await.map_err(|error| failed("no_answer", error.to_string()))?;
        match reply.status {
            200 => Ok(reply.body),
            status => Err(failed(&format!("http_{status}"), "the object was not given".into())),
        }
    }

    /// Calls an action of a service that takes a form and answers with XML, with one request.
    ///
    /// # Errors
    /// The service's error, or that there was no answer.
    pub(crate) async fn query(
        &self,
        endpoint: &str,
        service: &str,
        form: &str,
        patience: Duration,
    ) -> Result<String, AwsError> {
        let url = format!("{endpoint}/");
        let mut headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let body = form.as_bytes().to_vec();
        self.sign("POST", service, &url, &mut headers, &body).map_err(|reason| failed("signing", reason))?;
        let request = HttpRequest { method: "POST".into(), url, headers, body, timeout: patience };
        let reply = self.transport.send(request).await.map_err(|error| failed("no_answer", error.to_string()))?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        match reply.status {
            200 => Ok(text),
            status => {
                let code = element(&text, "Code").map_or_else(|| format!("http_{status}"), str::to_owned);
                Err(failed(&one_line(&code), one_line(element(&text, "Message").unwrap_or_default())))
            }
        }
    }

    async fn once(
        &self,
        endpoint: &str,
        service: &str,
        version: &str,
        target: &str,
        body: &Value,
        left: Duration,
    ) -> Result<Value, (AwsError, bool)> {
        let url = format!("{endpoint}/");
        let bytes = body.to_string().into_bytes();
        let content_type = format!("application/x-amz-json-{version}");
        let mut headers =
            vec![("content-type".to_owned(), content_type), ("x-amz-target".to_owned(), target.to_owned())];
        self.sign("POST", service, &url, &mut headers, &bytes).map_err(|reason| (failed("signing", reason), false))?;
        let request = HttpRequest { method: "POST".into(), url, headers, body: bytes, timeout: TIMEOUT.min(left) };
        let reply = match self.transport.send(request).await {
            Ok(reply) => reply,
            Err(error) => {
                let code = if matches!(error, TransportError::NotSent(_)) { "connect" } else { "no_answer" };
                return Err((failed(code, format!("{endpoint}: {error}")), true));
            }
        };
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        if reply.status == 200 {
            return Ok(answer);
        }
        let name = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
        let code = match name.rsplit('#').next() {
            Some(code) if !code.is_empty() => code.to_owned(),
            _ => format!("http_{}", reply.status),
        };
        let message = answer.get("message").or(answer.get("Message")).and_then(Value::as_str).unwrap_or_default();
        let throttled = code.contains("Throttl")
            || code.contains("ProvisionedThroughputExceeded")
            || code.contains("RequestLimitExceeded");
        let repeat = reply.status >= 500 || reply.status == 429 || throttled || code == "TransactionConflictException";
        Err((AwsError { message: one_line(message), code, body: answer }, repeat))
    }

    fn sign(
        &self,
        method: &str,
        service: &str,
        url: &str,
        headers: &mut Vec<(String, String)>,
        body: &[u8],
    ) -> Result<(), String> {
        let mut settings = SigningSettings::default();
        if service == "s3" {
            // S3 has rules of its own. Source: AWS SigV4 documentation, "Create a canonical request", 2026.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::from(self.clock.now()))
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

fn failed(code: &str, message: String) -> AwsError {
    AwsError { code: code.to_owned(), message, body: Value::Null }
}
