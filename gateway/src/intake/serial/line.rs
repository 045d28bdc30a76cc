//! The task of one line: open, read, hand over, open again.

use std::{io, sync::Arc, time::Duration};

use firmware_protocols::deframe::Framing;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_serial::SerialStream;
use tracing::{info, warn};

use super::{
    Arrived, LineState, LineWatch, SerialArrival, SerialIntake, SerialLine,
    cards::{self, LastCard},
    figures::count,
    pace::{Pace, reopen_delay},
    poll::{Deed, Moment, Poller},
    port,
    sort::{Sorted, Sorter},
    unsaved::{Batch, Unsaved},
};
use crate::{
    intake::{Item, NotCommitted},
    store::Presence,
    supervise::Stop,
};

/// Bytes read at once.
const READ_BYTES: usize = 1024;
/// How long a device may take to accept a request of 8 bytes.
const WRITE_LIMIT: Duration = Duration::from_secs(1);
/// A connection that brought a frame or lasted so long was a good one: the next wait is the
/// shortest again.
const GOOD_CONNECTION: Duration = Duration::from_secs(5);

/// What can happen to an open line.
enum Event {
    Read(io::Result<usize>),
    /// A delivery is on disk; whether it was a read-out.
    Saved(Result<bool, NotCommitted>),
    Due,
    Stop,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    HungUp,
    Broken(io::Error),
    NotCommitting,
    Stopped,
}

/// One line and what it is doing.
pub(super) struct LineTask {
    intake: SerialIntake,
    line: Arc<SerialLine>,
    framing: Framing,
    watch: Arc<LineWatch>,
    unsaved: Unsaved,
    poller: Option<Poller>,
    /// When the device last said something of use.
    heard_at: Instant,
    silent: bool,
    /// The card that was read last, when it was told, and when it was read.
    last_card: LastCard,
}

/// What belongs to one connection.
struct Connection {
    port: SerialStream,
    sorter: Sorter,
    pace: Pace,
    buffer: [u8; READ_BYTES],
}

impl LineTask {
    /// `None` for a format that no serial line carries.
    pub(super) fn new(intake: SerialIntake, line: SerialLine) -> Option<Self> {
        let framing = line.format.framing(line.model.as_deref())?;
        let now = Instant::now();
        let watch = Arc::default();
        Some(Self {
            poller: Poller::new(&line, now),
            intake,
            line: Arc::new(line),
            framing,
            unsaved: Unsaved::new(Arc::clone(&watch)),
            watch,
            heard_at: now,
            silent: false,
            last_card: LastCard::default(),
        })
    }

    pub(super) fn watch(&self) -> Arc<LineWatch> {
        Arc::clone(&self.watch)
    }

    /// Runs until the process stops or the writer gives up.
    pub(super) async fn run(mut self, stop: Stop) {
        let mut attempt = 0_u32;
        let mut told = false;
        while !stop.is_set() {
            match port::open(&self.line.port, self.line.baud).await {
                Ok(port) => {
                    let (since, frames) = (Instant::now(), self.watch.figures().frames);
                    if self.serve(port, &stop).await.is_err() {
                        return;
                    }
                    let good = self.watch.figures().frames > frames;
                    if good || since.elapsed() >= GOOD_CONNECTION {
                        attempt = 0;
                    }
                    told = true;
                }
                Err(error) if !told => {
                    warn!(device = %self.line.device, %error, "serial port cannot be opened");
                    if self.tell(LineState::Disconnected).await.is_err() {
                        return;
                    }
                    told = true;
                }
                Err(_told_before) => {}
            }
            tokio::select! {
                () = stop.wait() => {}
                () = sleep(reopen_delay(&self.line.port, attempt)) => {}
            }
            attempt = attempt.saturating_add(1);
        }
    }

    /// Serves one connection to its end. An error: the line is over.
    async fn serve(&mut self, port: SerialStream, stop: &Stop) -> Result<(), NotCommitted> {
        let now = Instant::now();
        let mut connection = Connection {
            port,
            sorter: Sorter::new(
                (self.framing, cards::is_resident_id(&self.line)),
                self.line.timing.idle_gap,
                now,
            ),
            pace: Pace::new(self.line.baud, now),
            buffer: [0; READ_BYTES],
        };
        self.heard_at = now;
        self.tell(LineState::Connected).await?;
        let end = self.attend(&mut connection, stop).await;
        let rest = connection.sorter.finish(Instant::now());
        // Closed before anything is waited for: while it is open the system gives the device
        // another name when it comes back (spikes/MQTT.md, part D).
        drop(connection);
        if matches!(end, End::NotCommitting) {
            return self.give_up();
        }
        // A request to the device has nowhere to go any more.
        let _requests = self.take(rest).await?;
        self.close(end).await
    }

    async fn close(&mut self, end: End) -> Result<(), NotCommitted> {
        if let Some(poller) = &mut self.poller {
            poller.hang_up(Instant::now());
        }
        match end {
            End::HungUp => info!(device = %self.line.device, "serial line hung up"),
            End::Broken(error) => warn!(device = %self.line.device, %error, "serial line broke"),
            End::NotCommitting => return self.give_up(),
            End::Stopped => {
                return match self.unsaved.last_receipts().await {
                    Ok(()) => Ok(()),
                    Err(NotCommitted) => self.give_up(),
                };
            }
        }
        self.tell(LineState::Disconnected).await
    }

    async fn attend(&mut self, connection: &mut Connection, stop: &Stop) -> End {
        loop {
            let event = self.next_event(connection, stop).await;
            let applied = match event {
                Event::Stop => return End::Stopped,
                Event::Read(Ok(0)) => return End::HungUp,
                Event::Read(Err(error)) => return End::Broken(error),
                Event::Read(Ok(length)) => self.read(connection, length).await,
                Event::Due => self.due(connection).await,
                Event::Saved(Ok(read_out)) => self.saved(read_out).await,
                Event::Saved(Err(NotCommitted)) => return End::NotCommitting,
            };
            let writes = match applied {
                Ok(writes) => writes,
                Err(NotCommitted) => return End::NotCommitting,
            };
            if let Err(error) = send(&mut connection.port, &writes).await {
                return End::Broken(error);
            }
        }
    }

    async fn next_event(&mut self, connection: &mut Connection, stop: &Stop) -> Event {
        let now = Instant::now();
        let slowed = connection.pace.closed_until(now);
        let may_read = slowed.is_none() && self.unsaved.has_room();
        let due = self.due_at(&connection.sorter, slowed);
        let Connection { port, buffer, .. } = connection;
        tokio::select! {
            biased;
            () = stop.wait() => Event::Stop,
            saved = self.unsaved.first_receipt() => Event::Saved(saved),
            read = port.read(buffer), if may_read => Event::Read(read),
            () = sleep_until(due) => Event::Due,
        }
    }

    fn due_at(&self, sorter: &Sorter, slowed: Option<Instant>) -> Instant {
        let silent_at = self.heard_at + self.line.timing.silent_after;
        let silent = (!self.silent).then_some(silent_at);
        let poll = self.poller.as_ref().and_then(Poller::due_at);
        let far = Instant::now() + self.line.timing.silent_after;
        [sorter.due_at(), slowed, silent, poll].into_iter().flatten().min().unwrap_or(far)
    }

    /// Takes what was read, and answers with the bytes to send.
    async fn read(
        &mut self,
        connection: &mut Connection,
        length: usize,
    ) -> Result<Vec<[u8; 8]>, NotCommitted> {
        let now = Instant::now();
        count(&self.watch.bytes, length);
        connection.pace.took(length, now);
        if connection.pace.closed_until(now).is_some() {
            count(&self.watch.slowed, 1);
        }
        let bytes = connection.buffer.get(..length).unwrap_or_default();
        let sorted = connection.sorter.push(bytes, now);
        self.take(sorted).await
    }

    async fn due(&mut self, connection: &mut Connection) -> Result<Vec<[u8; 8]>, NotCommitted> {
        let now = self.moment();
        if !self.silent && self.heard_at + self.line.timing.silent_after <= now.instant {
            self.silent = true;
            warn!(device = %self.line.device, "serial line silent");
            self.tell(LineState::Silent).await?;
        }
        let sorted = connection.sorter.due(now.instant);
        let mut writes = self.take(sorted).await?;
        let deeds = self.poller.as_mut().map(|poller| poller.due(now)).unwrap_or_default();
        let mut batch = Batch::default();
        self.carry_out(deeds, &mut batch, &mut writes);
        self.hand_over(batch).await?;
        Ok(writes)
    }

    async fn saved(&mut self, read_out: bool) -> Result<Vec<[u8; 8]>, NotCommitted> {
        let now = self.moment();
        let deeds = match &mut self.poller {
            Some(poller) if read_out => poller.committed(now),
            Some(_) | None => Vec::new(),
        };
        let (mut batch, mut writes) = (Batch::default(), Vec::new());
        self.carry_out(deeds, &mut batch, &mut writes);
        self.hand_over(batch).await?;
        Ok(writes)
    }

    /// Makes one delivery of what one read completed.
    async fn take(&mut self, sorted: Vec<Sorted>) -> Result<Vec<[u8; 8]>, NotCommitted> {
        let (mut batch, mut writes) = (Batch::default(), Vec::new());
        let mut heard = false;
        for one in sorted {
            match one {
                Sorted::Refused { bytes, reason } => self.refuse(bytes, reason, &mut batch),
                Sorted::Frame(frame) => {
                    count(&self.watch.frames, 1);
                    heard = true;
                    self.frame(frame, &mut batch, &mut writes);
                }
            }
        }
        if heard {
            self.hear().await?;
        }
        self.hand_over(batch).await?;
        Ok(writes)
    }

    fn frame(&mut self, frame: Vec<u8>, batch: &mut Batch, writes: &mut Vec<[u8; 8]>) {
        let now = self.moment();
        match &mut self.poller {
            Some(poller) => {
                let deeds = poller.frame(&frame, now);
                self.carry_out(deeds, batch, writes);
            }
            None => {
                if self.last_card.is_repeat(&self.line, &frame, now.instant) {
                    return;
                }
                batch.bytes = batch.bytes.saturating_add(frame.len());
                batch.items.append(&mut self.admit(Arrived::Frame(frame)));
            }
        }
    }

    fn carry_out(&mut self, deeds: Vec<Deed>, batch: &mut Batch, writes: &mut Vec<[u8; 8]>) {
        for deed in deeds {
            match deed {
                Deed::Send(bytes) => writes.push(bytes),
                Deed::Unchanged => count(&self.watch.read_outs, 1),
                Deed::Failed(failure) => {
                    count(&self.watch.read_outs_failed, 1);
                    info!(device = %self.line.device, ?failure, "memory could not be read");
                }
                Deed::HandOver(read_out) => {
                    count(&self.watch.read_outs, 1);
                    let bytes = read_out.records.len().saturating_mul(16);
                    batch.bytes = batch.bytes.saturating_add(bytes);
                    batch.items.append(&mut self.admit(Arrived::ReadOut(read_out)));
                    batch.read_out = true;
                }
            }
        }
    }

    fn admit(&self, arrived: Arrived) -> Vec<Item> {
        let line = Arc::clone(&self.line);
        let received_at = self.intake.clock.now();
        (self.intake.admit)(SerialArrival { line, received_at, arrived })
    }

    fn refuse(&self, bytes: Vec<u8>, reason: String, batch: &mut Batch) {
        let mut meant = self.admit(Arrived::Left(bytes.clone()));
        if !meant.is_empty() {
            count(&self.watch.frames, 1);
            batch.bytes = batch.bytes.saturating_add(bytes.len());
            return batch.items.append(&mut meant);
        }
        count(&self.watch.refused, 1);
        count(&self.watch.refused_bytes, bytes.len());
        batch.bytes = batch.bytes.saturating_add(bytes.len());
        let refused = cards::refused(&self.line, bytes, reason, self.intake.clock.now());
        batch.items.push(Item::Refused(refused));
    }

    async fn hear(&mut self) -> Result<(), NotCommitted> {
        self.heard_at = Instant::now();
        if std::mem::take(&mut self.silent) {
            self.tell(LineState::Heard).await?;
        }
        Ok(())
    }

    /// Lets the log know. The site itself is online: its line is wired to this gateway.
    async fn tell(&mut self, state: LineState) -> Result<(), NotCommitted> {
        self.watch.set(state);
        let line = &self.line;
        let detail = serde_json::json!({
            "device": line.device.as_str(),
            "bench": line.bench.as_ref().map(crate::domain::BenchId::as_str),
            "line": state.as_str(),
        });
        let presence = Presence {
            site: line.site.clone(),
            online: true,
            detail: Some(detail.to_string()),
            at: self.intake.clock.now(),
        };
        let items = vec![Item::Presence(presence)];
        self.hand_over(Batch { items, ..Batch::default() }).await
    }

    async fn hand_over(&mut self, batch: Batch) -> Result<(), NotCommitted> {
        self.unsaved.hand_over(batch, &self.intake.inlet).await
    }

    /// The writer ended without a receipt for these: they are not on disk.
    fn give_up(&mut self) -> Result<(), NotCommitted> {
        let items = self.unsaved.give_up();
        warn!(device = %self.line.device, items, "serial line ends: the writer saves no more");
        Err(NotCommitted)
    }

    fn moment(&self) -> Moment {
        Moment { instant: Instant::now(), timestamp: self.intake.clock.now() }
    }
}

async fn send(port: &mut SerialStream, writes: &[[u8; 8]]) -> io::Result<()> {
    for bytes in writes {
        timeout(WRITE_LIMIT, port.write_all(bytes))
            .await
            .map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}
