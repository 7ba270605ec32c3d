//! What a page finds when its commands are typed: a folder, simulated clouds, a ledger, and the programs of this machine.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_local::home::queue::RECEIPTS;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::ledger::{About, Claimant, Record, State, put_off};
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Clock, Ledger};
use serde_json::{Value, json};

use super::pages::{Beside, Page};
use super::{Statement, blocks, root, text};
use crate::command_line::{assert_tells_no_secret, offsite, run};
use crate::faults::world::{Home, Store, TABLE, replication};
use crate::functions::binaries;
use crate::sweeping::Estate;

/// Programs that are run as they are. Without one of the last five its commands are only read.
const HERE: [&str; 20] = [
    "bash",
    "sh",
    "env",
    "cat",
    "rm",
    "mkdir",
    "sleep",
    "date",
    "head",
    "grep",
    "base64",
    "od",
    "tr",
    "dirname",
    "basename",
    "openssl",
    "jq",
    "sqlite3",
    "real-curl",
    "real-install",
];

/// What is not run here: the program, why, and the file and words that show that its commands are right.
pub const STAND_INS: &[(&str, &str, &str, &str)] = &[
    ("apprise", "sends to the people who read it", "infra/systemd/offsite-notify.service", "apprise -i markdown -t"),
    ("aws", "needs an account; its calls are played by the suite on an emulated AWS", ".ci/run", "--test aws_e2e"),
    ("cargo", "this test runs under it; paths and packages are looked up", "tests/it/documents.rs", "no package"),
    ("curl", "goes to other machines; to 127.0.0.1 it is run", "tests/it/door/webhooks.rs", "curl -sS"),
    ("git", "the version of a release", ".ci/fresh", "git clone"),
    ("install", "run, but for the group that it asks for", "tests/it/documented/stand_in.sh", "real-install"),
    ("pip", "loads from a registry", "docs/notify.md", "Apprise 2.3.0 took each"),
    ("python3", "packs what cargo lambda built", ".ci/run", "tests/aws/test_package.py"),
    ("sam", "builds and deploys to an account", "docs/operations.md", "`sam build --beta-features` built all"),
    ("sudo", "run, as the user that types it", "tests/it/documented/stand_in.sh", "sudo -u offsite"),
    ("systemctl", "changes this machine", "tests/it/documents.rs", "systemd-analyze"),
    ("useradd", "changes this machine", "tests/it/documents.rs", "User=offsite"),
];

/// Commands by a path, which would run a file of the checkout.
pub const APART: &[(&str, &str, &str, &str)] = &[
    (".ci/fresh", "takes half an hour, of which this test is a part", ".ci/fresh", ".ci/run"),
    (".ci/run", "runs this test among others", ".ci/run", "cargo test --workspace"),
    (".tools/aws/bin/python tests/aws/translate.py", "needs pinned tools", "tests/aws_e2e/home.rs", "translate.py"),
    ("tests/aws/tools.sh", "loads pinned tools from a registry", ".ci/run", "tests/aws/tools.sh"),
    ("tests/protocol/mutations.py", "breaks the sources on purpose, for hours", "tests/protocol/mutations.py", "def "),
];

/// Where the pages write that a test must not: below the test's own folder instead.
const PLACES: [&str; 5] = ["/usr/local", "/etc/", "/var/lib/", "/backup/", "/usr/sbin"];

/// The folder of a page with all that stands beside it.
pub struct Scene<'a> {
    page: &'a Page,
    estate: Estate,
    /// Where the page works on a table instead of the file.
    store: Option<Store>,
    environment: Vec<(String, String)>,
}

impl<'a> Scene<'a> {
    pub async fn set(page: &'a Page) -> Scene<'a> {
        // The demo takes them where they lie.
        binaries();
        let estate = Estate::plain().await;
        let mut scene = Scene { page, estate, store: None, environment: Vec::new() };
        scene.environment.extend(scene.estate.environment.variables().clone());
        for (name, value) in [("USER", "ann"), ("TZ", "UTC"), ("SHELL", "/bin/sh"), ("LC_ALL", "C.UTF-8")] {
            scene.environment.push((name.to_owned(), value.to_owned()));
        }
        scene.furnish();
        for beside in page.beside {
            scene.put(beside).await;
        }
        scene
    }

    fn folder(&self) -> &Path {
        self.estate.directory.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Programs, the checkout's folders, and the places of the file system.
    fn furnish(&self) {
        for folder in
            ["bin", "kept", "shown", "var/lib/offsite", "var/lib/node_exporter", "etc/systemd/system", "backup"]
        {
            std::fs::create_dir_all(self.path(folder)).unwrap();
        }
        for folder in ["docs", "events", "infra", "schemas", "tests"] {
            symlink(root().join(folder), self.path(folder)).unwrap();
        }
        let found = |name: &str| {
            let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
            folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
        };
        let program = self.path("bin/stand-in");
        std::fs::write(&program, include_str!("stand_in.sh")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(offsite(), self.path("bin/offsite")).unwrap();
        for name in HERE {
            let real = found(name.trim_start_matches("real-"));
            symlink(real.as_deref().unwrap_or(&program), self.path("bin").join(name)).unwrap();
        }
        for (name, ..) in STAND_INS {
            symlink(&program, self.path("bin").join(name)).unwrap();
        }
    }

    async fn put(&mut self, beside: &Beside) {
        match *beside {
            Beside::Policy(cloud) => {
                let file = self.path("offsite.yaml");
                let ended = run(&["init", cloud, "--policy", &file.to_string_lossy()], &[], None).await;
                assert_eq!(ended.code, 0, "{}", ended.stderr);
            }
            Beside::File(name, content) => {
                self.write(name, content);
            }
            Beside::OfPage(name, words) => {
                let all = blocks(&text(self.page.path));
                let block = all.into_iter().find(|(_, _, body)| body.contains(words));
                let (_, _, body) = block.unwrap_or_else(|| panic!("{}: no block with {words}", self.page.path));
                self.write(name, &body);
            }
            Beside::More(name, content) => {
                let before = std::fs::read_to_string(self.path(name)).unwrap();
                self.write(name, &(before + content));
            }
            Beside::Env(name, value) => {
                let value = value.replace("{folder}", &self.folder().to_string_lossy());
                self.environment.push((name.to_owned(), value));
            }
            // All variables of the scene, as a file for a shell or for systemd.
            Beside::Exports(name, prefix) => {
                let line = |(name, value): &(String, String)| format!("{prefix}{name}='{value}'\n");
                let content: String = self.environment.iter().map(line).collect();
                self.write(name, &content);
            }
            Beside::Clouds(cloud, seed) => {
                let seed: Value = serde_json::from_str(seed).unwrap();
                self.estate.post(cloud, "seed", &seed).await;
            }
            Beside::Record(name, id, rule, state) => {
                let record = record(id, rule, state);
                let ledger: &dyn Ledger = match &self.store {
                    Some(store) => &*store.ledger,
                    None => &self.estate.ledger(),
                };
                assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
                self.environment.push((name.to_owned(), record.key));
            }
            Beside::OnAws => {
                let store = Store::open(Home::Dynamo).await;
                let aws = store.aws.as_ref().unwrap();
                let outputs = [
                    ("LedgerTables", TABLE.to_owned()),
                    ("ReceiptsQueueUrl", aws.queue_url(RECEIPTS)),
                    ("TencentWorkQueueUrl", aws.queue_url(RECEIPTS)),
                    ("accounts", json!({ "default": { "environment": true } }).to_string()),
                ];
                for (name, value) in outputs {
                    std::fs::write(self.path("kept").join(name), value + "\n").unwrap();
                }
                let variables = store.environment.as_ref().unwrap().variables().clone().into_iter();
                self.environment.extend(variables.filter(|(name, _)| name != "QUEUE_URL"));
                self.store = Some(store);
            }
            Beside::Run(command) => {
                let words: Vec<&str> = command.split_whitespace().collect();
                let mut environment = self.environment.clone();
                let here = [("OFFSITE_DB", "offsite.db"), ("OFFSITE_POLICY", "offsite.yaml")];
                environment.extend(here.map(|(name, file)| (name.to_owned(), self.path(file).display().to_string())));
                let ended = run(&words, &environment, None).await;
                assert!([0, 1, 3].contains(&ended.code), "{command}: {}", ended.stderr);
            }
        }
    }

    /// A command with what the reader fills in, and with the test's own folder in place of the machine's.
    fn filled(&self, shown: &str, used: &mut BTreeMap<&str, usize>) -> String {
        let mut text = shown.to_owned();
        for (open, value) in self.page.fills.iter().filter(|(open, _)| shown.contains(open)) {
            *used.entry(*open).or_default() += 1;
            let base = |cloud: Cloud| self.estate.base(cloud);
            let value = value.replace("{alibaba}", &base(Cloud::Alibaba)).replace("{tencent}", &base(Cloud::Tencent));
            text = text.replace(open, &value);
        }
        for (name, value) in &self.environment {
            text = text.replace(&format!("{name}=..."), &format!("{name}='{value}'"));
        }
        PLACES.iter().fold(text, |text, place| {
            let own = format!("{}{place}", self.folder().display());
            text.replace(&format!(" {place}"), &format!(" {own}"))
                .replace(&format!("={place}"), &format!("={own}"))
                .replace(&format!("'{place}"), &format!("'{own}"))
                .replace(&format!(">{place}"), &format!(">{own}"))
        })
    }

    /// Types everything into one shell, and says what did not go as the page tells.
    pub async fn play(self, statements: &[Statement]) -> Vec<String> {
        let (mut troubles, mut used) = (Vec::new(), BTreeMap::new());
        let mut script =
            "command_not_found_handle() { echo \"$1 is neither run here nor stood in for\" >&2; return 127; }\n\
                          umask 022\n"
                .to_owned();
        let mut block = None;
        for (at, statement) in statements.iter().enumerate() {
            if let Some((start, ..)) = APART.iter().find(|(start, ..)| statement.text.starts_with(start)) {
                *used.entry(*start).or_default() += 1;
                continue;
            }
            if by_path(statement).is_some() {
                continue;
            }
            let typed = self.page.typed(&statement.text).unwrap_or_default();
            let file = |ending: &str| self.path("shown").join(format!("{at}.{ending}"));
            std::fs::write(file("in"), typed).unwrap();
            std::fs::write(file("sh"), self.filled(&statement.text, &mut used) + "\n").unwrap();
            if block.replace(statement.block) != Some(statement.block) {
                script += &format!("cd '{}'\n", self.folder().display());
            }
            let shown = self.path("shown").display().to_string();
            script +=
                &format!("source '{shown}/{at}.sh' <'{shown}/{at}.in' >'{shown}/{at}.out' 2>'{shown}/{at}.err'\n");
            script += &format!("echo $? >'{shown}/{at}.code'\n");
        }
        self.shell(&script).await;
        for (at, statement) in statements.iter().enumerate() {
            let read = |ending: &str| std::fs::read_to_string(self.path("shown").join(format!("{at}.{ending}")));
            if let Some(path) = by_path(statement).filter(|_| !is_apart(statement)) {
                let place = format!("{}:{}", self.page.path, statement.line);
                troubles.push(format!("{place}: {path} is neither run here nor told apart"));
            }
            let Ok(command) = read("sh") else { continue };
            let said = read("out").unwrap_or_default() + &read("err").unwrap_or_default();
            assert_tells_no_secret(&self.environment, &[&said]);
            let code = read("code").map_or(-1, |code| code.trim().parse().unwrap());
            let (start, codes, words) = self.told(statement).unwrap_or(("", &[0], ""));
            *used.entry(start).or_default() += 1;
            let place = format!("{}:{}: {}", self.page.path, statement.line, command.trim_end());
            if said.contains("is neither run here") || !codes.contains(&code) {
                troubles.push(format!("{place}\nended with {code}: {said}"));
            } else if !said.contains(words) {
                troubles.push(format!("{place}\ndoes not say `{words}`: {said}"));
            }
        }
        let all = self.page.told.iter().map(|row| row.0).chain(self.page.fills.iter().map(|row| row.0));
        for start in all.filter(|start| !used.contains_key(start)) {
            troubles.push(format!("{}: no command begins with `{start}` any more, or holds it", self.page.path));
        }
        troubles
    }

    /// What the page's row tells of a command.
    fn told(&self, statement: &Statement) -> Option<(&'static str, &'static [i32], &'static str)> {
        self.page.told.iter().copied().find(|(start, ..)| statement.text.starts_with(start))
    }

    async fn shell(&self, script: &str) {
        std::fs::write(self.path("shown/all.sh"), script).unwrap();
        let mut shell = tokio::process::Command::new(self.path("bin/bash"));
        shell
            .arg(self.path("shown/all.sh"))
            .current_dir(self.folder())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("PATH", self.path("bin"))
            .env("HOME", self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let mut shell = shell.spawn().unwrap();
        let _group = Group(shell.id());
        let ended = tokio::time::timeout(Duration::from_secs(120), shell.wait()).await;
        ended.unwrap_or_else(|_| panic!("{}: a command does not end", self.page.path)).unwrap();
    }
}

/// The file of the checkout that a command would run.
fn by_path(statement: &Statement) -> Option<&str> {
    // A setting may hold an address.
    statement.text.split_whitespace().next().filter(|first| first.contains('/') && !first.contains('='))
}

fn is_apart(statement: &Statement) -> bool {
    APART.iter().any(|(start, ..)| statement.text.starts_with(start))
}

/// The processes that a page leaves behind end with it, however it ends.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            let all = format!("-{id}");
            _ = std::process::Command::new("kill").args(["-KILL", "--", &all]).stderr(Stdio::null()).status();
        }
    }
}

/// A record of a snapshot of Guangzhou on its way to Singapore that has been in this state since October; if it is claimed, for an hour more.
fn record(id: &str, rule: &str, state: State) -> Record {
    let wish = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot", "rule": rule,
        "source": { "region": "ap-guangzhou", "snapshot_id": id }, "destinations": [{ "region": "ap-singapore" }],
    });
    let then: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
    let owner = Claimant { owner: "sweep".into(), lease_until: then, now: then };
    let mut record = put_off(&replication(&wish), About::default(), &owner, None);
    record.state = state;
    record.doubt_since = (state == State::InDoubt).then_some(then);
    record.lease_until = (state == State::Claimed).then(|| SystemClock.now() + SignedDuration::from_hours(1));
    let last = record.history.last_mut().unwrap();
    last.state = state;
    last.code = (state == State::Refused).then(|| "InsufficientSnapshotQuota".into());
    record
}
