//! The places of a rule, whatever it is called: what an edit of its name, selection or limits leaves as it is.

use super::Rule;
use crate::model::command::{Cloud, Destination, Replication};
use crate::model::text::hash_of;
use crate::providers::provider::Defaults;

impl Rule {
    /// The identity of one source and one destination of this rule, by which is remembered since when the two are swept: cloud,
    /// account, region, project and vault of the source, region, project and vault of the destination. Neither the rule's name nor
    /// what it selects is in it, so renaming a rule makes none of its backups historic.
    ///
    /// `defaults` fill the project that a rule leaves out, so that writing it out is no new source either.
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

    /// Whether a replication, whatever rule it bears, goes with this rule's credential from this rule's source to one of its
    /// destinations. What the rule selects is not asked: that needs the backup.
    ///
    /// A replication of one backup does not say in which vault that lies, so a rule for one vault contains those of the whole
    /// region and project. Where nobody says which project the rule's source is in, it may be any.
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

    fn project<'a>(&'a self, defaults: &'a Defaults) -> Option<&'a str> {
        self.source.project_id.as_deref().or(match self.operation.cloud() {
            Cloud::Huawei => defaults.huawei_project_id.as_deref(),
            Cloud::Alibaba | Cloud::Tencent => None,
        })
    }
}
