//! A process of the real program: its lines, its log, and how it ends.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::patience::wait_at_most;

/// Bytes of the gateway's log that a failing test shows.
const LOG_SHOWN: usize = 16 * 1024;

/// A process of the gateway. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        let log = keep_log(child.stderr.take().unwrap());
        Self { child, lines, log }
    }

    /// The line that says "ready", if it comes in time.
    #[must_use]
    pub fn ready(&mut self, limit: Duration) -> Option<Value> {
        wait_at_most(limit, || match self.lines.try_recv() {
            Ok(line) => {
                let json: Option<Value> = serde_json::from_str(&line).ok();
                Some(json.filter(|json| json["event"] == "ready"))
            }
            Err(_) if self.ended().is_some() => Some(None),
            Err(_) => None,
        })
        .flatten()
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        match wait_at_most(limit, || self.ended()) {
            Some(status) => status,
            None => panic!("still runs after {limit:?}; its log:\n{}", self.log()),
        }
    }

    /// Ends it at once, as a power cut of the process alone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // A process that ended by itself meanwhile is what the caller wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to stop: SIGTERM.
    ///
    /// # Panics
    /// When there is no such process.
    #[track_caller]
    pub fn terminate(&self) {
        let number = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(number).unwrap(), Signal::TERM).unwrap();
    }

    /// The end of its log.
    ///
    /// # Panics
    /// When the thread that keeps the log panicked.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        let from = log.len().saturating_sub(LOG_SHOWN);
        format!("{}\n(process {})", String::from_utf8_lossy(&log[from..]), self.state())
    }

    /// What the system says of it: a process that ended and was not waited for is a `Z (zombie)`,
    /// and its exit code says by which signal.
    fn state(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split(' ').collect();
        match (fields.first(), fields.last()) {
            (Some(&"Z"), Some(code)) => format!("ended, wait status {}", code.trim()),
            (Some(state), _) if !state.is_empty() => format!("in state {state}"),
            _ => "gone".to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn read_lines(stdout: ChildStdout) -> Receiver<String> {
    let (line_tx, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line_tx.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn keep_log(mut stderr: ChildStderr) -> Arc<Mutex<Vec<u8>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&log);
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut piece) {
            let mut kept = kept.lock().unwrap();
            kept.extend_from_slice(&piece[..length]);
            let over = kept.len().saturating_sub(4 * LOG_SHOWN);
            kept.drain(..over);
        }
    });
    log
}
