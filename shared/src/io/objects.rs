//! Objects in S3, below one prefix of one bucket: where reports are kept.

use std::sync::Arc;
use std::time::Duration;

use super::aws::{Aws, AwsEndpoint};
use super::patience::patience;
use super::policies::object;
use crate::model::error::Error;
use crate::ports::{Boxed, Clock, Objects};
use crate::settings::environment::Environment;

/// How long one write may take, repeats included.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The place in S3 that `OFFSITE_REPORTS` names.
pub struct S3Objects {
    aws: Arc<Aws>,
    clock: Arc<dyn Clock>,
    endpoint: AwsEndpoint,
    bucket: String,
    prefix: String,
}

impl S3Objects {
    /// Takes the place from `OFFSITE_REPORTS`: `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// The variable is missing or has another form, or that of the endpoint is wrong.
    pub fn from_environment(
        environment: &Environment,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<S3Objects, Error> {
        let place = environment.get("OFFSITE_REPORTS").and_then(object);
        let (bucket, prefix) = place.filter(|(_, prefix)| !prefix.ends_with('/')).ok_or_else(|| {
            Error::configuration(
                "OFFSITE_REPORTS must be s3://BUCKET/PREFIX, without a slash at its end: reports are written below it",
            )
        })?;
        let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_S3", "s3")?;
        Ok(S3Objects { aws, clock, endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl Objects for S3Objects {
    fn put<'a>(&'a self, name: &'a str, content_type: &'a str, bytes: &'a [u8]) -> Boxed<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = format!("/{}/{}/{name}", self.bucket, self.prefix);
            let patience = patience(&*self.clock, TIMEOUT);
            let put = self.aws.put(&self.endpoint, &path, content_type, bytes, patience).await;
            put.map_err(|error| {
                let next = if error.is_transient { "; it can be repeated" } else { advice(&error.code) };
                Error::new(error.name(), format!("the report s3:/{path} is not written: {error}{next}"))
            })
        })
    }
}

/// What a person does about a refusal.
fn advice(code: &str) -> &'static str {
    match code {
        "AccessDenied" | "http_403" => {
            "; give the function's role s3:PutObject on it, and kms:GenerateDataKey on the bucket's key"
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "http_301" => {
            "; use a bucket of the function's region, or name that region's S3 in AWS_ENDPOINT_URL_S3"
        }
        _ => "; check OFFSITE_REPORTS, and that its bucket is there",
    }
}
