//! The real program: started, watched, killed, stopped.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    http::{self, Answer},
    patience::{PATIENCE, wait_for},
    process::Process,
    registry::County,
};

/// Longest wait for the line that says "ready", on a machine busy with other tests.
pub const READY: Duration = Duration::from_secs(30);

/// What DESIGN section 9 allows between SIGTERM, or a broken disk, and the end of the process.
pub const END: Duration = Duration::from_secs(10);

/// How a gateway is started.
#[derive(Debug, Clone)]
pub struct Setup {
    binary: PathBuf,
    folder: PathBuf,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    files: Option<String>,
}

impl Setup {
    /// `serve --dev` on a store folder, on free ports of loopback.
    #[must_use]
    pub fn new(binary: &str, folder: &Path) -> Self {
        let environment = vec![("XUNZHEN__NOTIFY__ALLOW_PRIVATE".to_owned(), "true".to_owned())];
        let (binary, folder) = (binary.into(), folder.to_owned());
        Self { binary, folder, flags: Vec::new(), environment, files: None }
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another flag of `serve`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// With so many files that may be open at once, as the shell's `ulimit` takes them: `-n 256` for good,
    /// `-S -n 256` until the program asks for more.
    #[must_use]
    pub fn files(mut self, limit: &str) -> Self {
        self.files = Some(limit.to_owned());
        self
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the gateway and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not in [`READY`].
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Gateway {
        let mut process = self.spawn();
        match process.ready(READY) {
            Some(line) => Gateway::new(process, &line),
            None => panic!("not ready in {READY:?}; its log:\n{}", process.log()),
        }
    }

    /// Starts the process and waits for nothing.
    ///
    /// # Panics
    /// When there is no such program.
    #[must_use]
    #[track_caller]
    pub fn spawn(&self) -> Process {
        let folder = self.folder.display().to_string();
        let serve = ["serve", "--dev", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];
        let mut command = self.command();
        command.args(serve).args(["--data-dir", &folder]).args(&self.flags);
        Process::spawn(&mut command)
    }

    /// Runs another command of the program to its end.
    ///
    /// # Panics
    /// When there is no such program.
    #[must_use]
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts another command of the program on the store's folder and waits for nothing.
    ///
    /// # Panics
    /// When there is no such program.
    #[must_use]
    #[track_caller]
    pub fn begin(&self, arguments: &[&str]) -> Process {
        let folder = self.folder.display().to_string();
        Process::spawn(self.command().args(arguments).args(["--data-dir", &folder]))
    }

    /// Runs another command of the program on the store's folder, which must go well.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn run_well(&self, arguments: &[&str]) -> String {
        let folder = self.folder.display().to_string();
        let output = self.run(&[arguments, &["--data-dir", &folder]].concat());
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let troubles = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{told}\n{troubles}", output.status);
        told
    }

    /// Brings a county into the store.
    ///
    /// # Panics
    /// When an import fails.
    #[track_caller]
    pub fn import(&self, county: &County, scratch: &Path) {
        for (kind, file) in county.write(scratch) {
            let file = file.display().to_string();
            self.run_well(&["registry", "import", "--kind", kind, &file]);
        }
    }

    fn command(&self) -> Command {
        let mut command = match &self.files {
            None => Command::new(&self.binary),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]);
                shell.arg(&self.binary);
                shell
            }
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("RUST_BACKTRACE", "1");
        command
    }
}

/// A gateway that is ready.
#[derive(Debug)]
pub struct Gateway {
    /// Its process.
    pub process: Process,
    /// Where pages and the API answer.
    pub http: SocketAddr,
    /// Where devices publish.
    pub mqtt: SocketAddr,
    /// A token with every right.
    pub token: String,
    /// The whole line that said "ready".
    pub line: Value,
}

impl Gateway {
    #[track_caller]
    fn new(process: Process, line: &Value) -> Self {
        let address = |name: &str| match line[name].as_str().and_then(|text| text.parse().ok()) {
            Some(address) => address,
            None => panic!("no address {name:?} in {line}"),
        };
        let token = line["token"].as_str().unwrap_or_default().to_owned();
        Self { http: address("http"), mqtt: address("mqtt"), token, line: line.clone(), process }
    }

    /// Asks the API.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask(("GET", path), &[], b"")
    }

    /// Asks the API, which must answer 200.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Every item of a list, page after page.
    ///
    /// # Panics
    /// When a page does not come, or the list does not end.
    #[must_use]
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        for _ in 0..10_000 {
            let page = self.get_json(&format!("{path}{after}"));
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return all };
            let joint = if path.contains('?') { '&' } else { '?' };
            after = format!("{joint}after={}", next.replace('+', "%2B"));
        }
        panic!("{path} does not end");
    }

    /// Posts JSON under an idempotency key.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.ask(("POST", path), &headers, body.to_string().as_bytes())
    }

    /// Asks with other headers, or with any bytes.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, what: (&str, &str), headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [headers, &[("authorization", &bearer)]].concat();
        match http::request(self.http, what, &headers, body) {
            Ok(answer) => answer,
            Err(error) => panic!("{what:?}: {error}; its log:\n{}", self.process.log()),
        }
    }

    /// Waits for the alerts that a query lists until there are so many.
    ///
    /// # Panics
    /// When there are not in time.
    #[must_use]
    #[track_caller]
    pub fn alerts(&self, query: &str, count: usize) -> Vec<Value> {
        let path = format!("/api/v1/alerts?{query}");
        wait_for(PATIENCE, &format!("{count} alerts of {query:?}"), || {
            Some(self.list(&path)).filter(|found| found.len() == count)
        })
    }

    /// Stops it in order.
    ///
    /// # Panics
    /// When it does not end well within [`END`].
    #[track_caller]
    pub fn stop(mut self) {
        self.process.terminate();
        let status = self.process.wait(END);
        assert!(status.success(), "{status}; its log:\n{}", self.process.log());
    }

    /// Ends it at once.
    pub fn kill(self) {
        self.process.kill();
    }
}
