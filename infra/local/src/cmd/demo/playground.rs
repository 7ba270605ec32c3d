//! Where the demo's second act is played: a folder with policy, ledger and page, and the variables that lead other commands there.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use offsite_shared::context::Context;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use crate::cmd::stage::{Folder, post};
use crate::fleet::Fleet;
use crate::home::{self, policy_file};

/// The policy, as it stands in the folder.
const POLICY: &str = include_str!("policy.yaml");

/// Two disks of Tencent: what is said of them is told by these names.
pub(super) const DISKS: [(&str, &str); 2] = [("snap-web00001", "disk-web00001"), ("snap-web00002", "disk-web00002")];

/// The server whose backups cannot be copied.
pub(super) const SERVER: &str = "5b8e4c10-7d2f-4e6a-8c31-2a9d0f1b7e02";

/// How old the backups are: older than the policy allows without a copy.
const AGE: SignedDuration = SignedDuration::from_hours(50);

/// Policy, ledger and simulated clouds, and what leads to them.
pub(super) struct Playground {
    pub(super) folder: PathBuf,
    pub(super) environment: Environment,
    pub(super) policy: Policy,
}

impl Playground {
    /// Lays out the folder, and backups in the simulated clouds.
    ///
    /// # Errors
    /// A file cannot be written, or a simulator refuses.
    pub(super) async fn lay_out(folder: &Folder, fleet: &Fleet, options: &SimOptions) -> anyhow::Result<Playground> {
        let path = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
        std::fs::write(path("offsite.yaml"), POLICY).context("the demo's policy cannot be written")?;
        let mut environment = home::point_at(&fleet.simulators, options, Environment::default());
        for (name, value) in [
            ("OFFSITE_DB", path(DATABASE).as_str()),
            ("OFFSITE_POLICY", path("offsite.yaml").as_str()),
            // At a pace for somebody who looks on.
            ("OFFSITE_FIRST_LOOK_S", "1"),
            ("OFFSITE_LONGEST_LOOK_S", "1"),
            ("OFFSITE_ATTEMPT_BACKOFF_S", "0"),
        ] {
            environment = environment.with(name, value);
        }
        let policy = policy_file::read(&folder.0.join("offsite.yaml"))
            .map_err(|problems| anyhow!("the demo's policy is wrong: {problems}"))?;
        home::open(&folder.0.join(DATABASE), true).await?;
        backups(fleet, &SystemClock.now().checked_sub(AGE)?).await?;
        Ok(Playground { folder: folder.0.clone(), environment, policy })
    }

    /// What the commands of this machine work with.
    ///
    /// # Errors
    /// A client cannot be set up.
    pub(super) fn context(&self, fleet: &Fleet) -> anyhow::Result<Context> {
        Ok(home::context(&self.environment, &fleet.database)?)
    }

    /// Writes the variables for a shell, and gives the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_variables(&self) -> anyhow::Result<PathBuf> {
        let quoted = |value: &str| format!("'{}'", value.replace('\'', "'\\''"));
        let lines: String = self
            .environment
            .variables()
            .iter()
            .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
            .collect();
        let path = self.folder.join("env.sh");
        std::fs::write(&path, lines).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}

/// The file of ledger and queue, in the folder.
pub(super) const DATABASE: &str = "offsite.db";

/// What the policy covers: two disks, two servers of which one cannot be copied, and a vault of files.
async fn backups(fleet: &Fleet, made: &Timestamp) -> anyhow::Result<()> {
    let made = made.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let snapshot = |(id, disk): (&str, &str)| json!({ "snapshot_id": id, "disk_id": disk, "region": "ap-shanghai", "name": format!("web-{disk}"), "created": made });
    let snapshots = json!({ "snapshots": DISKS.map(snapshot) });
    post(&fleet.simulators.tencent(), "/_sim/seed", snapshots).await?;
    const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
    const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
    let backup = |id: &str, server: &str, whole: bool| -> Value {
        json!({ "id": id, "project_id": PROJECT, "vault_id": VAULT, "resource_id": server, "contain_system_disk": whole, "created": made })
    };
    let servers = json!({
        "projects": [
            { "id": PROJECT, "region": "cn-north-4" }, { "id": "0605767b5780d5762fc5c0118072a564", "region": "cn-east-3" },
        ],
        "vaults": [{ "id": VAULT, "project_id": PROJECT }],
        "backups": [
            backup("2d0c5a34-6b0f-4a3c-9c39-5a0f8b6e1c01", "5b8e4c10-7d2f-4e6a-8c31-2a9d0f1b7e01", true),
            backup("2d0c5a34-6b0f-4a3c-9c39-5a0f8b6e1c02", SERVER, false),
        ],
    });
    post(&fleet.simulators.huawei(), "/_sim/seed", servers).await?;
    let vault = |id: &str, region: &str| json!({ "vault_id": id, "region": region });
    let files = json!({
        "vaults": [
            vault("v-000demo0cn-shenzhen01", "cn-shenzhen"), vault("v-000demo0cn-chengdu001", "cn-chengdu"),
        ],
        "jobs": [{ "job_id": "job-demo000001", "vault_id": "v-000demo0cn-shenzhen01", "completed": made }],
    });
    post(&fleet.simulators.alibaba(), "/_sim/seed", files).await
}
