//! How the simulators are started.

use jiff::Timestamp;

/// How the simulators are started.
#[derive(Clone)]
pub struct SimOptions {
    /// First port: Alibaba takes it, Huawei the next, Tencent the one after; `None` takes ephemeral ports.
    pub port: Option<u16>,
    /// The one access key ID that all three clouds accept.
    pub access_key_id: String,
    /// The secret of that key.
    pub access_key_secret: String,
    /// If set, the key is a temporary one and every request must carry this token.
    pub security_token: Option<String>,
    /// Whether every well-formed source exists and can be copied.
    pub any_source: bool,
    /// Whether the key may only read and sign in: calls that change something are refused as each cloud refuses a missing right.
    pub read_only: bool,
    /// Seed of the identifiers and of the fault draws.
    pub seed: u64,
    /// Where the simulated clock starts; `None` starts at the real time.
    pub start: Option<Timestamp>,
}

impl Default for SimOptions {
    /// Ephemeral ports, the documented fake key, the small default inventory, the real time.
    fn default() -> Self {
        Self {
            port: None,
            access_key_id: "SIMULATEDACCESSKEY01".to_owned(),
            access_key_secret: "simulated-secret-not-a-real-one-0001".to_owned(),
            security_token: None,
            any_source: false,
            read_only: false,
            seed: 0,
            start: None,
        }
    }
}

impl std::fmt::Debug for SimOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SimOptions")
            .field("port", &self.port)
            .field("access_key_id", &self.access_key_id)
            .field("any_source", &self.any_source)
            .field("read_only", &self.read_only)
            .field("seed", &self.seed)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
