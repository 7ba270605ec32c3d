//! Which certificate authorities are trusted: the built-in ones, and those of a file that somebody names on purpose.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` are not read: tools set them without being asked, and then a machine trusts what nobody chose.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::model::error::Error;
use crate::settings::environment::Environment;

/// The variable that names a file of further roots for every host.
pub const BUNDLE: &str = "OFFSITE_CA_BUNDLE";

/// The variable that names a file of further roots for AWS alone, as the AWS tools read it.
pub const AWS_BUNDLE: &str = "AWS_CA_BUNDLE";

/// As much a file may hold.
struct Bounds {
    bytes: u64,
    certificates: Option<usize>,
}

/// Who trusts more certificates than this for every host trusts a whole list, and that is what is built in.
const OF_OURS: Bounds = Bounds { bytes: 262_144, certificates: Some(20) };

/// The variable of AWS's tools may name the whole list of a system, which has several hundred.
const OF_AWS: Bounds = Bounds { bytes: 4_194_304, certificates: None };

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The roots that a process trusts.
#[derive(Clone, Debug)]
pub struct Roots {
    pub(super) store: RootCertStore,
    /// The files beside the built-in roots, and how many certificates each brought.
    pub files: Vec<(String, usize)>,
}

impl Roots {
    /// The built-in roots and nothing else.
    pub fn built_in() -> Roots {
        Roots { store: RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, files: Vec::new() }
    }

    /// The built-in roots, and those of the file that `OFFSITE_CA_BUNDLE` names.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else: names the variable, the file and the line.
    pub fn of(environment: &Environment) -> Result<Roots, Error> {
        Roots::built_in().with(environment, BUNDLE, &OF_OURS)
    }

    /// The same, and for AWS also those of the file that `AWS_CA_BUNDLE` names. Asked only where something of AWS is to be reached.
    ///
    /// # Errors
    /// As [`Roots::of`].
    pub fn of_aws(environment: &Environment) -> Result<Roots, Error> {
        Roots::of(environment)?.with(environment, AWS_BUNDLE, &OF_AWS)
    }

    fn with(mut self, environment: &Environment, variable: &str, most: &Bounds) -> Result<Roots, Error> {
        let Some(path) = environment.get(variable) else { return Ok(self) };
        let wrong = |why: String| Error::configuration(format!("{variable}: {path}: {why}"));
        let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > most.bytes {
            return Err(wrong(format!("has {size} bytes, and {} are the most", most.bytes)));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut count = 0;
        for (line, block) in certificates(&text).map_err(wrong)? {
            let unusable = |why: String| wrong(format!("line {line}: the certificate cannot be used: {why}"));
            let certificate =
                CertificateDer::from_pem_slice(block.as_bytes()).map_err(|error| unusable(error.to_string()))?;
            self.store.add(certificate).map_err(|error| unusable(error.to_string()))?;
            count += 1;
            if let Some(most) = most.certificates.filter(|most| count > *most) {
                return Err(wrong(format!(
                    "line {line}: more than {most} certificates; keep those of your own authorities"
                )));
            }
        }
        if count == 0 {
            return Err(wrong(format!("line 1: there is no certificate, which begins with {CERTIFICATE}")));
        }
        self.files.push((path.to_owned(), count));
        Ok(self)
    }

    /// What is trusted, in words.
    pub fn describe(&self) -> String {
        let files = self.files.iter().map(|(path, count)| format!(", and {count} of {path}"));
        format!("the built-in roots{}", files.collect::<String>())
    }
}

/// The certificates of a file, each with the line where it begins. What stands between them is for people.
fn certificates(text: &str) -> Result<Vec<(usize, String)>, String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim_end());
        match &mut open {
            Some((_, block)) if !line.starts_with(BEGIN) => {
                block.push_str(line);
                block.push('\n');
                if line == END {
                    found.extend(open.take());
                }
            }
            Some((begun, _)) => return Err(format!("line {begun}: the certificate does not end before line {number}")),
            None if line == CERTIFICATE => open = Some((number, format!("{line}\n"))),
            None if line.starts_with(BEGIN) => {
                return Err(format!(
                    "line {number}: is no certificate; nothing else belongs into this file, least of all a key"
                ));
            }
            None => {}
        }
    }
    match open {
        Some((begun, _)) => Err(format!("line {begun}: the certificate does not end")),
        None => Ok(found),
    }
}
