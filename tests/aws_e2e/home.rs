//! Offsite on AWS as the template makes it, in an account of its own: deployed, and pointed at simulated clouds of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use offsite_local::cmd::stage::post;
use offsite_local::fleet::build::{self, Binaries, Profile};
use offsite_shared::model::command::Cloud;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

use crate::account::{Account, elements, until};
use crate::ministack::{ministack, root, tool};

/// The name of an account's stack, and the beginning of the names of what is in it. No two accounts have the same, because
/// MiniStack 1.5.33 kills the functions of all accounts that bear the name of one that a stack makes.
pub fn stack(account: &Account) -> String {
    format!("offsite-{}", &account.id[7..])
}

/// Stands in the translated template for the bucket that a deployment uploads to.
const BUCKET: &str = "deployment";

/// The bucket of an account; the names of buckets are the whole world's.
pub fn bucket(account: &Account) -> String {
    format!("{BUCKET}-{}", account.id)
}

/// What the tests set beside the template's own environment, so that nobody waits: the rest is as on AWS.
const HASTE: [(&str, &str); 6] = [
    ("OFFSITE_BACKOFF_MS", "30"),
    ("OFFSITE_SECOND_LOOK_MS", "30"),
    ("OFFSITE_LEASE_MARGIN_MS", "100"),
    ("OFFSITE_FIRST_LOOK_S", "0"),
    ("OFFSITE_ATTEMPT_BACKOFF_S", "0"),
    ("OFFSITE_PAUSE_S", "0"),
];

/// What is deployed.
pub struct Wish {
    pub clouds: Vec<Cloud>,
    /// Template parameters beside those that follow from the clouds and the simulators.
    pub parameters: Vec<(String, String)>,
    pub simulated: SimOptions,
    /// Written when the stack is there; `None` leaves that to the test.
    pub policy: Option<Value>,
    /// Variables of the template that the functions do not get, to show what they are for.
    pub taken_away: Vec<String>,
    /// What the secret of the door says; without it there is none.
    pub door: Option<Value>,
    /// The stack's name, where an account has more than one.
    pub stack: Option<String>,
    /// Whether nothing is given but the clouds, as Enter on every prompt of `sam deploy --guided` does: no key, the clouds' own hosts.
    pub bare: bool,
}

impl Wish {
    /// These clouds, with every well-formed source in place.
    pub fn of(clouds: &[Cloud]) -> Wish {
        Wish {
            clouds: clouds.to_vec(),
            parameters: Vec::new(),
            simulated: SimOptions { any_source: true, ..SimOptions::default() },
            policy: Some(policy(json!({}))),
            taken_away: Vec::new(),
            door: None,
            stack: None,
            bare: false,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Wish {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A deployed stack and the clouds that it talks to.
pub struct Home {
    pub stack: String,
    pub account: Account,
    pub simulators: Simulators,
    pub outputs: BTreeMap<String, String>,
}

/// A function's answer: its result, or its error's name and message.
pub type Answer = Result<Value, (String, String)>;

impl Home {
    pub async fn deploy(wish: Wish) -> Home {
        Home::deploy_in(Account::new(), wish).await
    }

    /// Deploys as `sam deploy` would: code and template into a bucket, then a stack of them.
    pub async fn deploy_in(account: Account, wish: Wish) -> Home {
        let simulators = begin(&account, &wish).await;
        let name = wish.stack.clone().unwrap_or_else(|| stack(&account));
        let described = until("the stack to be made", 60, async || stack_if_settled(&account, &name).await).await;
        let keys = elements(&described, "OutputKey").into_iter();
        let outputs = keys.zip(elements(&described, "OutputValue")).collect();
        let home = Home { stack: name, account, simulators, outputs };
        if let Some(policy) = &wish.policy {
            home.put_policy(policy).await;
        }
        home
    }

    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name}: {:?}", self.outputs))
    }

    pub fn function(&self, cloud: Cloud) -> String {
        format!("{}-{}", self.stack, cloud.name())
    }

    /// The function that makes reports.
    pub fn reporter(&self) -> String {
        format!("{}-report", self.stack)
    }

    /// The function of the door.
    pub fn door(&self) -> String {
        format!("{}-door", self.stack)
    }

    pub fn receipts(&self) -> &str {
        self.output("ReceiptsQueueUrl")
    }

    pub fn work(&self, cloud: Cloud) -> &str {
        self.output(&format!("{}WorkQueueUrl", title(cloud)))
    }

    pub fn dead_letters(&self, cloud: Cloud) -> &str {
        self.output(&format!("{}WorkDeadLettersUrl", title(cloud)))
    }

    /// Deploys the same template again with other parameters, and waits until that is done.
    pub async fn update(&self, changed: &[(&str, &str)]) {
        let name = self.stack.clone();
        let described = self.account.query("cloudformation", "DescribeStacks", &[("StackName", &name)]).await.unwrap();
        let known = elements(&described, "ParameterKey");
        let mut form =
            vec![("StackName".to_owned(), name.clone()), ("UsePreviousTemplate".to_owned(), "true".to_owned())];
        form.push(("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()));
        for (number, parameter) in known.iter().enumerate() {
            let member = format!("Parameters.member.{}", number + 1);
            form.push((format!("{member}.ParameterKey"), parameter.clone()));
            match changed.iter().find(|(changed, _)| changed == parameter) {
                Some((_, value)) => form.push((format!("{member}.ParameterValue"), (*value).to_owned())),
                None => form.push((format!("{member}.UsePreviousValue"), "true".to_owned())),
            }
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.account.query("cloudformation", "UpdateStack", &form).await.unwrap();
        until("the stack to be updated", 60, async || {
            let found = self.account.query("cloudformation", "DescribeStacks", &[("StackName", &name)]).await.unwrap();
            let status = elements(&found, "StackStatus").remove(0);
            assert!(!status.contains("ROLLBACK") && !status.contains("FAILED"), "{status}");
            (status == "UPDATE_COMPLETE").then_some(())
        })
        .await;
    }

    /// Calls a function and waits for its answer.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let reply = self.account.rest("POST", "lambda", &path, payload.to_string().into_bytes()).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, 200, "{function}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amz-function-error")) {
            let part = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            return Err((part("errorType"), part("errorMessage")));
        }
        Ok(answer)
    }

    /// Calls a function as EventBridge and Scheduler do.
    pub async fn invoke_and_forget(&self, function: &str, payload: &Value) {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let body = payload.to_string().into_bytes();
        let headers = vec![("x-amz-invocation-type".to_owned(), "Event".to_owned())];
        let reply = self.account.send("POST", "lambda", &path, headers, body).await;
        assert_eq!(reply.status, 202, "{function}: {}", String::from_utf8_lossy(&reply.body));
    }

    /// Puts messages on a cloud's work queue, as one batch.
    pub async fn send_work(&self, cloud: Cloud, bodies: &[Value]) {
        for (batch, bodies) in bodies.chunks(10).enumerate() {
            let entry = |(index, body): (usize, &Value)| {
                let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                json!({ "Id": format!("m-{batch}-{index}"), "MessageBody": text })
            };
            let entries: Vec<Value> = bodies.iter().enumerate().map(entry).collect();
            let request = json!({ "QueueUrl": self.work(cloud), "Entries": entries });
            let answer = self.account.json("AmazonSQS.SendMessageBatch", request).await;
            assert!(answer["Failed"].as_array().is_none_or(Vec::is_empty), "{answer}");
        }
    }

    /// Waits until a workflow has ended; its whole description.
    pub async fn run_workflow(&self, machine: &str, name: &str, input: &Value) -> Value {
        let start = json!({ "stateMachineArn": self.output(machine), "name": name, "input": input.to_string() });
        let started = self.account.json("AWSStepFunctions.StartExecution", start).await;
        let execution = json!({ "executionArn": started["executionArn"] });
        until(&format!("the end of {name}"), 90, async || {
            let described = self.account.json("AWSStepFunctions.DescribeExecution", execution.clone()).await;
            (described["status"] != json!("RUNNING")).then_some(described)
        })
        .await
    }

    /// Writes the policy to where the functions read it, before any of them has.
    pub async fn put_policy(&self, policy: &Value) {
        if let Some(key) = self.output("PolicyLocation").strip_prefix("s3://") {
            let name = key.split_once('/').unwrap().1;
            return upload(&self.account, name, policy.to_string().into_bytes()).await;
        }
        put_parameter(&self.account, self.output("PolicyLocation").strip_prefix("ssm:").unwrap(), policy).await;
    }

    pub fn base(&self, cloud: Cloud) -> String {
        match cloud {
            Cloud::Alibaba => self.simulators.alibaba(),
            Cloud::Huawei => self.simulators.huawei(),
            Cloud::Tencent => self.simulators.tencent(),
        }
    }

    pub async fn seed(&self, cloud: Cloud, seed: Value) {
        post(&self.base(cloud), "/_sim/seed", seed).await.unwrap();
    }

    pub async fn fault(&self, cloud: Cloud, fault: Value) {
        post(&self.base(cloud), "/_sim/faults", json!({ "faults": [fault] })).await.unwrap();
    }

    pub async fn clear_faults(&self, cloud: Cloud) {
        post(&self.base(cloud), "/_sim/faults", json!({ "faults": [], "clear": true })).await.unwrap();
    }

    /// The IDs of the copies that the clouds made, sorted, each asserted to be made once.
    pub fn made(&self) -> Vec<String> {
        let state = self.simulators.state();
        let rows = state["replications"].as_array().unwrap();
        let mut ids: Vec<String> = Vec::new();
        for row in rows {
            assert_eq!(row["created"], json!(1), "{row}");
            ids.push(row["id"].as_str().unwrap().to_owned());
        }
        ids.sort();
        ids
    }

    /// What the stack made: logical name → its own name or address.
    pub async fn resources(&self) -> BTreeMap<String, String> {
        let name = self.stack.clone();
        let found = self.account.query("cloudformation", "DescribeStackResources", &[("StackName", &name)]).await;
        let members = found.unwrap();
        let of = |tag: &str| elements(&members, tag);
        of("LogicalResourceId").into_iter().zip(of("PhysicalResourceId")).collect()
    }

    /// What a cloud's function has written so far.
    pub async fn log(&self, cloud: Cloud) -> String {
        self.log_of(&self.function(cloud)).await
    }

    /// What a function has written so far.
    pub async fn log_of(&self, function: &str) -> String {
        let ask = json!({ "logGroupName": format!("/aws/lambda/{function}") });
        let found = self.account.json("Logs_20140328.FilterLogEvents", ask).await;
        let events = found["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["message"].as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    /// How often an action was called.
    pub fn calls(&self, cloud: Cloud, action: &str) -> u64 {
        self.simulators.state()["calls"][cloud.name()][action].as_u64().unwrap_or(0)
    }

    /// The records of all ledger tables, as they lie there.
    pub async fn records(&self) -> Vec<Value> {
        let mut records = Vec::new();
        for pair in self.output("LedgerTables").split(',') {
            records.extend(self.records_in(pair.split_once('=').unwrap().1).await);
        }
        records
    }

    /// The records of one table.
    pub async fn records_in(&self, table: &str) -> Vec<Value> {
        let answer = self.account.json("DynamoDB_20120810.Scan", json!({ "TableName": table })).await;
        let items = answer["Items"].as_array().cloned().unwrap_or_default();
        let records = items.iter().filter_map(|item| item["record"]["S"].as_str());
        records.map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// Waits until nothing lies on a cloud's work queue: it hears that a batch is done only after the function has answered.
    pub async fn worked_off(&self, cloud: Cloud) {
        until("the work queue to be empty", 30, async || {
            (self.account.depth(self.work(cloud)).await == 0).then_some(())
        })
        .await;
    }

    /// Waits for receipts of so many copies and sees that they tell what the clouds made, each once.
    pub async fn expect_receipts(&self, count: usize) -> Vec<Value> {
        let messages = self.account.wait_for_messages(self.receipts(), count).await;
        let mut told = ids_of(&messages);
        told.sort();
        assert_eq!(told, self.made(), "what the receipts tell and what the clouds made");
        messages
    }
}

/// Where the simulated clouds are, and a key of each in Secrets Manager.
pub async fn places_and_keys(account: &Account, wish: &Wish, simulators: &Simulators) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (name, url) in [
        ("AlibabaEndpoint", simulators.alibaba()),
        ("AlibabaStsEndpoint", simulators.alibaba()),
        ("HuaweiCbrEndpoint", simulators.huawei()),
        ("HuaweiCsbsEndpoint", simulators.huawei()),
        ("HuaweiIamEndpoint", simulators.huawei()),
        ("HuaweiStsEndpoint", simulators.huawei()),
        ("TencentEndpoint", simulators.tencent()),
        ("TencentStsEndpoint", simulators.tencent()),
    ] {
        parameters.insert(name.to_owned(), url);
    }
    for cloud in &wish.clouds {
        let secret =
            wish.stack.as_ref().map_or_else(|| cloud.name().to_owned(), |own| format!("{own}-{}", cloud.name()));
        let arn = keep_key(account, &secret, &key(&wish.simulated)).await;
        let accounts = json!({ "default": { "secret": arn, "identity": identity(*cloud) } }).to_string();
        parameters.insert(format!("{}Accounts", title(*cloud)), accounts);
        parameters.insert(format!("{}SecretArns", title(*cloud)), arn);
    }
    parameters
}

/// Begins to deploy; whether it comes to an end is another matter.
pub async fn begin(account: &Account, wish: &Wish) -> Simulators {
    let name = wish.stack.clone().unwrap_or_else(|| stack(account));
    let simulators = Simulators::start(wish.simulated.clone()).await.unwrap();
    let mut parameters: BTreeMap<String, String> =
        wish.clouds.iter().map(|cloud| (format!("{}Enabled", title(*cloud)), "true".to_owned())).collect();
    if !wish.bare {
        parameters.extend(places_and_keys(account, wish, &simulators).await);
    }
    if let Some(senders) = &wish.door {
        parameters.insert("DoorSecretArn".to_owned(), keep_key(account, "door", senders).await);
    }
    parameters.extend(wish.parameters.iter().cloned());
    let made = account.rest("PUT", "s3", &format!("/{}", bucket(account)), Vec::new()).await;
    assert_eq!(made.status, 200, "{}", String::from_utf8_lossy(&made.body));
    for cloud in &wish.clouds {
        upload(account, &format!("offsite-{}.zip", cloud.name()), package(Some(*cloud))).await;
    }
    upload(account, "offsite-report.zip", package(None)).await;
    if wish.door.is_some() {
        upload(account, "offsite-door.zip", door()).await;
    }
    upload(account, "template.json", adapted(wish, account).to_string().into_bytes()).await;
    let url = format!("{}/{}/template.json", ministack().endpoint, bucket(account));
    let mut form = vec![
        ("StackName".to_owned(), name.clone()),
        ("TemplateURL".to_owned(), url),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
    ];
    for (number, (name, value)) in parameters.into_iter().enumerate() {
        form.push((format!("Parameters.member.{}.ParameterKey", number + 1), name));
        form.push((format!("Parameters.member.{}.ParameterValue", number + 1), value));
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    account.query("cloudformation", "CreateStack", &form).await.unwrap();
    simulators
}

/// Writes a policy as the documented command does.
pub async fn put_parameter(account: &Account, name: &str, policy: &Value) {
    let parameter = json!({
        "Name": name, "Value": policy.to_string(), "Type": "String", "Tier": "Intelligent-Tiering", "Overwrite": true,
    });
    account.json("AmazonSSM.PutParameter", parameter).await;
}

/// The replication IDs of receipts.
pub fn ids_of(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["data"]["replication_id"].as_str().unwrap_or("null").to_owned()).collect()
}

/// A Tencent command of one snapshot to Beijing.
pub fn copy(snapshot: &str) -> Value {
    json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": snapshot }, "destinations": [{ "region": "ap-beijing" }],
    })
}

/// A sample event.
pub fn sample(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("events").join(path)).unwrap()).unwrap()
}

/// A policy that wants what the tests send: the two samples, and the snapshots of Guangzhou that this selects, to Beijing.
pub fn policy(select: Value) -> Value {
    let rule_of = |path: &str| {
        let mut rule = sample(path);
        rule["name"] = rule["provider"].clone();
        rule["source"].as_object_mut().unwrap().remove("backup_id");
        rule.as_object_mut().unwrap().remove("action");
        rule
    };
    let snapshots = json!({
        "name": "snapshots", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": select },
        "destinations": [{ "region": "ap-beijing" }], "objective": { "max_lag": "24h" },
    });
    json!({ "version": 1, "rules": [rule_of("alibaba/command.json"), rule_of("huawei/copy-backup.json"), snapshots] })
}

/// The number of the account that the simulators' key belongs to.
fn identity(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Alibaba => "1000000000000001",
        Cloud::Huawei => "domain0000000000000000000000000001",
        Cloud::Tencent => "100000000001",
    }
}

/// A key that the simulators take, as a secret holds it.
pub fn key(simulated: &SimOptions) -> Value {
    json!({ "access_key_id": simulated.access_key_id, "access_key_secret": simulated.access_key_secret })
}

/// Puts a cloud's key into Secrets Manager; the secret's ARN.
pub async fn keep_key(account: &Account, name: &str, key: &Value) -> String {
    let secret = json!({ "Name": format!("offsite/{name}"), "SecretString": key.to_string() });
    let made = account.json("secretsmanager.CreateSecret", secret).await;
    made["ARN"].as_str().unwrap().to_owned()
}

/// The cloud as the template spells it.
pub fn title(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Alibaba => "Alibaba",
        Cloud::Huawei => "Huawei",
        Cloud::Tencent => "Tencent",
    }
}

async fn upload(account: &Account, name: &str, bytes: Vec<u8>) {
    let put = account.rest("PUT", "s3", &format!("/{}/{name}", bucket(account)), bytes).await;
    assert_eq!(put.status, 200, "{name}: {}", String::from_utf8_lossy(&put.body));
}

async fn stack_if_settled(account: &Account, name: &str) -> Option<String> {
    let of_stack = [("StackName", name)];
    let described = account.query("cloudformation", "DescribeStacks", &of_stack).await.unwrap();
    let status = elements(&described, "StackStatus").remove(0);
    if status == "CREATE_IN_PROGRESS" {
        return None;
    }
    if status != "CREATE_COMPLETE" {
        let events = account.query("cloudformation", "DescribeStackEvents", &of_stack).await.unwrap();
        panic!("the stack is {status}: {:#?}", elements(&events, "ResourceStatusReason"));
    }
    Some(described)
}

/// The binary of a cloud's function, or of the one that makes reports.
pub fn binary(cloud: Option<Cloud>) -> &'static Path {
    static BUILT: OnceLock<Binaries> = OnceLock::new();
    let binaries = BUILT.get_or_init(|| build::build(Profile::Debug).unwrap());
    match cloud {
        Some(Cloud::Alibaba) => &binaries.alibaba,
        Some(Cloud::Huawei) => &binaries.huawei,
        Some(Cloud::Tencent) => &binaries.tencent,
        None => &binaries.report,
    }
}

/// The zip of a cloud's function, or of the one that makes reports; each is made once.
fn package(cloud: Option<Cloud>) -> Vec<u8> {
    static PACKED: [OnceLock<Vec<u8>>; 4] = [const { OnceLock::new() }; 4];
    PACKED[cloud.map_or(3, |cloud| cloud as usize)].get_or_init(|| pack(binary(cloud))).clone()
}

/// The zip of the door, made once.
fn door() -> Vec<u8> {
    static PACKED: OnceLock<Vec<u8>> = OnceLock::new();
    PACKED.get_or_init(|| pack(&build::door(Profile::Debug).unwrap())).clone()
}

fn pack(binary: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("function.zip");
    let script = root().join("tests/aws/pack.py");
    run(Command::new(tool("python")).arg(script).arg(binary).arg(&zip));
    std::fs::read(zip).unwrap()
}

/// The template as CloudFormation reads it and MiniStack understands it, translated once.
pub fn template() -> &'static Value {
    static TRANSLATED: OnceLock<Value> = OnceLock::new();
    TRANSLATED.get_or_init(|| {
        let script = root().join("tests/aws/translate.py");
        let output = run(Command::new(tool("python")).arg(script).args(["--bucket", BUCKET, "--for-emulator"]));
        serde_json::from_slice(&output).unwrap()
    })
}

/// The template with what only a test may set: where the code is, and a hastier pace.
fn adapted(wish: &Wish, account: &Account) -> Value {
    let mut template = template().clone();
    for cloud in Cloud::ALL {
        let function = &mut template["Resources"][format!("{}Function", title(cloud))]["Properties"];
        function["Code"]["S3Bucket"] = json!(bucket(account));
        let variables = function["Environment"]["Variables"].as_object_mut().unwrap();
        variables.retain(|name, _| !wish.taken_away.contains(name));
        variables.extend(HASTE.map(|(name, value)| (name.to_owned(), json!(value))));
    }
    // A look that comes by itself underway would take a backup from the road that a test is about. Tests call it with `fire`.
    for cloud in [Cloud::Huawei, Cloud::Tencent] {
        template["Resources"][format!("{}Tail", title(cloud))]["Properties"]["ScheduleExpression"] =
            json!("rate(5 minutes)");
    }
    for function in ["ReportFunction", "DoorFunction"] {
        template["Resources"][function]["Properties"]["Code"]["S3Bucket"] = json!(bucket(account));
    }
    template
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
