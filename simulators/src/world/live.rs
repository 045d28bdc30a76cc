//! The day as it happens: one task a device, one a connection.

use std::{collections::BTreeMap, future::Future, pin::pin, time::Duration};

use firmware_protocols::DateTime;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use super::{Act, Actor, Door, Knobs, Speech, World, connect::connect, timetable};
use crate::{
    body::Pressure,
    clock::WallClock,
    device::{self, Stated, TaidocCuff},
    fault::{FaultCounts, Faults, Passed},
    ledger::{EntryId, Ledger, Wire},
    mqtt::Letter,
    pty::PtyLine,
};

/// Time between the pieces of one frame; less than a gateway waits for the rest of one.
const PIECE_GAP: Duration = Duration::from_millis(5);
/// The life of every counter in this world: no device was ever reset.
const EPOCH: u64 = 1;

/// Where a device's words go.
enum Outlet {
    Line(PtyLine),
    Mail(mpsc::Sender<Letter>),
    Nowhere,
}

/// One thing on its way out of a device.
#[derive(Debug, Clone)]
struct Parcel {
    entry: EntryId,
    topic: String,
    bytes: Vec<u8>,
}

/// One device and its day.
struct Player {
    actor: Actor,
    outlet: Outlet,
    ledger: Ledger,
    faults: Faults<Parcel>,
    clock: WallClock,
    wrong_by_minutes: i32,
    begins: Instant,
    minute_lasts: Duration,
    /// Readings numbered so far.
    numbered: u64,
    memory: TaidocCuff,
    /// Entries of the memory's records, oldest first.
    remembered: Vec<EntryId>,
    /// Dropped when the day is over.
    day: Option<mpsc::Sender<()>>,
}

pub(super) async fn live(
    mut world: World,
    door: Door,
    stop: impl Future<Output = ()>,
) -> FaultCounts {
    let (halt, halted) = watch::channel(false);
    let mut carriers = JoinSet::new();
    let mail = connect(&world, &door, &halted, &mut carriers);
    let (day, mut days) = mpsc::channel(1);
    let (clock, begins) = (WallClock::read(), Instant::now());
    let mut players = JoinSet::new();
    for actor in std::mem::take(&mut world.actors) {
        let outlet = outlet(&actor, &mut world, &mail);
        let player = Player::new(actor, outlet, &world, (clock, begins), day.clone());
        players.spawn(player.play(halted.clone()));
    }
    drop(day);
    let mut stop = pin!(stop);
    tokio::select! {
        () = &mut stop => {}
        // Closed when the last player has let go of it.
        _none = days.recv() => {
            world.over.send_replace(true);
            stop.await;
        }
    }
    halt.send_replace(true);
    drop(mail);
    let mut faults = FaultCounts::default();
    while let Some(ended) = players.join_next().await {
        faults = faults.plus(pass_panic_on(ended));
    }
    while let Some(ended) = carriers.join_next().await {
        pass_panic_on(ended);
    }
    faults
}

fn pass_panic_on<T: Default>(ended: Result<T, JoinError>) -> T {
    match ended {
        Ok(value) => value,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_cancelled) => T::default(),
    }
}

fn outlet(
    actor: &Actor,
    world: &mut World,
    mail: &BTreeMap<&'static str, mpsc::Sender<Letter>>,
) -> Outlet {
    if let Some(mail) = actor.connection.and_then(|connection| mail.get(connection)) {
        return Outlet::Mail(mail.clone());
    }
    let place = world.lines.iter().position(|(device, _)| *device == actor.id);
    place.map_or(Outlet::Nowhere, |place| Outlet::Line(world.lines.swap_remove(place).1))
}

impl Player {
    fn new(
        actor: Actor,
        outlet: Outlet,
        world: &World,
        (clock, begins): (WallClock, Instant),
        day: mpsc::Sender<()>,
    ) -> Self {
        let seed = actor
            .id
            .bytes()
            .fold(world.seed, |seed, byte| seed.wrapping_mul(0x0100_0000_01B3) ^ u64::from(byte));
        // The promised emergency comes, whatever else goes wrong.
        let emergency = actor.id == timetable::EMERGENCY_DEVICE;
        let knobs = if emergency { Knobs::NONE } else { world.knobs };
        let mut faults = Faults::new(knobs, seed);
        Self {
            wrong_by_minutes: faults.clock_wrong_by_minutes(),
            actor,
            outlet,
            ledger: world.ledger.clone(),
            faults,
            clock,
            begins,
            minute_lasts: world.minute_lasts,
            numbered: 0,
            memory: TaidocCuff::default(),
            remembered: Vec::new(),
            day: Some(day),
        }
    }

    async fn play(mut self, mut halted: watch::Receiver<bool>) -> FaultCounts {
        tokio::select! {
            // An error means that the world is gone.
            _halted = halted.wait_for(|halted| *halted) => {}
            () = self.live() => {}
        }
        self.faults.counts()
    }

    async fn live(&mut self) {
        if matches!(self.outlet, Outlet::Nowhere) {
            return;
        }
        for (minute, act) in std::mem::take(&mut self.actor.day) {
            let at = self.begins + self.minute_lasts.saturating_mul(minute);
            self.wait_until(Some(at)).await;
            self.act(act).await;
        }
        if let Some(last) = self.faults.finish() {
            self.send(last).await;
        }
        self.day = None;
        self.wait_until(None).await;
    }

    /// Waits, for ever without a time; a device with a memory answers meanwhile. A device stays on
    /// its line after its day: what it said just before it hung up could be lost.
    async fn wait_until(&mut self, at: Option<Instant>) {
        let mut over = pin!(async {
            match at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        });
        let memory = self.actor.speech == Speech::Taidoc;
        loop {
            tokio::select! {
                () = &mut over => return,
                request = request(&self.outlet), if memory => self.answer(&request).await,
            }
        }
    }

    fn now(&self) -> DateTime {
        self.clock.shown(self.wrong_by_minutes)
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Card { card, out } => {
                let scan = device::card(&card, self.now(), out);
                self.offer("card", &["card"], scan, false).await;
            }
            Act::Pressure { pressure, person } => self.pressure(pressure, person).await,
            Act::Glucose { tenths, person } => self.glucose(tenths, person).await,
        }
    }

    async fn pressure(&mut self, pressure: Pressure, person: Option<String>) {
        let now = self.now();
        match self.actor.speech {
            Speech::Raycome => {
                let frames = device::raycome(pressure, now, 1);
                let result = frames.len().saturating_sub(1);
                for (number, frame) in frames.into_iter().enumerate() {
                    self.offer("raycome-rbp", &[], frame, number == result).await;
                }
            }
            Speech::Taidoc => self.remember(pressure, now),
            Speech::Json => {
                let payload = device::json_pressure(pressure, &self.stated(person));
                self.offer("reading", &["reading"], payload, true).await;
            }
            Speech::Bluetooth => {
                let frame = device::sig_pressure(pressure, now);
                self.offer("sig-bp-2a35", &["frame", "sig-bp-2a35"], frame, true).await;
            }
            Speech::Sinocare | Speech::Cards => {}
        }
    }

    async fn glucose(&mut self, tenths: u16, person: Option<String>) {
        match self.actor.speech {
            Speech::Sinocare => {
                let frame = device::sinocare(tenths, self.now());
                self.offer("sinocare-sn", &[], frame, true).await;
            }
            Speech::Json => {
                let payload = device::json_glucose(tenths, &self.stated(person));
                self.offer("reading", &["reading"], payload, true).await;
            }
            Speech::Bluetooth => {
                self.numbered = self.numbered.saturating_add(1);
                let sequence = u16::try_from(self.numbered).unwrap_or(u16::MAX);
                let (value, context) = device::sig_glucose(tenths, sequence, self.now());
                for (format, frame, reading) in [
                    ("sig-glucose-2a18", value, true),
                    ("sig-glucose-context-2a34", context, false),
                ] {
                    self.offer(format, &["frame", format], frame, reading).await;
                }
            }
            Speech::Raycome | Speech::Taidoc | Speech::Cards => {}
        }
    }

    fn stated(&mut self, person: Option<String>) -> Stated {
        self.numbered = self.numbered.saturating_add(1);
        Stated { numbered: Some((EPOCH, self.numbered)), time: Some(self.now()), person }
    }

    /// Enters something in the ledger and sends what the faults leave of it.
    async fn offer(
        &mut self,
        kind: &'static str,
        topic: &[&str],
        bytes: Vec<u8>,
        is_reading: bool,
    ) {
        let Actor { id, site, .. } = self.actor;
        let wire = if topic.is_empty() { Wire::Serial } else { Wire::Mqtt };
        let entry = if is_reading {
            self.ledger.offer_reading(wire, id, kind, &bytes)
        } else {
            self.ledger.offer(wire, id, kind, &bytes)
        };
        let topic = format!("xz/1/{site}/{id}/{}", topic.join("/"));
        let Passed { send, dropped } = self.faults.pass(Parcel { entry, topic, bytes });
        if let Some(parcel) = dropped {
            self.ledger.dropped(parcel.entry);
        }
        for parcel in send {
            self.send(parcel).await;
        }
    }

    async fn send(&mut self, parcel: Parcel) {
        let Parcel { entry, topic, bytes } = parcel;
        match &self.outlet {
            Outlet::Line(line) => {
                for piece in self.faults.on_wire(&bytes) {
                    if line.send(&piece).await.is_err() {
                        // A line that nobody reads loses frames: this one never counts as sent.
                        return;
                    }
                    sleep(PIECE_GAP).await;
                }
                self.ledger.sent(entry);
            }
            Outlet::Mail(mail) => {
                // A carrier that has ended takes nothing; the entry stays unacknowledged.
                drop(mail.send(Letter { entry, topic, payload: bytes }).await);
            }
            Outlet::Nowhere => {}
        }
    }

    /// Keeps a measurement until somebody asks for it. No fault drops it on the way into a memory.
    fn remember(&mut self, pressure: Pressure, now: DateTime) {
        let record = device::taidoc_record(pressure, now).concat();
        let entry = self.ledger.offer_reading(Wire::Serial, self.actor.id, "taidoc-51", &record);
        self.memory.measure(pressure, now);
        self.remembered.push(entry);
    }

    async fn answer(&mut self, request: &[u8]) {
        let Outlet::Line(line) = &self.outlet else { return };
        for frame in request.chunks(8) {
            let Some(answer) = self.memory.answer(frame, self.clock.shown(self.wrong_by_minutes))
            else {
                continue;
            };
            for piece in self.faults.on_wire(&answer) {
                if line.send(&piece).await.is_err() {
                    // A host that does not read its answer asks again.
                    return;
                }
            }
            let asked = self.memory.asked_for(frame);
            if let Some(entry) = asked.and_then(|place| self.remembered.get(place)) {
                self.ledger.sent(*entry);
            }
        }
    }
}

/// The next bytes of a host; never, where there is no line.
async fn request(outlet: &Outlet) -> Vec<u8> {
    let mut buffer = [0; 64];
    loop {
        let Outlet::Line(line) = outlet else { return std::future::pending().await };
        match line.receive(&mut buffer).await {
            Ok(length) if length > 0 => {
                return buffer.get(..length).unwrap_or_default().to_vec();
            }
            Ok(_) | Err(_) => sleep(PIECE_GAP).await,
        }
    }
}
