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
    follower::{Follower, Line, LineError, Log, Settings},
    link::{Parts, Upper},
    parcel::Parcel,
};
use crate::{
    commit::{CarryRefused, Carrying, Work},
    domain::{BoxId, BoxState, Clock, Neighbour, Registered, Road, Timestamp},
    export::script::Scripted,
    intake::{Inlet, Item, Receipt},
    store::{
        Cargo, CarryReader, CommitSeq, Committed, Fact, Outcome, Presence, Registration,
        RegistryKey, RosterHeld, RosterReader, Status as Became, StoreError, Toward, Watermark,
        view::FeedEntry,
    },
    supervise::Supervisor,
};

/// What goes to other gateways and comes from them.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Name and epoch.
    pub(crate) name: (String, u64),
    /// What travels.
    pub(crate) lines: Vec<Parcel>,
    /// Positions of it that an alert is made of.
    pub(crate) urgent: Vec<i64>,
    /// What goes down to whom it concerns.
    pub(crate) down: Vec<Parcel>,
    /// How far neighbours are.
    pub(crate) marks: BTreeMap<BoxId, Watermark>,
    /// Up to when neighbours were heard.
    pub(crate) heard: BTreeMap<BoxId, Timestamp>,
    /// When rows were entered.
    pub(crate) entered_at: Option<Timestamp>,
}

impl Default for Carried {
    fn default() -> Self {
        Self {
            name: ("gw-1".to_owned(), 1),
            lines: Vec::new(),
            urgent: Vec::new(),
            down: Vec::new(),
            marks: BTreeMap::new(),
            heard: BTreeMap::new(),
            entered_at: None,
        }
    }
}

impl CarryReader for Scripted {
    fn cargo(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
        bytes: usize,
    ) -> Result<Cargo, StoreError> {
        let script = self.script();
        let lines = match toward {
            Toward::Up => &script.carried.lines,
            Toward::Down { .. } => &script.carried.down,
        };
        let (mut parcels, mut taken) = (Vec::new(), 0);
        for parcel in lines.iter().filter(|parcel| parcel.seq > after) {
            if !parcels.is_empty() && (parcels.len() >= count || taken >= bytes) {
                let upto = parcels.last().map_or(after, |parcel: &Parcel| parcel.seq);
                return Ok(Cargo { parcels, upto });
            }
            taken += parcel.line.len();
            parcels.push(parcel.clone());
        }
        let last = script.feed.last().map_or(CommitSeq(0), |entry| entry.seq);
        Ok(Cargo { parcels, upto: last.max(after) })
    }

    fn express(&self, _: &Toward, after: CommitSeq, _: usize) -> Result<Cargo, StoreError> {
        let script = self.script();
        let urgent =
            |parcel: &&Parcel| parcel.seq > after && script.carried.urgent.contains(&parcel.seq.0);
        let parcels = script.carried.lines.iter().filter(urgent).cloned().collect();
        let upto = script.feed.last().map_or(after, |entry| entry.seq);
        Ok(Cargo { parcels, upto })
    }

    fn watermark(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        Ok(self.script().carried.marks.get(sender).copied())
    }

    fn heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        Ok(self.script().carried.heard.clone().into_iter().collect())
    }
}

impl RosterReader for Scripted {
    fn history(&self, key: &RegistryKey) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
        let script = self.script();
        let row = script.registry.get(key).cloned();
        let at = script.carried.entered_at.unwrap_or(Timestamp::from_millis(0));
        let registration = row.map(|row| Registration { row, author: "import".into(), at });
        Ok(registration.into_iter().map(|row| (CommitSeq(1), row)).collect())
    }

    fn roster_held(&self, _: &str) -> Result<Option<RosterHeld>, StoreError> {
        Ok(None)
    }
}

/// A gateway.
pub(crate) struct Fake {
    pub(crate) name: BoxId,
    pub(crate) store: Arc<Scripted>,
    pub(crate) key: Arc<GatewayKey>,
    pub(crate) upper: Arc<Upper>,
    pub(crate) taken: Arc<Mutex<Taken>>,
    pub(crate) folder: TempDir,
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

fn now() -> Timestamp {
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
        let upper = Upper::new(Parts {
            reader: Arc::clone(&store) as _,
            inlet: inlet.clone(),
            key: Arc::clone(&key),
            clock: Clock::scripted(now),
            registered: commits.subscribe(),
            status: Arc::default(),
        });
        let taken: Arc<Mutex<Taken>> = Arc::default();
        supervisor.spawn("writer", write(works, Arc::clone(&store), Arc::clone(&taken)));
        let folder = tempfile::tempdir().unwrap();
        Self { name: name.parse().unwrap(), store, key, upper, taken, folder, inlet, commits }
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
        let settings = Settings { to, above, folder: self.folder.path().to_owned() };
        let follower = Follower::new(log, settings, Box::new(line)).unwrap();
        supervisor.spawn("uplink", follower.run(supervisor.stopping()));
    }
}

fn presence(seq: i64) -> FeedEntry {
    let site = crate::domain::SiteId::new("V1").unwrap();
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

/// The rules of the seam: in its turn, once, and one chain.
fn carry(carrying: Carrying, store: &Scripted, taken: &mut Taken) {
    let Carrying { sender, epoch, link, parcels, reply } = carrying;
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

impl Line for Direct {
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>> {
        Box::pin(self.ask(question))
    }
}
