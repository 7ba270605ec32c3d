//! Objects in S3: the two calls that are used.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::aws::{Aws, AwsEndpoint, element};
use super::aws_error::AwsError;
use crate::model::http::Reply;

impl Aws {
    /// Reads an S3 object. Source: AWS S3 API reference, GetObject (path-style) and "Error responses", 2026.
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
        let url = &object_url(endpoint, path);
        let once = |timeout| async move {
            let reply = self.send("GET", service, endpoint, url.clone(), Vec::new(), Vec::new(), timeout).await?;
            if reply.status == 200 { Ok(reply.body) } else { Err(self.refused_object(endpoint, &reply)) }
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
        let lies = reply.header("x-amz-bucket-region").or_else(|| element(&text, "Region"));
        let mut message = element(&text, "Message").unwrap_or("S3 does not say why").to_owned();
        if let Some(region) = lies.filter(|region| *region != endpoint.region) {
            message = format!("{message}; the bucket lies in {region}, and S3 is called in {}", endpoint.region);
        }
        self.refused(reply, element(&text, "Code"), &message)
    }
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
