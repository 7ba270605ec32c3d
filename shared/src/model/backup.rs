//! Backups and their copies, as the providers list them.

use jiff::Timestamp;

use super::command::Destination;

/// A backup in its source region, as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The ID of the snapshot, backup, checkpoint item or backup job.
    pub id: String,
    /// The backup's name, where it has one.
    pub name: Option<String>,
    /// Its tags as names and values; empty where the list shows none.
    pub tags: Vec<(String, String)>,
    /// The resource that was backed up: a disk, server, instance, file system or bucket.
    pub resource: Option<String>,
    /// The kind of the resource, in one word. A resource's ID is unique only together with its kind: Alibaba numbers instances, file
    /// systems and buckets separately, and one instance has backups of several source types.
    pub resource_kind: Option<String>,
    /// The vault that holds it, where the list shows one.
    pub vault_id: Option<String>,
    /// When the backup was made, or when its making began.
    pub created_at: Option<Timestamp>,
    /// When the making of the backup ended, where the list says so.
    pub completed_at: Option<Timestamp>,
    /// When the provider last changed its record of the backup, where the list says so. It puts in order, and decides nothing.
    pub changed_at: Option<Timestamp>,
    /// Its size in GiB, where the list says so.
    pub size_gib: Option<u64>,
    /// Whether it can be copied.
    pub eligibility: Eligibility,
    /// What may keep it from being copied, such as `system disk`, where only the provider can decide.
    pub hint: Option<String>,
    /// The provider's own records of copies, where the list shows them: the newest record for each destination.
    pub copies: Vec<CopyRecord>,
    /// Whether `copies` is complete, so that a copy that is not in it does not exist.
    pub copies_told: bool,
}

impl Backup {
    /// The provider's own record of the copy to `destination`, if `copies` has one.
    pub fn copy_to(&self, destination: &Destination) -> Option<&CopyRecord> {
        self.copies.iter().find(|copy| copy.is_to(destination))
    }
}

/// Whether a backup can be copied. A reason continues a sentence that begins with the ID, such as `is still being created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eligibility {
    /// It can be copied, as far as can be told without trying.
    Usable,
    /// It cannot be copied yet, and why.
    NotReady(String),
    /// It can never be copied, and why. A person who wants it protected must find another way.
    Ineligible(String),
    /// No rule covers it, because it is not a finished backup of the account's own: it is a copy, belongs to another account, is being
    /// deleted, or failed. It is counted under this text, which is one of a few and names no ID.
    NotCovered(&'static str),
}

/// A record of one copy that the provider itself keeps with the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRecord {
    /// The destination region; empty where the record names only the project.
    pub region: String,
    /// The Huawei project in the destination, where the record names it.
    pub project_id: Option<String>,
    /// The provider's ID of the replication (Huawei: replication_record_id).
    pub id: Option<String>,
    /// The ID of the copy in the destination, once the record shows one.
    pub copy_id: Option<String>,
    /// How far the copy has come.
    pub state: CopyState,
    /// When the provider made this record.
    pub created_at: Option<Timestamp>,
    /// Why the copy failed, or what else the provider says of it.
    pub note: Option<String>,
}

impl CopyRecord {
    /// Whether the copy goes to `destination`. The region decides; without one the project does, because a project has one region.
    pub(crate) fn is_to(&self, destination: &Destination) -> bool {
        match self.region.as_str() {
            "" => self.project_id.is_some() && self.project_id == destination.project_id,
            region => region == destination.region,
        }
    }
}

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// The copy is being made.
    Running,
    /// The copy is usable in the destination, or recorded as done.
    Done,
    /// The provider gave up, or threw the copy away.
    Failed,
}

/// A copy, as its destination region lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationCopy {
    /// The ID of the snapshot, backup or checkpoint item in the destination.
    pub id: String,
    /// The copy's name in the destination, where it has one.
    pub name: Option<String>,
    /// The ID of the backup that was copied, where the destination says so.
    pub source_id: Option<String>,
    /// The region that it was copied from, where the destination says so.
    pub source_region: Option<String>,
    /// The vault that holds it, where the list shows one.
    pub vault_id: Option<String>,
    /// How far the copy has come.
    pub state: CopyState,
    /// When the copy was made in the destination, where the list says so.
    pub created_at: Option<Timestamp>,
    /// Its size in GiB, where the list says so.
    pub size_gib: Option<u64>,
}

/// The best of several copies of one backup: usable before running before failed, and among equals the oldest.
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
