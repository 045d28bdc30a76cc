//! Lines on pseudo terminals: what a device says, and what the writer gets of it.

use std::{sync::Arc, time::Duration};

use firmware_protocols::{DateTime, Meaning, Selector, codec::NoFields, format};
use simulators::{
    body::Pressure,
    device::{self, TaidocCuff},
    pty::PtyLine,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::{
    commit::Work,
    domain::Timestamp,
    intake::{Delivery, Receipt},
    store::{Committed, Refused},
};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);
const QUICK: Timing = Timing {
    idle_gap: Duration::from_millis(300),
    silent_after: Duration::from_secs(60),
    poll_every: Duration::from_millis(50),
};
const PRESSURE: Pressure = Pressure { systolic: 186, diastolic: 112, pulse: 88 };

fn clock() -> Clock {
    Clock::scripted(|| Timestamp::from_millis(1_772_409_599_000))
}

fn noon() -> DateTime {
    DateTime::new(2026, 3, 2, 12, 0, 5).unwrap()
}

/// What the writer got, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Reading(Vec<u8>),
    Event,
    Refused(String, Vec<u8>),
    /// A read-out begins, of so many records.
    ReadOut(usize),
    Line(&'static str),
}

/// Admission for tests: every frame becomes an item that shows what it was.
fn admit(arrival: SerialArrival) -> Vec<Item> {
    let SerialArrival { line, received_at, arrived } = arrival;
    let shown = |reason: String, raw: &[u8]| {
        let origin =
            crate::store::Origin { road: crate::domain::Road::Serial, site: None, device: None };
        Item::Refused(Refused { reason, raw: raw.to_vec(), origin, received_at })
    };
    match arrived {
        Arrived::Frame(raw) => {
            let read = line.format.decode(&raw, Selector::default(), &mut NoFields);
            match read {
                Ok(Meaning::Measurement(_)) => vec![shown("#reading".to_owned(), &raw)],
                Ok(Meaning::Event(_)) => vec![shown("#event".to_owned(), &raw)],
                Err(error) => vec![shown(error.name().to_owned(), &raw)],
            }
        }
        Arrived::Left(raw) => {
            let context = line.format.name == "sig-glucose-2a18" && raw.len() == 4;
            context.then(|| shown("#event".to_owned(), &raw)).into_iter().collect()
        }
        Arrived::ReadOut(read_out) => {
            assert!(read_out.clock.is_some() && read_out.clock_read_at.is_some());
            let count = u8::try_from(read_out.records.len()).unwrap();
            let records = read_out.records.iter().map(|record| {
                shown("#reading".to_owned(), &[record.time_frame, record.value_frame].concat())
            });
            std::iter::once(shown("#read_out".to_owned(), &[count])).chain(records).collect()
        }
    }
}

fn word(item: &Item) -> Got {
    match item {
        Item::Refused(refused) => match refused.reason.as_str() {
            "#reading" => Got::Reading(refused.raw.clone()),
            "#event" => Got::Event,
            "#read_out" => Got::ReadOut(usize::from(refused.raw[0])),
            other => Got::Refused(other.to_owned(), refused.raw.clone()),
        },
        Item::Presence(presence) => {
            let detail = presence.detail.as_deref().unwrap();
            let all = [
                LineState::Connected,
                LineState::Disconnected,
                LineState::Silent,
                LineState::Heard,
            ];
            let named = |state: &LineState| detail.contains(&format!("\"{}\"", state.as_str()));
            Got::Line(all.into_iter().find(named).unwrap().as_str())
        }
        Item::Reading(_)
        | Item::Quarantined(_)
        | Item::Unnumbered(_)
        | Item::Event(_)
        | Item::Card(_)
        | Item::Context(_) => {
            panic!("{item:?}")
        }
    }
}

/// A writer that keeps what it gets, and acknowledges while it is told to.
struct Stand {
    folder: TempDir,
    supervisor: Supervisor,
    intake: SerialIntake,
    got: mpsc::Receiver<Got>,
    acknowledging: watch::Sender<bool>,
}

impl Stand {
    fn new() -> Self {
        let (work, taken) = mpsc::channel(crate::intake::INLET_DEPTH);
        let (told, got) = mpsc::channel(4096);
        let (acknowledging, may) = watch::channel(true);
        let supervisor = Supervisor::new();
        supervisor.spawn("writer", write(taken, told, may));
        let intake = SerialIntake {
            inlet: Inlet::new(work),
            admit: Arc::new(admit),
            clock: clock(),
            supervisor: supervisor.clone(),
        };
        Self { folder: TempDir::new().unwrap(), supervisor, intake, got, acknowledging }
    }

    fn plug(&self) -> PtyLine {
        PtyLine::plug(&self.folder.path().join("usb-cuff")).unwrap()
    }

    fn line(&self, format_name: &str) -> SerialLine {
        let format = format(format_name).unwrap();
        let (device, site) = ("CUFF1".parse().unwrap(), "VAN1".parse().unwrap());
        SerialLine {
            timing: QUICK,
            baud: 4_000_000,
            ..SerialLine::new(self.folder.path().join("usb-cuff"), format, device, site)
        }
    }

    /// Starts the line and waits until its port is open.
    async fn start(&mut self, line: SerialLine) -> Arc<LineWatch> {
        let watch = self.intake.start(line).unwrap();
        assert_eq!(self.next().await, Got::Line("connected"));
        watch
    }

    async fn next(&mut self) -> Got {
        timeout(PATIENCE, self.got.recv()).await.expect("nothing came").unwrap()
    }

    /// The next that is no line state.
    async fn next_bytes(&mut self) -> Got {
        loop {
            match self.next().await {
                Got::Line(_) => {}
                got @ (Got::Reading(_) | Got::Event | Got::Refused(..) | Got::ReadOut(_)) => {
                    return got;
                }
            }
        }
    }
}

async fn write(
    mut taken: mpsc::Receiver<Work>,
    told: mpsc::Sender<Got>,
    mut may: watch::Receiver<bool>,
) {
    while let Some(work) = taken.recv().await {
        let Work::Deliver(delivery) = work else { panic!("only deliveries come over lines") };
        for item in &delivery.items {
            told.send(word(item)).await.unwrap();
        }
        may.wait_for(|may| *may).await.unwrap();
        acknowledge(delivery);
    }
}

fn acknowledge(delivery: Delivery) {
    let receipt = Receipt { proof: Committed::for_tests(), outcomes: Vec::new() };
    delivery.acknowledge(receipt);
}

async fn until(what: &str, met: impl Fn() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < limit, "{what} did not happen");
        sleep(Duration::from_millis(2)).await;
    }
}

fn result() -> Vec<u8> {
    device::raycome(PRESSURE, noon(), 1).pop().unwrap()
}

fn reading(frame: &[u8]) -> Got {
    Got::Reading(frame.to_vec())
}

fn refused(reason: &str, bytes: &[u8]) -> Got {
    Got::Refused(reason.to_owned(), bytes.to_vec())
}

/// Writes pieces, each after the line has taken the one before, and compares what comes out.
#[track_caller]
fn check(pieces: &[&[u8]], expected: &[Got]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stand = Stand::new();
        let pty = stand.plug();
        let watch = stand.start(stand.line("raycome-rbp")).await;
        let mut written = 0;
        for piece in pieces {
            pty.send(piece).await.unwrap();
            written += u64::try_from(piece.len()).unwrap();
            until("reading", || watch.figures().bytes == written).await;
        }
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.push(stand.next().await);
        }
        assert_eq!(got, expected);
        until("saving", || watch.figures().not_yet_saved == 0).await;
    });
}

#[test]
fn half_a_frame_waits_for_its_other_half() {
    let frame = result();
    check(&[&frame[..7], &frame[7..]], &[reading(&frame)]);
}

#[test]
fn glued_frames_are_told_apart() {
    let frames = device::raycome(PRESSURE, noon(), 1);
    let glued = frames.concat();
    check(&[&glued], &[Got::Event, Got::Event, reading(&frames[2])]);
}

#[test]
fn a_wrong_checksum_is_kept_and_the_next_frame_is_read() {
    let (mut wrong, right) = (result(), result());
    *wrong.last_mut().unwrap() ^= 0x10;
    let glued = [&wrong[..], &right[..]].concat();
    check(&[&glued], &[refused("bad_checksum", &wrong), reading(&right)]);
}

#[test]
fn noise_is_kept_and_the_frame_behind_it_is_read() {
    let frame = result();
    let glued = [&b"\x00\xff\xaa\x12"[..], &frame[..]].concat();
    check(&[&glued], &[refused("noise", b"\x00\xff\xaa\x12"), reading(&frame)]);
}

#[test]
fn a_frame_that_breaks_off_is_kept_as_such() {
    let frame = result();
    check(&[&frame[..9]], &[refused("partial", &frame[..9])]);
}

#[test]
fn one_byte_at_a_time_makes_the_same_frame() {
    let frame = result();
    let pieces: Vec<&[u8]> = frame.chunks(1).collect();
    check(&pieces, &[reading(&frame)]);
}

#[tokio::test]
async fn a_flood_of_zeros_is_kept_in_large_pieces_and_the_frame_behind_it_is_read() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    for _ in 0..100 {
        pty.send(&[0; 1000]).await.unwrap();
    }
    pty.send(&result()).await.unwrap();
    let (mut zeros, mut pieces) = (0, 0);
    while zeros < 100_000 {
        let Got::Refused(reason, bytes) = stand.next().await else { panic!("no zeros") };
        assert!(reason == "noise" && bytes.len() <= 512 && bytes.iter().all(|byte| *byte == 0));
        zeros += bytes.len();
        pieces += 1;
    }
    assert_eq!((zeros, stand.next().await), (100_000, reading(&result())));
    assert!(pieces <= 100_000 / 512 + 20, "{pieces} pieces");
    assert_eq!(watch.figures().refused_bytes, 100_000);
}

#[tokio::test]
async fn random_noise_comes_out_whole() {
    let seed = 20_261_121;
    let mut rng = blake3::Hasher::new().update(&u32::to_be_bytes(seed)).finalize_xof();
    let mut noise = vec![0; 60_000];
    rng.fill(&mut noise);
    let mut stand = Stand::new();
    let pty = stand.plug();
    let _watch = stand.start(stand.line("raycome-rbp")).await;
    for piece in noise.chunks(997) {
        pty.send(piece).await.unwrap();
    }
    let mut kept = Vec::new();
    while kept.len() < noise.len() {
        match stand.next().await {
            Got::Refused(_, bytes) | Got::Reading(bytes) => kept.extend(bytes),
            Got::Event => panic!("an event of noise"),
            Got::Line(_) | Got::ReadOut(_) => panic!("the line ended"),
        }
    }
    assert_eq!(kept, noise, "seed {seed}");
}

#[tokio::test]
async fn a_context_behind_its_measurement_is_handed_on_and_other_bytes_are_refused() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("sig-glucose-2a18")).await;
    let (measurement, context) = device::sig_glucose(78, 42, noon());
    pty.send(&[measurement.as_slice(), &context].concat()).await.unwrap();
    assert_eq!(stand.next_bytes().await, reading(&measurement));
    assert_eq!(stand.next_bytes().await, Got::Event);
    pty.send(&[1, 2, 3]).await.unwrap();
    assert_eq!(stand.next_bytes().await, refused("partial", &[1, 2, 3]));
    assert_eq!(watch.figures().refused_bytes, 3);
}

#[tokio::test]
async fn a_line_that_is_pulled_out_and_plugged_in_again_goes_on() {
    let mut stand = Stand::new();
    let mut pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    for round in 1..=10_u8 {
        let frame = device::raycome(PRESSURE, noon(), round).pop().unwrap();
        pty.send(&frame).await.unwrap();
        assert_eq!(stand.next_bytes().await, reading(&frame), "round {round}");
        pty.unplug().unwrap();
        assert_eq!(stand.next().await, Got::Line("disconnected"), "round {round}");
        let replugged = Instant::now();
        pty = stand.plug();
        assert_eq!(stand.next().await, Got::Line("connected"), "round {round}");
        assert!(replugged.elapsed() < Duration::from_secs(3), "round {round}");
    }
    assert_eq!(watch.figures().opened, 11);
}

#[tokio::test]
async fn a_gateway_that_starts_again_finds_its_line() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    stand.supervisor.stop();
    until("closing", || Arc::strong_count(&watch) == 1).await;
    let mut stand = Stand { folder: stand.folder, ..Stand::new() };
    let _watch = stand.start(stand.line("raycome-rbp")).await;
    pty.send(&result()).await.unwrap();
    assert_eq!(stand.next().await, reading(&result()));
}

#[tokio::test]
async fn one_process_alone_has_a_line() {
    let mut stand = Stand::new();
    let _pty = stand.plug();
    let _first = stand.start(stand.line("raycome-rbp")).await;
    let second = stand.intake.start(stand.line("raycome-rbp")).unwrap();
    assert_eq!(stand.next().await, Got::Line("disconnected"));
    assert!(!second.figures().connected);
}

#[tokio::test]
async fn a_frame_is_not_yet_saved_until_its_receipt() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    until("saving", || watch.figures().not_yet_saved == 0).await;
    stand.acknowledging.send_replace(false);
    pty.send(&result()).await.unwrap();
    assert_eq!(stand.next().await, reading(&result()));
    assert_eq!(watch.figures().not_yet_saved, 1);
    // The line is read on meanwhile.
    pty.send(&result()).await.unwrap();
    until("reading on", || watch.figures().not_yet_saved == 2).await;
    stand.acknowledging.send_replace(true);
    until("saving", || watch.figures().not_yet_saved == 0).await;
    assert_eq!(watch.figures().lost, 0);
}

#[tokio::test]
async fn a_writer_that_stays_behind_stops_the_reading_and_nothing_is_lost() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    until("saving", || watch.figures().not_yet_saved == 0).await;
    stand.acknowledging.send_replace(false);
    let frames = 100_u8;
    for user in 0..frames {
        pty.send(&device::raycome(PRESSURE, noon(), user).pop().unwrap()).await.unwrap();
        // One delivery each, as long as the line is read at all.
        let held = u64::from(user).min(63) + 1;
        until("reading", || watch.figures().not_yet_saved == held).await;
    }
    assert_eq!(watch.figures().bytes, 64 * 20);
    stand.acknowledging.send_replace(true);
    for user in 0..frames {
        let frame = device::raycome(PRESSURE, noon(), user).pop().unwrap();
        assert_eq!(stand.next().await, reading(&frame), "user {user}");
    }
}

#[tokio::test]
async fn what_a_writer_gives_back_is_counted_as_lost() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let (work, mut taken) = mpsc::channel(8);
    stand.intake.inlet = Inlet::new(work);
    let watch = stand.intake.start(stand.line("raycome-rbp")).unwrap();
    let Some(Work::Deliver(connected)) = taken.recv().await else { panic!("no delivery") };
    acknowledge(connected);
    pty.send(&result()).await.unwrap();
    let Some(Work::Deliver(delivery)) = taken.recv().await else { panic!("no delivery") };
    drop((delivery, taken));
    until("giving up", || watch.figures().lost == 1).await;
    assert_eq!(watch.figures().not_yet_saved, 0);
}

#[tokio::test]
async fn a_silent_device_is_an_event_and_so_is_its_return() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let mut line = stand.line("raycome-rbp");
    line.timing.silent_after = Duration::from_millis(150);
    let watch = stand.start(line).await;
    assert_eq!(stand.next().await, Got::Line("silent"));
    assert!(watch.figures().silent);
    pty.send(&result()).await.unwrap();
    assert_eq!(stand.next().await, Got::Line("heard"));
    assert_eq!(stand.next().await, reading(&result()));
    assert_eq!(stand.next().await, Got::Line("silent"));
}

/// Answers requests until the line ends.
async fn be_asked(pty: &PtyLine, cuff: &tokio::sync::Mutex<TaidocCuff>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 64]);
    loop {
        let length = pty.receive(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..length]);
        while request.len() >= 8 {
            let rest = request.split_off(8);
            let answer = cuff.lock().await.answer(&request, noon());
            if let Some(answer) = answer {
                pty.send(&answer).await.unwrap();
            }
            request = rest;
        }
    }
}

async fn until_cleared(cuff: &tokio::sync::Mutex<TaidocCuff>) {
    while cuff.lock().await.cleared == 0 {
        sleep(Duration::from_millis(2)).await;
    }
}

fn records(pressures: &[Pressure]) -> Vec<Got> {
    let record = |pressure: &Pressure| reading(&device::taidoc_record(*pressure, noon()).concat());
    pressures.iter().map(record).collect()
}

#[tokio::test]
async fn a_memory_is_read_oldest_first_once_and_again_when_it_has_changed() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let cuff = tokio::sync::Mutex::new(TaidocCuff::default());
    let of = |systolic| Pressure { systolic, ..PRESSURE };
    for systolic in [121, 122, 122] {
        cuff.lock().await.measure(of(systolic), noon());
    }
    let watch = stand.start(stand.line("taidoc-51")).await;
    let test = async {
        assert_eq!(stand.next().await, Got::ReadOut(3));
        for expected in records(&[of(121), of(122), of(122)]) {
            assert_eq!(stand.next().await, expected);
        }
        until("reading again", || watch.figures().read_outs >= 4).await;
        assert!(stand.got.try_recv().is_err(), "an unchanged memory was delivered again");
        cuff.lock().await.measure(of(190), noon());
        assert_eq!(stand.next().await, Got::ReadOut(4));
        for expected in records(&[of(121), of(122), of(122), of(190)]) {
            assert_eq!(stand.next().await, expected);
        }
        assert_eq!(cuff.lock().await.cleared, 0);
    };
    tokio::select! {
        () = test => {}
        () = be_asked(&pty, &cuff) => {}
    }
}

#[tokio::test]
async fn a_memory_is_cleared_only_on_request_and_only_after_the_receipt() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let cuff = tokio::sync::Mutex::new(TaidocCuff::default());
    cuff.lock().await.measure(PRESSURE, noon());
    let line = SerialLine { clear_memory: true, ..stand.line("taidoc-51") };
    let watch = stand.start(line).await;
    until("saving", || watch.figures().not_yet_saved == 0).await;
    stand.acknowledging.send_replace(false);
    let test = async {
        assert_eq!(stand.next().await, Got::ReadOut(1));
        assert_eq!(stand.next().await, records(&[PRESSURE])[0]);
        // Far longer than the request would take.
        let cleared = timeout(Duration::from_millis(300), until_cleared(&cuff)).await;
        assert!(cleared.is_err(), "cleared before the receipt");
        stand.acknowledging.send_replace(true);
        timeout(PATIENCE, until_cleared(&cuff)).await.expect("never cleared");
        assert!(cuff.lock().await.is_empty());
    };
    tokio::select! {
        () = test => {}
        () = be_asked(&pty, &cuff) => {}
    }
}

#[tokio::test]
async fn a_meter_that_is_pulled_out_in_the_middle_is_read_from_the_beginning() {
    let mut stand = Stand::new();
    let cuff = tokio::sync::Mutex::new(TaidocCuff::default());
    cuff.lock().await.measure(PRESSURE, noon());
    let pty = stand.plug();
    let watch = stand.start(stand.line("taidoc-51")).await;
    let mut request = [0; 8];
    assert_eq!(pty.receive(&mut request).await.unwrap(), 8);
    pty.unplug().unwrap();
    assert_eq!(stand.next().await, Got::Line("disconnected"));
    let pty = stand.plug();
    let test = async {
        assert_eq!(stand.next().await, Got::Line("connected"));
        assert_eq!(stand.next().await, Got::ReadOut(1));
    };
    tokio::select! {
        () = test => {}
        () = be_asked(&pty, &cuff) => {}
    }
    assert_eq!(watch.figures().read_outs_failed, 0);
}

#[test]
fn only_meters_with_a_memory_are_polled() {
    let line = |name: &str, model: Option<&str>| {
        let (device, site) = ("D".parse().unwrap(), "S".parse().unwrap());
        let line = SerialLine::new(PathBuf::from("/dev/null"), format(name).unwrap(), device, site);
        SerialLine { model: model.map(SmolStr::new), ..line }.is_polled()
    };
    assert!(line("taidoc-51", None) && line("taidoc-51", Some("bp")));
    assert!(!line("taidoc-51", Some("scale")) && !line("raycome-rbp", None));
}

#[tokio::test]
async fn a_device_that_ignores_its_speed_is_slowed_to_it() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let line = SerialLine { baud: 9600, ..stand.line("raycome-rbp") };
    let watch = stand.start(line).await;
    let began = Instant::now();
    let flood = async { while pty.send(&[0; 512]).await.is_ok() {} };
    tokio::select! {
        () = flood => panic!("the line was not read at all"),
        () = until("slowing", || watch.figures().slowed > 2) => {}
    }
    let seconds = began.elapsed().as_secs_f64();
    let read = f64::from(u32::try_from(watch.figures().bytes).unwrap());
    // Its buffers at once, then 960 bytes a second and a tenth more, and one read too many.
    assert!(read <= 8192.0 + 1056.0 * seconds + 1024.0, "{read} bytes in {seconds} s");
}

#[tokio::test]
async fn ninety_nine_of_a_hundred_frames_are_with_the_writer_within_fifty_milliseconds() {
    let mut stand = Stand::new();
    let pty = stand.plug();
    let watch = stand.start(stand.line("raycome-rbp")).await;
    let mut waits = Vec::new();
    for round in 0..200_u8 {
        let frame = device::raycome(PRESSURE, noon(), round).pop().unwrap();
        pty.send(&frame).await.unwrap();
        let written = Instant::now();
        assert_eq!(stand.next().await, reading(&frame));
        until("saving", || watch.figures().not_yet_saved == 0).await;
        waits.push(written.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[197] < Duration::from_millis(50), "p99 {:?}", waits[197]);
}

/// Lines of a simulated day, as `demo` starts them.
fn start_lines(stand: &Stand, world: &mut simulators::world::World) -> Vec<Arc<LineWatch>> {
    let plans = world.plug(stand.folder.path()).unwrap();
    let start = |plan: simulators::world::LinePlan| {
        let (device, site) = (plan.device.parse().unwrap(), plan.site.parse().unwrap());
        let format = format(plan.format).unwrap();
        let line = SerialLine {
            model: plan.model.map(SmolStr::new),
            bench: plan.bench.map(|bench| bench.parse().unwrap()),
            baud: 4_000_000,
            timing: Timing {
                poll_every: plan.poll_every,
                idle_gap: Duration::from_secs(2),
                ..QUICK
            },
            ..SerialLine::new(plan.port, format, device, site)
        };
        stand.intake.start(line).unwrap()
    };
    plans.into_iter().map(start).collect()
}

#[tokio::test]
async fn everything_that_simulated_devices_put_on_wires_is_delivered() {
    use simulators::{
        fault::Knobs,
        ledger::{Entry, Fate, Wire},
        world::{Door, World},
    };
    for (seed, knobs) in [(7, Knobs::NONE), (8, Knobs { drop: 30, split: 300, ..Knobs::NONE })] {
        let mut stand = Stand::new();
        let mut world =
            World::plan(seed, 10).with_faults(knobs).with_minutes_of(Duration::from_millis(2));
        let watches = start_lines(&stand, &mut world);
        until("connecting", || watches.iter().all(|watch| watch.figures().connected)).await;
        let ledger = world.ledger();
        let is_owed = |entry: &Entry| {
            entry.wire == Wire::Serial && entry.is_reading && entry.fate == Fate::Unacknowledged
        };
        let (all_here, mut done) = mpsc::channel::<()>(1);
        let (mut over, mut missing) = (world.over(), None);
        let collecting = async {
            let mut delivered = Vec::new();
            let mut evening = false;
            loop {
                let mut owed = ledger.entries().into_iter().filter(is_owed);
                missing = owed.find(|entry| !delivered.contains(&entry.payload));
                if evening && missing.is_none() {
                    drop(all_here);
                    return delivered.len();
                }
                tokio::select! {
                    () = over.wait(), if !evening => evening = true,
                    Some(got) = stand.got.recv() => if let Got::Reading(raw) = got {
                        delivered.push(raw);
                    },
                }
            }
        };
        // Nobody listens on this port: what goes over MQTT stays in its outboxes.
        let door = Door { mqtt: "127.0.0.1:9".parse().unwrap(), password: None };
        let day = world.run(door, async move { assert!(done.recv().await.is_none()) });
        let both = async { tokio::join!(day, collecting) };
        let both = timeout(2 * PATIENCE, both).await;
        let figures: Vec<_> = watches.iter().map(|watch| watch.figures()).collect();
        let (report, delivered) =
            both.unwrap_or_else(|_| panic!("seed {seed}: {missing:?}, {figures:#?}"));
        assert!(report.totals.is_conserved(), "seed {seed}: {report:?}");
        assert!(delivered > 80, "seed {seed}: {delivered}");
        let lost: u64 = watches.iter().map(|watch| watch.figures().lost).sum();
        assert_eq!((lost, report.totals.contradictions), (0, 0), "seed {seed}");
    }
}
