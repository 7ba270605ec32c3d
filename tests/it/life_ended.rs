//! Histories of what came to its end: a copy that failed or went, and a backup that came back under its rule.

use std::sync::Arc;

use offsite_shared::handler::handle;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Ledger;
use offsite_shared::report::Conclusion;
use serde_json::json;

use crate::life::{COPY, FAR, Life};

async fn states(life: &Life) -> Vec<State> {
    let all = life.estate.ledger().list(&RecordFilter::default(), None, 10).await.unwrap().records;
    all.iter().map(|record| record.state).collect()
}

#[tokio::test]
async fn a_backup_that_comes_back_without_its_copy_has_lost_it() {
    for comes_back in [false, true] {
        let life = Life::begin(|rule| rule["limits"]["restart_lost"] = json!(false)).await;
        let ids = life.make("a", &["1"]).await;
        life.sweep().await;
        life.arrive().await;
        life.sweep().await;
        // It leaves the rule, and its copy goes.
        life.seed(json!({ "rename": { &ids[0]: "other" } })).await;
        life.seed(json!({ "remove": life.copies() })).await;
        life.sweep().await;
        assert_eq!((states(&life).await, life.told("lost").await), (vec![State::Ended], 0));
        let name = if comes_back { "life-again" } else { "another" };
        life.seed(json!({ "rename": { &ids[0]: name } })).await;
        let counts = life.sweep().await["counts"].clone();
        assert_eq!((&counts["lost"], life.told("lost").await), (&json!(u8::from(comes_back)), usize::from(comes_back)));
        let wanted = if comes_back { Conclusion::Broken } else { Conclusion::Holds };
        assert_eq!(life.report().await.conclusion, wanted);
    }
}

#[tokio::test]
async fn a_copy_that_failed_without_its_source_is_settled_in_one_sweep() {
    for gone in [false, true] {
        let life = Life::begin(|_| {}).await;
        let ids = life.make("a", &["1"]).await;
        life.fault(json!([{ "action": COPY, "kind": "fail_later", "times": 1 }])).await;
        life.sweep().await;
        if gone {
            life.seed(json!({ "remove": ids })).await;
        }
        life.pass(49).await;
        let counts = life.sweep().await["counts"].clone();
        assert_eq!(counts["missed"], json!(u8::from(gone)), "{counts}");
    }
}

#[tokio::test]
async fn a_copy_whose_time_was_over_has_ended_in_the_ledger_as_well() {
    for over in [false, true] {
        let life = Life::begin(|rule| rule["copies"] = json!({ "keep": "60h" })).await;
        life.make("a", &["1"]).await;
        life.sweep().await;
        life.arrive().await;
        life.sweep().await;
        if over {
            life.pass(61).await;
        }
        life.seed(json!({ "remove": life.copies() })).await;
        let counts = life.sweep().await["counts"].clone();
        assert_eq!((&counts["ended"], &counts["lost"]), (&json!(u8::from(over)), &json!(u8::from(!over))), "{counts}");
        assert_eq!(states(&life).await == [State::Ended], over);
        assert_eq!(life.told("ended").await, usize::from(over));
    }
}

#[tokio::test]
async fn what_was_renamed_out_of_its_rule_has_left_although_the_policy_was_edited_meanwhile() {
    for renamed in [false, true] {
        let life = Life::begin(|_| {}).await;
        let ids = life.make("a", &["1"]).await;
        life.fault(json!([{ "action": COPY, "kind": "code", "code": "InsufficientSnapshotQuota" }])).await;
        life.sweep().await;
        let name = if renamed { "other" } else { "life-again" };
        life.seed(json!({ "rename": { &ids[0]: name } })).await;
        let prefix = if renamed { "life" } else { "another" };
        let rule = json!({
            "name": "web", "provider": "tencent", "objective": { "max_lag": "12h" }, "limits": { "allow_empty": true },
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": prefix } }, "destinations": [{ "region": FAR }],
        });
        let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
        let edited = life.estate.context(&policy);
        let answer = handle(&edited, &json!({ "action": "sweep" }), &life.estate.invocation(3_600)).await.unwrap();
        assert_eq!(answer["swept"][0]["counts"]["left"], json!(u8::from(renamed)), "{answer}");
    }
}
