//! Commands, into which every trigger is turned, and the replications that a command asks for.

pub(crate) mod reading;

use serde_json::{Map, Value, json};

use super::text::hash_of;

/// A cloud whose backups can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cloud {
    /// Alibaba Cloud (HBR).
    Alibaba,
    /// Huawei Cloud (CBR, CSBS).
    Huawei,
    /// Tencent Cloud (CBS).
    Tencent,
}

impl Cloud {
    /// All clouds, in the order in which the documents list them.
    pub const ALL: [Cloud; 3] = [Cloud::Alibaba, Cloud::Huawei, Cloud::Tencent];

    /// The name used in commands, records and messages.
    pub fn name(self) -> &'static str {
        match self {
            Cloud::Alibaba => "alibaba",
            Cloud::Huawei => "huawei",
            Cloud::Tencent => "tencent",
        }
    }

    /// The cloud with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Cloud> {
        Cloud::ALL.into_iter().find(|cloud| cloud.name() == name)
    }

    /// The only cloud to which a backup with this ID can belong; `None` if no cloud has such IDs. Tencent's snapshot IDs begin with `snap-`,
    /// Huawei's backups and checkpoint items have UUIDs, and Alibaba's job IDs are neither. So a question about one ID needs only one
    /// cloud's key.
    pub fn of_backup_id(id: &str) -> Option<Cloud> {
        match id {
            _ if reading::identifier_text(id, "id").is_err() => None,
            _ if id.starts_with("snap-") => Some(Cloud::Tencent),
            _ if is_uuid(id) => Some(Cloud::Huawei),
            _ => Some(Cloud::Alibaba),
        }
    }
}

/// A provider's call that starts copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Alibaba HBR 2017-09-08 CreateVaultReplication.
    CreateVaultReplication,
    /// Huawei CBR v3 backups/{id}/replicate.
    CopyBackup,
    /// Huawei CBR v3 checkpoints/replicate: every eligible backup of a vault.
    CopyCheckpoint,
    /// Huawei CSBS v1 checkpoint_items/{id}/replicate.
    CopyCheckpointItem,
    /// Tencent CBS 2017-03-12 CopySnapshotCrossRegions.
    CopySnapshot,
    /// What a standing pair of Alibaba vaults does with each backup job of its source vault. No call asks for it, so no command can; the
    /// ledger has records of it.
    CarryBackup,
}

impl Operation {
    /// All operations that a command can ask for, grouped by cloud.
    pub const ALL: [Operation; 5] = [
        Operation::CreateVaultReplication,
        Operation::CopyBackup,
        Operation::CopyCheckpoint,
        Operation::CopyCheckpointItem,
        Operation::CopySnapshot,
    ];

    /// The name used in commands, records and messages.
    pub fn name(self) -> &'static str {
        match self {
            Operation::CreateVaultReplication => "create-vault-replication",
            Operation::CopyBackup => "copy-backup",
            Operation::CopyCheckpoint => "copy-checkpoint",
            Operation::CopyCheckpointItem => "copy-checkpoint-item",
            Operation::CopySnapshot => "copy-snapshot",
            Operation::CarryBackup => "carry-backup",
        }
    }

    /// The operation with this name that a command can ask for, if there is one.
    pub(crate) fn from_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// The cloud that has this operation.
    pub fn cloud(self) -> Cloud {
        match self {
            Operation::CreateVaultReplication | Operation::CarryBackup => Cloud::Alibaba,
            Operation::CopySnapshot => Cloud::Tencent,
            Operation::CopyBackup | Operation::CopyCheckpoint | Operation::CopyCheckpointItem => Cloud::Huawei,
        }
    }

    /// Whether a replication ID names one copy. The ID of a task that sets up a pair of vaults does not: the pair is the same one
    /// whichever task made it, and no API tells the task of a pair that exists.
    pub(crate) fn names_each_copy(self) -> bool {
        self != Operation::CreateVaultReplication
    }

    /// The field of `source` that holds the ID.
    pub fn source_field(self) -> &'static str {
        match self {
            Operation::CreateVaultReplication | Operation::CopyCheckpoint => "vault_id",
            Operation::CopyBackup => "backup_id",
            Operation::CopyCheckpointItem => "checkpoint_item_id",
            Operation::CopySnapshot => "snapshot_id",
            Operation::CarryBackup => "job_id",
        }
    }

    /// Whether a destination of this operation names a vault.
    pub fn destination_has_vault(self) -> bool {
        !matches!(self, Operation::CopyCheckpointItem | Operation::CopySnapshot)
    }

    /// The options that a command may give. Tencent's SnapshotName is not one: read-back finds a copy by the name that Offsite gives.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Operation::CreateVaultReplication | Operation::CopySnapshot | Operation::CarryBackup => &[],
            Operation::CopyBackup | Operation::CopyCheckpointItem => &["name", "description", "enable_acceleration"],
            Operation::CopyCheckpoint => &["auto_trigger", "enable_acceleration"],
        }
    }
}

/// The backup (or vault) to be copied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The code of the region that the source is in.
    pub region: String,
    /// Huawei's project ID in the source region. Other clouds have none.
    pub project_id: Option<String>,
    /// The snapshot, backup, checkpoint item or vault ID; the operation says which.
    pub id: String,
}

/// Where a credential is to hold: a token of Huawei holds for one project of one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm<'a> {
    /// The region of the calls.
    pub region: &'a str,
    /// The ID of the project that the calls name; `None` if they name none, as everywhere but at Huawei.
    pub project: Option<&'a str>,
}

impl Source {
    /// Where the credential for calls about it must hold.
    pub(crate) fn realm(&self) -> Realm<'_> {
        Realm { region: &self.region, project: self.project_id.as_deref() }
    }
}

/// Where a copy goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The code of the region that the copy goes to.
    pub region: String,
    /// Huawei's project ID in the destination region. Other clouds have none.
    pub project_id: Option<String>,
    /// The ID of the target vault; absent where the API takes none.
    pub vault_id: Option<String>,
}

impl Destination {
    /// The JSON form that commands, answers and messages use.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("region".into(), json!(self.region));
        if let Some(project) = &self.project_id {
            object.insert("project_id".into(), json!(project));
        }
        if let Some(vault) = &self.vault_id {
            object.insert("vault_id".into(), json!(vault));
        }
        Value::Object(object)
    }
}

/// Optional parameters of a call. Each is known to some operations only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Name of the replica (Huawei).
    pub name: Option<String>,
    /// Description of the replica (Huawei).
    pub description: Option<String>,
    /// Whether to pay for a faster copy (Huawei).
    pub enable_acceleration: Option<bool>,
    /// Whether to mark a vault replication as triggered automatically (Huawei copy-checkpoint).
    pub auto_trigger: Option<bool>,
}

/// A request to copy one source to one or more destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The call that starts the copies.
    pub operation: Operation,
    /// The name of the account whose credential is used.
    pub account: String,
    /// The backup or vault to copy.
    pub source: Source,
    /// The places that the copies go to, at least one.
    pub destinations: Vec<Destination>,
    /// Optional parameters of the call.
    pub options: Options,
    /// Which firing of a trigger this is. It is part of the key of `copy-checkpoint`.
    pub occurrence: Option<String>,
    /// The rule of the policy that asks for the copies. It does not affect what is copied.
    pub rule: Option<String>,
    /// Whether to say what would be done and start nothing.
    pub dry_run: bool,
}

/// One source × one destination. Each replication has one key, one ledger record and one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The call that starts the copy.
    pub operation: Operation,
    /// The name of the account whose credential is used, as in the command.
    pub account: String,
    /// The backup or vault that is copied.
    pub source: Source,
    /// The place that the copy goes to.
    pub destination: Destination,
    /// Optional parameters of the call.
    pub options: Options,
    /// Which firing of a trigger this is. It is part of the key of `copy-checkpoint`.
    pub occurrence: Option<String>,
    /// The rule of the policy that asks for the copy, if one does.
    pub rule: Option<String>,
}

/// The identity of a replication: the SHA-256, in lower-case hex, of what the provider itself treats as unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub String);

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Command {
    /// The JSON form, which [`Command::from_json`] reads.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("action".into(), json!("replicate"));
        object.insert("provider".into(), json!(self.operation.cloud().name()));
        object.insert("operation".into(), json!(self.operation.name()));
        object.insert("account".into(), json!(self.account));
        object.insert("source".into(), source_json(self.operation, &self.source));
        object.insert("destinations".into(), self.destinations.iter().map(Destination::to_json).collect());
        let options = options_json(&self.options);
        if options.as_object().is_some_and(|options| !options.is_empty()) {
            object.insert("options".into(), options);
        }
        if let Some(occurrence) = &self.occurrence {
            object.insert("occurrence".into(), json!(occurrence));
        }
        if let Some(rule) = &self.rule {
            object.insert("rule".into(), json!(rule));
        }
        if self.dry_run {
            object.insert("dry_run".into(), json!(true));
        }
        Value::Object(object)
    }

    /// One replication for each destination.
    pub fn replications(&self) -> Vec<Replication> {
        self.destinations
            .iter()
            .map(|destination| Replication {
                operation: self.operation,
                account: self.account.clone(),
                source: self.source.clone(),
                destination: destination.clone(),
                options: self.options.clone(),
                occurrence: self.occurrence.clone(),
                rule: self.rule.clone(),
            })
            .collect()
    }
}

impl Replication {
    /// The command that asks for this replication alone.
    pub(crate) fn command(&self) -> Command {
        Command {
            operation: self.operation,
            account: self.account.clone(),
            source: self.source.clone(),
            destinations: vec![self.destination.clone()],
            options: self.options.clone(),
            occurrence: self.occurrence.clone(),
            rule: self.rule.clone(),
            dry_run: false,
        }
    }

    /// The key, which is unique by account and: for Huawei backup × destination region, whichever call starts it (a vault-wide call has
    /// a key of its own for each occurrence); for Tencent snapshot × region; for Alibaba source vault × target vault, and for each backup
    /// that the pair carries job × target vault.
    pub fn key(&self) -> Key {
        let source = &self.source;
        let destination = &self.destination;
        let region = destination.region.as_str();
        let vault = destination.vault_id.as_deref().unwrap_or_default();
        let parts: Vec<&str> = match self.operation {
            Operation::CreateVaultReplication => {
                vec!["alibaba-hbr", &self.account, &source.region, &source.id, region, vault]
            }
            Operation::CopyBackup => vec!["huawei-cbr", &self.account, &source.region, &source.id, region],
            Operation::CopyCheckpoint => vec![
                "huawei-cbr-vault",
                &self.account,
                &source.region,
                &source.id,
                region,
                self.occurrence.as_deref().unwrap_or_default(),
            ],
            Operation::CopyCheckpointItem => vec!["huawei-csbs", &self.account, &source.region, &source.id, region],
            Operation::CopySnapshot => vec!["tencent-cbs", &self.account, &source.region, &source.id, region],
            Operation::CarryBackup => {
                vec!["alibaba-hbr-job", &self.account, &source.region, &source.id, region, vault]
            }
        };
        Key(hash_of(&parts))
    }

    /// A hash of everything that the key leaves out. It shows that the same key came with other options.
    pub fn payload_hash(&self) -> String {
        let options = options_json(&self.options).to_string();
        let destination = self.destination.to_json().to_string();
        hash_of(&[self.operation.name(), &destination, &options])
    }

    /// The JSON form of the source that commands and messages use.
    pub(crate) fn source_json(&self) -> Value {
        source_json(self.operation, &self.source)
    }

    /// For an operation on a whole vault: the replication of one of its backups. For any other this one itself.
    pub fn of_backup(&self, backup_id: &str) -> Replication {
        let operation = match self.operation {
            Operation::CopyCheckpoint => Operation::CopyBackup,
            Operation::CreateVaultReplication => Operation::CarryBackup,
            _ => return self.clone(),
        };
        Replication {
            operation,
            source: Source { id: backup_id.to_owned(), ..self.source.clone() },
            options: Options::default(),
            occurrence: None,
            ..self.clone()
        }
    }

    /// Names operation, source and destination in a few words, for people.
    pub(crate) fn describe(&self) -> String {
        let vault = self.destination.vault_id.as_deref().map(|vault| format!(" (vault {vault})")).unwrap_or_default();
        format!(
            "{} {} of {} {} in {} to {}{vault}",
            self.operation.cloud().name(),
            self.operation.name(),
            self.operation.source_field().trim_end_matches("_id").replace('_', " "),
            self.source.id,
            self.source.region,
            self.destination.region,
        )
    }
}

/// Whether the text is 8-4-4-4-12 hexadecimal digits, in either case.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn source_json(operation: Operation, source: &Source) -> Value {
    let mut object = Map::new();
    object.insert("region".into(), json!(source.region));
    if let Some(project) = &source.project_id {
        object.insert("project_id".into(), json!(project));
    }
    object.insert(operation.source_field().into(), json!(source.id));
    Value::Object(object)
}

pub(crate) fn options_json(options: &Options) -> Value {
    let mut object = Map::new();
    if let Some(name) = &options.name {
        object.insert("name".into(), json!(name));
    }
    if let Some(description) = &options.description {
        object.insert("description".into(), json!(description));
    }
    if let Some(flag) = options.enable_acceleration {
        object.insert("enable_acceleration".into(), json!(flag));
    }
    if let Some(flag) = options.auto_trigger {
        object.insert("auto_trigger".into(), json!(flag));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_cloud_by_its_form_or_of_none() {
        let uuid = "1e2ff4d3-0a26-4b2e-8d3c-9f7a2f4f4c11";
        for (id, wanted) in [
            // A snapshot, a backup, a checkpoint item, a vault, and a backup job.
            ("snap-jgsu1fdt", Some(Cloud::Tencent)),
            (uuid, Some(Cloud::Huawei)),
            (&uuid.to_uppercase(), Some(Cloud::Huawei)),
            ("v-000bjm3nkz1tkz9o9v2p", Some(Cloud::Alibaba)),
            ("job-000e0a1b2c3d4e5f6g7h", Some(Cloud::Alibaba)),
            ("", None),
            ("..", None),
            ("snap-*", None),
            ("snap-1 snap-2", None),
            ("备份", None),
            (&"x".repeat(256), None),
        ] {
            assert_eq!(Cloud::of_backup_id(id), wanted, "{id}");
        }
    }
}
