//! The names of copies, by which they are found again.

/// The longest name of a snapshot. Source: tencentyun/intlcloud-documents, ModifySnapshotAttribute, 2023-07-10.
const NAME_LIMIT: usize = 60;

/// How the names of our copies begin.
pub(super) const OURS: &str = "offsite-";

/// Our name for a copy, made of source and source region; at most 60 characters. It is the same for each attempt, so that a copy is also found
/// by whoever does not know how many attempts there were.
pub(super) fn name_of(source_id: &str, source_region: &str) -> String {
    let name = format!("{OURS}{source_id}-{source_region}");
    if name.len() <= NAME_LIMIT {
        return name;
    }
    let hash = crate::model::text::hash_of(&[source_id, source_region]);
    format!("{OURS}{}", &hash[..HASH])
}

/// How many digits of its hash stand for a source whose name would be too long.
pub(super) const HASH: usize = 40;

/// Both names under which a copy can be found, be it ours or one that was made with the provider's default name.
pub(super) fn copy_names(source_id: &str, source_region: &str) -> Vec<String> {
    // Source: API page 362/45941, default of SnapshotName; a recorded replica of 2022-09-29 has this very form.
    vec![name_of(source_id, source_region), format!("Copied {source_id} from {source_region}")]
}
