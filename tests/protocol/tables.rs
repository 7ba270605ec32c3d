//! Numbers for what is too large to be kept in every state: records and messages, with what the properties ask of them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::product::{Key, Message, Record, State};
use crate::provider::copy_number;

/// What the queue is told of after an acceptance.
const VERDICTS: [State; 3] = [State::Replicated, State::Failed, State::Lost];

/// A set of messages by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Bits([u64; 4]);

impl Bits {
    pub fn insert(&mut self, number: u16) {
        let (word, bit) = (usize::from(number / 64), number % 64);
        assert!(word < self.0.len(), "this world has too many different messages");
        self.0[word] |= 1 << bit;
    }

    pub fn has(&self, number: u16) -> bool {
        self.0[usize::from(number / 64)] >> (number % 64) & 1 == 1
    }

    pub fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(one, two)| one & two != 0)
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..256).filter(|number| self.has(*number))
    }
}

/// What the properties ask of a record.
pub struct Facts {
    /// The copies that its receipts name, in their order.
    pub copies: Vec<u8>,
    /// The verdicts in its history, with their attempts.
    pub verdicts: Vec<(State, u32)>,
}

/// What the properties ask of a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Told {
    pub id: String,
    pub state: String,
    pub subject: u8,
    pub attempt: u32,
    /// The copy that it names.
    pub copy: Option<u8>,
    /// Whether it was made from the record of a vault-wide call.
    pub of_vault: bool,
}

/// The tables of one world. Records count from 1: 0 is none.
pub struct Tables {
    pub keys: Vec<Key>,
    records: Vec<(Record, Facts)>,
    /// Few records are so much alike that this does not tell them apart.
    alike: HashMap<u64, Vec<u32>>,
    messages: Vec<Told>,
    by_message: HashMap<Told, u16>,
    lists: Vec<Vec<u32>>,
    by_list: HashMap<Vec<u32>, u32>,
    /// For each copy the messages that tell of its acceptance.
    accepted: HashMap<u8, Bits>,
    /// For each key, verdict and attempt the messages that tell of it.
    verdicts: HashMap<(u8, &'static str, u32), Bits>,
}

impl Tables {
    pub fn new(keys: Vec<Key>) -> Tables {
        Tables {
            keys,
            records: Vec::new(),
            alike: HashMap::new(),
            messages: Vec::new(),
            by_message: HashMap::new(),
            lists: Vec::new(),
            by_list: HashMap::new(),
            accepted: HashMap::new(),
            verdicts: HashMap::new(),
        }
    }

    /// The number of a key.
    pub fn key(&self, key: &str) -> u8 {
        let place = self.keys.iter().position(|known| known.0 == key);
        place.unwrap_or_else(|| panic!("a key that is not of this world: {key}")) as u8
    }

    /// Numbers a record.
    pub fn record_number(&mut self, record: &Record) -> u32 {
        let alike = likeness(record);
        let mut known = self.alike.get(&alike).into_iter().flatten();
        if let Some(number) = known.find(|number| self.records[**number as usize - 1].0 == *record) {
            return *number;
        }
        let facts = Facts {
            copies: record
                .receipts
                .iter()
                .filter_map(|one| copy_named(one.replication_id.as_deref(), &record.command["operation"]))
                .collect(),
            verdicts: record
                .history
                .iter()
                .filter(|entry| VERDICTS.contains(&entry.state))
                .map(|entry| (entry.state, entry.attempt))
                .collect(),
        };
        self.records.push((record.clone(), facts));
        let number = self.records.len() as u32;
        self.alike.entry(alike).or_default().push(number);
        number
    }

    pub fn records(&self) -> usize {
        self.records.len()
    }

    pub fn record(&self, number: u32) -> Option<&Record> {
        number.checked_sub(1).map(|place| &self.records[place as usize].0)
    }

    pub fn facts(&self, number: u32) -> Option<&Facts> {
        number.checked_sub(1).map(|place| &self.records[place as usize].1)
    }

    /// Numbers a message. What two messages say differently without meaning another copy (`adopted`, times) makes no difference.
    pub fn message_number(&mut self, message: &Message) -> u16 {
        let told = self.told(message);
        if let Some(number) = self.by_message.get(&told) {
            return *number;
        }
        let number = self.messages.len() as u16;
        if let Some(copy) = told.copy.filter(|_| told.state == "accepted") {
            self.accepted.entry(copy).or_default().insert(number);
        }
        for state in VERDICTS {
            if told.state == state.name() {
                self.verdicts.entry((told.subject, state.name(), told.attempt)).or_default().insert(number);
            }
        }
        self.messages.push(told.clone());
        self.by_message.insert(told, number);
        number
    }

    pub fn told(&self, message: &Message) -> Told {
        let data = &message.event["data"];
        Told {
            id: message.id.clone(),
            state: data["state"].as_str().unwrap().to_owned(),
            subject: self.key(message.event["subject"].as_str().unwrap()),
            attempt: data["attempt"].as_u64().unwrap() as u32,
            copy: copy_named(data["replication_id"].as_str(), &data["operation"]),
            of_vault: data["operation"] == "copy-checkpoint",
        }
    }

    pub fn message(&self, number: u16) -> &Told {
        &self.messages[usize::from(number)]
    }

    pub fn list_number(&mut self, list: Vec<u32>) -> u32 {
        if let Some(number) = self.by_list.get(&list) {
            return *number;
        }
        self.lists.push(list.clone());
        self.by_list.insert(list, self.lists.len() as u32 - 1);
        self.lists.len() as u32 - 1
    }

    pub fn list(&self, number: u32) -> &[u32] {
        &self.lists[number as usize]
    }

    /// The messages that tell of this copy's acceptance.
    pub fn acceptances(&self, copy: u8) -> Bits {
        self.accepted.get(&copy).copied().unwrap_or_default()
    }

    /// The messages that tell of this verdict.
    pub fn news(&self, key: u8, state: State, attempt: u32) -> Bits {
        self.verdicts.get(&(key, state.name(), attempt)).copied().unwrap_or_default()
    }
}

/// The copy that a receipt names. Of a pair of vaults nothing can be read later but that it is there, and a world makes one of it.
fn copy_named(id: Option<&str>, operation: &Value) -> Option<u8> {
    id.map(copy_number).or((operation == "create-vault-replication").then_some(0))
}

/// A hash of what tells most records apart.
fn likeness(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&record.key, record.version, &record.owner, record.state.name(), record.outbox).hash(&mut hasher);
    (record.attempt, record.lease_until, record.look_at, record.doubt_since, record.since).hash(&mut hasher);
    for entry in &record.history {
        (entry.state.name(), entry.time, &entry.owner).hash(&mut hasher);
    }
    for receipt in &record.receipts {
        (&receipt.replication_id, receipt.time, receipt.adopted).hash(&mut hasher);
    }
    hasher.finish()
}
