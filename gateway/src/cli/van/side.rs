//! One of the two gateways: this very program as a process of its own, with a folder of its own, that
//! is started again whenever it ends.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, interval, sleep},
};
use tracing::warn;

use crate::{
    cli::Failure,
    supervise::{Stop, Supervisor},
};

/// How often it is looked whether it still runs.
const LOOK: Duration = Duration::from_millis(100);

/// Until it is started again.
const AGAIN: Duration = Duration::from_millis(500);

/// Longest time to end in order, within what the supervisor allows.
const END: Duration = Duration::from_secs(6);

/// Starts in a row that come to nothing before the demonstration gives up.
const TRIES: u32 = 5;

/// Variables by which a gateway of this machine is configured: none of them is for these two.
const FOREIGN: &str = "XUNZHEN__";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Van,
    Centre,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::Van, Self::Centre];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Van => "van",
            Self::Centre => "centre",
        }
    }

    /// Under which name browsers reach it: cookies know no ports, so the two need two names.
    pub(super) const fn host(self) -> &'static str {
        match self {
            Self::Van => "127.0.0.1",
            Self::Centre => "localhost",
        }
    }
}

/// What runs now.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// Its process, while it is ready.
    pub(super) pid: Option<u32>,
    /// Where its pages answer; the same after every start.
    pub(super) http: Option<SocketAddr>,
    /// A token with every right.
    pub(super) token: String,
    /// How often it was started.
    pub(super) starts: u32,
}

/// A gateway that is kept running. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) which: Which,
    /// Its data.
    pub(super) data: PathBuf,
    /// Its configuration.
    pub(super) config: PathBuf,
    /// Its log.
    pub(super) log: PathBuf,
    run: Arc<watch::Sender<Run>>,
}

impl Side {
    /// One whose files lie in this folder.
    pub(super) fn of(which: Which, folder: &std::path::Path) -> Self {
        let name = which.as_str();
        Self {
            which,
            data: folder.join(name),
            config: folder.join(format!("{name}.toml")),
            log: folder.join(format!("{name}.log")),
            run: Arc::default(),
        }
    }

    /// What runs now.
    pub(super) fn run(&self) -> Run {
        self.run.borrow().clone()
    }

    /// Keeps it running until the demonstration ends.
    pub(super) fn keep(&self, supervisor: &Supervisor) {
        let (side, stop, all) = (self.clone(), supervisor.stopping(), supervisor.clone());
        supervisor.spawn("a gateway of the demonstration", async move {
            if let Err(failure) = side.live(&stop).await {
                all.fail(failure.to_string());
            }
        });
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&self) -> Result<SocketAddr, Failure> {
        let mut run = self.run.subscribe();
        let ready = run.wait_for(|run| run.pid.is_some()).await;
        let http = ready.ok().and_then(|run| run.http);
        http.ok_or_else(|| Failure::Failed(format!("the {} did not start", self.which.as_str())))
    }

    /// kill -9.
    pub(super) fn kill(&self) -> io::Result<()> {
        let pid = self.run.borrow().pid;
        match pid.and_then(number) {
            Some(pid) => Ok(kill_process(pid, Signal::KILL)?),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "it does not run just now")),
        }
    }

    async fn live(&self, stop: &Stop) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let mut process = Running(self.spawn()?);
            let out = process.0.stdout.take();
            let line = spawn_blocking(move || ready_line(out));
            let line = tokio::select! {
                () = stop.wait() => return process.end().await,
                line = line => line.unwrap_or_default(),
            };
            match line {
                Some((line, _open)) => {
                    tries = 0;
                    self.started(process.0.id(), &line);
                    // The pipe stays open with `_open`, as long as the process lives.
                    if process.watch(stop).await? {
                        return process.end().await;
                    }
                }
                None => tries += 1,
            }
            self.run.send_modify(|run| run.pid = None);
            if tries >= TRIES {
                let (name, log) = (self.which.as_str(), self.log.display());
                return Err(Failure::Failed(format!("the {name} does not start, see {log}")));
            }
            warn!(which = self.which.as_str(), "a gateway ended and is started again");
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = sleep(AGAIN) => {}
            }
        }
    }

    fn spawn(&self) -> Result<Child, Failure> {
        let listen = self.run.borrow().http;
        let listen = listen.map_or_else(|| "127.0.0.1:0".to_owned(), |http| http.to_string());
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(["--dev", "--until-stdin-closes", "--mqtt", "127.0.0.1:0"]);
        command.args(["--http", &listen]).arg("--data-dir").arg(&self.data);
        command.arg("--config").arg(&self.config).args(["--log-format", "pretty"]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(FOREIGN) {
                command.env_remove(name);
            }
        }
        // Ctrl-C is for the demonstration alone, which ends them in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.stderr(log).spawn()?)
    }

    fn started(&self, pid: u32, line: &Value) {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        self.run.send_modify(|run| {
            run.pid = Some(pid);
            run.http = text("http").parse().ok().or(run.http);
            text("token").clone_into(&mut run.token);
            run.starts = run.starts.saturating_add(1);
        });
    }
}

fn number(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The line that says that it is ready, with the pipe that it came from; none where it ended first.
fn ready_line(out: Option<ChildStdout>) -> Option<(Value, BufReader<ChildStdout>)> {
    let mut out = BufReader::new(out?);
    let mut line = String::new();
    // What cannot be read is no such line.
    out.read_line(&mut line).ok()?;
    Some((serde_json::from_str(&line).ok()?, out))
}

/// A process that never outlives us: dropped, it is killed; and it ends when we do, because its
/// standard input closes with us.
struct Running(Child);

impl Running {
    /// Watches it until it ends, or until it should: then true.
    async fn watch(&mut self, stop: &Stop) -> Result<bool, Failure> {
        let mut look = interval(LOOK);
        while self.0.try_wait()?.is_none() {
            tokio::select! {
                () = stop.wait() => return Ok(true),
                _ = look.tick() => {}
            }
        }
        Ok(false)
    }

    /// Ends it in order, or at once when that takes too long.
    async fn end(mut self) -> Result<(), Failure> {
        // It ends when its standard input does.
        drop(self.0.stdin.take());
        let (begun, mut look) = (Instant::now(), interval(LOOK));
        while begun.elapsed() < END {
            if self.0.try_wait()?.is_some() {
                return Ok(());
            }
            look.tick().await;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            warn!(%error, "a gateway of the demonstration did not end");
        }
    }
}

/// Removes a folder of a demonstration when the demonstration has ended, however that was: in a
/// process of its own, which nothing but its standard input ties to us.
pub(super) fn sweeper(folder: &std::path::Path) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["demo", "--sweep"]).arg(folder).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let log = File::create(folder.join("sweep.log"))?;
    Ok(command.stderr(log).spawn()?)
}
