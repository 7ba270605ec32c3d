//! What is read as a hint, what is ignored, and what is complained about.

use serde_json::{Value, json};

use super::*;

fn read(body: &Value) -> Result<HintReading, String> {
    of_body(body).expect("recognised").map_err(|error| error.to_string())
}

fn event(event: &Value) -> Result<HintReading, String> {
    of_cloud_event(event).expect("recognised").map_err(|error| error.to_string())
}

fn hint(heard: Result<HintReading, String>) -> Hint {
    match heard {
        Ok(HintReading::Hint(hint)) => hint,
        other => panic!("{other:?}"),
    }
}

fn reason(heard: Result<HintReading, String>) -> String {
    match heard {
        Ok(HintReading::Ignored(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// One call as CloudAudit records it, in the types of the published samples.
fn audit(more: Value) -> Value {
    let mut event = json!({
        "specversion": "1.0", "id": "e-1", "source": "cbs.cloud.tencent", "type": "cbs:CloudEvent:ApiCall",
        "subject": "snap-1", "time": 1_795_262_400_000_i64, "region": "ap-guangzhou",
        "data": {
            "eventName": "CreateSnapshot", "eventRegion": "ap-guangzhou", "errorCode": "0", "apiErrorCode": 0,
            "resourceName": "snap-1", "responseElements": "{\"SnapshotId\":\"snap-1\",\"RequestId\":\"r\"}",
        },
    });
    for (name, value) in more.as_object().unwrap() {
        event["data"][name] = value.clone();
    }
    event
}

#[test]
fn our_own_form_names_one_thing() {
    let tencent = json!({"provider": "tencent", "region": "ap-guangzhou", "snapshot_id": "snap-1", "account": "prod"});
    let read_hint = hint(read(&tencent));
    assert_eq!(read_hint.what, HintTarget::Backup("snap-1".into()));
    assert_eq!((read_hint.account.as_deref(), read_hint.region.as_deref()), (Some("prod"), Some("ap-guangzhou")));
    assert_eq!(read_hint.describe(), "the tencent snapshot snap-1 in ap-guangzhou");
    for (name, what) in [
        ("backup_id", HintTarget::Backup("i".into())),
        ("checkpoint_item_id", HintTarget::CheckpointItem("i".into())),
        ("vault_id", HintTarget::Vault("i".into())),
    ] {
        let body = json!({"provider": "huawei", "region": "r", "project_id": "p", name: "i", "occurrence": "o"});
        let read_hint = hint(read(&body));
        assert_eq!((read_hint.what, read_hint.project_id.as_deref()), (what, Some("p")));
        assert_eq!(read_hint.occurrence.as_deref(), Some("o"));
    }
    let vault = json!({"provider": "alibaba", "region": "cn-hangzhou", "vault_id": "v-1"});
    assert_eq!(hint(read(&vault)).what, HintTarget::Vault("v-1".into()));
}

#[test]
fn what_is_wrong_with_our_own_form_names_the_field() {
    let good = json!({"provider": "huawei", "region": "r", "backup_id": "b"});
    for (name, value, wanted) in [
        ("provider", json!("aws"), "provider: \"aws\" is not one of alibaba, huawei, tencent"),
        ("provider", json!(7), "provider: must be a text, not a number"),
        ("provider", Value::Null, "provider: is missing"),
        ("region", Value::Null, "region: is missing"),
        ("region", json!("a/b"), "region: must be a region code"),
        ("backup_id", Value::Null, "backup_id or checkpoint_item_id or vault_id: is missing"),
        ("backup_id", json!("../x"), "backup_id: must be an ID"),
        ("backup_id", json!(["b"]), "backup_id: must be a text, not an array"),
        ("backup_id", json!(""), "backup_id: must not be empty"),
        ("vault_id", json!("v"), "vault_id: names a second thing"),
        ("snapshot_id", json!("s"), "snapshot_id: is not known here; known are provider, region"),
        ("project_id", json!("p/q"), "project_id: must be an ID"),
        ("account", json!({}), "account: must be a text, not an object"),
        ("operation", json!("copy-backup"), "action: is missing"),
        ("destinations", json!([]), "action: is missing"),
    ] {
        let mut bad = good.clone();
        bad[name] = value.clone();
        let error = read(&bad).unwrap_err();
        assert!(error.starts_with(wanted), "{name}: {value}: {error}");
    }
    let foreign = json!({"provider": "tencent", "region": "r", "snapshot_id": "s", "project_id": "p"});
    assert!(read(&foreign).unwrap_err().starts_with("project_id: is not known here"));
}

#[test]
fn a_recorded_call_that_made_a_snapshot_is_a_hint() {
    let plain = hint(event(&audit(json!({}))));
    assert_eq!(plain.what, HintTarget::Backup("snap-1".into()));
    assert_eq!(
        (plain.cloud, plain.region.as_deref(), plain.account.as_deref()),
        (Cloud::Tencent, Some("ap-guangzhou"), None)
    );
    // The types of other published samples: numbers for texts, texts for numbers, an object for the text of one.
    for data in [
        json!({"errorCode": 0, "apiErrorCode": ""}),
        json!({"errorCode": "0", "apiErrorCode": "0"}),
        json!({"errorCode": null, "eventTime": "2026-11-21 02:13:20", "tags": [""]}),
        json!({"responseElements": {"SnapshotId": "snap-1"}}),
        json!({"responseElements": "{\"Response\":{\"SnapshotId\":\"snap-1\"}}"}),
        json!({"responseElements": "not JSON"}),
        json!({"responseElements": null, "resourceName": ""}),
        json!({"eventRegion": ""}),
        json!({"eventRegion": 7}),
    ] {
        assert_eq!(hint(event(&audit(data.clone()))), plain, "{data}");
    }
    let mut text = audit(json!({}));
    text["data"] = json!(text["data"].to_string());
    text["time"] = json!("1795262400000");
    assert_eq!(hint(event(&text)), plain);
    let mut old = audit(json!({}));
    (old["source"], old["type"]) = (json!("cvm.cloud.tencent"), json!("cvm:CloudEvent:ConsoleCall"));
    assert_eq!(hint(event(&old)), plain);
}

#[test]
fn other_calls_and_failed_ones_are_ignored() {
    for (data, wanted) in [
        (json!({"eventName": "CopySnapshotCrossRegions"}), "the call that starts a copy"),
        (json!({"eventName": "DeleteSnapshots"}), "DeleteSnapshots makes no snapshot"),
        (json!({"apiErrorCode": "InsufficientSnapshotQuota"}), "was not made: InsufficientSnapshotQuota"),
        (json!({"errorCode": 4000}), "was not made: 4000"),
        (json!({"responseElements": "{\"Error\":{\"Code\":\"Busy\"}}"}), "was not made: Busy"),
    ] {
        let told = reason(event(&audit(data.clone())));
        assert!(told.contains(wanted), "{data}: {told}");
    }
    let mut other = audit(json!({}));
    other["source"] = json!("cos.cloud.tencent");
    assert!(reason(event(&other)).contains("cos, not of CBS"));
    let mut monitor = audit(json!({}));
    monitor["type"] = json!("cbs:ErrorEvent:SomethingBroke");
    assert!(reason(event(&monitor)).contains("no record of a call"));
}

#[test]
fn a_recorded_call_that_cannot_be_read_names_the_field() {
    let missing = |name: &str| {
        let mut event = audit(json!({}));
        event["data"].as_object_mut().unwrap().remove(name);
        event
    };
    assert_eq!(event(&missing("eventName")).unwrap_err(), "data.eventName: is missing or no text");
    let mut nameless = audit(json!({"responseElements": "{}", "resourceName": "disk-1"}));
    nameless["subject"] = json!("disk-1");
    assert_eq!(event(&nameless).unwrap_err(), "data.responseElements.SnapshotId: is missing");
    let hostile = audit(json!({"responseElements": {"SnapshotId": "snap-1/../../x"}}));
    assert!(event(&hostile).unwrap_err().starts_with("data.responseElements.SnapshotId: must be an ID"));
    let elsewhere = audit(json!({"eventRegion": "evil.example/"}));
    assert!(event(&elsewhere).unwrap_err().starts_with("data.eventRegion: must be a region code"));
    for data in [json!(null), json!(7), json!("x"), json!([]), json!("[]")] {
        let mut odd = audit(json!({}));
        odd["data"] = data;
        assert_eq!(event(&odd).unwrap_err(), "data: must be an object");
    }
}

fn trace(more: Value) -> Value {
    let mut trace = json!({
        "service_type": "CBR", "resource_type": "backup", "resource_id": "b-1", "trace_name": "createBackup",
        "trace_rating": "normal", "user": null, "time": "2016/12/08 11:07:28 GMT+08:00",
    });
    for (name, value) in more.as_object().unwrap() {
        trace[name] = value.clone();
    }
    trace
}

#[test]
fn a_trace_of_a_new_backup_is_a_hint_and_another_is_not() {
    let told = |data: Value| read(&trace(data));
    assert_eq!(hint(told(json!({}))).what, HintTarget::Backup("b-1".into()));
    assert_eq!(hint(told(json!({"trace_rating": null, "trace_status": "normal", "code": 200}))).region, None);
    assert_eq!(
        hint(told(json!({"trace_name": "createVaultBackup", "resource_type": "vault"}))).what,
        HintTarget::Vault("b-1".into())
    );
    assert_eq!(hint(told(json!({"resource_type": ""}))).what, HintTarget::Resource("b-1".into()));
    for (data, wanted) in [
        (json!({"trace_name": "replicateBackup"}), "the call that starts a copy"),
        (json!({"trace_name": "replicateVaultBackup"}), "the call that starts a copy"),
        (json!({"trace_name": "deleteBackup"}), "deleteBackup makes no backup"),
        (json!({"trace_rating": "incident"}), "rated incident"),
        (json!({"code": "400"}), "HTTP 400"),
        (json!({"service_type": "ECS"}), "a trace of ECS"),
    ] {
        let told = reason(told(data.clone()));
        assert!(told.contains(wanted), "{data}: {told}");
    }
    assert_eq!(told(json!({"resource_id": {}})).unwrap_err(), "resource_id: is missing or no text");
    let wrapped = json!({"cts": trace(json!({"resource_id": "a b"}))});
    assert!(read(&wrapped).unwrap_err().starts_with("cts.resource_id: must be an ID"));
    let event_of = |source: &str, data: Value| event(&json!({"specversion": "1.0", "source": source, "data": data}));
    assert_eq!(hint(event_of("HC.CBR", trace(json!({})))).what, HintTarget::Backup("b-1".into()));
    assert!(reason(event_of("HC.OBS", json!({}))).contains("OBS, not of CBR"));
    assert_eq!(event_of("HC.CBR", json!({})).unwrap_err(), "data.service_type: is missing or no text");
}

#[test]
fn an_alarm_names_a_resource_of_unknown_kind() {
    let alarm = |name: &str, variables: Value| {
        read(&json!({
            "message_type": "alarm", "alarm_status": "alarm", "namespace": "SYS.CBR", "metric_name": name,
            "template_variable": variables,
        }))
    };
    let told = hint(alarm("backupSucceeded", json!({"ResourceId": "b-1", "Region": "eu-de"})));
    assert_eq!((told.what, told.region.as_deref()), (HintTarget::Resource("b-1".into()), Some("eu-de")));
    let texts = json!("{\"ResourceId\":\"b-1\"}");
    assert_eq!(hint(alarm("backupSucceeded", texts)).region, None);
    for name in ["backupFailed", "replicationSucceeded", "vault_util"] {
        assert!(reason(alarm(name, json!({}))).contains("does not tell of a new backup"));
    }
    assert_eq!(alarm("backupSucceeded", json!({})).unwrap_err(), "template_variable.ResourceId: is missing or no text");
    let calm = json!({"namespace": "SYS.CBR", "metric_name": "backupSucceeded", "alarm_status": "ok"});
    assert!(reason(read(&calm)).contains("in the state ok"));
    let other = json!({"namespace": "SYS.ECS", "metric_name": "cpu_util"});
    assert!(reason(read(&other)).contains("not of SYS.CBR"));
}

#[test]
fn what_is_not_ours_is_not_recognised() {
    for body in
        [json!({}), json!(7), json!([]), json!({"cts": 7}), json!({"trace_name": "x"}), json!({"namespace": "n"})]
    {
        assert!(of_body(&body).is_none(), "{body}");
    }
    for source in [json!(null), json!(7), json!("/example"), json!("acs.ecs")] {
        assert!(of_cloud_event(&json!({"specversion": "1.0", "source": source})).is_none(), "{source}");
    }
}
