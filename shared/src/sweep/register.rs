//! What a rule knows of each resource: its newest backup, and in each destination the newest usable copy and what came after it.
//!
//! It is carried from sweep to sweep, so that a resource does not go unprotected by no longer being listed. Each complete listing of a
//! destination checks the newest copy by its ID.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::findings::Line;
use super::verdict::{Proof, Verdict};
use crate::model::backup::{Backup, Eligibility};
use crate::policy::{Coverage, Rule};

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The disk, server, file system or bucket; or the backup itself where nobody names what it is a backup of.
    pub id: String,
    /// Its kind, where one ID can be of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of its newest backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tags of its newest backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    /// The vault of its newest backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Whether it stands for a backup whose resource nobody names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// When a listing showed one of its backups last.
    pub seen: Option<Timestamp>,
    /// When its newest backup was made, the oldest that is known included.
    pub newest: Option<Timestamp>,
    /// What is known in each destination, in the order of the rule.
    pub at: Vec<Side>,
}

/// One resource in one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The newest usable copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// The oldest backup after it that has no usable copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncopied: Option<Uncopied>,
}

/// A usable copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// When its source backup was made: a copy is as old as that.
    pub made: Timestamp,
    /// The source backup.
    pub backup: String,
    /// The copy's ID, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// Whether it is concluded and was not seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// A backup without a usable copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncopied {
    /// When it was made.
    pub made: Timestamp,
    /// Its ID.
    pub backup: String,
    /// What was said of it.
    pub verdict: Verdict,
    /// The cause as a fixed word or code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Side {
    /// Takes note of a usable copy.
    pub(crate) fn copy(&mut self, copied: Copied) {
        if self.copied.as_ref().is_none_or(|known| known.made < copied.made) {
            self.copied = Some(copied);
        }
    }

    /// Takes note of a backup without a usable copy, once all copies are known. Of several newer than the copy the oldest counts, since it is
    /// due first.
    pub(crate) fn miss(&mut self, uncopied: Uncopied) {
        let newer = self.copied.as_ref().is_none_or(|copied| copied.made < uncopied.made);
        if newer && self.uncopied.as_ref().is_none_or(|known| uncopied.made < known.made) {
            self.uncopied = Some(uncopied);
        }
    }
}

impl Uncopied {
    /// What an exception says of its backup; `None` if that has a copy, is not finished, or was made nobody knows when.
    pub(crate) fn of(line: &Line) -> Option<Uncopied> {
        let made = line.created_at.filter(|_| line.verdict.is_uncopied())?;
        Some(Uncopied {
            made,
            backup: line.backup_id.clone(),
            verdict: line.verdict,
            cause: line.cause.clone(),
            reason: line.reason.clone(),
        })
    }
}

/// All resources of a rule.
#[derive(Debug, Default)]
pub(crate) struct Register {
    resources: BTreeMap<(String, Option<String>), Resource>,
    destinations: usize,
}

impl Register {
    pub(crate) fn new(destinations: usize) -> Register {
        Register { resources: BTreeMap::new(), destinations }
    }

    /// Takes note of a backup that a listing showed, and of its usable copy in a destination.
    ///
    /// A backup that stands for itself and has its copy needs no line: it is protected as long as it is listed.
    pub(crate) fn see(&mut self, backup: &Backup, at: usize, copied: Option<(Option<&str>, Proof)>, now: Timestamp) {
        let own = backup.resource.is_none();
        if own && copied.is_some() {
            return;
        }
        let id = backup.resource.as_deref().unwrap_or(&backup.id);
        let resource = self.resource(id, backup.resource_kind.as_deref());
        resource.own = own;
        resource.seen = Some(now);
        if backup.created_at >= resource.newest {
            resource.newest = backup.created_at;
            resource.name.clone_from(&backup.name);
            resource.tags.clone_from(&backup.tags);
            resource.vault.clone_from(&backup.vault_id);
        }
        if let (Some((copy, proof)), Some(made), Some(side)) = (copied, backup.created_at, resource.at.get_mut(at))
            && side.copied.as_ref().is_none_or(|known| known.made < made)
        {
            let (backup, copy) = (backup.id.clone(), copy.map(str::to_owned));
            side.copied = Some(Copied { made, backup, copy, inferred: proof == Proof::Inferred });
        }
    }

    /// Whether a resource has a usable copy in a destination, newer than `made` if that is given.
    pub(crate) fn has_copy(&self, line: &Line, at: usize, made: Option<Timestamp>) -> bool {
        let Some(id) = &line.resource else { return false };
        let key = (id.clone(), line.resource_kind.clone());
        let copied = self.resources.get(&key).and_then(|resource| resource.at.get(at)?.copied.as_ref());
        copied.is_some_and(|copied| made.is_none_or(|made| copied.made > made))
    }

    /// Takes note of a usable copy whose source no listing shows.
    pub(crate) fn copy(&mut self, id: &str, kind: Option<&str>, at: usize, copied: Copied) {
        let resource = self.resource(id, kind);
        resource.newest = resource.newest.max(Some(copied.made));
        if let Some(side) = resource.at.get_mut(at) {
            side.copy(copied);
        }
    }

    /// Takes note of an exception.
    pub(crate) fn except(&mut self, line: &Line, at: usize) {
        let Some(uncopied) = Uncopied::of(line) else { return };
        let (id, own) = (line.resource.as_deref().unwrap_or(&line.backup_id), line.resource.is_none());
        let resource = self.resource(id, line.resource_kind.as_deref());
        resource.own |= own;
        resource.newest = resource.newest.max(line.created_at);
        if resource.name.is_none() {
            resource.name.clone_from(&line.name);
        }
        if let Some(side) = resource.at.get_mut(at) {
            side.miss(uncopied);
        }
    }

    /// Carries over what an earlier sweep knew of a resource. `still_there` says whether a copy is still usable in a destination.
    pub(crate) fn carry(&mut self, known: Resource, rule: &Rule, still_there: &mut dyn FnMut(usize, &Copied) -> bool) {
        // A backup that stood for itself is known by its record, as long as something is to become of it.
        if known.own || !is_selected(rule, &known) {
            return;
        }
        let resource = self.resource(&known.id, known.kind.as_deref());
        resource.seen = resource.seen.max(known.seen);
        if known.newest > resource.newest {
            resource.newest = known.newest;
            resource.name = known.name;
            resource.tags = known.tags;
            resource.vault = known.vault;
        }
        for (at, (side, known)) in resource.at.iter_mut().zip(known.at).enumerate() {
            if let Some(copied) = known.copied
                && side.copied.as_ref().is_none_or(|newer| newer.made < copied.made)
                && still_there(at, &copied)
            {
                side.copied = Some(copied);
            }
            if let Some(uncopied) = known.uncopied {
                side.miss(uncopied);
            }
        }
    }

    /// The lines of all resources, for [`Register::restore`].
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.resources.values().map(|resource| serde_json::to_string(resource).unwrap_or_default())
    }

    /// Takes up a line of [`Register::lines`]; `None` if it cannot be read.
    pub(crate) fn restore(&mut self, line: &str) -> Option<()> {
        let resource: Resource = serde_json::from_str(line).ok()?;
        self.resources.insert((resource.id.clone(), resource.kind.clone()), resource);
        Some(())
    }

    fn resource(&mut self, id: &str, kind: Option<&str>) -> &mut Resource {
        let destinations = self.destinations;
        self.resources.entry((id.to_owned(), kind.map(str::to_owned))).or_insert_with(|| Resource {
            id: id.to_owned(),
            kind: kind.map(str::to_owned),
            at: vec![Side::default(); destinations],
            ..Resource::default()
        })
    }
}

/// Whether a rule, as it is now, selects a resource by what is known of its newest backup. Its age does not count.
fn is_selected(rule: &Rule, known: &Resource) -> bool {
    let newest = Backup {
        id: known.id.clone(),
        name: known.name.clone(),
        tags: known.tags.clone(),
        resource: Some(known.id.clone()).filter(|_| !known.own),
        resource_kind: known.kind.clone(),
        vault_id: known.vault.clone(),
        created_at: None,
        completed_at: None,
        size_gib: None,
        eligibility: Eligibility::Usable,
        hint: None,
        copies: Vec::new(),
        copies_told: false,
    };
    rule.selects(&newest) == Coverage::Covered
}
