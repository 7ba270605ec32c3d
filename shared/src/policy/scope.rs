//! The places of a rule: its source and destinations, which an edit of its name, selection or limits leaves as they are.

use super::Rule;
use crate::model::command::{Cloud, Destination, Key, Operation, Replication};
use crate::model::text::hash_of;
use crate::providers::provider::Defaults;

impl Rule {
    /// A hash that identifies one source and one destination of this rule. Since when the two are swept is remembered under it. It is made
    /// of cloud, account, region, project and vault of the source, and region, project and vault of the destination. Neither the rule's
    /// name nor what it selects is in it, so renaming a rule makes none of its backups historic.
    ///
    /// `defaults` fill in the project that a rule leaves out, so writing it out later makes no new source either.
    pub fn scope_hash(&self, destination: &Destination, defaults: &Defaults) -> String {
        hash_of(&[
            "scope",
            self.operation.cloud().name(),
            &self.account,
            &self.source.region,
            self.project(defaults).unwrap_or_default(),
            self.source.vault_id.as_deref().unwrap_or_default(),
            &destination.region,
            destination.project_id.as_deref().unwrap_or_default(),
            destination.vault_id.as_deref().unwrap_or_default(),
        ])
    }

    /// Whether a replication, whatever rule it names, goes with this rule's credential from this rule's source to one of its destinations.
    /// What the rule selects is not checked, because that needs the backup.
    ///
    /// A replication of one backup does not say in which vault the backup lies. So a rule for one vault contains the replications of its
    /// whole region and project. If nobody says which project the rule's source is in, it may be any.
    pub fn contains(&self, replication: &Replication, defaults: &Defaults) -> bool {
        let source = &replication.source;
        let project = self.project(defaults);
        let of_project = project.is_none() || project == source.project_id.as_deref();
        let whole_vault = replication.operation.source_field() == "vault_id";
        let of_vault = !whole_vault || self.source.vault_id.as_ref().is_none_or(|vault| *vault == source.id);
        replication.operation.cloud() == self.operation.cloud()
            && replication.account == self.account
            && source.region == self.source.region
            && of_project
            && of_vault
            && self.destinations.contains(&replication.destination)
    }

    /// The keys of the records that the source with this ID has by this rule, one for each destination. A rule for a whole vault has its
    /// backups' keys, and a pair of vaults beside them the vault's.
    pub fn keys_of(&self, id: &str) -> Vec<Key> {
        let replications = self.command_of(id).replications();
        match self.operation {
            Operation::CreateVaultReplication if self.source.vault_id.as_deref() == Some(id) => {
                replications.iter().map(Replication::key).collect()
            }
            _ => replications.iter().map(|replication| replication.of_backup(id).key()).collect(),
        }
    }

    fn project<'a>(&'a self, defaults: &'a Defaults) -> Option<&'a str> {
        self.source.project_id.as_deref().or(match self.operation.cloud() {
            Cloud::Huawei => defaults.huawei_project_id.as_deref(),
            Cloud::Alibaba | Cloud::Tencent => None,
        })
    }
}
