//! Stateful simulators of the three clouds.
//!
//! They stand in for the real services with their own reading of requests and their own signature check; they share
//! no code with the signer of the product. Each cloud listens on its own loopback port, keeps its state in memory and
//! has an admin interface under `/_sim/`, described in `infra/simulators/SIMULATORS.md`.

mod admin;
mod alibaba;
mod answering;
mod clock;
mod cloud;
mod credentials;
mod fates;
mod faults;
mod huawei;
pub mod identity_tokens;
mod in_process;
mod options;
mod port;
mod server;
mod tencent;
mod text;
mod truth;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use clock::SimClock;
use port::Port;

pub use admin::{BACKUPS, MOST_BACKUPS};
pub use cloud::Arrived;
pub use in_process::{Heard, InProcess, Provider, Request};
pub use options::SimOptions;

/// Why the simulators did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port} for the {provider} simulator: {source}")]
    Port {
        /// The cloud that was to listen there.
        provider: &'static str,
        /// The port asked for; 0 stands for any free one.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first port is so high that the two after it do not exist.
    #[error("port {0} leaves no room for three ports; the highest first port is 65533")]
    PortRange(u16),
    /// A seeded inventory cannot be made.
    #[error("no inventory: {0}")]
    Inventory(String),
}

/// The three running simulators; dropping them stops them.
pub struct Simulators {
    ports: [(SocketAddr, Arc<Port>); 3],
    access_key_id: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Simulators {
    /// Binds the three ports on 127.0.0.1 and starts to serve.
    ///
    /// # Errors
    /// `SimError` names the port that cannot be used; nothing is left running then.
    pub async fn start(options: SimOptions) -> Result<Self, SimError> {
        if let Some(first) = options.port
            && first > 65_533
        {
            return Err(SimError::PortRange(first));
        }
        let clock = Arc::new(SimClock::new(options.start));
        let (stop, stopping) = watch::channel(false);
        let mut bound = Vec::new();
        for ((offset, provider), port) in
            (0_u16..).zip(["alibaba", "huawei", "tencent"]).zip(port::ports(&options, &clock, &stopping))
        {
            let wanted = options.port.map(|first| first + offset);
            let (listener, address) = server::bind(wanted).await.map_err(|source| SimError::Port {
                provider,
                port: wanted.unwrap_or(0),
                source,
            })?;
            bound.push((listener, address, port));
        }
        let mut tasks = Vec::new();
        let ports: Vec<(SocketAddr, Arc<Port>)> = bound
            .into_iter()
            .map(|(listener, address, port)| {
                tasks.push(tokio::spawn(server::serve(listener, Arc::clone(&port))));
                (address, port)
            })
            .collect();
        let Ok(ports) = <[_; 3]>::try_from(ports) else {
            return Err(SimError::PortRange(options.port.unwrap_or(0)));
        };
        Ok(Self { ports, access_key_id: options.access_key_id, stop, tasks })
    }

    /// Makes a seeded inventory of so many backups in each of the three clouds, as `POST /_sim/inventory` does in one.
    ///
    /// # Errors
    /// `SimError::Inventory`: there is one already, or the number is out of bounds.
    pub fn make_inventories(&self, seed: u64, backups: u64) -> Result<(), SimError> {
        if self.ports.iter().any(|(_, port)| port.inventory.load(Ordering::Acquire)) {
            return Err(SimError::Inventory("a port has one already; start anew for another one".to_owned()));
        }
        for (_, port) in &self.ports {
            admin::make_inventory(port, seed, backups).map_err(|error| SimError::Inventory(error.to_string()))?;
        }
        Ok(())
    }

    /// Base URL of the Alibaba simulator, such as `http://127.0.0.1:40001`.
    pub fn alibaba(&self) -> String {
        format!("http://{}", self.ports[0].0)
    }

    /// Base URL of the Huawei simulator (CBR, CSBS and IAM).
    pub fn huawei(&self) -> String {
        format!("http://{}", self.ports[1].0)
    }

    /// Base URL of the Tencent simulator.
    pub fn tencent(&self) -> String {
        format!("http://{}", self.ports[2].0)
    }

    /// The three base URLs and the access key ID; never the secret.
    pub fn endpoints_json(&self) -> Value {
        json!({
            "alibaba": self.alibaba(),
            "huawei": self.huawei(),
            "tencent": self.tencent(),
            "access_key_id": self.access_key_id,
        })
    }

    /// The state of all three clouds: every replication with its provider, and the calls counted per provider.
    pub fn state(&self) -> Value {
        let mut replications = Vec::new();
        let mut calls = serde_json::Map::new();
        let mut clock = Value::Null;
        for (_, port) in &self.ports {
            let state = admin::state(port);
            let provider = state["provider"].clone();
            for row in state["replications"].as_array().into_iter().flatten() {
                let mut row = row.clone();
                row["provider"] = provider.clone();
                replications.push(row);
            }
            if let Some(name) = provider.as_str() {
                calls.insert(name.to_owned(), state["calls"].clone());
            }
            clock = state["clock"].clone();
        }
        json!({"clock": clock, "replications": replications, "calls": calls})
    }

    /// Stops listening and ends every held request. Returns at once; the ports are free shortly after.
    pub fn shutdown(self) {
        drop(self);
    }

    /// Stops and waits until the three ports are closed.
    pub async fn stopped(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that failed or was cancelled has stopped as well.
            let _ = task.await;
        }
    }
}

impl Drop for Simulators {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
