//! Two gateways without stores: a log of lines, a writer that keeps to the rules of carrying, and a
//! line between them that fails as it is told to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    GatewayKey, Status,
    batch::{Code, Message, Refusal, Sealed, Told},
    fake_enrolled::certify,
    follower::{Follower, Line, LineError, Log, Settings},
    link::{Parts, Upper},
    parcel::Parcel,
};
use crate::{
    commit::{CarryRefused, Carrying, Work},
    domain::{BoxId, BoxState, Clock, Neighbour, Registered, Road, SiteId, Timestamp},
    enrol::{Enrolled, Office, TimeFloor},
    export::script::Scripted,
    intake::{Inlet, Item, Receipt},
    store::{
        CommitSeq, Committed, Fact, NeighbourSaid, Outcome, Presence, RegistryKey,
        Status as Became, Watermark, view::FeedEntry,
    },
    supervise::Supervisor,
};

/// A gateway.
pub(crate) struct Fake {
    pub(crate) name: BoxId,
    pub(crate) store: Arc<Scripted>,
    pub(crate) key: Arc<GatewayKey>,
    pub(crate) upper: Arc<Upper>,
    pub(crate) taken: Arc<Mutex<Taken>>,
    pub(crate) folder: TempDir,
    pub(crate) office: Arc<Office>,
    inlet: Inlet,
    commits: watch::Sender<CommitSeq>,
}

/// What came into a gateway.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// In their turn: by sender and position.
    pub(crate) facts: BTreeMap<(BoxId, i64), Vec<u8>>,
    /// Entered in their turn although they were there in their turn already.
    pub(crate) doubled: usize,
    /// Copies that overtook, in the order of their coming.
    pub(crate) express: Vec<(BoxId, i64)>,
    /// Reasons of what was refused and kept.
    pub(crate) refused: Vec<String>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T08:00:00+08:00").unwrap()
}

/// Two years behind everybody else.
fn long_ago() -> Timestamp {
    Timestamp::parse("2024-03-02T08:00:00+08:00").unwrap()
}

impl Fake {
    pub(crate) fn start(name: &str, supervisor: &Supervisor) -> Self {
        let store = Scripted::new();
        store.script().carried.name = (name.to_owned(), 1);
        let (work, works) = mpsc::channel(64);
        let (commits, _) = watch::channel(CommitSeq(0));
        let (inlet, key) = (Inlet::new(work), Arc::new(GatewayKey::for_tests()));
        let folder = tempfile::tempdir().unwrap();
        let floor = TimeFloor::open(folder.path(), Clock::scripted(now)).unwrap();
        let office = Office::open(folder.path(), Arc::new(floor), None);
        let upper = Upper::new(Parts {
            reader: Arc::clone(&store) as _,
            inlet: inlet.clone(),
            key: Arc::clone(&key),
            clock: Clock::scripted(now),
            registered: commits.subscribe(),
            status: Arc::default(),
            office: Some(Arc::clone(&office)),
        });
        let taken: Arc<Mutex<Taken>> = Arc::default();
        supervisor.spawn("writer", write(works, Arc::clone(&store), Arc::clone(&taken)));
        let name = name.parse().unwrap();
        Self { name, store, key, upper, taken, folder, office, inlet, commits }
    }

    /// Facts that travel, of so many bytes each that do not pack.
    pub(crate) fn log(&self, count: usize, bytes: usize) {
        let mut script = self.store.script();
        let mut seq = script.feed.last().map_or(0, |entry| entry.seq.0);
        for _ in 0..count {
            seq += 1;
            let mut noise = vec![0; bytes / 2];
            blake3::Hasher::new().update(&seq.to_be_bytes()).finalize_xof().fill(&mut noise);
            let noise: String = noise.iter().map(|byte| format!("{byte:02x}")).collect();
            let line = format!("{{\"v\":1,\"t\":\"fake\",\"n\":\"{noise}\"}}").into_bytes();
            script.carried.lines.push(Parcel { seq: CommitSeq(seq), line });
            script.feed.push(presence(seq));
        }
        drop(script);
        self.commits.send_replace(CommitSeq(seq));
    }

    /// Trusts a gateway below.
    pub(crate) fn trust(&self, below: &Fake) -> Neighbour {
        let row = Neighbour {
            name: below.name.clone(),
            key: below.key.public().to_string(),
            site: None,
            serves: vec!["青石村".to_owned()],
            state: BoxState::Enabled,
            epoch: None,
            attributes: BTreeMap::new(),
        };
        self.enter(row.clone());
        row
    }

    pub(crate) fn enter(&self, row: Neighbour) {
        let key = RegistryKey::neighbour(&row.name);
        self.store.script().registry.insert(key, Registered::Box(row));
    }

    pub(crate) fn status(&self) -> &Arc<Status> {
        self.upper.status()
    }

    pub(crate) fn last(&self) -> CommitSeq {
        self.store.script().feed.last().map_or(CommitSeq(0), |entry| entry.seq)
    }

    /// What another process over the same store is made of.
    pub(crate) fn parts(&self) -> (Arc<Scripted>, Inlet) {
        (Arc::clone(&self.store), self.inlet.clone())
    }

    /// How far another one's log is here.
    pub(crate) fn holds(&self, of: &Fake) -> CommitSeq {
        self.store.script().carried.marks.get(&of.name).copied().unwrap_or_default().upto
    }

    /// Hands the log up over a line.
    pub(crate) fn follow(&self, above: &Fake, line: Direct, supervisor: &Supervisor) {
        let log = Log {
            reader: Arc::clone(&self.store) as _,
            inlet: self.inlet.clone(),
            commits: self.commits.subscribe(),
            key: Arc::clone(&self.key),
            clock: Clock::scripted(long_ago),
            status: Arc::clone(self.upper.status()),
        };
        let (to, above) = (above.name.to_string(), above.key.public());
        let folder = self.folder.path().to_owned();
        let enrolled = Enrolled::open(&folder, Arc::clone(&self.key)).unwrap();
        let settings = Settings { to, above, folder, enrolled };
        let follower = Follower::new(log, settings, Box::new(line)).unwrap();
        supervisor.spawn("uplink", follower.run(supervisor.stopping()));
    }
}

fn presence(seq: i64) -> FeedEntry {
    let site = SiteId::new("V1").unwrap();
    let at = Timestamp::from_millis(seq);
    let fact = Fact::Presence(Presence { site, online: true, detail: None, at });
    FeedEntry { seq: CommitSeq(seq), fact }
}

async fn write(mut works: mpsc::Receiver<Work>, store: Arc<Scripted>, taken: Arc<Mutex<Taken>>) {
    while let Some(work) = works.recv().await {
        if let Work::Carry(carrying) = work {
            carry(carrying, &store, &mut lock(&taken));
            continue;
        }
        if let Work::Said { said, reply } = work {
            keep(*said, &store);
            reply.send(Committed::for_tests()).unwrap_or_default();
            continue;
        }
        if let Work::Advance { follower, to, reply } = work {
            let mut script = store.script();
            let cursor = script.cursors.entry(follower).or_default();
            *cursor = to.unwrap_or_default().max(*cursor);
            reply.send(()).unwrap_or_default();
            continue;
        }
        let Some(work) = certify(work, &store) else { continue };
        if let Work::Heard { sender, until } = &work {
            store.script().carried.heard.insert(sender.clone(), *until);
            continue;
        }
        let Work::Deliver(delivery) = work else { panic!("{work:?}") };
        let reason = |item: &Item| {
            let Item::Refused(refused) = item else { panic!("{item:?}") };
            refused.reason.clone()
        };
        lock(&taken).refused.extend(delivery.items.iter().map(reason));
        let outcome = Outcome { id: None, status: Became::Refused, reason: None };
        let outcomes = vec![outcome; delivery.items.len()];
        delivery.acknowledge(Receipt { proof: Committed::for_tests(), outcomes });
    }
}

fn keep(said: NeighbourSaid, store: &Scripted) {
    let mut script = store.script();
    if let NeighbourSaid::Alarm(alarm) = &said {
        let of = alarm.of.clone();
        script.carried.known.retain(|it| !matches!(it, NeighbourSaid::Alarm(it) if it.of == of));
        if alarm.code.is_none() {
            return;
        }
    }
    if let NeighbourSaid::Receipt(said) = said {
        let name = (said.receipt.site.clone(), said.receipt.day, said.by.clone());
        script.carried.said.insert(name, said);
    } else {
        script.carried.known.push(said);
    }
}

/// The rules of the seam: in its turn, once, and one chain.
fn carry(carrying: Carrying, store: &Scripted, taken: &mut Taken) {
    let Carrying { sender, epoch, link, parcels, reply, .. } = carrying;
    let mut script = store.script();
    let held = script.carried.marks.get(&sender).copied().unwrap_or_default();
    let Some(link) = link else {
        taken.express.extend(parcels.iter().map(|parcel| (sender.clone(), parcel.seq.0)));
        return reply.send(Ok(held)).unwrap_or_default();
    };
    let held = if held.epoch == epoch { held } else { Watermark { epoch, ..Watermark::default() } };
    let answer = if link.upto == held.upto && link.hash != held.hash && link.upto.0 > 0 {
        Err(CarryRefused::Chain)
    } else if link.upto <= held.upto {
        Ok(held)
    } else if link.after > held.upto {
        Err(CarryRefused::Gap { have: held })
    } else if link.previous != held.hash {
        Err(CarryRefused::Chain)
    } else {
        let mark = Watermark { epoch, upto: link.upto, hash: link.hash };
        script.carried.marks.insert(sender.clone(), mark);
        for parcel in parcels {
            let known = taken.facts.insert((sender.clone(), parcel.seq.0), parcel.line);
            taken.doubled += usize::from(known.is_some());
        }
        Ok(mark)
    };
    // Whoever asked may have been cut off meanwhile.
    reply.send(answer).unwrap_or_default();
}

/// What happens to one exchange.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The question does not arrive.
    QuestionLost,
    /// The answer does not.
    AnswerLost,
    /// The question arrives twice.
    Twice,
    /// An answer that came before comes again instead.
    Stale,
    /// Somebody else answers.
    Answer(Vec<u8>),
    /// Nothing.
    None,
}

/// What a line does and did. Shared with the test.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// What happens to the next exchanges; nothing to those after.
    pub(crate) faults: VecDeque<Fault>,
    /// Bits a second; 0: at once.
    pub(crate) speed: u64,
    /// Every question that was sent.
    pub(crate) questions: Vec<Vec<u8>>,
    /// How long each exchange took, where it ended well.
    pub(crate) took: Vec<Duration>,
    /// It is down.
    pub(crate) down: bool,
    /// The gateway above is of a version that does not know this kind, and signs with this key.
    pub(crate) unknown: Option<(u8, Arc<GatewayKey>)>,
    before: Vec<u8>,
}

/// A line straight into a gateway.
pub(crate) struct Direct {
    pub(crate) to: Arc<Upper>,
    pub(crate) by: BoxId,
    pub(crate) wire: Arc<Mutex<Wire>>,
}

impl Direct {
    async fn ask(&mut self, question: Vec<u8>) -> Result<Vec<u8>, LineError> {
        let (fault, speed) = {
            let mut wire = lock(&self.wire);
            wire.questions.push(question.clone());
            if wire.down {
                return Err(LineError::Broken("down".to_owned()));
            }
            (wire.faults.pop_front().unwrap_or(Fault::None), wire.speed)
        };
        let seconds = |bytes: usize| {
            let bits = u64::try_from(bytes).unwrap() * 8 * 1000;
            Duration::from_millis(bits.checked_div(speed).unwrap_or(0))
        };
        if let Some(answer) = self.too_new(&question) {
            return Ok(answer);
        }
        let travel = seconds(question.len());
        sleep(travel).await;
        let lost = || Err(LineError::Broken("cut".to_owned()));
        let question = Bytes::from(question);
        let ask = || self.to.answer(&self.by, Road::Http, question.clone());
        let answer = match fault {
            Fault::QuestionLost => return lost(),
            Fault::AnswerLost => {
                ask().await;
                return lost();
            }
            Fault::Twice => {
                ask().await;
                ask().await
            }
            Fault::Stale => lock(&self.wire).before.clone(),
            Fault::Answer(answer) => answer,
            Fault::None => ask().await,
        };
        let back = seconds(answer.len());
        sleep(back).await;
        let mut wire = lock(&self.wire);
        wire.took.push(travel + back);
        wire.before.clone_from(&answer);
        Ok(answer)
    }
}

impl Direct {
    /// What a gateway of an earlier version answers.
    fn too_new(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (kind, key) = lock(&self.wire).unknown.clone()?;
        let sealed = Sealed::read(question).unwrap();
        if sealed.kind != kind {
            return None;
        }
        let told = Message::named(&sealed).unwrap();
        let code = Code::TooNew;
        let refusal = Refusal {
            told: Told { by: "centre".parse().unwrap(), ..told },
            of: Some(self.by.clone()),
            code,
            zh: code.zh().into(),
            en: code.en().into(),
            wait: 0,
        };
        Some(Message::Refused(refusal).seal(&key).unwrap())
    }
}

impl Line for Direct {
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>> {
        Box::pin(self.ask(question))
    }
}
