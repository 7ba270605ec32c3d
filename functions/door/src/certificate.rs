//! A certificate: whether it is good now, whose key it holds, and whether that key has signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use crate::refused::Refused;

/// The first certificate of a PEM file, which is the signer's.
///
/// # Errors
/// There is none.
pub fn read(pem: &[u8]) -> Result<CertificateDer<'static>, Refused> {
    CertificateDer::from_pem_slice(pem).map_err(|_| Refused::Certificate)
}

/// Whether the key of a certificate that is good now has signed one of these texts. Where `keys` names hashes of public keys, it must be
/// one of them.
///
/// # Errors
/// It has not, or its certificate is not to be trusted.
pub fn verify(
    certificate: &CertificateDer<'_>,
    keys: &[String],
    now: Timestamp,
    signed: &[String],
    signature: &[u8],
) -> Result<(), Refused> {
    let read = Certificate::from_der(certificate).map_err(|_| Refused::Certificate)?;
    let held = read.tbs_certificate();
    let second = |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let (from, until) = (second(&held.validity().not_before), second(&held.validity().not_after));
    if !(from..=until).contains(&now.as_second()) {
        return Err(Refused::Certificate);
    }
    let public = held.subject_public_key_info().to_der().map_err(|_| Refused::Certificate)?;
    let hash = STANDARD.encode(Sha256::digest(&public));
    if !keys.is_empty() && !keys.contains(&hash) {
        return Err(Refused::Certificate);
    }
    let signer = EndEntityCert::try_from(certificate).map_err(|_| Refused::Certificate)?;
    let fits = |text: &String| signer.verify_signature(RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), signature).is_ok();
    if signed.iter().any(fits) {
        return Ok(());
    }
    // The key's modulus is nearly all of it: what is shorter than this has fewer than 2,048 bits, or is of another kind.
    Err(if public.len() < 256 { Refused::ShortKey } else { Refused::Signature })
}
