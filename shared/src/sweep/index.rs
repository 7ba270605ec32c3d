//! The copies of one destination in a few bytes each: a million of them fit into some 30 MiB.
//!
//! A copy is found by its source backup where the destination names that, else by its own ID. Only 61 bits of a hash are kept, so a
//! collision has a chance of 1 in 2 million per million backups. Each sweep has another salt: no collision outlives its sweep.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::model::backup::{CopyState, DestinationCopy};
use crate::providers::inventory::SourceKey;

/// One copy: hash, whether the source is known, and state, packed into one number. Its ID lies in `ids`.
#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    at: u32,
    made: u32,
}

/// The bit of a copy that is an orphan unless a backup of the rule's source leads to it.
const SOURCE_KNOWN: u64 = 0b100;
const DETAILS: u64 = 0b111;
/// The state of a copy that failed. With the bit of a running one it means the same.
const FAILED: u64 = 0b10;

/// The copies that one destination listed.
#[derive(Default)]
pub(crate) struct CopyIndex {
    salt: String,
    entries: Vec<Entry>,
    /// For each leading number of a hash, where its entries begin, so that a search is short. Set by [`CopyIndex::seal`].
    starts: Vec<usize>,
    ids: String,
    matched: Vec<u64>,
    /// How much of `ids` has been written down.
    kept: usize,
}

impl CopyIndex {
    pub(crate) fn new(salt: &str) -> CopyIndex {
        CopyIndex { salt: salt.to_owned(), ..CopyIndex::default() }
    }

    /// Makes room for as many copies as the provider says there are, so that growing never doubles the memory.
    pub(crate) fn expect(&mut self, total: u64) {
        let with_overlap = usize::try_from(total.saturating_mul(10) / 9).unwrap_or(0).min(8_000_000);
        self.entries.reserve_exact(with_overlap.saturating_sub(self.entries.len()));
    }

    /// Adds a copy, with its source where that is known. `ours`: no other rule puts copies where this one lies.
    pub(crate) fn add(&mut self, copy: &DestinationCopy, source: Option<&SourceKey>, ours: bool) {
        let state = match copy.state {
            CopyState::Done => 0,
            CopyState::Running => 1,
            CopyState::Failed => FAILED,
        };
        let (hash, known) = match source {
            Some(source) => (self.hash("source", &source.text), u64::from(source.certain) * SOURCE_KNOWN),
            None => (self.hash("copy", &copy.id), u64::from(ours) * SOURCE_KNOWN),
        };
        let made = copy.created_at.and_then(|at| u32::try_from(at.as_second()).ok()).unwrap_or(0);
        match copy.size_gib {
            Some(size) => self.put(hash | known | state, made, &format!("{} {size}", copy.id)),
            None => self.put(hash | known | state, made, &copy.id),
        }
    }

    /// Sorts the copies. To be called once, after the last copy was added and before the first search.
    pub(crate) fn seal(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        // Pages overlap, so a copy can be here twice. The entry that came last is the newest and is kept.
        self.entries.sort_unstable_by(|a, b| {
            let keys = (a.key & !DETAILS).cmp(&(b.key & !DETAILS));
            keys.then_with(|| id(&ids, a).cmp(id(&ids, b))).then(b.at.cmp(&a.at))
        });
        self.entries
            .dedup_by(|next, kept| next.key & !DETAILS == kept.key & !DETAILS && id(&ids, next) == id(&ids, kept));
        self.ids = ids;
        self.matched = vec![0; self.entries.len().div_ceil(64)];
        let buckets = 1_u64 << self.bits();
        let start = |bucket| self.entries.partition_point(|entry| self.bucket(entry.key) < bucket);
        self.starts = (0..=buckets).map(start).collect();
    }

    /// How many leading bits of a hash choose its bucket: so many that some 16 entries share one.
    fn bits(&self) -> u32 {
        self.entries.len().max(1).ilog2().saturating_sub(4).min(16)
    }

    fn bucket(&self, hash: u64) -> u64 {
        hash.checked_shr(u64::BITS - self.bits()).unwrap_or(0)
    }

    /// The best copy that has one of these source keys, or one of these IDs as its own. Copies that match are no orphans. One that tells
    /// another size than `size_gib` is not usable as this copy.
    pub(crate) fn find<'a>(
        &mut self,
        sources: &[String],
        ids: impl IntoIterator<Item = &'a str>,
        size_gib: Option<u64>,
    ) -> Option<(CopyState, String)> {
        let sources = sources.iter().map(|source| ("source", source.as_str()));
        let mut best: Option<Entry> = None;
        for (kind, text) in sources.chain(ids.into_iter().map(|id| ("copy", id))) {
            let hash = self.hash(kind, text);
            let found = self.best(hash, size_gib);
            best = match (best, found) {
                (Some(one), Some(other)) if rank(one.key) <= rank(other.key) => Some(one),
                (one, None) => one,
                (_, other) => other,
            };
        }
        best.map(|entry| (state(entry.key), id(&self.ids, &entry).to_owned()))
    }

    /// Whether a usable copy of one of these sources is there, or one that has this ID. It does not count as found by that.
    pub(crate) fn shows(&self, sources: &[String], id: Option<&str>) -> bool {
        self.has(sources, id, CopyState::Done)
    }

    /// Whether a copy of one of these sources is being made. It does not count as found by that.
    pub(crate) fn makes(&self, sources: &[String]) -> bool {
        self.has(sources, None, CopyState::Running)
    }

    fn has(&self, sources: &[String], id: Option<&str>, wanted: CopyState) -> bool {
        let sources = sources.iter().map(|source| ("source", source.as_str()));
        sources.chain(id.map(|id| ("copy", id))).any(|(kind, text)| {
            let hash = self.hash(kind, text);
            self.of_hash(hash).any(|(_, entry)| state(entry.key) == wanted)
        })
    }

    /// The copies to whose source no backup led: ID, and the time when the copy was made.
    pub(crate) fn orphans(&self) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
        let lonely = |(at, entry): &(usize, &Entry)| {
            let matched = self.matched.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0);
            entry.key & SOURCE_KNOWN != 0 && state(entry.key) != CopyState::Failed && !matched
        };
        self.entries.iter().enumerate().filter(lonely).map(|(_, entry)| {
            (
                id(&self.ids, entry),
                (entry.made > 0).then(|| Timestamp::from_second(i64::from(entry.made)).ok()).flatten(),
            )
        })
    }

    /// The copies that were added since [`CopyIndex::kept_all`], as one line each for [`CopyIndex::restore`].
    pub(crate) fn fresh_lines(&self) -> impl Iterator<Item = String> + '_ {
        let fresh = self.entries.iter().filter(|entry| entry.at as usize >= self.kept);
        fresh.map(|entry| format!("{:x} {} {}", entry.key, entry.made, line(&self.ids, entry)))
    }

    /// Notes that all copies so far are written down.
    pub(crate) fn kept_all(&mut self) {
        self.kept = self.ids.len();
    }

    /// Adds the copy of a line from [`CopyIndex::fresh_lines`]. `None` if the line cannot be read.
    pub(crate) fn restore(&mut self, line: &str) -> Option<()> {
        let mut parts = line.splitn(3, ' ');
        let key = u64::from_str_radix(parts.next()?, 16).ok()?;
        let made = parts.next()?.parse().ok()?;
        self.put(key, made, parts.next()?);
        self.kept = self.ids.len();
        Some(())
    }

    /// Which copies were found so far, as lines for [`CopyIndex::restore_matched`].
    pub(crate) fn matched(&self) -> Vec<String> {
        self.matched
            .chunks(1_000)
            .map(|words| words.iter().map(|word| format!("{word:x}")).collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// Restores which copies were found, from lines of [`CopyIndex::matched`]. To be called after [`CopyIndex::seal`].
    pub(crate) fn restore_matched(&mut self, lines: &[String]) {
        let words = lines.iter().flat_map(|line| line.split(' ')).filter_map(|word| u64::from_str_radix(word, 16).ok());
        for (word, found) in self.matched.iter_mut().zip(words) {
            *word = found;
        }
    }

    fn put(&mut self, key: u64, made: u32, id: &str) {
        // No inventory has four GiB of IDs. A copy that would not fit is left out, as if it had not been listed.
        let Ok(at) = u32::try_from(self.ids.len()) else { return };
        self.ids.push_str(id);
        self.ids.push('\n');
        self.entries.push(Entry { key, at, made });
    }

    /// The copies of one hash, with their positions.
    fn of_hash(&self, hash: u64) -> impl Iterator<Item = (usize, Entry)> + '_ {
        let bucket = usize::try_from(self.bucket(hash)).unwrap_or(0);
        let (start, end) = match self.starts.get(bucket..bucket + 2) {
            Some(&[start, end]) => (start, end),
            _ => (0, self.entries.len()),
        };
        let bucket = self.entries.get(start..end).unwrap_or_default();
        let from = start + bucket.partition_point(|entry| entry.key & !DETAILS < hash);
        let of_hash = move |(_, entry): &(usize, &Entry)| entry.key & !DETAILS == hash;
        self.entries.iter().enumerate().skip(from).take_while(of_hash).map(|(at, entry)| (at, *entry))
    }

    fn best(&mut self, hash: u64, size_gib: Option<u64>) -> Option<Entry> {
        let mut best: Option<Entry> = None;
        let found: Vec<(usize, Entry)> = self.of_hash(hash).collect();
        for (at, mut entry) in found {
            if let (Some(wanted), Some(told)) = (size_gib, size(&self.ids, &entry))
                && wanted != told
            {
                entry.key |= FAILED;
            }
            if let Some(word) = self.matched.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
            if best.is_none_or(|best| rank(entry.key) < rank(best.key)) {
                best = Some(entry);
            }
        }
        best
    }

    fn hash(&self, kind: &str, text: &str) -> u64 {
        let mut hash = Sha256::new();
        for part in [self.salt.as_str(), kind, text] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let bytes: [u8; 32] = hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        u64::from_be_bytes(first) & !DETAILS
    }
}

fn line<'t>(ids: &'t str, entry: &Entry) -> &'t str {
    ids.get(entry.at as usize..).and_then(|rest| rest.split('\n').next()).unwrap_or_default()
}

fn id<'t>(ids: &'t str, entry: &Entry) -> &'t str {
    line(ids, entry).split(' ').next().unwrap_or_default()
}

/// The size in GiB, which follows the ID where it is told.
fn size(ids: &str, entry: &Entry) -> Option<u64> {
    line(ids, entry).split(' ').nth(1)?.parse().ok()
}

/// A usable copy goes before a running one, and that before one that failed.
fn rank(key: u64) -> u64 {
    key & 0b11
}

fn state(key: u64) -> CopyState {
    match key & 0b11 {
        0 => CopyState::Done,
        1 => CopyState::Running,
        _ => CopyState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(id: &str, state: CopyState) -> DestinationCopy {
        DestinationCopy {
            id: id.into(),
            name: None,
            source_id: None,
            source_region: None,
            vault_id: None,
            state,
            created_at: Timestamp::from_second(1_000_000).ok(),
            size_gib: None,
        }
    }

    #[test]
    fn a_copy_of_another_size_is_none_and_its_size_is_kept() {
        let sized = |id: &str, size: u64| DestinationCopy { size_gib: Some(size), ..copy(id, CopyState::Done) };
        let mut index = CopyIndex::new("x");
        index.add(&sized("c-1", 1), Some(&key("s-1")), false);
        index.add(&sized("c-2", 100), Some(&key("s-2")), false);
        index.add(&sized("c-3", 1), Some(&key("s-2")), false);
        let mut again = CopyIndex::new("x");
        index.fresh_lines().for_each(|line| again.restore(&line).unwrap());
        for mut index in [index, again] {
            index.seal();
            let mut of = |source: &str, size| index.find(&[source.to_owned()], [], size);
            assert_eq!(of("s-1", Some(100)), Some((CopyState::Failed, "c-1".into())));
            assert_eq!(of("s-1", Some(1)), Some((CopyState::Done, "c-1".into())));
            assert_eq!(of("s-1", None), Some((CopyState::Done, "c-1".into())));
            assert_eq!(of("s-2", Some(100)), Some((CopyState::Done, "c-2".into())), "the one of the right size counts");
        }
    }

    fn key(text: &str) -> SourceKey {
        SourceKey { text: text.into(), certain: true }
    }

    fn filled() -> CopyIndex {
        let mut index = CopyIndex::new("salt");
        index.expect(5);
        index.add(&copy("c-1", CopyState::Failed), Some(&key("s-1")), false);
        index.add(&copy("c-2", CopyState::Done), Some(&key("s-1")), false);
        index.add(&copy("c-3", CopyState::Running), Some(&key("s-3")), false);
        index.add(&copy("c-4", CopyState::Done), None, false);
        index.add(&copy("c-5", CopyState::Done), Some(&key("s-gone")), false);
        // A page that overlaps.
        index.add(&copy("c-5", CopyState::Done), Some(&key("s-gone")), false);
        index
    }

    #[test]
    fn the_best_copy_is_found_by_its_source_or_its_id() {
        let mut index = filled();
        index.seal();
        assert_eq!(index.find(&["s-1".to_owned()], [], None), Some((CopyState::Done, "c-2".into())));
        assert_eq!(index.find(&["s-3".to_owned()], ["c-4"], None), Some((CopyState::Done, "c-4".into())));
        assert_eq!(index.find(&["s-4".to_owned()], [], None), None);
        assert_eq!(index.find(&["s-4".to_owned()], ["c-9"], None), None);
        let orphans: Vec<&str> = index.orphans().map(|(id, _)| id).collect();
        assert_eq!(orphans, ["c-5"], "what was matched, or has no known source, is no orphan");
    }

    #[test]
    fn each_of_many_is_found_and_no_other() {
        for many in [0, 1, 15, 16, 31, 33, 5_000] {
            let mut index = CopyIndex::new("salt");
            for at in 0..many {
                index.add(&copy(&format!("c-{at}"), CopyState::Done), Some(&key(&format!("s-{at}"))), false);
            }
            index.seal();
            for at in 0..many {
                let found = index.find(&[format!("s-{at}")], [], None);
                assert_eq!(found, Some((CopyState::Done, format!("c-{at}"))), "of {many}");
            }
            assert_eq!((index.find(&["s-none".to_owned()], [], None), index.orphans().count()), (None, 0), "of {many}");
        }
    }

    #[test]
    fn an_index_is_taken_up_where_it_was_left() {
        let mut index = filled();
        let first: Vec<String> = index.fresh_lines().collect();
        assert_eq!(index.fresh_lines().count(), 6, "what could not be written is told again");
        index.kept_all();
        index.add(&copy("c-6", CopyState::Done), Some(&key("s-6")), false);
        let second: Vec<String> = index.fresh_lines().collect();
        index.kept_all();
        assert_eq!((first.len(), second.len(), index.fresh_lines().count()), (6, 1, 0));
        index.seal();
        index.find(&["s-gone".to_owned()], [], None);
        let mut again = CopyIndex::new("salt");
        for line in first.iter().chain(&second) {
            again.restore(line).unwrap();
        }
        again.seal();
        again.restore_matched(&index.matched());
        assert_eq!(again.find(&["s-6".to_owned()], [], None), Some((CopyState::Done, "c-6".into())));
        let orphans: Vec<&str> = again.orphans().map(|(id, _)| id).collect();
        assert_eq!(
            orphans,
            Vec::<&str>::from(["c-2", "c-1", "c-3"]).into_iter().filter(|id| orphans.contains(id)).collect::<Vec<_>>()
        );
        assert!(!orphans.contains(&"c-5") && !orphans.contains(&"c-6"));
        assert!(again.restore("nonsense").is_none());
    }
}
