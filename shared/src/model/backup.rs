//! Backups and their copies, as inventories show them.

use jiff::Timestamp;

use super::command::Destination;

/// One thing that can be copied, as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Snapshot, backup, checkpoint item or backup job ID.
    pub id: String,
    /// Name, where it has one.
    pub name: Option<String>,
    /// Tags, where the list shows them.
    pub tags: Vec<(String, String)>,
    /// What it is a backup of: disk, server, instance, file system or bucket.
    pub resource: Option<String>,
    /// What kind of thing that is, in a word. An ID is unique only together with it: Alibaba's instances, file systems and buckets
    /// are numbered apart, and one instance has backups of several source types.
    pub resource_kind: Option<String>,
    /// The vault it lies in.
    pub vault_id: Option<String>,
    /// When it was made, or its making began.
    pub created_at: Option<Timestamp>,
    /// When its making ended, where the list tells.
    pub completed_at: Option<Timestamp>,
    /// Size in GiB.
    pub size_gib: Option<u64>,
    /// Whether it can be copied.
    pub standing: Standing,
    /// What may keep it from being copied although only the provider can tell, such as `system disk`.
    pub hint: Option<String>,
    /// What the provider's own records say of copies, where the list shows them: the newest word for each destination.
    pub copies: Vec<CopyRecord>,
    /// Whether `copies` is all there is: what is not in it does not exist.
    pub copies_told: bool,
}

impl Backup {
    /// What the provider's own records say of the copy to `destination`.
    pub fn copy_to(&self, destination: &Destination) -> Option<&CopyRecord> {
        self.copies.iter().find(|copy| copy.is_to(destination))
    }
}

/// Whether a backup can be copied. The reasons follow an ID in a sentence: `is still being created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can, as far as can be told without trying.
    Usable,
    /// Not yet.
    NotReady(String),
    /// Never, and why: a person who wants it protected must find another way.
    Ineligible(String),
    /// No rule is about it, for it is none of the account's own finished backups: a copy, somebody else's, on its way out, or failed
    /// by itself. It is counted by this text, which is one of a few and names no ID.
    NotCovered(&'static str),
}

/// What a provider's own record, kept with the source, says of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRecord {
    /// Destination region; empty where only the project is told.
    pub region: String,
    /// Huawei's destination project.
    pub project_id: Option<String>,
    /// The provider's ID of the replication (Huawei: replication_record_id).
    pub id: Option<String>,
    /// The ID of the copy in the destination, once there is one and it is told.
    pub copy_id: Option<String>,
    /// How far it is.
    pub state: CopyState,
    /// When the record was made.
    pub created_at: Option<Timestamp>,
    /// Why it failed, or what else the provider says.
    pub note: Option<String>,
}

impl CopyRecord {
    /// Whether it goes there. The region decides; a project belongs to one region.
    pub fn is_to(&self, destination: &Destination) -> bool {
        match self.region.as_str() {
            "" => self.project_id.is_some() && self.project_id == destination.project_id,
            region => region == destination.region,
        }
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// On its way.
    Running,
    /// Usable in the destination, or recorded as done.
    Done,
    /// The provider gave up, or threw it away.
    Failed,
}

/// A copy as its destination lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationCopy {
    /// Snapshot, backup or checkpoint item ID in the destination.
    pub id: String,
    /// Its name there.
    pub name: Option<String>,
    /// What it is a copy of, where the destination tells.
    pub source_id: Option<String>,
    /// From which region, where the destination tells.
    pub source_region: Option<String>,
    /// The vault it lies in.
    pub vault_id: Option<String>,
    /// How far it is.
    pub state: CopyState,
    /// When it was made there.
    pub created_at: Option<Timestamp>,
    /// Size in GiB.
    pub size_gib: Option<u64>,
}

/// Of several copies of one backup the one to go by: a usable one before a running one, then the older one.
pub fn best<'c>(copies: impl IntoIterator<Item = &'c DestinationCopy>) -> Option<&'c DestinationCopy> {
    let rank = |state| match state {
        CopyState::Done => 0,
        CopyState::Running => 1,
        CopyState::Failed => 2,
    };
    copies
        .into_iter()
        .min_by_key(|copy| (rank(copy.state), copy.created_at.is_none(), copy.created_at, copy.id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_to_its_region_or_else_its_project() {
        let destination =
            Destination { region: "region2".into(), project_id: Some("p2".into()), vault_id: Some("v".into()) };
        let record = |region: &str, project: Option<&str>| CopyRecord {
            region: region.into(),
            project_id: project.map(str::to_owned),
            id: None,
            copy_id: None,
            state: CopyState::Done,
            created_at: None,
            note: None,
        };
        for (region, project, wanted) in [
            ("region2", None, true),
            ("region2", Some("other"), true),
            ("region3", Some("p2"), false),
            ("", Some("p2"), true),
            ("", Some("p3"), false),
            ("", None, false),
        ] {
            assert_eq!(record(region, project).is_to(&destination), wanted, "{region} {project:?}");
        }
    }

    #[test]
    fn the_best_copy_is_usable_then_old() {
        let copy = |id: &str, state, at: Option<i64>| DestinationCopy {
            id: id.into(),
            name: None,
            source_id: None,
            source_region: None,
            vault_id: None,
            state,
            created_at: at.map(|at| Timestamp::from_second(at).unwrap()),
            size_gib: None,
        };
        let copies = [
            copy("a", CopyState::Failed, Some(1)),
            copy("b", CopyState::Running, Some(1)),
            copy("c", CopyState::Done, None),
            copy("d", CopyState::Done, Some(3)),
            copy("e", CopyState::Done, Some(2)),
        ];
        assert_eq!(best(&copies).map(|copy| copy.id.as_str()), Some("e"));
        assert_eq!(best(&copies[..3]).map(|copy| copy.id.as_str()), Some("c"));
        assert_eq!(best(&copies[..2]).map(|copy| copy.id.as_str()), Some("b"));
        assert_eq!(best(&[]), None);
    }
}
