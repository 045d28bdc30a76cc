//! The notifier against a scripted store, writer and receivers, on paused time; and once over
//! real sockets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Answer, Board, Envelope, Gate, Guard, Links, Notifier, NotifyConfig, Parts, Post,
    dispatch::{Claim, Dispatcher},
    double::{Receiver, Script as Double},
    mqtt_follower,
};
use crate::{
    commit::{Act, Acted, Work},
    domain::{
        Alert, AlertId, AlertLinks, AlertState, Attributes, CareLevel, Clock, Doctor, DoctorId,
        Level, Millis, NotificationKey, PersonId, Registered, Timestamp, alert_id,
        notification_key,
    },
    export::script::Scripted,
    intake::Inlet,
    store::{
        AlertChange, AlertEvent, Channel, CommitSeq, Committed, Owed, Reader, RegistryKey, Sending,
        view::AlertHistory,
    },
    supervise::Supervisor,
};

/// Longest time, on the test's clock, until something expected has happened.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// 2026-03-02T07:10:00+08:00 when the first test asks; moves with tokio's clock.
fn now() -> Timestamp {
    static BASE: OnceLock<Instant> = OnceLock::new();
    let base = *BASE.get_or_init(Instant::now);
    let passed = Instant::now().saturating_duration_since(base).as_millis();
    Timestamp::from_millis(1_772_406_600_000 + i64::try_from(passed).unwrap())
}

/// An envelope that left.
#[derive(Debug, Clone)]
struct Sent {
    at: Timestamp,
    to: String,
    id: String,
    body: serde_json::Value,
    raw: String,
}

#[derive(Debug, Default)]
struct Net {
    sent: Vec<Sent>,
    /// What an address answers, in order; then it delivers.
    answers: BTreeMap<String, VecDeque<Answer>>,
    /// How long an address takes.
    delays: BTreeMap<String, Duration>,
}

/// A gateway's outer half: store, writer, receivers.
struct World {
    store: Arc<Scripted>,
    net: Arc<Mutex<Net>>,
    commits: watch::Sender<CommitSeq>,
    gate: watch::Sender<Gate>,
    inlet: Inlet,
    config: NotifyConfig,
    tasks: JoinSet<()>,
    started: Timestamp,
    /// Where every doctor is, if not at an address of their own.
    webhook: Option<String>,
}

fn again(why: &str) -> Answer {
    Answer::Again { why: why.to_owned(), after: None }
}

fn never(gone: bool) -> Answer {
    Answer::Never { why: "no".to_owned(), gone }
}

impl World {
    fn new() -> Self {
        let store = Scripted::new();
        let (work, inbox) = mpsc::channel(1024);
        let (commits, _) = watch::channel(CommitSeq(0));
        let (gate, _) = watch::channel(Gate::Open);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(Arc::clone(&store), inbox, commits.clone()));
        let links = Links::new("https://gw.example", AlertLinks::with_key([7; 32]));
        let config = NotifyConfig { allow_private: true, ..NotifyConfig::new(links, "QS") };
        let (inlet, net) = (Inlet::new(work), Arc::default());
        Self { store, net, commits, gate, inlet, config, tasks, started: now(), webhook: None }
    }

    fn parts(&self) -> Parts {
        let store = Arc::clone(&self.store);
        Parts {
            reader: Arc::clone(&self.store) as Arc<dyn Reader>,
            inlet: self.inlet.clone(),
            commits: self.commits.subscribe(),
            gate: self.gate.subscribe(),
            clock: Clock::scripted(now),
            mqtt_cursor: Arc::new(move |doctor| store.cursor(&mqtt_follower(doctor))),
        }
    }

    fn start(&mut self) -> (Arc<Board>, Supervisor) {
        let net = Arc::clone(&self.net);
        let post: Post = Arc::new(move |envelope: Envelope, at| {
            let net = Arc::clone(&net);
            Box::pin(async move { carry(&net, envelope, at).await })
        });
        let notifier = Notifier::with_post(self.parts(), self.config.clone(), post);
        let (board, supervisor) = (notifier.board(), Supervisor::new());
        let stop = supervisor.stopping();
        self.tasks.spawn(async move { notifier.run(stop).await });
        (board, supervisor)
    }

    fn doctor(&self, name: &str) {
        let own = format!("http://{name}.example/hook");
        let row = doctor(name, self.webhook.as_ref().unwrap_or(&own));
        self.store
            .script()
            .registry
            .insert(RegistryKey::Doctor(row.doctor.clone()), Registered::Doctor(row));
    }

    /// A person's alert of a level, and the message that a doctor is owed about its opening.
    fn owe(&self, person: &str, level: Level, doctor: &str) -> Owed {
        self.doctor(doctor);
        let history = history(person, level);
        let row = owed(&history.alert, AlertChange::Opened, doctor, Channel::Webhook);
        let mut script = self.store.script();
        script.alerts.insert(history.alert.id, history);
        script.owed.insert(row.key, row.clone());
        drop(script);
        self.commit();
        row
    }

    fn commit(&self) {
        self.commits.send_modify(|seq| seq.0 += 1);
    }

    fn answers(&self, doctor: &str, answers: impl IntoIterator<Item = Answer>) {
        let address = format!("http://{doctor}.example/hook");
        self.net.lock().unwrap().answers.insert(address, answers.into_iter().collect());
    }

    fn sent(&self) -> Vec<Sent> {
        self.net.lock().unwrap().sent.clone()
    }

    fn sent_to(&self, doctor: &str) -> Vec<Sent> {
        let address = format!("http://{doctor}.example/hook");
        self.sent().into_iter().filter(|sent| sent.to == address).collect()
    }

    fn acknowledge(&self, alert: &AlertId) {
        let mut script = self.store.script();
        let history = script.alerts.get_mut(alert).unwrap();
        history.alert.state = AlertState::Acknowledged;
        let event = event(&history.alert, AlertChange::Acknowledged);
        history.events.push((CommitSeq(9), event));
    }

    fn raise(&self, alert: &AlertId) {
        let mut script = self.store.script();
        let history = script.alerts.get_mut(alert).unwrap();
        let raised = event(&history.alert, AlertChange::Raised);
        history.events.push((CommitSeq(10), raised));
        let raised = owed(&history.alert, AlertChange::Raised, "DR1", Channel::Webhook);
        script.owed.insert(raised.key, raised);
    }

    #[track_caller]
    fn seconds(&self, sent: &Sent) -> i64 {
        sent.at.since(self.started).0 / 1000
    }

    async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let wait = async {
            while !reached(self) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "never happened: {what}");
    }

    async fn settled(&self) {
        self.until("every row settled", |world| world.store.script().owed.is_empty()).await;
    }
}

async fn carry(net: &Mutex<Net>, envelope: Envelope, at: Timestamp) -> Answer {
    let delay = {
        let mut net = net.lock().unwrap();
        let body = serde_json::from_str(&envelope.body).unwrap();
        let (to, id) = (envelope.url.clone(), envelope.id.clone());
        net.sent.push(Sent { at, to, id, body, raw: format!("{envelope:?}") });
        net.delays.get(&envelope.url).copied()
    };
    if let Some(delay) = delay {
        sleep(delay).await;
    }
    let mut net = net.lock().unwrap();
    let next = net.answers.get_mut(&envelope.url).and_then(VecDeque::pop_front);
    next.unwrap_or(Answer::Delivered)
}

/// The writer: what it is handed is on disk.
async fn write(
    store: Arc<Scripted>,
    mut inbox: mpsc::Receiver<Work>,
    commits: watch::Sender<CommitSeq>,
) {
    while let Some(work) = inbox.recv().await {
        match work {
            Work::Attempted { attempt, reply } => {
                let mut script = store.script();
                match &attempt.sending {
                    Sending::Failed { why, retry_at: Some(at) } => {
                        let row = script.owed.get_mut(&attempt.key).unwrap();
                        (row.due_at, row.last_error) = (*at, Some(why.clone()));
                        row.attempts += 1;
                    }
                    Sending::Delivered | Sending::Dropped | Sending::Failed { .. } => {
                        script.owed.remove(&attempt.key);
                    }
                }
                script.attempts.push(attempt);
                drop(script);
                commits.send_modify(|seq| seq.0 += 1);
                reply.send(Committed::for_tests()).unwrap();
            }
            Work::Act(Act { alert, note, reply, .. }) => {
                store.script().forwarded.push((alert, note.unwrap_or_default()));
                let (proof, step) = (Committed::for_tests(), CommitSeq(1));
                reply.send(Ok(Acted { proof, step })).unwrap();
            }
            Work::Deliver(_)
            | Work::Decide(_)
            | Work::Register(_)
            | Work::Roster(_)
            | Work::Enrol(_)
            | Work::Carry(_)
            | Work::Token { .. }
            | Work::Access { .. }
            | Work::Advance { .. }
            | Work::Said { .. }
            | Work::Heard { .. }
            | Work::Tick
            | Work::Close => {
                panic!("the notifier has no business with this work")
            }
        }
    }
}

fn doctor(name: &str, webhook: &str) -> Doctor {
    Doctor {
        doctor: DoctorId::new(name).unwrap(),
        name: "CANARY-医生".to_owned(),
        phone: "CANARY-13800000000".to_owned(),
        level: CareLevel::Village,
        place: "CANARY-柳树坪".to_owned(),
        webhook: webhook.to_owned(),
        webhook_secret: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        mqtt: false,
        attributes: Attributes::new(),
    }
}

fn history(person: &str, level: Level) -> AlertHistory {
    let person = PersonId::new(person).unwrap();
    let alert = Alert {
        key: i64::from(
            person.as_str().bytes().fold(7_u32, |sum, b| sum * 31 % 9973 + u32::from(b)),
        ),
        id: alert_id(&person, "bp_emergency", "CANARY-beginning"),
        concept: "bp_emergency".into(),
        level,
        state: AlertState::Open,
        person,
        owner: None,
        step: CareLevel::Village,
        opened_at: now(),
        alert_at: now(),
        deadline: Some(now().plus(Millis::hours(3))),
        ladder: Vec::new(),
        late: false,
        reasons: vec![crate::domain::Reason {
            line: "BP-E1".into(),
            zh: "CANARY 收缩压 184".to_owned(),
            en: "CANARY systolic 184".to_owned(),
        }],
        pack: "default".into(),
    };
    let opened = event(&alert, AlertChange::Opened);
    AlertHistory { alert, events: vec![(CommitSeq(5), opened)] }
}

fn event(alert: &Alert, change: AlertChange) -> AlertEvent {
    AlertEvent {
        alert: alert.clone(),
        change,
        at: now(),
        claimed_at: None,
        by: None,
        note: Some("CANARY note".to_owned()),
        from: None,
        alias: None,
        cause: None,
        visit: None,
        outcome: None,
    }
}

fn owed(alert: &Alert, change: AlertChange, doctor: &str, channel: Channel) -> Owed {
    let recipient = DoctorId::new(doctor).unwrap();
    Owed {
        key: notification_key(&alert.id, change.as_str(), &recipient, channel.as_str()),
        alert: alert.key,
        alert_id: alert.id,
        change,
        level: alert.level,
        recipient,
        channel,
        due_at: now(),
        deadline: alert.deadline,
        attempts: 0,
        last_error: None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_sent_once_and_recorded() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    let (board, _supervisor) = world.start();
    world.settled().await;
    (0..5).for_each(|_| world.commit());
    sleep(Duration::from_secs(3600)).await;
    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].id, row.key.to_string());
    assert_eq!(sent[0].body["alert"], row.alert_id.to_string());
    assert_eq!(world.store.script().attempts[0].sending, Sending::Delivered);
    assert_eq!((board.numbers().delivered, board.numbers().claimed), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_it_at_once_and_a_due_instant_wakes_it_in_time() {
    let mut world = World::new();
    let (_board, _supervisor) = world.start();
    sleep(Duration::from_secs(100)).await;
    let before = now();
    world.owe("P1", Level::Red, "DR1");
    world.settled().await;
    assert!(world.sent()[0].at.since(before).0 <= 50, "{:?}", world.sent()[0].at.since(before));

    let mut row = world.owe("P2", Level::Red, "DR2");
    row.due_at = now().plus(Millis::minutes(10));
    let due = row.due_at;
    world.store.script().owed.insert(row.key, row);
    world.settled().await;
    let late = world.sent_to("DR2")[0].at.since(due).0;
    assert!((0..=1000).contains(&late), "{late} ms late");
}

#[tokio::test(start_paused = true)]
async fn rows_about_one_person_share_a_message_and_others_do_not() {
    let mut world = World::new();
    let first = world.owe("P1", Level::Orange, "DR1");
    let mut raised = first.clone();
    let recipient = first.recipient.clone();
    raised.key = notification_key(&first.alert_id, "raised", &recipient, "webhook");
    (raised.change, raised.level) = (AlertChange::Raised, Level::Red);
    world.store.script().owed.insert(raised.key, raised.clone());
    world.store.script().alerts.get_mut(&first.alert_id).unwrap().alert.level = Level::Red;
    world.owe("P2", Level::Orange, "DR1");
    let (board, _supervisor) = world.start();
    world.settled().await;
    let sent = world.sent();
    assert_eq!(sent.len(), 2, "{sent:#?}");
    assert_eq!(
        (&sent[0].body["level"], &sent[0].body["change"]),
        (&"red".into(), &"raised".into())
    );
    assert_eq!(sent[0].body["count"], 1);
    assert!(sent[0].id != first.key.to_string() && sent[0].id != raised.key.to_string());
    assert_eq!(board.numbers().delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_for_what_a_colleague_has_taken() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.acknowledge(&row.alert_id);
    let (board, _supervisor) = world.start();
    world.settled().await;
    assert!(world.sent().is_empty());
    assert_eq!(board.numbers().dropped, 1);
    assert!(board.alarms().is_empty());
}

/// Whether a message about somebody with this consent leaves.
#[track_caller]
fn check_consent(consent: &str, required: bool, leaves: bool) -> impl Future<Output = ()> {
    let mut world = World::new();
    world.config.consent_required = required;
    world.owe("P1", Level::Red, "DR1");
    let row = serde_json::json!({"kind": "person", "row": {"person": "P1", "consent": consent}});
    let row: Registered = serde_json::from_value(row).unwrap();
    world.store.script().registry.insert(RegistryKey::of(&row), row);
    let said = format!("{consent:?} {required}");
    async move {
        let (board, _supervisor) = world.start();
        world.settled().await;
        assert_eq!(world.sent().len(), usize::from(leaves), "{said}");
        assert_eq!(board.alarms().is_empty(), leaves, "{said}: it is said loudly");
        let script = world.store.script();
        let why = script.attempts.iter().find_map(|attempt| match &attempt.sending {
            Sending::Failed { why, retry_at: None } => Some(why.clone()),
            Sending::Failed { .. } | Sending::Delivered | Sending::Dropped => None,
        });
        assert_eq!(why.is_some_and(|why| why.starts_with("withheld")), !leaves, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_did_not_agree_to_stays_here_and_is_said_loudly() {
    check_consent("yes", true, true).await;
    check_consent("messages@2026-01-01..", true, true).await;
    check_consent("", false, true).await;
    check_consent("", true, false).await;
    check_consent("withdrawn", false, false).await;
    check_consent("yes|no_messages", false, false).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_lowered_before_its_message_left_is_told_as_what_it_is_now() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.store.script().alerts.get_mut(&row.alert_id).unwrap().alert.level = Level::Orange;
    let (board, _supervisor) = world.start();
    world.settled().await;
    let sent = world.sent();
    assert_eq!((sent.len(), &sent[0].body["level"]), (1, &"orange".into()));
    assert_eq!(sent[0].id, row.key.to_string());
    assert_eq!(board.numbers().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_its_next_try_is_dropped_when_somebody_acknowledges() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.answers("DR1", (0..9).map(|_| again("HTTP 500")));
    let (board, _supervisor) = world.start();
    world.until("two attempts", |world| world.sent().len() == 2).await;
    world.acknowledge(&row.alert_id);
    world.settled().await;
    assert_eq!(world.sent().len(), 2);
    assert_eq!(board.numbers().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_does_not_silence_a_level_that_rose_after_it() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.acknowledge(&row.alert_id);
    world.raise(&row.alert_id);
    let (_board, _supervisor) = world.start();
    world.settled().await;
    assert_eq!(
        world.sent().iter().map(|s| s.body["change"].clone()).collect::<Vec<_>>(),
        ["raised"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_receiver_is_tried_again_with_the_same_id_until_it_takes_the_message() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.answers("DR1", [again("HTTP 500"), again("reset"), again("HTTP 429")]);
    let (board, _supervisor) = world.start();
    world.settled().await;
    let sent = world.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|sent| sent.id == row.key.to_string()));
    let at: Vec<i64> = sent.iter().map(|sent| world.seconds(sent)).collect();
    let within = [(0, 0), (4, 8), (28, 46), (124, 193)];
    assert!(at.iter().zip(within).all(|(at, (from, to))| (from..=to).contains(at)), "{at:?}");
    assert_eq!((board.numbers().failed, board.numbers().delivered), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_together_are_repeated_as_the_same_message() {
    let mut world = World::new();
    let first = world.owe("P1", Level::Red, "DR1");
    let mut other = first.clone();
    other.key = NotificationKey::from_bytes([1; 16]);
    other.change = AlertChange::Escalated;
    world.store.script().owed.insert(other.key, other);
    world.answers("DR1", [again("HTTP 500")]);
    let (_board, _supervisor) = world.start();
    world.until("a first attempt", |world| !world.sent().is_empty()).await;
    let news = Owed { key: NotificationKey::from_bytes([2; 16]), ..first };
    world.store.script().owed.insert(news.key, news);
    world.settled().await;
    assert_eq!(world.sent().len(), 3);
    let ids: Vec<String> = world.sent().into_iter().map(|sent| sent.id).collect();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 2, "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_dead_letter_and_an_alarm() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    world.answers("DR1", [never(false)]);
    let (board, _supervisor) = world.start();
    world.settled().await;
    assert_eq!(world.sent().len(), 1);
    assert_eq!(board.numbers().dead, 1);
    assert_eq!(board.alarms()[0].alert, row.alert_id);
    world.owe("P2", Level::Red, "DR1");
    world.settled().await;
    assert_eq!(world.sent().len(), 2, "another message is tried");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_not_spoken_to_until_its_address_changes() {
    let mut world = World::new();
    world.owe("P1", Level::Red, "DR1");
    world.answers("DR1", [never(true)]);
    let (board, _supervisor) = world.start();
    world.settled().await;
    world.owe("P2", Level::Red, "DR1");
    world.settled().await;
    assert_eq!((world.sent().len(), board.numbers().dead), (1, 2));
    assert!(board.recipients().values().all(|standing| standing.gone));
    let moved = doctor("DR1", "http://elsewhere.example/hook");
    world.owe("P3", Level::Red, "DR1");
    let key = RegistryKey::Doctor(moved.doctor.clone());
    world.store.script().registry.insert(key, Registered::Doctor(moved));
    world.settled().await;
    assert_eq!(world.sent()[1].to, "http://elsewhere.example/hook");
    assert!(board.recipients().values().all(|standing| !standing.gone));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_delays_nobody_else() {
    let mut world = World::new();
    for n in 0..20 {
        world.owe(&format!("H{n}"), Level::Red, "SLOW");
    }
    let address = "http://SLOW.example/hook".to_owned();
    world.net.lock().unwrap().delays.insert(address, Duration::from_secs(15));
    world.answers("SLOW", (0..20).map(|_| again("timed out")));
    for n in 0..200 {
        world.owe(&format!("P{n}"), Level::Red, &format!("DR{n}"));
    }
    let (_board, _supervisor) = world.start();
    world
        .until("the others", |w| w.sent().iter().filter(|s| !s.to.contains("SLOW")).count() == 200)
        .await;
    assert!(now().since(world.started).0 < 1000, "{:?}", now().since(world.started));
    world.settled().await;
    let slow = world.sent_to("SLOW").len();
    assert!((40..=60).contains(&slow), "each of the twenty was tried and repeated: {slow}");
}

#[tokio::test(start_paused = true)]
async fn one_recipient_gets_their_messages_in_order_red_first() {
    let mut world = World::new();
    let mut rows = Vec::new();
    for n in 0..6 {
        rows.push(world.owe(
            &format!("P{n}"),
            if n == 4 { Level::Red } else { Level::Yellow },
            "DR1",
        ));
        sleep(Duration::from_millis(30)).await;
    }
    let (_board, _supervisor) = world.start();
    world.settled().await;
    let got: Vec<String> = world.sent().into_iter().map(|sent| sent.id).collect();
    let expected: Vec<String> =
        [4, 0, 1, 2, 3, 5].into_iter().map(|n: usize| rows[n].key.to_string()).collect();
    assert_eq!(got, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_while_the_gate_is_closed_and_nothing_is_forgotten() {
    let mut world = World::new();
    world.gate.send_replace(Gate::Unsigned);
    world.owe("P1", Level::Red, "DR1");
    let (board, _supervisor) = world.start();
    sleep(Duration::from_secs(600)).await;
    assert!(world.sent().is_empty());
    assert!(!board.numbers().gate_open);
    world.gate.send_replace(Gate::Open);
    world.settled().await;
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_twenty_first_red_of_a_day_goes_to_the_next_step_and_alarms() {
    let mut world = World::new();
    let mut rows = Vec::new();
    let (board, _supervisor) = world.start();
    for n in 0..21 {
        rows.push(world.owe(&format!("P{n}"), Level::Red, "DR1"));
        world.settled().await;
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(world.sent().len(), 20);
    let script = world.store.script();
    assert_eq!(script.forwarded.len(), 1);
    assert_eq!(script.forwarded[0].0, rows[20].alert_id);
    assert_eq!((board.numbers().capped, board.alarms().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn many_yellow_alerts_at_once_end_in_one_digest() {
    let mut world = World::new();
    for n in 0..40 {
        world.owe(&format!("P{n}"), Level::Yellow, "DR1");
    }
    let (_board, _supervisor) = world.start();
    world.settled().await;
    let sent = world.sent();
    assert!(sent.len() <= 12, "{} messages", sent.len());
    let told: u64 = sent.iter().map(|sent| sent.body["count"].as_u64().unwrap()).sum();
    assert_eq!(told, 40);
    assert!(sent.iter().any(|sent| sent.body["type"] == "digest"));
    assert!(now().since(world.started).0 < 60_000);
}

/// A van that was away for days brings what its people need, in one call.
#[tokio::test(start_paused = true)]
async fn two_hundred_late_alerts_are_one_digest_and_a_fresh_red_goes_before_it() {
    let mut world = World::new();
    for n in 0..200 {
        let row = world.owe(&format!("P{n}"), Level::Orange, "DR1");
        let mut script = world.store.script();
        let alert = &mut script.alerts.get_mut(&row.alert_id).unwrap().alert;
        alert.late = n % 2 == 0;
        alert.alert_at = alert.opened_at.minus(Millis::days(3));
    }
    world.owe("P900", Level::Red, "DR1");
    let (_board, _supervisor) = world.start();
    world.settled().await;
    let told: Vec<_> = world
        .sent()
        .iter()
        .map(|sent| (sent.body["type"].clone(), sent.body["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [(json!("alert"), 1), (json!("digest"), 200)]);
}

#[tokio::test(start_paused = true)]
async fn after_its_deadline_a_message_is_given_up_loudly_but_never_untried() {
    let mut world = World::new();
    let mut row = world.owe("P1", Level::Red, "DR1");
    row.deadline = Some(now().plus(Millis::minutes(30)));
    world.store.script().owed.insert(row.key, row.clone());
    world.answers("DR1", (0..99).map(|_| again("HTTP 502")));
    let mut overdue = world.owe("P2", Level::Red, "DR2");
    overdue.deadline = Some(now().minus(Millis::hours(1)));
    world.store.script().owed.insert(overdue.key, overdue);
    let (board, _supervisor) = world.start();
    world.settled().await;
    assert_eq!(world.sent_to("DR2").len(), 1, "the first try is made even after the deadline");
    let tries = world.sent_to("DR1");
    let last = tries.last().unwrap().at;
    assert!(row.deadline.unwrap().since(last).0 <= 20_000, "the last try is just before it");
    assert!(tries.iter().all(|sent| sent.at < row.deadline.unwrap()));
    assert!((5..=7).contains(&tries.len()), "{}", tries.len());
    assert_eq!(board.alarms().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_sending_and_recording_repeats_the_same_message_after_the_restart() {
    let mut world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    let address = "http://DR1.example/hook".to_owned();
    world.net.lock().unwrap().delays.insert(address.clone(), Duration::from_secs(10));
    let (_board, _supervisor) = world.start();
    world.until("it left", |world| world.sent().len() == 1).await;
    let mut after = World { tasks: JoinSet::new(), ..World::new() };
    world.tasks.abort_all();
    std::mem::swap(&mut after.store, &mut world.store);
    let (work, inbox) = mpsc::channel(1024);
    after.inlet = Inlet::new(work);
    after.tasks.spawn(write(Arc::clone(&after.store), inbox, after.commits.clone()));
    let (_board, _supervisor) = after.start();
    after.settled().await;
    let ids: Vec<String> = world.sent().into_iter().chain(after.sent()).map(|s| s.id).collect();
    assert_eq!(ids, [row.key.to_string(), row.key.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_read_before_an_attempt_was_recorded_sends_nothing_twice() {
    let world = World::new();
    let row = world.owe("P1", Level::Red, "DR1");
    let post: Post = Arc::new(|_, _| Box::pin(std::future::ready(Answer::Delivered)));
    let notifier = Notifier::with_post(world.parts(), world.config.clone(), post);
    let mut dispatcher = Dispatcher::new(notifier);
    let claim =
        || Claim { rows: vec![row.clone()], limit: 512, next_due: None, took: Duration::ZERO };
    dispatcher.take(claim(), now());
    assert!(dispatcher.claimed.contains(&row.key));
    dispatcher.claiming = true;
    dispatcher.recorded(Some(row.recipient.clone()), &[row.key], now());
    dispatcher.take(claim(), now());
    assert!(dispatcher.claimed.is_empty(), "the stale row was taken again");
    dispatcher.take(claim(), now());
    assert!(dispatcher.claimed.contains(&row.key), "a later claim sees the truth");
}

#[tokio::test(start_paused = true)]
async fn a_planned_stop_records_what_was_on_its_way() {
    let mut world = World::new();
    world.owe("P1", Level::Red, "DR1");
    let address = "http://DR1.example/hook".to_owned();
    world.net.lock().unwrap().delays.insert(address, Duration::from_secs(1));
    let (_board, supervisor) = world.start();
    world.until("it left", |world| world.sent().len() == 1).await;
    supervisor.stop();
    world.settled().await;
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_delays_and_loses_nothing() {
    let mut world = World::new();
    world.owe("P1", Level::Red, "DR1");
    world.store.script().broken = true;
    let (_board, _supervisor) = world.start();
    sleep(Duration::from_secs(30)).await;
    world.store.script().broken = false;
    world.settled().await;
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn mqtt_rows_end_when_the_doctors_client_has_them_or_nobody_needs_them() {
    let mut world = World::new();
    let (one, two) = (history("P1", Level::Red), history("P2", Level::Red));
    for history in [&one, &two] {
        let row = owed(&history.alert, AlertChange::Opened, "DR1", Channel::Mqtt);
        world.store.script().owed.insert(row.key, row);
        world.store.script().alerts.insert(history.alert.id, history.clone());
    }
    let (board, _supervisor) = world.start();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.store.script().owed.len(), 2);
    world.acknowledge(&two.alert.id);
    sleep(Duration::from_secs(2)).await;
    assert_eq!((board.numbers().dropped, board.numbers().delivered), (1, 0));
    world.store.script().cursors.insert("mqtt/DR1".to_owned(), CommitSeq(5));
    world.settled().await;
    assert_eq!(board.numbers().delivered, 1);
    assert!(world.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_name_value_or_village_leaves_the_gateway() {
    let mut world = World::new();
    for level in [Level::Red, Level::Orange, Level::Yellow] {
        for n in 0..30 {
            world.owe(&format!("CANARY-{level:?}-{n}"), level, "DR1");
        }
    }
    let (_board, _supervisor) = world.start();
    world.settled().await;
    for sent in world.sent() {
        assert!(!sent.raw.contains("CANARY"), "{}", sent.raw);
        let fields: Vec<&str> = sent.body.as_object().unwrap().keys().map(String::as_str).collect();
        let allowed = [
            "type", "alert", "alerts", "case", "level", "level_zh", "change", "deadline", "count",
            "link",
        ];
        assert!(fields.iter().all(|field| allowed.contains(field)), "{fields:?}");
        let link = sent.body["link"].as_str().unwrap();
        if let Some(token) = link.strip_prefix("https://gw.example/a/") {
            let (alert, doctor) = AlertLinks::with_key([7; 32]).read(token).unwrap();
            assert_eq!((sent.body["alert"] == alert.to_string(), doctor.as_str()), (true, "DR1"));
        } else {
            assert_eq!(
                (link, &sent.body["type"]),
                ("https://gw.example/lite/inbox", &json!("digest"))
            );
        }
    }
}

/// Over real sockets: two hundred alerts a second to two hundred doctors. Prints the latency from
/// commit to arrival; the figure itself is `bench`'s to hold, on a quiet machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the figure is for the reader of the run")]
async fn two_hundred_doctors_are_told_over_real_connections() {
    let mut world = World::new();
    let receiver = Receiver::start(Double::Status(204, "")).await;
    world.webhook = Some(receiver.url());
    let config = world.config.clone();
    let client = super::Client::new(Guard { allow_private: true }).unwrap();
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let post: Post = Arc::new(move |envelope: Envelope, at| {
        let (client, log) = (client.clone(), Arc::clone(&log));
        Box::pin(async move {
            let answer = client.post(&envelope, at).await;
            log.lock().unwrap().push((envelope.id.clone(), now()));
            answer
        })
    });
    let notifier = Notifier::with_post(world.parts(), config, post);
    let supervisor = Supervisor::new();
    let stop = supervisor.stopping();
    world.tasks.spawn(async move { notifier.run(stop).await });
    let mut owed_at = BTreeMap::new();
    for n in 0..200 {
        let row = world.owe(&format!("P{n}"), Level::Red, &format!("DR{n}"));
        owed_at.insert(row.key.to_string(), now());
        sleep(Duration::from_millis(5)).await;
    }
    world.settled().await;
    assert_eq!(receiver.seen().len(), 200);
    let mut waits: Vec<i64> =
        times.lock().unwrap().iter().map(|(id, at)| at.since(owed_at[id]).0).collect();
    waits.sort_unstable();
    eprintln!("commit to webhook at 200/s: p50 {} ms, p99 {} ms", waits[100], waits[197]);
}
