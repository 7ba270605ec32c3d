//! Places on AWS as settings name them: regions, hosts, queues.

use crate::model::error::Error;
use crate::settings::url::{CheckedUrl, host_and_port};

/// The endings of AWS's host names. Sources: AWS General Reference, "Service endpoints and quotas"; SDK partitions file, 2026.
const AWS_HOSTS: [&str; 7] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
];

/// The region of AWS that a URL names; `None` if its host is none of AWS.
pub(super) fn region_of(url: &CheckedUrl) -> Option<String> {
    let (_, authority) = url.origin.split_once("://")?;
    region_of_host(host_and_port(authority).0)
}

fn region_of_host(host: &str) -> Option<String> {
    let rest = AWS_HOSTS.iter().find_map(|ending| host.strip_suffix(ending))?;
    let named = rest.rsplit('.').map(|label| label.strip_prefix("s3-").unwrap_or(label)).find(|label| is_region(label));
    // The oldest endpoints name no region, and take signatures for this one.
    let oldest = matches!(rest, "queue" | "sqs" | "s3" | "sts").then_some("us-east-1");
    named.or(oldest).map(str::to_owned)
}

/// Whether a text has the form of AWS's region codes, such as `eu-central-1`, `us-gov-west-1` or `eusc-de-east-1`.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2
                && words.iter().all(letters)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    }
}

/// Checks `value`, the region in the variable `name`. An emulator may have regions of its own form.
///
/// # Errors
/// It cannot be the code of a region: it holds something else, or it is an availability zone.
pub(super) fn check_aws_region(name: &str, value: &str) -> Result<(), Error> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let zone = value.strip_suffix(|c: char| c.is_ascii_lowercase()).is_some_and(is_region);
    match value.chars().all(known) && !zone {
        true => Ok(()),
        false => Err(Error::configuration(format!(
            "{name} must be the code of a region, such as eu-central-1: lower-case letters, digits and hyphens, and no availability zone"
        ))),
    }
}

/// The part of AWS that a region belongs to. A credential of one part is unknown in the others.
pub(super) fn partition(region: &str) -> &'static str {
    let parts = ["cn-", "us-gov-", "us-isob-", "us-isof-", "us-iso-", "eu-isoe-", "eusc-"];
    parts.into_iter().find(|start| region.starts_with(start)).unwrap_or("aws")
}

/// The URL of an SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueueUrl {
    /// Scheme, host and port: where the queue is called if no other endpoint is set.
    pub(super) origin: String,
    /// The region that the host names, if it is a host of AWS.
    pub(super) region: Option<String>,
}

impl QueueUrl {
    /// Checks `value`, the queue's URL in the variable `name`.
    ///
    /// # Errors
    /// It is no URL of a queue; the message names the variable and says what to write.
    pub(super) fn read(name: &str, value: &str) -> Result<QueueUrl, Error> {
        let form = "such as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME";
        let url = CheckedUrl::read(name, value, false)
            .map_err(|error| Error::configuration(format!("{}; write the queue's URL, {form}", error.message)))?;
        let region = region_of(&url);
        let segments: Vec<&str> = url.path.split('/').skip(1).collect();
        let is_one = match (segments.as_slice(), &region) {
            ([account, queue], Some(_)) => account.bytes().all(|byte| byte.is_ascii_digit()) && is_queue_name(queue),
            ([.., queue], None) => is_queue_name(queue),
            _ => false,
        };
        if !is_one || value.ends_with('/') {
            return Err(Error::configuration(format!("{name} must end with the queue's name, {form}")));
        }
        Ok(QueueUrl { origin: url.origin, region })
    }
}

/// Whether a text can be a queue's name. Source: SQS API reference, CreateQueue, QueueName, 2026.
fn is_queue_name(text: &str) -> bool {
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && text.len() <= 80 && name.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_aws_names_its_region() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sqs.eu-west-1.api.aws", Some("eu-west-1")),
            ("sqs.cn-northwest-1.api.amazonwebservices.com.cn", Some("cn-northwest-1")),
            ("sqs.eusc-de-east-1.amazonaws.eu", Some("eusc-de-east-1")),
            ("sqs.us-iso-east-1.c2s.ic.gov", Some("us-iso-east-1")),
            ("vpce-0a1b2c-x1y2-us-east-1a.sqs.us-east-1.vpce.amazonaws.com", Some("us-east-1")),
            ("ap-southeast-2.queue.amazonaws.com", Some("ap-southeast-2")),
            ("queue.amazonaws.com", Some("us-east-1")),
            ("s3-eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("s3.dualstack.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs.eu-west-1.example.com", None),
            ("localhost", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of_host(host).as_deref(), region, "{host}");
        }
    }

    #[test]
    fn a_queue_beside_aws_may_have_another_path() {
        let of = |value: &str| QueueUrl::read("QUEUE_URL", value).map(|queue| (queue.origin, queue.region));
        let local = Ok(("http://127.0.0.1:9324".to_owned(), None));
        assert_eq!(of("http://127.0.0.1:9324/000000000000/receipts.fifo"), local);
        assert_eq!(of("http://127.0.0.1:9324/queue/receipts"), local);
        assert_eq!(of("http://127.0.0.1:9324/receipts"), local);
        for wrong in ["http://127.0.0.1:9324", "http://127.0.0.1:9324/a/b c", "http://127.0.0.1:9324/a/b%20c"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
