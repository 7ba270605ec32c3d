//! What a rule knows of each resource: its newest backup, and in each destination the newest usable copy and what came after it.
//!
//! It is carried from sweep to sweep, so that a resource does not go unprotected by no longer being listed. Each complete listing of a
//! destination checks the newest copy by its ID.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::findings::Line;
use super::verdict::Verdict;
use crate::ledger::About;
use crate::model::backup::{Backup, Eligibility};
use crate::model::json;
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
    /// Whether no listing has shown it yet: only records tell of it, which keep neither tags nor vault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
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
    /// The newest such backup, where that is another one. Once it has a copy, that is the newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Uncopied>,
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

impl Resource {
    fn see(&mut self, backup: &Backup, at: usize, copied: Option<Option<&str>>) {
        self.own = backup.resource.is_none();
        self.unlisted = false;
        if backup.created_at >= self.newest {
            self.newest = backup.created_at;
            self.name.clone_from(&backup.name);
            self.tags.clone_from(&backup.tags);
            self.vault.clone_from(&backup.vault_id);
        }
        // Made only if it is newer: most backups of a large inventory come here, and most are older.
        if let (Some(copy), Some(made), Some(side)) = (copied, backup.created_at, self.at.get_mut(at))
            && side.copied.as_ref().is_none_or(|known| known.made < made)
        {
            side.copied = Some(Copied { made, backup: backup.id.clone(), copy: copy.map(str::to_owned) });
        }
    }
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
        if self.copied.as_ref().is_some_and(|copied| copied.made >= uncopied.made) {
            return;
        }
        match &self.uncopied {
            None => self.uncopied = Some(uncopied),
            Some(known) if known.backup == uncopied.backup => {}
            Some(known) if uncopied.made < known.made => {
                let later = self.uncopied.replace(uncopied);
                self.latest = self.latest.take().or(later);
            }
            Some(_) if self.latest.as_ref().is_none_or(|latest| latest.made < uncopied.made) => {
                self.latest = Some(uncopied);
            }
            Some(_) => {}
        }
    }

    /// The backups without a copy that are known one by one.
    pub(crate) fn take_uncopied(&mut self) -> Vec<Uncopied> {
        self.uncopied.take().into_iter().chain(self.latest.take()).collect()
    }
}

impl Uncopied {
    /// What an exception says of its backup; `None` if that has a copy, or was made nobody knows when. One that is not finished counts once
    /// it is due ([`Uncopied::counts`]).
    pub(crate) fn of(line: &Line) -> Option<Uncopied> {
        let counts = line.verdict.is_uncopied() || line.verdict == Verdict::NotReady;
        let made = line.created_at.filter(|_| counts)?;
        Some(Uncopied {
            made,
            backup: line.backup_id.clone(),
            verdict: line.verdict,
            cause: line.cause.clone(),
            reason: line.reason.clone(),
        })
    }

    /// Whether its resource lacks this copy: a backup that is not finished when its copy is due will be no better than one that cannot be
    /// copied, and until then it is nothing that anybody promised.
    pub(crate) fn counts(&self, due: impl Fn(Timestamp) -> bool) -> bool {
        self.verdict != Verdict::NotReady || due(self.made)
    }
}

/// All resources of a rule.
#[derive(Debug, Default)]
pub(crate) struct Register {
    /// By ID. Of one ID there are as many as it has kinds.
    resources: BTreeMap<String, Vec<Resource>>,
    destinations: usize,
}

impl Register {
    pub(crate) fn new(destinations: usize) -> Register {
        Register { resources: BTreeMap::new(), destinations }
    }

    /// Takes note of a backup that a listing showed, and of its usable copy in a destination.
    ///
    /// `copied` is the copy's ID, where it has one. A backup that stands for itself and has its copy needs no line: it is protected as long as it is listed.
    pub(crate) fn see(&mut self, backup: &Backup, at: usize, copied: Option<Option<&str>>) {
        if backup.resource.is_none() && copied.is_some() {
            return;
        }
        let id = backup.resource.as_deref().unwrap_or(&backup.id);
        let kind = backup.resource_kind.as_deref();
        match self.known(id, kind) {
            Some(resource) => resource.see(backup, at, copied),
            None => self.resource(id, kind).see(backup, at, copied),
        }
    }

    /// Whether a resource has a usable copy in a destination, newer than `made` if that is given.
    pub(crate) fn has_copy(&self, line: &Line, at: usize, made: Option<Timestamp>) -> bool {
        let of_id = line.resource.as_ref().and_then(|id| self.resources.get(id));
        let resource = of_id.and_then(|of_id| of_id.iter().find(|one| one.kind == line.resource_kind));
        let copied = resource.and_then(|resource| resource.at.get(at)?.copied.as_ref());
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

    /// Takes note of an exception. `due` says whether a backup made then should have its copy.
    pub(crate) fn except(&mut self, line: &Line, at: usize, due: impl Fn(Timestamp) -> bool) {
        let Some(uncopied) = Uncopied::of(line).filter(|uncopied| uncopied.counts(due)) else { return };
        let resource = self.resource(line.resource_id(), line.resource_kind.as_deref());
        resource.own |= line.resource.is_none();
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
        resource.unlisted &= known.unlisted;
        if known.newest > resource.newest {
            resource.newest = known.newest;
            resource.name = known.name;
            resource.tags = known.tags;
            resource.vault = known.vault;
        }
        for (at, (side, mut known)) in resource.at.iter_mut().zip(known.at).enumerate() {
            let uncopied = known.take_uncopied();
            if let Some(copied) = known.copied
                && side.copied.as_ref().is_none_or(|newer| newer.made < copied.made)
                && still_there(at, &copied)
            {
                side.copied = Some(copied);
            }
            for uncopied in uncopied {
                side.miss(uncopied);
            }
        }
    }

    /// The lines of all resources, for [`Register::restore`].
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.resources.values().flatten().map(|resource| serde_json::to_string(resource).unwrap_or_default())
    }

    /// Takes up a line of [`Register::lines`]; `None` if it cannot be read.
    pub(crate) fn restore(&mut self, line: &str) -> Option<()> {
        let resource: Resource = json::typed(line).ok()?;
        let (id, kind) = (resource.id.clone(), resource.kind.clone());
        *self.resource(&id, kind.as_deref()) = resource;
        Some(())
    }

    /// The line of a resource, if there is one. This allocates nothing.
    fn known(&mut self, id: &str, kind: Option<&str>) -> Option<&mut Resource> {
        self.resources.get_mut(id)?.iter_mut().find(|one| one.kind.as_deref() == kind)
    }

    /// The line of a resource, which is made if there is none.
    fn resource(&mut self, id: &str, kind: Option<&str>) -> &mut Resource {
        let destinations = self.destinations;
        let of_id = self.resources.entry(id.to_owned()).or_default();
        let at = of_id.iter().position(|one| one.kind.as_deref() == kind).unwrap_or_else(|| {
            of_id.push(Resource {
                id: id.to_owned(),
                kind: kind.map(str::to_owned),
                unlisted: true,
                at: vec![Side::default(); destinations],
                ..Resource::default()
            });
            of_id.len() - 1
        });
        &mut of_id[at]
    }
}

/// Whether a rule, as it is now, selects a resource by what is known of its newest backup. Its age does not count.
fn is_selected(rule: &Rule, known: &Resource) -> bool {
    if known.unlisted {
        let about = About { resource: Some(known.id.clone()), kind: known.kind.clone(), ..About::default() };
        return !rule.source.select.leaves_out("", &about);
    }
    let newest = Backup {
        id: known.id.clone(),
        name: known.name.clone(),
        tags: known.tags.clone(),
        resource: Some(known.id.clone()).filter(|_| !known.own),
        resource_kind: known.kind.clone(),
        vault_id: known.vault.clone(),
        created_at: None,
        completed_at: None,
        changed_at: None,
        size_gib: None,
        eligibility: Eligibility::Usable,
        hint: None,
        copies: Vec::new(),
        copies_told: false,
    };
    rule.selects(&newest) == Coverage::Covered
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;

    fn rule() -> Rule {
        let rule = json!({
            "name": "servers", "provider": "huawei", "operation": "copy-backup",
            "source": { "region": "cn-north-4", "project_id": "f841e01fd2b14e7fa41b6ae7aa6b0594", "vault_id": "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01" },
            "destinations": [{
                "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564", "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02",
            }],
        });
        Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap().rules.remove(0)
    }

    /// What is carried of a resource of which one record has told.
    fn carried(change: impl FnOnce(&mut Resource)) -> usize {
        let copied = Copied { made: Timestamp::UNIX_EPOCH, backup: "b-1".into(), copy: None };
        let mut told = Register::new(1);
        told.copy("server-1", Some("server"), 0, copied);
        let mut known: Resource = serde_json::from_str(&told.lines().next().unwrap()).unwrap();
        change(&mut known);
        let mut register = Register::new(1);
        register.carry(known, &rule(), &mut |_, _| true);
        register.lines().count()
    }

    #[test]
    fn what_no_listing_has_shown_is_not_judged_by_a_vault_that_nobody_noted() {
        assert_eq!(carried(|_| {}), 1);
        assert_eq!(carried(|known| known.unlisted = false), 0, "a listing names the vault");
    }
}
