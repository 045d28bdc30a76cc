//! What the process has used so far, as the kernel counts it.

use std::{fs, io};

use tokio::time::Instant;

/// The kernel's unit of processor time in `/proc/self/stat` (`USER_HZ`, fixed in its interface).
const NANOS_PER_TICK: u64 = 10_000_000;

/// The thread that is counted apart.
const WRITER: &str = "writer";

/// A look at the kernel's counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// When.
    pub(super) at: Instant,
    /// Processor time of all threads, in nanoseconds.
    process: u64,
    /// Of the writer.
    writer: u64,
    /// Bytes that the process caused to be written to the disk.
    written: u64,
}

/// What was used between two looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    /// Wall clock.
    pub(super) time: std::time::Duration,
    /// Processor time of the writer, in nanoseconds.
    pub(super) writer: u64,
    /// Of everything but the writer, the load generator included.
    pub(super) rest: u64,
    /// Bytes written to the disk.
    pub(super) written: u64,
}

impl Usage {
    /// Looks now.
    pub(super) fn now() -> io::Result<Self> {
        let mut writer = 0_u64;
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            // A thread may end between the listing and the look.
            let Ok(name) = fs::read_to_string(task.join("comm")) else { continue };
            if name.trim() == WRITER {
                let spent = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
                writer = writer.saturating_add(first(&spent));
            }
        }
        let stat = fs::read_to_string("/proc/self/stat")?;
        // The fields after the name, which may hold spaces: user time is the 12th, system the 13th.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
        let process = ticks.sum::<u64>().saturating_mul(NANOS_PER_TICK);
        let written = number(&fs::read_to_string("/proc/self/io")?, "write_bytes:");
        Ok(Self { at: Instant::now(), process, writer, written })
    }

    /// What was used since an earlier look.
    pub(super) fn since(&self, earlier: &Self) -> Spent {
        let writer = self.writer.saturating_sub(earlier.writer);
        let process = self.process.saturating_sub(earlier.process);
        Spent {
            time: self.at.duration_since(earlier.at),
            writer,
            rest: process.saturating_sub(writer),
            written: self.written.saturating_sub(earlier.written),
        }
    }
}

/// Processor time of the thread that asks, in nanoseconds.
pub(super) fn of_this_thread() -> io::Result<u64> {
    Ok(first(&fs::read_to_string("/proc/thread-self/schedstat")?))
}

fn first(numbers: &str) -> u64 {
    numbers.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Resident memory of a process and the most it had, in KiB.
pub(super) fn resident(process: u32) -> io::Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok((number(&status, "VmRSS:"), number(&status, "VmHWM:")))
}

/// How busy the machine is: processes that ran or waited, on average over the last minute.
pub(super) fn machine_load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
