//! The ports of a process under test.

use std::sync::Arc;

use offsite_shared::context::Ports;
use offsite_shared::io::credentials::AccountSecrets;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::ports::{Clock, Emitter, Transport};
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;

/// Ports to these clouds, with the credentials of the environment, without a policy, over a ledger that goes with them.
pub fn ports(
    environment: &Environment,
    settings: &Settings,
    providers: &[&'static dyn Provider],
    transport: Arc<dyn Transport>,
    emitter: Arc<dyn Emitter>,
    clock: Arc<dyn Clock>,
) -> Ports {
    let secrets = AccountSecrets::new(environment, settings.clone(), providers, transport.clone(), clock.clone());
    let memory = Arc::new(MemoryLedger::default());
    Ports {
        providers: providers.to_vec(),
        transport,
        ledger: memory.clone(),
        notes: memory,
        policies: Arc::new(FixedPolicy(None)),
        work_queue: None,
        emitter,
        secrets: Arc::new(secrets),
        clock,
    }
}
