//! Read-back: whether the copy exists, and whether its source can be copied.

use super::calls::{PAGE, by_ids, by_names};
use super::errors::read;
use super::inventory::copyable;
use super::model::{Described, Snapshot};
use super::names::copy_names;
use super::subject;
use crate::model::backup::Eligibility;
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::Reply;
use crate::model::order;
use crate::providers::asked::{Asked, ask};
use crate::providers::inventory::{end_of, endless, incomplete, repeated};
use crate::providers::provider::{Acceptance, ReadBack};

/// Asks the destination for copies by name, then the source for running copies and its own state.
pub(super) fn read_back(replication: &Replication) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + '_ {
    let mut named = Named::of(replication);
    let mut listed = false;
    move |mut reply| {
        if !listed {
            if let Some(reply) = reply.take() {
                named.take(reply)?;
            }
            if named.seen < named.total {
                return ask(by_names(&replication.destination.region, &named.names, named.seen));
            }
            listed = true;
            if let Some(id) = named.oldest(None)
                && !named.tells_sizes()
            {
                return Ok(ReadBack::Found(Acceptance::one(Some(id), None)));
            }
        }
        let Some(reply) = reply else {
            return ask(by_ids(&replication.source.region, &[&replication.source.id]));
        };
        let source = subject::only(&replication.source.id, &replication.source.region, reply)?;
        let size = source.as_ref().and_then(|source| source.disk_size);
        if let Some(id) = named.oldest(size) {
            return Ok(ReadBack::Found(Acceptance::one(Some(id), None)));
        }
        if let (Some(other), Some(size)) = (named.oldest(None), size) {
            return Err(another_size(&other, size).into());
        }
        let Some(source) = source else {
            return Ok(ReadBack::NoSource(format!(
                "the snapshot {} is not in {}: it was deleted, or the region is wrong",
                replication.source.id, replication.source.region
            )));
        };
        Ok(judge_source(replication, &source))
    }
}

/// The snapshots of a destination that bear the names of a copy, from the pages that were read.
struct Named<'a> {
    region: &'a str,
    names: Vec<String>,
    found: Vec<Snapshot>,
    seen: u64,
    total: u64,
    /// How many there may be, by what the first page counted.
    end: Option<u64>,
    /// The first one of the page before.
    before: Option<String>,
}

impl Named<'_> {
    fn of(replication: &Replication) -> Named<'_> {
        Named {
            region: &replication.destination.region,
            names: copy_names(&replication.source.id, &replication.source.region),
            found: Vec::new(),
            seen: 0,
            total: u64::MAX,
            end: None,
            before: None,
        }
    }

    fn take(&mut self, reply: &Reply) -> Result<(), Failure> {
        let page = read::<Described>(reply)?.body;
        let counted = page.total_count;
        let snapshots = page.shown()?;
        // A full page may have another one after it.
        if counted.is_none() && snapshots.len() as u64 >= PAGE {
            return Err(incomplete("the answer does not count its snapshots"));
        }
        let total = counted.unwrap_or(self.seen + snapshots.len() as u64);
        // Copies that are hidden behind a count that falls, or that says more than is shown, would be made again.
        if self.end.is_some() && total < self.total {
            return Err(incomplete("the count has fallen while it was read"));
        }
        self.total = total;
        let first = snapshots.first().and_then(|snapshot| snapshot.snapshot_id.clone());
        if first.is_some() && first == self.before {
            return Err(Failure { disposition: Disposition::Retryable, ..repeated() });
        }
        self.before = first;
        for snapshot in &snapshots {
            subject::in_region(self.region, snapshot, reply)?;
        }
        self.seen += snapshots.len() as u64;
        let end = *self.end.get_or_insert_with(|| end_of(Some(self.total)));
        if self.seen > end {
            return Err(Failure { disposition: Disposition::Retryable, ..endless(end) });
        }
        self.found.extend(snapshots.into_iter().filter(|snapshot| is_copy(snapshot, &self.names)));
        match self.found.iter().any(|copy| copy.snapshot_id.is_none()) {
            true => Err(incomplete("a copy of this name has no ID")),
            false => Ok(()),
        }
    }

    /// Two copies of one name are duplicates, of which the older one is kept. With `size`, the disk's size of the source, those that tell
    /// another one are none.
    fn oldest(&mut self, size: Option<u64>) -> Option<String> {
        order::by(&mut self.found, |a, b| a.create_time.cmp(&b.create_time));
        let fits = |snapshot: &&Snapshot| snapshot.disk_size.zip(size).is_none_or(|(found, size)| found == size);
        self.found.iter().find(fits).and_then(|snapshot| snapshot.snapshot_id.clone())
    }

    /// Whether the source must be asked before one of them counts as its copy.
    fn tells_sizes(&self) -> bool {
        self.found.iter().any(|snapshot| snapshot.disk_size.is_some())
    }
}

/// The failure where all that bears the copy's name is of another disk size. It is not ours, and beside it ours could not be told.
fn another_size(id: &str, size: u64) -> Failure {
    let why = format!(
        "the snapshot {id} bears the name of the copy and has another disk size than its source, which has {size} GiB"
    );
    let advice = "it is not ours: look at both in the console, and rename or delete the one that bears this name";
    let failure = Failure::local(Disposition::Permanent, "another_disk_size", why, advice);
    Failure { whose: Whose::Backup, ..failure }
}

/// Whether a snapshot is a copy of one of these names. The name filter may match parts of names, so they are compared here, exactly.
pub(crate) fn is_copy(snapshot: &Snapshot, names: &[String]) -> bool {
    let named = snapshot.snapshot_name.as_ref().is_some_and(|name| names.contains(name));
    // Recorded answers leave keys out, and states may be added: a copy that is overlooked is paid for twice.
    let is_there = snapshot.state.as_deref() != Some("TORECYCLE");
    named && is_there && snapshot.copy_from_remote != Some(false) && !snapshot.is_shared()
}

pub(crate) fn judge_source(replication: &Replication, source: &Snapshot) -> ReadBack {
    let id = &replication.source.id;
    if source.copying_to_regions.as_ref().is_some_and(|regions| regions.contains(&replication.destination.region)) {
        return ReadBack::Running;
    }
    match copyable(source) {
        Eligibility::Usable => ReadBack::Absent,
        Eligibility::NotReady(reason) => ReadBack::NotReady(format!("the snapshot {id} {reason}")),
        Eligibility::Ineligible(reason) => ReadBack::Ineligible(format!("the snapshot {id} {reason}")),
        Eligibility::NotCovered(reason) => ReadBack::Ineligible(format!("the snapshot {id} {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::Command;
    use crate::providers::asked::Need;

    fn replication() -> Replication {
        let command = json!({ "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
            "source": { "region": "ap-guangzhou", "snapshot_id": "snap-source01" }, "destinations": [{ "region": "ap-beijing" }] });
        Command::from_json(&command).unwrap().replications().remove(0)
    }

    fn copy(change: Value) -> Value {
        let name = copy_names("snap-source01", "ap-guangzhou").remove(0);
        let mut copy = json!({ "SnapshotId": "snap-copy0001", "SnapshotName": name, "SnapshotState": "NORMAL", "CopyFromRemote": true });
        copy.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        copy
    }

    /// What the first answers of the destination come to: the copy's ID, `asked on` where they say that there is none, or the failure's code.
    fn read(answers: &[Value]) -> String {
        let replication = replication();
        let mut reading = read_back(&replication);
        let mut asked = reading(None);
        for answer in answers {
            let body = json!({ "Response": answer }).to_string().into_bytes();
            asked = reading(Some(&Reply { status: 200, headers: Vec::new(), body }));
        }
        match asked {
            Ok(ReadBack::Found(acceptance)) => acceptance.receipts[0].replication_id.clone().unwrap(),
            Ok(other) => format!("{other:?}"),
            Err(Need::Ask(_)) => "asked on".to_owned(),
            Err(Need::Failed(failure)) => failure.code,
        }
    }

    /// A copy that is overlooked is made and paid for again.
    #[test]
    fn an_answer_that_does_not_say_that_there_is_none_is_no_proof_of_it() {
        let of = |count: u64, copies: Value| json!({ "TotalCount": count, "SnapshotSet": copies });
        let other = json!({ "SnapshotId": "snap-other001", "SnapshotName": "other", "SnapshotState": "NORMAL" });
        for (answers, outcome) in [
            (vec![of(0, json!([]))], "asked on"),
            (vec![json!({ "TotalCount": 0 })], "asked on"),
            (vec![json!({ "TotalCount": 0, "SnapshotSet": null })], "asked on"),
            (vec![of(1, json!([copy(json!({}))]))], "snap-copy0001"),
            (vec![json!({})], "incomplete_page"),
            (vec![json!({ "SnapshotSet": [] })], "incomplete_page"),
            (vec![of(1, json!([]))], "incomplete_page"),
            (vec![of(1, json!(null))], "incomplete_page"),
            (vec![of(2, json!([other])), of(2, json!([]))], "incomplete_page"),
            (vec![of(3, json!([other])), of(2, json!([copy(json!({}))]))], "incomplete_page"),
            (vec![of(1, json!([copy(json!({ "SnapshotId": null }))]))], "incomplete_page"),
        ] {
            assert_eq!(read(&answers), outcome, "{answers:?}");
        }
    }

    /// A full page without a count may hide the copy on the next one.
    #[test]
    fn a_full_page_that_counts_nothing_is_not_the_last_one() {
        let other = |at: u64| json!({ "SnapshotId": format!("snap-other{at:03}"), "SnapshotName": "other", "SnapshotState": "NORMAL" });
        let page = |many: u64| json!({ "SnapshotSet": (0..many).map(other).collect::<Vec<_>>() });
        assert_eq!(read(&[page(PAGE)]), "incomplete_page");
        assert_eq!(read(&[page(PAGE - 1)]), "asked on");
    }

    #[test]
    fn a_snapshot_of_our_name_and_another_disk_size_is_no_copy_and_none_is_made_beside_it() {
        let named = |change: Value| json!({ "TotalCount": 1, "SnapshotSet": [copy(change)] });
        let source = |size: Value| {
            let source = json!({ "SnapshotId": "snap-source01", "SnapshotState": "NORMAL", "DiskSize": size });
            json!({ "TotalCount": 1, "SnapshotSet": [source] })
        };
        let gone = json!({ "TotalCount": 0, "SnapshotSet": [] });
        assert_eq!(read(&[named(json!({ "DiskSize": 1 }))]), "asked on", "the source tells the size");
        assert_eq!(read(&[named(json!({ "DiskSize": 1 })), source(json!(100))]), "another_disk_size");
        assert_eq!(read(&[named(json!({ "DiskSize": 0 })), source(json!(100))]), "another_disk_size");
        for (size, shown) in [(json!(100), source(json!(100))), (json!(100), source(json!(null))), (json!(100), gone)] {
            assert_eq!(read(&[named(json!({ "DiskSize": size })), shown]), "snap-copy0001");
        }
        let both = json!({ "TotalCount": 2, "SnapshotSet": [copy(json!({ "DiskSize": 1 })), copy(json!({ "SnapshotId": "snap-copy0002", "DiskSize": 100 }))] });
        assert_eq!(read(&[both, source(json!(100))]), "snap-copy0002");
    }

    #[test]
    fn a_copy_in_any_state_but_the_bin_is_there_and_one_of_another_account_is_not_ours() {
        let one = |change: Value| read(&[json!({ "TotalCount": 1, "SnapshotSet": [copy(change)] })]);
        for state in ["NORMAL", "COPYING_FROM_REMOTE", "CHECKING_COPIED", "CREATING", "ROLLBACKING", "SOMETHING_NEW"] {
            assert_eq!(one(json!({ "SnapshotState": state })), "snap-copy0001", "{state}");
        }
        assert_eq!(one(json!({ "SnapshotState": null })), "snap-copy0001");
        assert_eq!(one(json!({ "SnapshotState": "TORECYCLE" })), "asked on");
        assert_eq!(one(json!({ "SnapshotType": "SHARED_SNAPSHOT" })), "asked on");
        assert_eq!(one(json!({ "CopyFromRemote": false })), "asked on");
    }
}
