//! The tables of codes against the constants that the vendors' own SDKs have.

use std::path::Path;

use offsite_shared::model::failure::{Disposition, find};
use offsite_shared::providers::tencent;

fn constants() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("codes/tencent-cbs.txt");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_constant_of_the_sdk_has_a_row() {
    let constants = constants();
    assert!(constants.len() > 80, "{} constants", constants.len());
    let without: Vec<&String> = constants.iter().filter(|code| find(tencent::codes::TABLE, code).is_none()).collect();
    assert!(without.is_empty(), "no row in providers/tencent/codes.rs: {without:#?}");
}

#[test]
fn what_the_service_checks_before_it_begins_is_no_doubt() {
    for code in [
        "LimitExceeded",
        "ResourceInsufficient",
        "ResourceNotFound.NotFound",
        "ResourceUnavailable.SnapshotCreating",
        "ResourceUnavailable.TooManyCreatingSnapshot",
        "ResourceUnavailable.DiskSnapshotChainTooLarge",
        "FailedOperation",
        "InvalidDisk.Busy",
        "InvalidDisk.NotSupportSnapshot",
        "DiskSnapshotChainTooLarge",
        "TradeDealConflict",
        "UnauthorizedOperation.NotCertification",
    ] {
        let row = find(tencent::codes::TABLE, code).unwrap_or_else(|| panic!("{code} has no row"));
        assert!(matches!(row.disposition, Disposition::Permanent | Disposition::Retryable), "{code}: {row:?}");
    }
}
