//! The checks of this installation: ledger, queue, switches. The file is opened for reading only.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use offsite_shared::io::aws::{Aws, AwsEndpoint};
use offsite_shared::io::roots::Roots;
use offsite_shared::io::tables::Part;
use offsite_shared::ledger::adopted;
use offsite_shared::ledger::brake::NOTE;
use offsite_shared::model::access::{CredentialName, Pause};
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Ledger, Notes};
use offsite_shared::providers::probe::{Finding, Health};
use offsite_shared::report::brake::{of_text as remarks_of, remarks};
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::known::{self, Unknown};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::json;

use super::check::Check;
use crate::home::database::{APPLICATION_ID, SCHEMA_VERSION, no_file};
use crate::home::{self, reach};

/// How long AWS is asked.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Where pauses of credentials are read.
pub(crate) enum Pauses {
    /// Those that the file holds.
    Held(Vec<(String, Pause)>),
    /// Those in the table, which is asked for each credential.
    Table(Arc<dyn Ledger>),
}

impl Pauses {
    /// The pause of a credential that is in force.
    pub(crate) async fn of(&self, credential: &CredentialName, now: Timestamp) -> Option<Pause> {
        let pause = match self {
            Pauses::Held(held) => held.iter().find(|(name, _)| *name == credential.0).map(|(_, pause)| pause.clone()),
            Pauses::Table(ledger) => ledger.pause_of(credential).await.ok().flatten(),
        };
        pause.filter(|pause| pause.until > now)
    }
}

/// The check whether `OFFSITE_PAUSED` stops everything.
pub(crate) fn paused(environment: &Environment) -> Check {
    let finding = match environment.get("OFFSITE_PAUSED") {
        None => Finding::ok("OFFSITE_PAUSED is not set"),
        Some(_) => Finding::new(
            Health::Warn,
            "OFFSITE_PAUSED is set: nothing is started while it is",
            "unset OFFSITE_PAUSED when copies are to be made again",
        ),
    };
    Check::here("paused", "", finding, "whether it is set for functions elsewhere: this is this process's environment")
}

/// The check which certificate authorities are trusted.
pub(crate) fn roots(environment: &Environment) -> Check {
    let aws = if reach::uses_aws(environment) { Roots::of_aws(environment) } else { Roots::of(environment) };
    let finding = match (Roots::of(environment), aws) {
        (Ok(all), Ok(aws)) if all.files == aws.files => Finding::ok(all.describe()),
        (Ok(all), Ok(aws)) => Finding::ok(format!("{}; for AWS {}", all.describe(), aws.describe())),
        (Err(error), _) => Finding::new(Health::Fail, error.to_string(), "correct the file; nothing starts until then"),
        (Ok(_), Err(error)) => {
            let advice = "correct the file; what lies on AWS is not reached until then";
            Finding::new(Health::Fail, error.to_string(), advice)
        }
    };
    Check::here("roots", "", finding, "the file as the functions on AWS have it")
}

/// The check whether every variable that begins with `OFFSITE_` is read by something.
pub(crate) fn names(environment: &Environment) -> Check {
    let unknown = known::unknown(environment);
    let emptied = known::emptied(environment);
    let fails = !emptied.is_empty() || unknown.iter().any(Unknown::is_switch);
    let told: Vec<String> = unknown.iter().map(ToString::to_string).chain(emptied).collect();
    let finding = match (told.is_empty(), fails) {
        (true, _) => Finding::ok("every OFFSITE_ variable is one that is read"),
        (false, false) => Finding::new(Health::Warn, told.join(". "), "correct the name, or unset it"),
        (false, true) => Finding::new(Health::Fail, told.join(". "), "correct it: nothing is started with it"),
    };
    Check::here("variables", "", finding, "what is set for functions elsewhere: this is this process's environment")
}

/// The ledger that `offsite ledger` reads, what people have stopped in it, and the pauses of credentials.
pub(crate) async fn ledger(environment: &Environment, simulated: bool) -> (Vec<Check>, Pauses) {
    if environment.get("OFFSITE_TABLE").is_some() {
        return in_tables(environment).await;
    }
    let path = home::database_path(environment);
    let (finding, held, brake) = in_file(&path, simulated);
    let blind = "whether the file can be written, and whether the disk has room";
    let first = Check::here("ledger", path.display().to_string(), finding, blind);
    (vec![first, braked(&remarks_of(brake.as_deref()))], Pauses::Held(held))
}

/// The check whether a person has stopped something (`offsite pause`).
fn braked(remarks: &[String]) -> Check {
    let finding = match remarks.is_empty() {
        true => Finding::ok("nobody has paused anything"),
        false => Finding::new(Health::Warn, remarks.join(". "), "end it when copies are to be made again"),
    };
    Check::here("brake", "", finding, "what is paused for those who use another ledger")
}

/// The check whether another hand makes the same copies at the same time.
pub(super) async fn others(notes: &dyn Notes, now: Timestamp) -> Option<Check> {
    let found = notes.everywhere(adopted::NOTE).await.ok()?;
    let remarks: Vec<String> = found.iter().filter_map(|note| adopted::remark(Some(&note.text), now)).collect();
    let finding = match remarks.is_empty() {
        true => Finding::ok("no copy was begun by another hand while we were at its backup"),
        false => Finding::new(
            Health::Warn,
            remarks.join(". "),
            "divide rules, regions or accounts: `offsite explain aws`, \"One installation for each source\"",
        ),
    };
    Some(Check::here("installations", "", finding, "another installation that this one has not met"))
}

/// The check whether the table can be deleted by mistake.
async fn protected(part: &Part) -> Check {
    let finding = match tokio::time::timeout(TIMEOUT, part.table.is_protected()).await {
        Ok(Ok(true)) => Finding::ok("the table cannot be deleted by mistake"),
        Ok(Ok(false)) => Finding::new(
            Health::Warn,
            "the table can be deleted, and with it the proof of every copy",
            format!("aws dynamodb update-table --deletion-protection-enabled --table-name {}", part.name),
        ),
        Ok(Err(error)) => Finding::new(Health::Unknown, error.to_string(), "allow dynamodb:DescribeTable on the table"),
        Err(_) => Finding::new(Health::Unknown, "no answer in time", "check the network to DynamoDB"),
    };
    Check::here("protection", subject(part), finding, "whether point-in-time recovery is on")
}

/// What a table's checks are about.
fn subject(part: &Part) -> String {
    let of = part.cloud.map(|cloud| format!(" of {}", cloud.name())).unwrap_or_default();
    format!("table {}{of}", part.name)
}

async fn in_tables(environment: &Environment) -> (Vec<Check>, Pauses) {
    const BLIND: &str = "whether the table may be written, and whether its indexes are there";
    let tables = match home::tables(environment) {
        Ok(tables) => tables,
        Err(error) => {
            let finding = Finding::new(Health::Fail, format!("{error:#}"), "set the AWS variables that it names");
            return (vec![Check::here("ledger", "", finding, BLIND)], Pauses::Held(Vec::new()));
        }
    };
    let mut checks = Vec::new();
    let mut all = true;
    for (part, finding) in join_all(tables.parts().iter().map(|part| async move { (part, answers(part).await) })).await
    {
        let answered = finding.health == Health::Ok;
        all &= answered;
        checks.push(Check::here("ledger", subject(part), finding, BLIND));
        if answered {
            checks.push(protected(part).await);
        }
    }
    if !all {
        return (checks, Pauses::Held(Vec::new()));
    }
    if let Ok(remarks) = remarks(&*tables).await {
        checks.push(braked(&remarks));
    }
    (checks, Pauses::Table(tables))
}

/// Whether a table can be read.
async fn answers(part: &Part) -> Finding {
    let fail = |why: String, advice: &str| Finding::new(Health::Fail, why, advice);
    // A name that no credential has: the answer is that there is none.
    match tokio::time::timeout(TIMEOUT, part.table.pause_of(&CredentialName("doctor".to_owned()))).await {
        Ok(Ok(_)) => Finding::ok("the table answers, and its items can be read"),
        Ok(Err(error)) => {
            fail(error.to_string(), "check OFFSITE_TABLE, AWS_REGION and the right dynamodb:GetItem on the table")
        }
        Err(_) => fail("no answer in time".to_owned(), "check the network to DynamoDB"),
    }
}

fn in_file(path: &Path, simulated: bool) -> (Finding, Vec<(String, Pause)>, Option<String>) {
    let fail = |why: String, advice: &str| (Finding::new(Health::Fail, why, advice), Vec::new(), None);
    if let Some(error) = no_file(path) {
        return fail(error.to_string(), "set OFFSITE_DB to the path of a file");
    }
    if !path.exists() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return match parent.is_none_or(Path::is_dir) {
            true => (Finding::ok("is not there yet: the first event makes it"), Vec::new(), None),
            false => fail("its folder is not there".to_owned(), "make the folder, or set OFFSITE_DB to another file"),
        };
    }
    let advice = "set OFFSITE_DB to a file of Offsite, or to one that does not exist yet";
    match read_file(path) {
        Err(error) => fail(format!("cannot be read: {error}"), advice),
        Ok(Home { application, .. }) if application != APPLICATION_ID => {
            fail("is not a file of Offsite".to_owned(), advice)
        }
        Ok(Home { version, .. }) if version > SCHEMA_VERSION => {
            fail("is of a newer version of Offsite".to_owned(), "use that version")
        }
        Ok(Home { kind: Some(kind), .. }) if (kind == "simulated") != simulated => {
            let this = if simulated { "simulated" } else { "live" };
            fail(format!("holds {kind} replications, and this run is {this}"), "set OFFSITE_DB to another file")
        }
        Ok(Home { pauses, brake, .. }) => (Finding::ok("can be read"), pauses, brake),
    }
}

struct Home {
    application: i64,
    version: i64,
    kind: Option<String>,
    pauses: Vec<(String, Pause)>,
    brake: Option<String>,
}

fn read_file(path: &Path) -> rusqlite::Result<Home> {
    let connection = open_to_read(path)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID || version > SCHEMA_VERSION {
        return Ok(Home { application, version, kind: None, pauses: Vec::new(), brake: None });
    }
    let kind = connection.query_row("SELECT value FROM home WHERE name = 'kind'", [], |row| row.get(0)).optional()?;
    let mut statement = connection.prepare("SELECT credential, until, reason FROM pauses")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let mut pauses = Vec::new();
    for row in rows {
        let (name, until, reason) = row?;
        if let Ok(until) = until.parse() {
            pauses.push((name, Pause { until, reason }));
        }
    }
    // A file of an old version has no notes yet; whatever writes it next makes them.
    let asked = connection.prepare("SELECT text FROM notes WHERE name = ?1");
    let brake = asked.ok().map(|mut asked| asked.query_row([NOTE], |row| row.get(0)).optional()).transpose()?.flatten();
    Ok(Home { application, version, kind, pauses, brake })
}

/// A reader of a file with write-ahead logging leaves two files beside it, unless it may take the file to be at rest: which it
/// is while it has no log. With a log somebody writes, and the two files are there already.
fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).exists() {
        return Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    }
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// The queues that are configured; without one the receipts are in the file.
pub(crate) async fn queues(environment: &Environment) -> Vec<Check> {
    const BLIND: &str = "whether messages may be sent: that cannot be tried without sending one";
    let mut checks = Vec::new();
    for variable in ["QUEUE_URL", "OFFSITE_WORK_QUEUE_URL"] {
        let Some(url) = environment.get(variable) else { continue };
        let called = || -> Result<(Arc<Aws>, AwsEndpoint), Error> {
            let aws = reach::aws(environment)?;
            let endpoint = aws.queue_endpoint(environment, variable, url)?;
            Ok((aws, endpoint))
        };
        let (subject, finding) = match called() {
            Ok((aws, endpoint)) => (url, queue(&aws, &endpoint, variable, url).await),
            // A URL that is refused may hold a password.
            Err(error) => (variable, Finding::new(Health::Fail, error.to_string(), "correct the variable")),
        };
        checks.push(Check::here("queue", subject, finding, BLIND));
    }
    if checks.is_empty() {
        let finding = Finding::ok("QUEUE_URL is not set: receipts go into the file of the ledger");
        checks.push(Check::here("queue", "", finding, "what the functions on AWS are given"));
    }
    checks
}

async fn queue(aws: &Aws, endpoint: &AwsEndpoint, variable: &str, url: &str) -> Finding {
    let body = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let call = aws.call(endpoint, "sqs", "1.0", "AmazonSQS.GetQueueAttributes", &body, Duration::from_secs(3));
    let why = match tokio::time::timeout(TIMEOUT, call).await {
        Ok(Ok(_)) => return Finding::ok("the queue answers"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    let advice = format!("check {variable}, AWS_REGION and the right sqs:GetQueueAttributes on the queue");
    Finding::new(Health::Fail, why, advice)
}
