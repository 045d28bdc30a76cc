//! Everything that is shown and can be done: the two gateways, the cable, the bench.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use simulators::world::van::{Moment, VanBench, Visit};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, interval, sleep, timeout},
};

use super::{
    ask::Seen,
    cable::Cable,
    round::{Look, Round, is_green, only_in},
    side::{Side, Which},
};
use crate::supervise::Stop;

/// People who wait at the bench. Full: the button does nothing more until one was measured.
pub(super) const QUEUE: usize = 3;

/// Values of one visit: of the cuff and of the meter.
const VALUES: u64 = 2;

/// Longest wait until the van has them on disk; whoever is not shown as saved is measured again.
const SAVED: Duration = Duration::from_secs(10);

/// How often it is looked whether a step was done.
const LOOK: Duration = Duration::from_millis(100);

/// What goes on at the bench.
#[derive(Debug, Clone, Default)]
pub(super) struct Bench {
    /// Visits whose values are on disk.
    pub(super) visits: u32,
    /// Who sits there, and how far it is; no moment: waits.
    pub(super) now: Option<(Visit, Option<Moment>)>,
    /// Who was measured last.
    pub(super) last: Option<Visit>,
    /// Most readings that the van has said are on disk: none of them may go.
    pub(super) stored: u64,
}

/// The stage of the demonstration.
pub(super) struct Stage {
    pub(super) van: Side,
    pub(super) centre: Side,
    pub(super) cable: Cable,
    pub(super) van_seen: Arc<watch::Sender<Seen>>,
    pub(super) centre_seen: Arc<watch::Sender<Seen>>,
    /// Names of the people, by id: nobody of them exists.
    pub(super) names: BTreeMap<String, String>,
    pub(super) client: reqwest::Client,
    /// The day runs by itself.
    pub(super) auto: watch::Sender<bool>,
    pub(super) begun: Instant,
    bench: Mutex<Bench>,
    round: Mutex<Round>,
    queue: mpsc::Sender<()>,
}

/// What the stage is made of.
pub(super) struct Props {
    pub(super) sides: [Side; 2],
    pub(super) cable: Cable,
    pub(super) names: BTreeMap<String, String>,
    pub(super) client: reqwest::Client,
    pub(super) auto: bool,
}

impl Stage {
    /// A stage, and the queue of the bench.
    pub(super) fn new(props: Props) -> (Self, mpsc::Receiver<()>) {
        let (queue, asked) = mpsc::channel(QUEUE);
        let [van, centre] = props.sides;
        let stage = Self {
            van,
            centre,
            cable: props.cable,
            van_seen: Arc::default(),
            centre_seen: Arc::default(),
            names: props.names,
            client: props.client,
            auto: watch::Sender::new(props.auto),
            begun: Instant::now(),
            bench: Mutex::default(),
            round: Mutex::default(),
            queue,
        };
        (stage, asked)
    }

    pub(super) const fn side(&self, which: Which) -> &Side {
        match which {
            Which::Van => &self.van,
            Which::Centre => &self.centre,
        }
    }

    pub(super) fn seen(&self, which: Which) -> Seen {
        match which {
            Which::Van => self.van_seen.borrow().clone(),
            Which::Centre => self.centre_seen.borrow().clone(),
        }
    }

    pub(super) fn is_green(&self) -> bool {
        is_green(&self.van_seen.borrow(), &self.centre_seen.borrow())
    }

    pub(super) fn round(&self) -> Round {
        self.round.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn bench(&self) -> Bench {
        self.at_bench().clone()
    }

    fn at_bench(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pulls the cable, or plugs it in.
    pub(super) fn plug(&self, plugged: bool) {
        if self.cable.plug(plugged) {
            self.look();
        }
    }

    /// Sends the next one to the bench; false: the queue is full.
    pub(super) fn measure(&self) -> bool {
        self.queue.try_send(()).is_ok()
    }

    /// People who wait.
    pub(super) fn queued(&self) -> usize {
        QUEUE.saturating_sub(self.queue.capacity())
    }

    /// Readings that the van said are on disk and has no more.
    pub(super) fn lost(&self) -> u64 {
        let seen = self.van_seen.borrow();
        if seen.is_fresh() { self.at_bench().stored.saturating_sub(seen.stored) } else { 0 }
    }

    /// Whether somebody can sit down: the van runs, its lines are open, its people are there.
    pub(super) fn is_open(&self) -> bool {
        let seen = self.van_seen.borrow();
        let runs = self.van.run().pid.is_some() && seen.is_fresh();
        runs && seen.peopled && seen.lines >= 3
    }

    fn look(&self) {
        let (van, centre) = (self.seen(Which::Van), self.seen(Which::Centre));
        let visits = {
            let mut bench = self.at_bench();
            bench.stored = bench.stored.max(van.stored);
            bench.visits
        };
        let look = Look {
            at: Instant::now(),
            plugged: self.cable.is_plugged(),
            visits,
            only_van: only_in(&van, &centre),
            green: is_green(&van, &centre),
        };
        self.round.lock().unwrap_or_else(PoisonError::into_inner).see(&look);
    }

    /// Ticks steps off until the demonstration ends.
    pub(super) async fn follow(self: Arc<Self>, stop: Stop) {
        let mut tick = interval(LOOK);
        loop {
            tokio::select! {
                () = stop.wait() => return,
                _ = tick.tick() => self.look(),
            }
        }
    }

    /// Measures whoever comes, by a button or in the course of the day.
    pub(super) async fn sit(
        self: Arc<Self>,
        mut bench: VanBench,
        mut asked: mpsc::Receiver<()>,
        (every, stop): (Duration, Stop),
    ) {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = self.comes(&mut asked, every) => {}
            }
            let Some(visit) = bench.comes() else { return };
            tokio::select! {
                () = stop.wait() => return,
                () = self.measured(&bench, &visit) => {}
            }
            let mut at = self.at_bench();
            at.visits = at.visits.saturating_add(1);
            at.now = None;
            at.last = Some(visit);
        }
    }

    async fn comes(&self, asked: &mut mpsc::Receiver<()>, every: Duration) {
        let mut auto = self.auto.subscribe();
        let day = async {
            loop {
                // An error means that the stage is gone, which we hold ourselves.
                drop(auto.wait_for(|auto| *auto).await);
                sleep(every).await;
                if *auto.borrow() {
                    return;
                }
            }
        };
        tokio::select! {
            _called = asked.recv() => {}
            () = day => {}
        }
    }

    /// Measures until the van says that it has the values: whoever was interrupted sits down again.
    async fn measured(&self, bench: &VanBench, visit: &Visit) {
        loop {
            self.at_bench().now = Some((visit.clone(), None));
            while !self.is_open() {
                sleep(LOOK).await;
            }
            let wanted = self.van_seen.borrow().stored.saturating_add(VALUES);
            let told = |moment| self.at_bench().now = Some((visit.clone(), Some(moment)));
            // A line that nobody reads is a van that was killed: what it said is not saved.
            if bench.measure(visit, told).await.is_ok() && self.saved(wanted).await {
                return;
            }
        }
    }

    async fn saved(&self, wanted: u64) -> bool {
        let mut seen = self.van_seen.subscribe();
        let saved = seen.wait_for(|seen| seen.stored >= wanted);
        matches!(timeout(SAVED, saved).await, Ok(Ok(_)))
    }
}
