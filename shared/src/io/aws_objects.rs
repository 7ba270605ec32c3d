//! Objects in S3: the two calls that are used.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::aws::{Aws, AwsEndpoint, default_endpoint, element};
use super::aws_error::AwsError;
use super::aws_places::{is_region, partition};
use crate::model::http::Reply;

impl Aws {
    /// Reads an S3 object, in the region where its bucket lies if S3 says that it is another one. Source: AWS S3 API reference, GetObject
    /// (path-style) and "Error responses", 2026.
    ///
    /// # Errors
    /// The service's error with the bucket's region where that is another one, or that there was no answer.
    pub(crate) async fn get(
        &self,
        endpoint: &AwsEndpoint,
        service: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Vec<u8>, AwsError> {
        let once = |timeout| async move {
            let ask = async |endpoint: &AwsEndpoint| {
                self.send("GET", service, endpoint, object_url(endpoint, path), Vec::new(), Vec::new(), timeout).await
            };
            let (mut endpoint, mut reply) = (endpoint.clone(), ask(endpoint).await?);
            if let Some(there) = moved(&endpoint, &reply) {
                reply = ask(&there).await?;
                endpoint = there;
            }
            if reply.status == 200 { Ok(reply.body) } else { Err(self.refused_object(&endpoint, &reply)) }
        };
        self.repeated("GetObject", patience, once).await
    }

    /// Writes an S3 object. Its checksum is what a bucket with Object Lock asks for. Sources: AWS S3 API reference, PutObject (path-style),
    /// and S3 user guide, "Managing Object Lock", 2026.
    ///
    /// # Errors
    /// As [`Aws::get`].
    pub(crate) async fn put(
        &self,
        endpoint: &AwsEndpoint,
        path: &str,
        content_type: &str,
        bytes: &[u8],
        patience: Duration,
    ) -> Result<(), AwsError> {
        let url = &object_url(endpoint, path);
        let checksum = STANDARD.encode(Sha256::digest(bytes));
        let headers =
            [("content-type".to_owned(), content_type.to_owned()), ("x-amz-checksum-sha256".into(), checksum)];
        let headers = &headers;
        let once = |timeout| async move {
            let reply =
                self.send("PUT", "s3", endpoint, url.clone(), headers.to_vec(), bytes.to_vec(), timeout).await?;
            if reply.status == 200 { Ok(()) } else { Err(self.refused_object(endpoint, &reply)) }
        };
        self.repeated("PutObject", patience, once).await
    }

    /// Why S3 neither gave nor took an object.
    fn refused_object(&self, endpoint: &AwsEndpoint, reply: &Reply) -> AwsError {
        let text = String::from_utf8_lossy(&reply.body);
        let lies = region_told(reply, &text);
        let mut message = element(&text, "Message").unwrap_or("S3 does not say why").to_owned();
        if let Some(region) = lies.filter(|region| *region != endpoint.region) {
            message = format!("{message}; the bucket lies in {region}, and S3 is called in {}", endpoint.region);
        }
        self.refused(reply, element(&text, "Code"), &message)
    }
}

/// The region of a bucket, where S3 tells it.
fn region_told<'t>(reply: &'t Reply, text: &'t str) -> Option<&'t str> {
    reply.header("x-amz-bucket-region").or_else(|| element(text, "Region"))
}

/// Where the bucket lies, if S3 says that it was asked in the wrong region. A credential is known in its own part of AWS alone, and an endpoint
/// that was set stays as it is: only the signature is made for the other region.
fn moved(endpoint: &AwsEndpoint, reply: &Reply) -> Option<AwsEndpoint> {
    let text = String::from_utf8_lossy(&reply.body);
    let is_said = reply.status == 301 || element(&text, "Code") == Some("AuthorizationHeaderMalformed");
    let region = region_told(reply, &text).filter(|region| is_said && is_region(region))?;
    let is_elsewhere = region != endpoint.region && partition(region) == partition(&endpoint.region);
    let url = match endpoint.url == default_endpoint("s3", &endpoint.region) {
        true => default_endpoint("s3", region),
        false => endpoint.url.clone(),
    };
    is_elsewhere.then(|| AwsEndpoint { url, region: region.to_owned() })
}

/// The URL of an S3 object, path-style.
fn object_url(endpoint: &AwsEndpoint, path: &str) -> String {
    let mut url = endpoint.url.clone();
    for segment in path.split('/').skip(1) {
        url.push('/');
        crate::sign::canonical::encode_into(&mut url, segment.as_bytes());
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, region: Option<&str>, body: &str) -> Reply {
        let headers = region.map(|region| ("x-amz-bucket-region".to_owned(), region.to_owned()));
        Reply { status, headers: headers.into_iter().collect(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_bucket_is_followed_into_another_region_of_the_same_part_of_aws() {
        let here = AwsEndpoint { url: default_endpoint("s3", "us-east-1"), region: "us-east-1".to_owned() };
        let there = moved(&here, &reply(301, Some("eu-west-1"), "")).unwrap();
        assert_eq!((there.url.as_str(), there.region.as_str()), ("https://s3.eu-west-1.amazonaws.com", "eu-west-1"));
        let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(moved(&here, &reply(400, None, malformed)), Some(there));
        let set = AwsEndpoint { url: "https://s3.example.com".to_owned(), ..here.clone() };
        let signed_anew = moved(&set, &reply(301, Some("eu-west-1"), "")).unwrap();
        assert_eq!((signed_anew.url.as_str(), signed_anew.region.as_str()), ("https://s3.example.com", "eu-west-1"));
        for stays in [
            reply(301, Some("us-east-1"), ""),
            reply(301, Some("cn-north-1"), ""),
            reply(301, Some("evil.example.com/"), ""),
            reply(301, None, ""),
            reply(403, Some("eu-west-1"), "<Error><Code>AccessDenied</Code></Error>"),
        ] {
            assert_eq!(moved(&here, &stays), None, "{stays:?}");
        }
    }
}
