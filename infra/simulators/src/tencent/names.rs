//! An index over snapshot names that answers exact, prefix and substring questions without reading every name.

use std::collections::{BTreeMap, HashMap};

use crate::cloud::NameFilter;

const GRAM_BYTES: usize = 4;

/// Names of one region's snapshots, by slot.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: BTreeMap<String, Vec<u32>>,
    /// For substrings: every second four-byte piece, chosen by its content so that a name and a part of it choose alike.
    grams: HashMap<[u8; GRAM_BYTES], Vec<u32>>,
}

impl Names {
    pub(super) fn insert(&mut self, name: &str, slot: u32) {
        self.exact.entry(name.to_owned()).or_default().push(slot);
        for gram in chosen(name) {
            let slots = self.grams.entry(gram).or_default();
            // A piece that occurs twice in a name is listed once.
            if slots.last() != Some(&slot) {
                slots.push(slot);
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str, slot: u32) {
        if let Some(slots) = self.exact.get_mut(name) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.exact.remove(name);
            }
        }
        for gram in chosen(name) {
            if let Some(slots) = self.grams.get_mut(&gram) {
                slots.retain(|other| *other != slot);
            }
        }
    }

    /// Slots whose name may match; for substrings a superset that the caller narrows down by the name itself.
    pub(super) fn candidates(&self, filter: NameFilter, wanted: &str) -> Vec<u32> {
        match filter {
            NameFilter::Exact => self.exact.get(wanted).cloned().unwrap_or_default(),
            NameFilter::Prefix => self
                .exact
                .range(wanted.to_owned()..)
                .take_while(|(name, _)| name.starts_with(wanted))
                .flat_map(|(_, slots)| slots.iter().copied())
                .collect(),
            NameFilter::Substring => {
                let rarest = chosen(wanted)
                    .map(|gram| self.grams.get(&gram).map_or(&[][..], Vec::as_slice))
                    .min_by_key(|slots| slots.len());
                rarest.map_or_else(
                    || {
                        self.exact
                            .iter()
                            .filter(|(name, _)| name.contains(wanted))
                            .flat_map(|(_, slots)| slots.iter().copied())
                            .collect()
                    },
                    <[u32]>::to_vec,
                )
            }
        }
    }
}

fn chosen(name: &str) -> impl Iterator<Item = [u8; GRAM_BYTES]> {
    name.as_bytes()
        .windows(GRAM_BYTES)
        .filter_map(|piece| <[u8; GRAM_BYTES]>::try_from(piece).ok())
        .filter(|piece| u32::from_le_bytes(*piece).wrapping_mul(0x9E37_79B1) >> 31 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_name_finds_it() {
        let mut names = Names::default();
        let all = ["Copied snap-6z1cbtrc from ap-seoul", "offsite snap-ckgjwkqh ap-guangzhou 1", "web", ""];
        for (slot, name) in (0..).zip(all) {
            names.insert(name, slot);
        }
        for (slot, name) in (0..).zip(all) {
            for from in 0..name.len() {
                for to in from + 1..=name.len() {
                    assert!(
                        names.candidates(NameFilter::Substring, &name[from..to]).contains(&slot),
                        "{}",
                        &name[from..to]
                    );
                }
            }
        }
        assert_eq!(names.candidates(NameFilter::Prefix, "Copied snap-6"), [0]);
        assert_eq!(names.candidates(NameFilter::Exact, "web"), [2]);
        names.remove("web", 2);
        assert!(names.candidates(NameFilter::Exact, "web").is_empty());
    }
}
