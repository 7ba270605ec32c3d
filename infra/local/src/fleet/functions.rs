//! The real Lambda binaries as processes of this machine: built, started, invoked, killed.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use crate::aws::machine_clock;
use crate::fleet::runtime_api::{InvokeError, RuntimeApi};

/// Lines of output that are kept; older ones are dropped.
const KEPT_LINES: usize = 1000;
/// How much of a longer line is kept.
const KEPT_LINE_BYTES: usize = 16 * 1024;
/// Lines of output in the reason for an exit.
const LINES_IN_REASON: usize = 5;

/// How a function is run.
#[derive(Debug, Clone)]
pub struct FunctionOptions {
    /// The function's name; it is part of the log group and the ARN.
    pub name: String,
    /// The memory it is told it has.
    pub memory_mb: u32,
    /// The region it is told it runs in.
    pub region: String,
    /// The number that it is always told as its deadline, as local runtimes do; `None` for the moment at which its time ends.
    pub deadline: Option<u64>,
}

impl FunctionOptions {
    /// Options named after the binary.
    pub fn named_after(binary: &Path) -> FunctionOptions {
        let name = binary.file_stem().map_or_else(|| "function".into(), |name| name.to_string_lossy());
        FunctionOptions { name: name.into_owned(), memory_mb: 128, region: "us-east-1".to_owned(), deadline: None }
    }
}

/// What SQS gives a function: a record for each message, of which this has the ID and the body.
pub fn batch(messages: impl IntoIterator<Item = (String, String)>) -> Value {
    let record =
        |(id, body)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "awsRegion": "us-east-1" });
    json!({ "Records": messages.into_iter().map(record).collect::<Vec<_>>() })
}

/// The IDs of the messages that an answer to a batch hands back.
pub fn handed_back(answer: &Value) -> HashSet<String> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
    failures.filter_map(|failure| failure.get("itemIdentifier")?.as_str().map(str::to_owned)).collect()
}

/// Why a function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No port for its Runtime API.
    #[error("the Lambda Runtime API could not be served: {0}")]
    RuntimeApi(std::io::Error),
    /// The binary could not be run.
    #[error("{path} could not be started: {source}")]
    Binary {
        /// The binary.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A Lambda binary under its own Runtime API; dropping it kills the process.
pub struct FunctionProcess {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    options: FunctionOptions,
    output: Arc<Output>,
    running: Running,
}

impl FunctionProcess {
    /// Starts `binary` with exactly this environment, `PATH`, and what Lambda itself sets.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub async fn spawn(
        binary: &Path,
        environment: Vec<(String, String)>,
        options: FunctionOptions,
    ) -> Result<FunctionProcess, SpawnError> {
        let output = Arc::new(Output::default());
        let running = Running::start(binary, &environment, &options, &output).await?;
        Ok(FunctionProcess { binary: binary.to_owned(), environment, options, output, running })
    }

    /// Invokes the function; calls made meanwhile wait their turn. After a timeout the process is
    /// killed, as Lambda does; [`FunctionProcess::restart`] brings up the next.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&self, payload: Value, timeout: Duration) -> Result<Value, InvokeError> {
        let result = self.running.api.invoke(payload, timeout).await;
        if matches!(result, Err(InvokeError::TimedOut { .. })) {
            self.kill_now().await;
        }
        result
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.is_running().then_some(self.running.id).flatten()
    }

    /// Whether the process still runs.
    pub fn is_running(&self) -> bool {
        self.running.exit.borrow().is_none()
    }

    /// Kills the process (SIGKILL), as a crash would, and returns once it is gone.
    pub async fn kill_now(&self) {
        let _ = self.running.kill.send(());
        let _ = self.running.exit.clone().wait_for(Option::is_some).await;
    }

    /// Waits until the process has ended by itself, and says how.
    pub async fn wait(&self) -> String {
        let mut exit = self.running.exit.clone();
        exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone()).unwrap_or_default()
    }

    /// Kills what still runs and starts the binary again, as Lambda replaces an environment.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub async fn restart(&mut self) -> Result<(), SpawnError> {
        self.kill_now().await;
        self.running = Running::start(&self.binary, &self.environment, &self.options, &self.output).await?;
        Ok(())
    }

    /// Kills the process and returns once it is gone.
    pub async fn stop(self) {
        self.kill_now().await;
    }

    /// The last lines of its standard output and error, in the order they came.
    pub fn output(&self) -> Vec<String> {
        self.output.lines()
    }
}

/// One process with its API; a restart makes a new one, so nothing of the old can reach it.
struct Running {
    api: Arc<RuntimeApi>,
    id: Option<u32>,
    kill: mpsc::UnboundedSender<()>,
    exit: watch::Receiver<Option<String>>,
}

impl Running {
    async fn start(
        binary: &Path,
        environment: &[(String, String)],
        options: &FunctionOptions,
        output: &Arc<Output>,
    ) -> Result<Running, SpawnError> {
        let api = RuntimeApi::start_with(&options.name, machine_clock(), options.deadline)
            .await
            .map_err(SpawnError::RuntimeApi)?;
        let api = Arc::new(api);
        let mut command = Command::new(binary);
        command.env_clear().envs(lambda_environment(options, &api)).envs(environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| SpawnError::Binary { path: binary.to_owned(), source })?;
        let id = child.id();
        let (kill, killed) = mpsc::unbounded_channel();
        let (exited, exit) = watch::channel(None);
        let readers = [
            child.stdout.take().map(|pipe| output.clone().follow(pipe)),
            child.stderr.take().map(|pipe| output.clone().follow(pipe)),
        ];
        tokio::spawn(watch_over(child, killed, readers, output.clone(), api.clone(), exited));
        Ok(Running { api, id, kill, exit })
    }
}

/// What Lambda sets for a function; what the caller gives comes after and wins.
/// Source: AWS Lambda Developer Guide, "Defined runtime environment variables", 2026.
fn lambda_environment(options: &FunctionOptions, api: &RuntimeApi) -> Vec<(String, std::ffi::OsString)> {
    let mut environment: Vec<(String, std::ffi::OsString)> = [
        ("AWS_LAMBDA_RUNTIME_API", api.addr().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", options.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", options.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", options.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{}", api.addr().port())),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", options.region.clone()),
        ("AWS_DEFAULT_REGION", options.region.clone()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    environment.extend(std::env::var_os("PATH").map(|path| ("PATH".to_owned(), path)));
    environment
}

type Reader = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Owns the process until it ends: by itself, killed, or because nobody holds the function.
async fn watch_over(
    mut child: Child,
    mut killed: mpsc::UnboundedReceiver<()>,
    readers: [Option<Reader>; 2],
    output: Arc<Output>,
    api: Arc<RuntimeApi>,
    exited: watch::Sender<Option<String>>,
) {
    let [out, err] = readers.map(|reader| {
        tokio::spawn(async move {
            if let Some(reader) = reader {
                reader.await;
            }
        })
    });
    let status = tokio::select! {
        status = child.wait() => status,
        _ = killed.recv() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    // What it said last belongs to the reason; a grandchild may hold the pipes open, so not for ever.
    let rest = async {
        let _ = tokio::join!(out, err);
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), rest).await;
    let reason = ending(status, &output.lines());
    api.process_exited(&reason);
    let _ = exited.send(Some(reason));
}

fn ending(status: std::io::Result<ExitStatus>, lines: &[String]) -> String {
    let status = match status {
        Ok(status) => format!("the process ended with {status}"),
        Err(error) => format!("the process could not be watched: {error}"),
    };
    let last: Vec<&str> = lines.iter().rev().take(LINES_IN_REASON).rev().map(String::as_str).collect();
    if last.is_empty() { status } else { format!("{status}; its last words:\n{}", last.join("\n")) }
}

/// What a function wrote, bounded.
#[derive(Default)]
struct Output {
    lines: Mutex<VecDeque<String>>,
}

impl Output {
    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn follow(self: Arc<Output>, pipe: impl AsyncRead + Unpin + Send + 'static) -> Reader {
        Box::pin(async move {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while let Ok(1..) = pipe.read_until(b'\n', &mut line).await {
                line.truncate(KEPT_LINE_BYTES);
                self.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        })
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
