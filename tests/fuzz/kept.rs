//! What is kept: records of the ledger.

use std::sync::LazyLock;

use offsite_shared::ledger::Record;
use proptest::prelude::*;
use serde_json::Value;

use crate::corpus::{config, records};
use crate::spoil::{changes, cut, cuts, spoilt};

static RECORDS: LazyLock<Vec<Value>> = LazyLock::new(records);

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_record_is_read_and_written_as_the_same_or_refused(at in any::<prop::sample::Index>(), changes in changes(), cuts in cuts()) {
        let good = at.get(RECORDS.as_slice());
        let key = good["key"].as_str().unwrap();
        let bytes = cut(spoilt(good, &changes).to_string().as_bytes(), &cuts);
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        match Record::from_text(key, text) {
            Err(error) => prop_assert!(error.to_string().len() < 5_000, "{} bytes", error.to_string().len()),
            Ok(record) => {
                let written = record.to_text().unwrap();
                let again = Record::from_text(key, &written).unwrap();
                prop_assert_eq!(again.to_text().unwrap(), written);
                prop_assert_eq!(again, record);
            }
        }
    }
}
