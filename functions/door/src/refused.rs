//! Why a request is not taken. The reason is for the operator's log; the sender gets the status.

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It is no request of the API, or its body cannot be read.
    Malformed,
    /// It is larger than any notification.
    TooLarge,
    /// It does not know the secret part of the path.
    Path,
    /// The path names nobody who may knock.
    Sender,
    /// It is about a topic that is not listed.
    Topic,
    /// Its time is not now, or there is none.
    Stale,
    /// The signature does not fit, or there is none.
    Signature,
    /// Its certificate lies elsewhere than the cloud's own do.
    CertificatePlace,
    /// Its certificate is not there, is none, is not good now, or is not of the key that is expected.
    Certificate,
    /// The key of its certificate is no RSA key of 2,048 bits or more.
    ShortKey,
    /// What is needed cannot be reached now: the fault is ours, and the sender should come again.
    Unavailable,
}

impl Refused {
    /// What the sender gets.
    pub fn status(self) -> u16 {
        match self {
            Refused::Malformed | Refused::TooLarge => 400,
            Refused::Path | Refused::Sender | Refused::Topic => 403,
            Refused::Unavailable => 503,
            Refused::Stale
            | Refused::Signature
            | Refused::CertificatePlace
            | Refused::Certificate
            | Refused::ShortKey => 401,
        }
    }

    /// The reason in words, for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Refused::Malformed => "malformed",
            Refused::TooLarge => "too large",
            Refused::Path => "wrong path",
            Refused::Sender => "unknown sender",
            Refused::Topic => "topic not listed",
            Refused::Stale => "not of now",
            Refused::Signature => "wrong signature",
            Refused::CertificatePlace => "certificate elsewhere",
            Refused::Certificate => "wrong certificate",
            Refused::ShortKey => "key too short",
            Refused::Unavailable => "our own trouble",
        }
    }
}
