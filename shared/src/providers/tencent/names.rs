//! The names of copies, by which they are found again.

use crate::model::command::Replication;

/// The longest name of a snapshot. Source: tencentyun/intlcloud-documents, ModifySnapshotAttribute, 2023-07-10.
const NAME_LIMIT: usize = 60;

/// The fixed name of a copy, made of source, source region and attempt; at most 60 characters.
pub(crate) fn snapshot_name(replication: &Replication, attempt: u32) -> String {
    name_of(&replication.source.id, &replication.source.region, attempt)
}

/// Every name under which a copy can be found, be it ours or one that was made before us with the default name.
pub(crate) fn copy_names(source_id: &str, source_region: &str, attempts: u32) -> Vec<String> {
    let ours = (1..=attempts).map(|attempt| name_of(source_id, source_region, attempt));
    // Source: API page 362/45941, default of SnapshotName; a recorded replica of 2022-09-29 has this very form.
    ours.chain([format!("Copied {source_id} from {source_region}")]).collect()
}

/// How the names of our copies begin.
pub(super) const OURS: &str = "offsite-";

pub(super) fn name_of(source_id: &str, source_region: &str, attempt: u32) -> String {
    let name = format!("{OURS}{source_id}-{source_region}-{attempt}");
    if name.len() <= NAME_LIMIT {
        return name;
    }
    let hash = crate::model::text::hash_of(&[source_id, source_region]);
    format!("{OURS}{}-{attempt}", &hash[..40])
}
