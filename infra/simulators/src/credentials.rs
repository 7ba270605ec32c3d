//! The one account that the simulated clouds know, and the temporary keys they hand out.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::options::SimOptions;

/// The accepted key pair and the temporary ones issued by the simulated STS.
#[derive(Clone)]
pub(crate) struct Account {
    id: String,
    secret: String,
    token: Option<String>,
    temporary: HashMap<String, Temporary>,
}

#[derive(Clone)]
struct Temporary {
    secret: String,
    token: String,
    expires: Timestamp,
}

/// A key as found by its ID.
pub(crate) enum Key<'a> {
    Unknown,
    /// The token must be sent if there is one, and must not be sent if there is none.
    Known {
        secret: &'a str,
        token: Option<&'a str>,
        expired: bool,
    },
}

impl Account {
    pub(crate) fn new(options: &SimOptions) -> Self {
        Self {
            id: options.access_key_id.clone(),
            secret: options.access_key_secret.clone(),
            token: options.security_token.clone(),
            temporary: HashMap::new(),
        }
    }

    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Key<'_> {
        if id == self.id {
            return Key::Known { secret: &self.secret, token: self.token.as_deref(), expired: false };
        }
        self.temporary.get(id).map_or(Key::Unknown, |key| Key::Known {
            secret: &key.secret,
            token: Some(&key.token),
            expired: key.expires <= now,
        })
    }

    /// Accepts this key instead of the one before; temporary ones stay.
    pub(crate) fn rotate(&mut self, id: &str, secret: &str) {
        self.id = id.to_owned();
        self.secret = secret.to_owned();
        self.token = None;
    }

    /// Accepts `id` with `secret` and `token` until `expires`.
    pub(crate) fn issue(&mut self, id: &str, secret: &str, token: &str, expires: Timestamp) {
        let key = Temporary { secret: secret.to_owned(), token: token.to_owned(), expires };
        self.temporary.insert(id.to_owned(), key);
    }
}
