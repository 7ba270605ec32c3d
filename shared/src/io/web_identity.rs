//! Gets an identity token of this process's AWS role. The clouds' token services exchange it for a role of theirs.
//!
//! Source: AWS STS API reference, GetWebIdentityToken, 2026. Not verified against the live service.

use std::time::Duration;

use secrecy::SecretString;

use super::aws::{Aws, AwsEndpoint, element};
use crate::model::error::{Error, ErrorName};
use crate::providers::sts::Federation;
use crate::sign::canonical::encode_into;

/// How long the call may take, repeats included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

/// Life of the token in seconds. It is exchanged at once, so the default life will do.
const LIFE_S: u32 = 300;

/// Asks AWS for a token made out for the federation's audience.
///
/// # Errors
/// AWS refused, or did not answer.
pub(crate) async fn token(
    aws: &Aws,
    endpoint: &AwsEndpoint,
    federation: &Federation,
    patience: Duration,
) -> Result<SecretString, Error> {
    let mut form = String::from("Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=");
    encode_into(&mut form, federation.audience.as_bytes());
    form.push_str(&format!("&SigningAlgorithm={}&DurationSeconds={LIFE_S}", federation.algorithm));
    let answer = aws.query(endpoint, "sts", &form, patience).await.map_err(|error| {
        let advice = match error.code.as_str() {
            "OutboundWebIdentityFederationDisabled" | "OutboundWebIdentityFederationDisabledException" => {
                "; switch it on once for the AWS account: aws iam enable-outbound-web-identity-federation"
            }
            "AccessDenied" | "AccessDeniedException" => "; give the function's role sts:GetWebIdentityToken",
            _ => "",
        };
        Error::new(error.name(), format!("AWS gave no identity token: {error}{advice}"))
    })?;
    match element(&answer, "WebIdentityToken") {
        Some(token) => Ok(SecretString::from(token.to_owned())),
        None => Err(Error::new(ErrorName::Unavailable, "AWS gave no identity token: its answer holds none")),
    }
}
