//! One MiniStack process for all tests of this binary: started with the first, stopped when this process ends, however it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Lines of its log that a failing test shows.
const TAIL: usize = 80;

/// Signs of such a line.
const LINE: usize = 600;

/// How long it may take until it answers.
const READY: Duration = Duration::from_secs(60);

/// The running emulator.
pub struct MiniStack {
    /// Its address, such as `http://127.0.0.1:40001`.
    pub endpoint: String,
    log: PathBuf,
    /// Its standard input is the lifeline: the script behind it stops the emulator when it closes.
    process: Child,
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A tool that `tests/aws/tools.sh` installs.
pub fn tool(name: &str) -> PathBuf {
    static CURRENT: OnceLock<bool> = OnceLock::new();
    let folder = root().join(".tools/aws");
    let is_current = CURRENT.get_or_init(|| {
        let pinned = "cat tests/aws/tools.sh tests/aws/requirements.txt tests/aws/constraints.txt tests/aws/package-lock.json | sha256sum";
        let wanted = Command::new("sh").args(["-c", pinned]).current_dir(root()).output().unwrap().stdout;
        let installed = std::fs::read_to_string(folder.join("installed")).unwrap_or_default();
        installed == String::from_utf8(wanted).unwrap().trim_end()
    });
    let path = folder.join("bin").join(name);
    assert!(
        *is_current && path.exists(),
        "{} is missing or not of the versions pinned in tests/aws: run tests/aws/tools.sh (it needs Python 3 with venv, Node.js with npm, and their registries)",
        path.display()
    );
    path
}

/// The emulator of this process.
pub fn ministack() -> &'static MiniStack {
    static RUNNING: OnceLock<MiniStack> = OnceLock::new();
    RUNNING.get_or_init(|| {
        tool("ministack");
        let running = MiniStack::start();
        let before = std::panic::take_hook();
        let log = running.log.clone();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            eprintln!("--- the last {TAIL} lines of MiniStack's log ---\n{}\n---", tail(&log));
        }));
        running
    })
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_else(|error| format!("{}: {error}", log.display()));
    let lines: Vec<String> = text.lines().map(|line| line.chars().take(LINE).collect()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

impl MiniStack {
    /// A free port can be taken by another process before the emulator has it; then another one is tried.
    fn start() -> MiniStack {
        let mut last = String::new();
        for _ in 0..3 {
            let front = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let endpoint = format!("http://127.0.0.1:{port}");
            let folder = tempfile::tempdir().unwrap().keep();
            let log = folder.join("log");
            std::fs::write(&log, "").unwrap();
            let mut command = Command::new(root().join("tests/aws/serve.sh"));
            let for_functions = format!("http://{}", front.local_addr().unwrap());
            command.arg(port.to_string()).arg(&folder).arg(for_functions).stdin(Stdio::piped()).process_group(0);
            let process = command.spawn().unwrap_or_else(|error| panic!("tests/aws/serve.sh: {error}"));
            let mut running = MiniStack { endpoint: endpoint.clone(), log, process };
            match running.wait_until_ready(port) {
                Ok(()) => {
                    crate::front::serve(front, endpoint);
                    return running;
                }
                Err(reason) => last = format!("{reason}; its log:\n{}", tail(&running.log)),
            }
            drop(running.process.stdin.take());
            let _ = running.process.wait();
        }
        panic!("MiniStack did not start: {last}");
    }

    #[allow(clippy::disallowed_methods, reason = "the edge of the tests: it waits for another process")]
    fn wait_until_ready(&mut self, port: u16) -> Result<(), String> {
        let began = std::time::Instant::now();
        loop {
            if is_healthy(port) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if began.elapsed() > READY {
                return Err(format!("/_ministack/health did not answer within {READY:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request = "GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.lines().next().is_some_and(|line| line.contains(" 200"))
}
