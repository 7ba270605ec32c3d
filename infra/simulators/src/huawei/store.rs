//! Projects, vaults, backups, checkpoint items and replication records.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::clock::later;
use crate::text::{is_uuid, uuid_of};

/// Everything the account has.
pub(super) struct Store {
    /// The region of each project, by project ID.
    pub(super) projects: HashMap<String, String>,
    pub(super) vaults: HashMap<String, Vault>,
    pub(super) items: HashMap<String, Item>,
    backups: HashMap<String, Backup>,
    by_project: HashMap<String, BTreeSet<(Timestamp, String)>>,
    by_vault: HashMap<String, BTreeSet<(Timestamp, String)>>,
    by_checkpoint: HashMap<String, String>,
    records: Vec<Record>,
    record_ids: HashMap<String, usize>,
    /// The places in `records`, by source backup or item.
    records_of: HashMap<String, Vec<usize>>,
    /// IDs that existed once: they are never made up again.
    gone: HashSet<String>,
    opened: Timestamp,
}

/// A vault.
#[derive(Clone)]
pub(super) struct Vault {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) name: String,
    /// `backup` or `replication`; a vault made up in any-source mode serves as either.
    pub(super) protect_type: String,
    pub(super) object_type: String,
    pub(super) status: String,
    pub(super) full: bool,
    pub(super) made_up: bool,
}

/// A backup or a replica.
#[derive(Clone)]
pub(super) struct Backup {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) vault: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) status: String,
    pub(super) image_type: String,
    pub(super) resource_type: String,
    pub(super) resource_id: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) contain_system_disk: bool,
    /// The moment at which a replica appears in its destination; before that nobody sees it.
    pub(super) appears: Option<Timestamp>,
}

/// A CSBS checkpoint item.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) image_type: String,
    pub(super) resource_id: String,
    pub(super) created: Timestamp,
}

/// One replication of one backup or item.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) operation: &'static str,
    pub(super) source: String,
    pub(super) source_project: String,
    pub(super) source_region: String,
    pub(super) source_vault: String,
    pub(super) destination_region: String,
    pub(super) destination_project: String,
    pub(super) destination_vault: String,
    pub(super) replica: String,
    pub(super) auto_trigger: bool,
    pub(super) started: Timestamp,
    pub(super) visible: Timestamp,
    pub(super) ready: Timestamp,
    pub(super) fails: bool,
}

impl Record {
    /// The status as the API tells it.
    pub(super) fn status(&self, now: Timestamp) -> &'static str {
        match self.neutral_state(now) {
            "failed" => "fail",
            "done" => "success",
            _ if self.progress(now) < 10 => "waiting_replicate",
            _ => "replicating",
        }
    }

    pub(super) fn neutral_state(&self, now: Timestamp) -> &'static str {
        match (now < self.ready, self.fails) {
            (true, _) => "running",
            (false, true) => "failed",
            (false, false) => "done",
        }
    }

    pub(super) fn progress(&self, now: Timestamp) -> i64 {
        let whole = self.ready.duration_since(self.started).as_secs_f64();
        if now >= self.ready || whole <= 0.0 {
            return 100;
        }
        // Below 100, since `now` is before the end.
        (now.duration_since(self.started).as_secs_f64() / whole * 100.0) as i64
    }
}

impl Vault {
    pub(super) fn new(id: &str, project: &str, protect_type: &str) -> Self {
        Self {
            id: id.to_owned(),
            project: project.to_owned(),
            name: format!("vault-{}", &id[..id.len().min(4)]),
            protect_type: protect_type.to_owned(),
            object_type: "server".to_owned(),
            status: "available".to_owned(),
            full: false,
            made_up: false,
        }
    }
}

impl Backup {
    /// A finished server backup with the system disk.
    pub(super) fn plain(id: &str, project: &str, vault: &str, created: Timestamp) -> Self {
        Self::of_server(uuid_of(&format!("server/{id}")), id, project, vault, created)
    }

    /// A finished backup of this server, with the system disk.
    pub(super) fn of_server(server: String, id: &str, project: &str, vault: &str, created: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            project: project.to_owned(),
            vault: vault.to_owned(),
            name: format!("autobk_{}", &id[..id.len().min(4)]),
            description: String::new(),
            status: "available".to_owned(),
            image_type: "backup".to_owned(),
            resource_type: "OS::Nova::Server".to_owned(),
            resource_id: server,
            created,
            updated: created,
            contain_system_disk: true,
            appears: None,
        }
    }

    pub(super) fn checkpoint(&self) -> String {
        uuid_of(&format!("checkpoint/{}", self.id))
    }

    pub(super) fn there(&self, now: Timestamp) -> bool {
        self.appears.is_none_or(|at| now >= at)
    }
}

impl Item {
    pub(super) fn plain(id: &str, project: &str, created: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            project: project.to_owned(),
            name: format!("manualbk_{}", &id[..id.len().min(4)]),
            status: "available".to_owned(),
            image_type: "backup".to_owned(),
            resource_id: uuid_of(&format!("server/{id}")),
            created,
        }
    }
}

impl Store {
    pub(super) fn new(opened: Timestamp) -> Self {
        Self {
            projects: HashMap::new(),
            vaults: HashMap::new(),
            items: HashMap::new(),
            backups: HashMap::new(),
            by_project: HashMap::new(),
            by_vault: HashMap::new(),
            by_checkpoint: HashMap::new(),
            records: Vec::new(),
            record_ids: HashMap::new(),
            records_of: HashMap::new(),
            gone: HashSet::new(),
            opened,
        }
    }

    /// Adds a backup, or puts it in the place of the one with its ID.
    pub(super) fn insert(&mut self, backup: Backup) {
        self.take_out(&backup.id);
        self.gone.remove(&backup.id);
        let key = (backup.created, backup.id.clone());
        self.by_project.entry(backup.project.clone()).or_default().insert(key.clone());
        self.by_vault.entry(backup.vault.clone()).or_default().insert(key);
        self.by_checkpoint.insert(backup.checkpoint(), backup.id.clone());
        self.backups.insert(backup.id.clone(), backup);
    }

    /// Takes a backup, item or vault out for good.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let removed = self.take_out(id) | self.items.remove(id).is_some() | self.vaults.remove(id).is_some();
        if removed {
            self.gone.insert(id.to_owned());
        }
        removed
    }

    fn take_out(&mut self, id: &str) -> bool {
        let Some(backup) = self.backups.remove(id) else {
            return false;
        };
        let key = (backup.created, backup.id.clone());
        for set in
            [self.by_project.get_mut(&backup.project), self.by_vault.get_mut(&backup.vault)].into_iter().flatten()
        {
            set.remove(&key);
        }
        self.by_checkpoint.remove(&backup.checkpoint());
        true
    }

    /// The backup as it exists in `project`; any-source mode makes one up.
    pub(super) fn backup(&mut self, id: &str, project: &str, any_source: bool, now: Timestamp) -> Option<&Backup> {
        if any_source && !self.backups.contains_key(id) && is_uuid(id) && !self.gone.contains(id) {
            let backup =
                Backup::plain(id, project, &uuid_of(&format!("vault/{project}")), later(self.opened, -3_600.0));
            self.insert(backup);
        }
        self.backups.get(id).filter(|backup| backup.project == project && backup.there(now))
    }

    /// A backup by its ID, wherever it is.
    pub(super) fn find(&self, id: &str) -> Option<&Backup> {
        self.backups.get(id)
    }

    /// Notes that something of this ID existed once.
    pub(super) fn note_gone(&mut self, id: &str) {
        self.gone.insert(id.to_owned());
    }

    pub(super) fn by_checkpoint(&self, checkpoint: &str) -> Option<&Backup> {
        self.by_checkpoint.get(checkpoint).and_then(|id| self.backups.get(id))
    }

    /// A vault as it exists in `project`; any-source mode makes one up.
    pub(super) fn vault(&mut self, id: &str, project: &str, any_source: bool) -> Option<&Vault> {
        if any_source && !self.vaults.contains_key(id) && is_uuid(id) && !self.gone.contains(id) {
            let vault = Vault { made_up: true, ..Vault::new(id, project, "replication") };
            self.vaults.insert(id.to_owned(), vault);
        }
        self.vaults.get(id).filter(|vault| vault.project == project)
    }

    /// In any-source mode a vault that is used as a source holds three backups that depend on its ID only.
    pub(super) fn fill_source_vault(&mut self, id: &str, project: &str) {
        let Some(vault) = self.vaults.get_mut(id).filter(|vault| vault.made_up && vault.project == project) else {
            return;
        };
        vault.protect_type = "backup".to_owned();
        for number in 1..=3 {
            let backup = uuid_of(&format!("{id}/{number}"));
            if !self.backups.contains_key(&backup) && !self.gone.contains(&backup) {
                let created = later(self.opened, -3_600.0 * f64::from(number));
                self.insert(Backup::plain(&backup, project, id, created));
            }
        }
    }

    /// A CSBS item as it exists in `project`; any-source mode makes one up.
    pub(super) fn item(&mut self, id: &str, project: &str, any_source: bool) -> Option<&Item> {
        if any_source && !self.items.contains_key(id) && is_uuid(id) && !self.gone.contains(id) {
            self.items.insert(id.to_owned(), Item::plain(id, project, later(self.opened, -3_600.0)));
        }
        self.items.get(id).filter(|item| item.project == project)
    }

    /// Backups of a project, or of one of its vaults, oldest first.
    pub(super) fn list<'a>(
        &'a self,
        project: &'a str,
        vault: Option<&str>,
    ) -> Box<dyn DoubleEndedIterator<Item = &'a Backup> + 'a> {
        let keys = match vault {
            Some(vault) => self.by_vault.get(vault),
            None => self.by_project.get(project),
        };
        let of_project = move |backup: &&Backup| backup.project == project;
        Box::new(keys.into_iter().flatten().filter_map(|(_, id)| self.backups.get(id)).filter(of_project))
    }

    pub(super) fn add_record(&mut self, record: Record) {
        let number = self.records.len();
        self.record_ids.insert(record.id.clone(), number);
        self.records_of.entry(record.source.clone()).or_default().push(number);
        self.records.push(record);
    }

    pub(super) fn record(&self, id: &str) -> Option<&Record> {
        self.record_ids.get(id).and_then(|number| self.records.get(*number))
    }

    /// Records of one backup or item, oldest first.
    pub(super) fn records_of(&self, source: &str) -> impl Iterator<Item = &Record> {
        self.records_of.get(source).into_iter().flatten().filter_map(|number| self.records.get(*number))
    }

    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Whether a record stands in the way of another copy: it runs, or it succeeded and its replica still exists.
    pub(super) fn blocks(&self, record: &Record, now: Timestamp) -> bool {
        match record.neutral_state(now) {
            "running" => true,
            "done" => self.backups.contains_key(&record.replica) || self.items.contains_key(&record.replica),
            _ => false,
        }
    }
}
