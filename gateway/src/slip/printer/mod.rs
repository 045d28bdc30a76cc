//! A printer on a serial line: slips wait their turn, its state is told, and nothing waits for it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tokio_serial::{SerialPort, SerialStream};
use tracing::{debug, info, warn};

use super::{
    Line, Slip,
    escpos::{self, ASK_OFFLINE, ASK_PAPER, Status},
};
use crate::{
    domain::{BenchId, SiteId},
    supervise::{Stop, Supervisor},
};

/// Slips that wait for one printer. Full: whoever asks is told so, and nothing is lost: what a slip says
/// is in the store.
pub const WAITS: usize = 8;

/// How long a slip is tried: then its person has left, and it is printed by hand if at all.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// From one try to the next, and from one look at an idle printer to the next.
const RETRY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_secs(30);

/// A printer that is asked for its status answers at once; one that says nothing has no line back.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Longest time in which a printer takes a slip of some 1.5 KB, at 9,600 bits a second 1.6 s.
const WRITE_MAX: Duration = Duration::from_secs(20);

/// Bytes of an answer that are looked through for the status.
const ANSWER_BYTES: usize = 16;

/// One `[[printer]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrinterLine {
    /// The line.
    pub port: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// Where it stands.
    pub site: SiteId,
    /// At which bench.
    pub bench: BenchId,
    /// Half-width columns.
    pub columns: usize,
}

/// What a printer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrinterState {
    /// It was not looked at yet.
    Unknown,
    /// It can print.
    Ready,
    /// It prints.
    Printing,
    /// There is no paper.
    NoPaper,
    /// Its cover is open.
    CoverOpen,
    /// It reports an error, or takes no bytes.
    Fault,
    /// The line is not there, or another process has it.
    Unplugged,
}

impl From<Status> for PrinterState {
    fn from(status: Status) -> Self {
        match status {
            Status::Ready => Self::Ready,
            Status::NoPaper => Self::NoPaper,
            Status::CoverOpen => Self::CoverOpen,
            Status::Fault => Self::Fault,
        }
    }
}

/// A slip to print.
#[derive(Debug)]
pub struct Job {
    lines: Vec<Line>,
    /// Told `true` when it is printed, `false` when it was given up.
    done: oneshot::Sender<bool>,
}

/// There are as many slips waiting as may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{WAITS} slips wait for the printer")]
pub struct QueueFull;

/// A printer as others see it.
#[derive(Debug, Clone)]
pub struct Printer {
    /// Its line.
    pub line: PrinterLine,
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<PrinterState>,
}

impl Printer {
    /// Starts the task of a printer.
    #[must_use]
    pub fn start(line: PrinterLine, supervisor: &Supervisor) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITS);
        let (told, state) = watch::channel(PrinterState::Unknown);
        let task = Task { line: line.clone(), state: told, stop: supervisor.stopping() };
        supervisor.spawn("printer", task.run(waiting));
        Self { line, jobs, state }
    }

    /// Has a slip printed after those that wait; what comes of it is told later.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn print(&self, slip: &Slip) -> Result<oneshot::Receiver<bool>, QueueFull> {
        let (done, told) = oneshot::channel();
        // What the font lacks is described before the lines are cut, so that no line grows too long.
        let lines = described(slip).lines(self.line.columns);
        self.jobs.try_send(Job { lines, done }).map_err(|_full| QueueFull)?;
        Ok(told)
    }

    /// What it is doing now.
    #[must_use]
    pub fn state(&self) -> PrinterState {
        *self.state.borrow()
    }

    /// Slips that wait for it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity().saturating_sub(self.jobs.capacity())
    }
}

/// A slip with everything described that the printer's font may lack.
fn described(slip: &Slip) -> Slip {
    let say = escpos::printable;
    let mut said = slip.clone();
    for text in [
        &mut said.site,
        &mut said.person,
        &mut said.number,
        &mut said.operator,
        &mut said.day,
        &mut said.printed,
    ] {
        *text = say(text);
    }
    said.doctor = said.doctor.map(|(name, phone)| (say(&name), say(&phone)));
    for taken in &mut said.taken {
        taken.value = say(&taken.value);
    }
    said
}

/// Every printer of a gateway.
#[derive(Debug, Clone, Default)]
pub struct Printers(Arc<Vec<Printer>>);

impl Printers {
    /// Starts them all.
    #[must_use]
    pub fn start(lines: &[PrinterLine], supervisor: &Supervisor) -> Self {
        let all = lines.iter().map(|line| Printer::start(line.clone(), supervisor));
        Self(Arc::new(all.collect()))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Printer> {
        self.0.iter()
    }

    /// The printer of a bench.
    #[must_use]
    pub fn at(&self, site: &SiteId, bench: &BenchId) -> Option<&Printer> {
        self.iter().find(|printer| printer.line.site == *site && printer.line.bench == *bench)
    }
}

struct Task {
    line: PrinterLine,
    state: watch::Sender<PrinterState>,
    stop: Stop,
}

impl Task {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            self.tell(self.look().await);
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.print(job).await,
                    None => return,
                },
                () = sleep(LOOK) => {}
                () = self.stop.wait() => return,
            }
        }
    }

    fn tell(&self, now: PrinterState) {
        let changed = self.state.send_if_modified(|state| {
            let changed = *state != now;
            *state = now;
            changed
        });
        if changed {
            info!(site = %self.line.site, bench = %self.line.bench, state = ?now, "printer");
        }
    }

    /// Looks at an idle printer.
    async fn look(&self) -> PrinterState {
        match self.open().await {
            Ok(mut port) => status(&mut port).await.map_or(PrinterState::Ready, PrinterState::from),
            Err(_unplugged) => PrinterState::Unplugged,
        }
    }

    /// Prints a slip, again and again until it is on paper, too old, or the process ends.
    async fn print(&self, job: Job) {
        let bytes = escpos::bytes(&job.lines);
        let began = Instant::now();
        let printed = loop {
            let state = self.attempt(&bytes).await;
            if state == PrinterState::Ready {
                break true;
            }
            self.tell(state);
            if began.elapsed() >= PATIENCE {
                warn!(site = %self.line.site, bench = %self.line.bench, "a slip was given up");
                break false;
            }
            tokio::select! {
                () = sleep(RETRY) => {}
                () = self.stop.wait() => break false,
            }
        };
        if job.done.send(printed).is_err() {
            debug!(printed, "nobody waits to hear what became of a slip");
        }
    }

    /// One try: [`PrinterState::Ready`] says that the slip is on paper, as far as the printer tells.
    async fn attempt(&self, bytes: &[u8]) -> PrinterState {
        let Ok(mut port) = self.open().await else { return PrinterState::Unplugged };
        let before = status(&mut port).await;
        match before {
            Some(Status::Ready) | None => {}
            Some(wrong) => return wrong.into(),
        }
        self.tell(PrinterState::Printing);
        let writing = async {
            port.write_all(bytes).await?;
            port.flush().await
        };
        match timeout(WRITE_MAX, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_hung_up)) => return PrinterState::Unplugged,
            Err(_elapsed) => return PrinterState::Fault,
        }
        sleep(on_the_wire(bytes.len(), self.line.baud)).await;
        if before.is_none() {
            // A line without a way back: nobody can say more.
            return PrinterState::Ready;
        }
        // The roll may have ended within the slip: then all of it is printed again.
        status(&mut port).await.map_or(PrinterState::Fault, PrinterState::from)
    }

    async fn open(&self) -> Result<SerialStream, tokio_serial::Error> {
        open(&self.line.port, self.line.baud).await
    }
}

/// Opens a printer's line for this process alone.
async fn open(path: &Path, baud: u32) -> Result<SerialStream, tokio_serial::Error> {
    let path = path.to_string_lossy().into_owned();
    let ended = |_ended| {
        tokio_serial::Error::new(tokio_serial::ErrorKind::Unknown, "the process is ending")
    };
    let opening = tokio::task::spawn_blocking(move || {
        tokio_serial::new(path, baud).exclusive(true).open_native()
    });
    let port = SerialStream::try_from(opening.await.map_err(ended)??)?;
    // What the printer said to whoever had the line before.
    port.clear(tokio_serial::ClearBuffer::Input)?;
    Ok(port)
}

/// Sends bytes to a line and stays until they have left: one that is closed at once throws away the rest.
pub(crate) async fn send(path: &Path, baud: u32, bytes: &[u8]) -> Result<(), tokio_serial::Error> {
    let mut port = open(path, baud).await?;
    port.write_all(bytes).await?;
    port.flush().await?;
    sleep(on_the_wire(bytes.len(), baud)).await;
    Ok(())
}

/// How long so many bytes are on a line: a start bit, eight, a stop bit.
fn on_the_wire(bytes: usize, baud: u32) -> Duration {
    let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(10);
    Duration::from_millis(bits.saturating_mul(1000) / u64::from(baud.max(1)))
}

/// What the printer says of itself; `None` where it says nothing.
async fn status(port: &mut SerialStream) -> Option<Status> {
    let paper = asked(port, ASK_PAPER, escpos::paper).await?;
    if paper != Status::Ready {
        return Some(paper);
    }
    asked(port, ASK_OFFLINE, escpos::offline).await.or(Some(paper))
}

async fn asked(
    port: &mut SerialStream,
    question: [u8; 3],
    read: fn(u8) -> Option<Status>,
) -> Option<Status> {
    let talking = async {
        port.write_all(&question).await.ok()?;
        let mut answer = [0; 1];
        for _ in 0..ANSWER_BYTES {
            let count = port.read(&mut answer).await.ok()?;
            let byte = answer.first().copied().filter(|_| count > 0)?;
            if let Some(status) = read(byte) {
                return Some(status);
            }
        }
        None
    };
    timeout(ANSWER_MAX, talking).await.ok().flatten()
}

#[cfg(test)]
mod tests;
