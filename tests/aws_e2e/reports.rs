//! The function of the report: what it writes and measures, and what its role keeps it from.

use std::time::Duration;

use offsite_local::cmd::{self, reader::ReaderArgs, report::Format, report::ReportArgs};
use offsite_local::home::profile;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Notes;
use offsite_shared::report::Conclusion;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use crate::account::{elements, until};
use crate::home::{Home, Wish, stack, template};
use crate::permissions::{ledgers_as, unescaped};
use crate::schedules::fire;

/// A text that a provider says, and that nothing kept for years may hold.
const THEIRS: &str = "Dear Ann Example of Example Street your quota is used up";

fn only_rule() -> Value {
    json!({ "version": 1, "rules": [{
        "name": "snapshots", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "web-" } },
        "destinations": [{ "region": "ap-beijing" }], "objective": { "max_lag": "24h" },
    }] })
}

async fn deployed() -> Home {
    Home::deploy(Wish { policy: Some(only_rule()), ..Wish::of(&[Cloud::Tencent]) }).await
}

/// An object of the stack's reports; `None` if there is none.
async fn object(home: &Home, name: &str) -> Option<String> {
    let place = home.output("ReportsLocation").strip_prefix("s3:/").unwrap().to_owned();
    let reply = home.account.rest("GET", "s3", &format!("{place}/{name}"), Vec::new()).await;
    (reply.status == 200).then(|| String::from_utf8(reply.body).unwrap())
}

/// What `Holds` was in each report so far.
async fn holds(home: &Home) -> Vec<u64> {
    let log = home.log_of(&home.reporter()).await;
    let documents = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = Vec::new();
    for document in documents.filter(|document| document.get("Holds").is_some()) {
        assert_eq!(document["stack"], json!(stack(&home.account)), "{document}");
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["stack"]]), "{document}");
        found.push(document["Holds"].as_u64().unwrap());
    }
    found
}

/// The variables of the function that makes reports.
async fn variables(home: &Home) -> Value {
    let path = format!("/2015-03-31/functions/{}/configuration", home.reporter());
    let reply = home.account.rest("GET", "lambda", &path, Vec::new()).await;
    let told: Value = serde_json::from_slice(&reply.body).unwrap();
    told["Environment"]["Variables"].clone()
}

async fn report(home: &Home) -> Value {
    home.invoke(&home.reporter(), &json!({ "action": "report" })).await.unwrap()
}

#[tokio::test]
async fn a_report_is_written_on_schedule_in_our_own_words_and_its_one_number_follows_it() {
    let home = deployed().await;
    let function = home.function(Cloud::Tencent);
    let sweep = json!({ "action": "sweep" });
    let snapshot = |id: &str, made: &str| json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": "web-1", "disk_id": id.replace("snap", "disk"), "created": made });
    let seed = json!({ "snapshots": [snapshot("snap-report01", "2026-11-01T00:00:00Z")], "switches": { "copy_duration_s": 0 } });
    home.seed(Cloud::Tencent, seed).await;

    // Nobody has swept: that is not known, and the one number says so.
    assert_eq!(report(&home).await["conclusion"], "unknown");
    assert_eq!(holds(&home).await, [0]);

    // Refused in the provider's own words: red, and those words are nowhere in what is kept.
    let refusal = json!({ "action": "CopySnapshotCrossRegions", "kind": "code", "code": "UnauthorizedOperation", "message": THEIRS, "http_status": 200 });
    home.fault(Cloud::Tencent, refusal).await;
    home.invoke(&function, &sweep).await.unwrap();
    until("the refusal in the ledger, with those words", 30, async || {
        let records = home.records().await;
        let refused = |record: &Value| record["state"] == "refused" && record.to_string().contains(THEIRS);
        records.iter().any(refused).then_some(())
    })
    .await;
    home.invoke(&function, &sweep).await.unwrap();
    assert_eq!(report(&home).await["conclusion"], "broken");
    assert_eq!(holds(&home).await, [0, 0]);
    for name in ["latest.json", "latest.html"] {
        let text = object(&home, name).await.unwrap();
        assert!(text.contains("disk-report01") && text.contains("UnauthorizedOperation"), "{name}: {text}");
        assert!(!text.contains("Ann Example"), "{name} holds a provider's own words: {text}");
    }

    // Mended and copied: it holds, and Scheduler has the same function, role and input write it.
    home.clear_faults(Cloud::Tencent).await;
    home.invoke(&function, &sweep).await.unwrap();
    until("the copy to be seen", 30, async || {
        home.invoke(&function, &json!({ "action": "observe" })).await.unwrap();
        home.records().await.iter().any(|record| record["state"] == "replicated").then_some(())
    })
    .await;
    home.invoke(&function, &sweep).await.unwrap();
    fire(&home, "ReportTimer").await;
    until("the report of the schedule", 30, async || (holds(&home).await.len() == 3).then_some(())).await;
    let latest: Value = serde_json::from_str(&object(&home, "latest.json").await.unwrap()).unwrap();
    assert_eq!((&latest["conclusion"], holds(&home).await), (&json!("holds"), vec![0, 0, 1]), "{latest:#}");

    let answer = report(&home).await;
    let name = answer["report"].as_str().unwrap();
    let form: Vec<usize> = name.split(['/', 'T']).map(str::len).collect();
    assert_eq!(form, [4, 2, 2, 5], "{name}");
    for ending in ["json", "html"] {
        let (dated, latest) = (format!("{name}.{ending}"), format!("latest.{ending}"));
        assert_eq!(object(&home, &dated).await, object(&home, &latest).await, "{dated}");
    }
    let log = home.log_of(&home.reporter()).await;
    assert!(log.contains("\"Name\":\"Unprotected\"") && !log.contains("not authorized"), "{log}");
    let alarm = &template()["Resources"]["HoldsAlarm"]["Properties"];
    assert_eq!((&alarm["TreatMissingData"], &alarm["Statistic"]), (&json!("breaching"), &json!("Minimum")));
    assert!(home.resources().await.contains_key("HoldsAlarm"));
}

#[tokio::test]
async fn a_report_that_cannot_be_written_does_not_hold_and_names_the_service_s_code() {
    let home = deployed().await;
    home.invoke(&home.function(Cloud::Tencent), &json!({ "action": "sweep" })).await.unwrap();
    let (bucket, _) = home.output("ReportsLocation").strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let elsewhere = format!("s3://{bucket}/elsewhere");
    let mut variables = variables(&home).await;
    variables["OFFSITE_REPORTS"] = json!(elsewhere);
    let path = format!("/2015-03-31/functions/{}/configuration", home.reporter());
    let body = json!({ "Environment": { "Variables": variables } }).to_string().into_bytes();
    assert_eq!(home.account.rest("PUT", "lambda", &path, body).await.status, 200);
    let (name, message) = home.invoke(&home.reporter(), &json!({ "action": "report" })).await.unwrap_err();
    assert_eq!(name, "Offsite.Configuration", "{message}");
    assert!(
        message.contains(&elsewhere) && message.contains("AccessDenied") && message.contains("s3:PutObject"),
        "{message}"
    );
    assert_eq!(holds(&home).await, [0]);
}

#[tokio::test]
async fn the_role_of_the_report_has_no_cloud_s_key_and_writes_neither_record_nor_risk() {
    let home = deployed().await;
    for name in variables(&home).await.as_object().unwrap().keys() {
        assert!(!["TENCENT", "HUAWEI", "ALIBABA", "QUEUE"].iter().any(|of_cloud| name.contains(of_cloud)), "{name}");
    }
    let role = home.output("ReportRoleArn").to_owned();
    let asked = [("RoleName", role.rsplit('/').next().unwrap()), ("PolicyName", "offsite")];
    let found = home.account.query("iam", "GetRolePolicy", &asked).await.unwrap();
    let policy = unescaped(&elements(&found, "PolicyDocument").remove(0));
    assert!(
        !policy.contains("secretsmanager") && !policy.contains("sts:") && policy.contains("dynamodb:GetItem"),
        "{policy}"
    );

    let ledger = ledgers_as(&home, &role).await(home.output("TencentLedgerTable"));
    assert!(ledger.note("risk/snapshots/0").await.unwrap().is_none(), "it may read");
    for name in ["risk/snapshots/0", "summary/snapshots"] {
        let refused = ledger.put_note(name, "{}", 0).await.unwrap_err().to_string();
        assert!(refused.contains("AccessDenied"), "{refused}");
    }

    // A person's profile that takes the same role over: the command reads the same report.
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_string_lossy().into_owned();
    let key = home.account.environment();
    let key = |name: &str| key.get(name).unwrap().to_owned();
    let config = format!(
        "[profile me]\naws_access_key_id = {}\naws_secret_access_key = {}\n[profile audit]\nrole_arn = {role}\nsource_profile = me\nregion = us-east-1\n",
        key("AWS_ACCESS_KEY_ID"),
        key("AWS_SECRET_ACCESS_KEY")
    );
    std::fs::write(path("config"), config).unwrap();
    let environment = Environment::default()
        .with("AWS_CONFIG_FILE", path("config"))
        .with("AWS_SHARED_CREDENTIALS_FILE", path("none"))
        .with("AWS_PROFILE", "audit")
        .with("AWS_ENDPOINT_URL", key("AWS_ENDPOINT_URL"))
        .with("OFFSITE_TABLE", home.output("LedgerTables"))
        .with("OFFSITE_POLICY", home.output("PolicyLocation"));
    let mut out = Vec::new();
    let arguments = ReportArgs {
        format: Some(Format::Json),
        csv: None,
        rule: Vec::new(),
        resource: Vec::new(),
        backup: Vec::new(),
        verdict: Vec::new(),
        at: None,
        max_age: Duration::from_secs(7_200),
        live: false,
        policy: None,
        output: None,
        reader: ReaderArgs { lang: None, utc: true },
    };
    let environment = profile::resolved(&environment).await.unwrap();
    let conclusion = cmd::report::run(&arguments, &environment, &mut out).await.unwrap();
    let told: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((conclusion, &told["rules"][0]["rule"]), (Conclusion::Unknown, &json!("snapshots")));
}
