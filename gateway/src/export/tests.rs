//! The exporter against a scripted log and scripted sinks on paused time, against a strict double
//! on a real socket, and against VictoriaMetrics where the machine has it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::TcpListener as StdListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    ExportBoard, Influx, InfluxConfig, InfluxError, Progress,
    influx::Write,
    line::tests::{Point, parse, pressure, stored},
    script::{self, Scripted},
    sink::Outcome,
};
use crate::{
    domain::{Attributes, Clock, Registered, Site, SiteId, SiteRole},
    store::{CommitSeq, Fact, RegistryKey, view::FeedEntry},
    supervise::Supervisor,
};

/// Longest wait for something expected, on the test's clock.
const PATIENCE: Duration = Duration::from_secs(25);

/// 2026-03-02T07:10:00+08:00.
const START_MILLIS: i64 = 1_772_406_600_000;

/// A sink in memory: keeps points as a server does, or fails as the script says.
#[derive(Debug, Default)]
struct Sink {
    points: BTreeMap<(Vec<(String, String)>, i64), Point>,
    writes: Vec<(Instant, usize)>,
    failures: VecDeque<Outcome>,
    /// Refuses a write with a line that holds this.
    poison: Option<String>,
    /// Every write fails while set.
    down: bool,
}

impl Sink {
    fn write(&mut self, body: &str) -> Outcome {
        if self.down {
            return Outcome::Broken("down".to_owned());
        }
        if let Some(failure) = self.failures.pop_front() {
            return failure;
        }
        if self.poison.as_ref().is_some_and(|poison| body.contains(poison.as_str())) {
            return Outcome::Refused(400);
        }
        let Some(points) = body.lines().map(parse).collect::<Option<Vec<_>>>() else {
            return Outcome::Refused(400);
        };
        self.writes.push((Instant::now(), points.len()));
        self.points.extend(points.into_iter().map(|point| (point.series(), point)));
        Outcome::Accepted
    }
}

struct World {
    store: Arc<Scripted>,
    commits: watch::Sender<CommitSeq>,
    sink: Arc<Mutex<Sink>>,
    tasks: JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let (commits, _) = watch::channel(CommitSeq(0));
        let store = Scripted::new();
        let site = Site {
            site: SiteId::new("V1").unwrap(),
            kind: SiteRole::Van,
            name: "CANARY".to_owned(),
            village: "CANARY".to_owned(),
            township: "青石镇 1, 2".to_owned(),
            lat: String::new(),
            lon: String::new(),
            session_minutes: None,
            attributes: Attributes::new(),
        };
        let key = RegistryKey::Site(site.site.clone());
        store.script().registry.insert(key, Registered::Site(site));
        Self { store, commits, sink: Arc::default(), tasks: JoinSet::new() }
    }

    /// Readings of ten devices, one a second each.
    fn append(&self, count: i64, from_millis: i64) {
        let mut script = self.store.script();
        let first = script.feed.len();
        for n in 0..count {
            let device = format!("BP{}", n % 10);
            let number = u64::try_from(n).unwrap() + u64::try_from(first).unwrap();
            let at = from_millis + n / 10 * 1000;
            let reading = stored(number, &device, at, pressure(100 + n % 80, 60));
            let seq = CommitSeq(i64::try_from(script.feed.len()).unwrap() + 1);
            script.feed.push(FeedEntry { seq, fact: Fact::Reading(Box::new(reading)) });
        }
        let last = script.feed.last().map_or(CommitSeq(0), |entry| entry.seq);
        drop(script);
        self.commits.send_replace(last);
    }

    fn start(&mut self) -> (Arc<ExportBoard>, Arc<Progress>, Supervisor) {
        let sink = Arc::clone(&self.sink);
        let write: Write = Arc::new(move |body| {
            let sink = Arc::clone(&sink);
            Box::pin(async move { sink.lock().unwrap().write(&body) })
        });
        let exporter = Influx::with_write(script::log(&self.store, &self.commits), write);
        self.run(exporter)
    }

    fn run(&mut self, exporter: Influx) -> (Arc<ExportBoard>, Arc<Progress>, Supervisor) {
        let (board, progress, supervisor) =
            (exporter.board(), exporter.progress(), Supervisor::new());
        let stop = supervisor.stopping();
        self.tasks.spawn(async move { exporter.run(stop).await });
        (board, progress, supervisor)
    }

    fn points(&self) -> usize {
        self.sink.lock().unwrap().points.len()
    }

    fn cursor(&self) -> i64 {
        self.store.script().cursors.get("influx").map_or(0, |seq| seq.0)
    }

    async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        patiently(what, PATIENCE * 100, || reached(self)).await;
    }
}

async fn patiently(what: &str, patience: Duration, reached: impl Fn() -> bool) {
    let wait = async {
        while !reached() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(patience, wait).await.is_ok(), "never happened: {what}");
}

#[tokio::test(start_paused = true)]
async fn every_reading_becomes_one_point_within_a_second() {
    let mut world = World::new();
    let (board, progress, _supervisor) = world.start();
    sleep(Duration::from_secs(5)).await;
    let before = Instant::now();
    world.append(100, START_MILLIS);
    world.until("all there", |world| world.points() == 100).await;
    assert!(before.elapsed() < Duration::from_millis(1500), "{:?}", before.elapsed());
    assert_eq!((board.lines(), board.writes(), progress.lag(CommitSeq(100))), (100, 1, 0));
    let sink = world.sink.lock().unwrap();
    let point = sink.points.values().next().unwrap();
    assert_eq!(point.tags["township"], "青石镇 1, 2");
    assert_eq!(point.tags["kind"], "blood_pressure");
}

#[tokio::test(start_paused = true)]
async fn far_behind_it_catches_up_in_full_batches() {
    let mut world = World::new();
    world.append(20_000, START_MILLIS);
    let (_board, _progress, _supervisor) = world.start();
    world.until("all there", |world| world.points() == 20_000).await;
    let sizes: Vec<usize> = world.sink.lock().unwrap().writes.iter().map(|(_, n)| *n).collect();
    assert_eq!(sizes, [5000; 4]);
}

#[tokio::test(start_paused = true)]
async fn the_cursor_trails_the_last_write_and_then_a_confirmed_tail_reaches_the_end() {
    let mut world = World::new();
    world.append(100, START_MILLIS);
    let (_board, _progress, _supervisor) = world.start();
    world.until("all there", |world| world.points() == 100).await;
    sleep(Duration::from_secs(8)).await;
    assert_eq!(world.cursor(), 0, "204 is no promise yet");
    world.until("the cursor is at the end", |world| world.cursor() == 100).await;
    let writes = world.sink.lock().unwrap().writes.len();
    assert_eq!(writes, 2, "sent once, and once more to confirm");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.sink.lock().unwrap().writes.len(), writes, "an idle sink is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_from_the_cursor_without_a_second_point() {
    let mut world = World::new();
    world.append(100, START_MILLIS);
    let (_board, _progress, _supervisor) = world.start();
    world.until("all there", |world| world.points() == 100).await;
    world.tasks.abort_all();
    world.append(50, START_MILLIS + 1_000_000);
    let (_board, _progress, _supervisor) = world.start();
    world.until("the cursor is at the end", |world| world.cursor() == 150).await;
    assert_eq!(world.points(), 150);
}

#[tokio::test(start_paused = true)]
async fn a_broken_sink_is_met_with_back_off_and_then_with_everything() {
    let mut world = World::new();
    world.sink.lock().unwrap().down = true;
    world.append(1000, START_MILLIS);
    let (board, _progress, _supervisor) = world.start();
    sleep(Duration::from_secs(600)).await;
    assert!((10..25).contains(&board.failures()), "{} tries in ten minutes", board.failures());
    assert_eq!(board.trouble().as_deref(), Some("down"));
    world.append(1000, START_MILLIS + 1_000_000);
    world.sink.lock().unwrap().down = false;
    world.until("all there", |world| world.points() == 2000).await;
    assert_eq!(board.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_forgot_its_last_seconds_gets_them_again() {
    let mut world = World::new();
    let (_board, _progress, _supervisor) = world.start();
    for second in 0..60 {
        world.append(10, START_MILLIS + second * 1_000_000);
        sleep(Duration::from_secs(1)).await;
    }
    world.until("all there", |world| world.points() == 600).await;
    {
        let mut sink = world.sink.lock().unwrap();
        let keep = START_MILLIS + 53 * 1_000_000;
        sink.points.retain(|(_, time), _| *time / 1_000_000 < keep);
        assert!(sink.points.len() < 600, "the test must be able to fail");
        sink.failures.push_back(Outcome::Broken("connection refused".to_owned()));
    }
    for second in 60..120 {
        world.append(10, START_MILLIS + second * 1_000_000);
        sleep(Duration::from_secs(1)).await;
    }
    world.until("all there again", |world| world.points() == 1200).await;
}

#[tokio::test(start_paused = true)]
async fn a_poison_line_is_found_counted_once_and_passed_over() {
    let mut world = World::new();
    world.append(5000, START_MILLIS);
    world.sink.lock().unwrap().poison = Some(",device=BP0 systolic_mmhg=100,".to_owned());
    let poisoned = 5000 / 80;
    let (board, _progress, _supervisor) = world.start();
    world.until("the cursor is at the end", |world| world.cursor() == 5000).await;
    assert!((poisoned..=poisoned + 1).contains(&usize::try_from(board.quarantined()).unwrap()));
    assert_eq!(world.points(), 5000 - usize::try_from(board.quarantined()).unwrap());
    assert_eq!((board.failures(), board.trouble()), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_everything_is_broken_and_loses_nothing() {
    let mut world = World::new();
    world.append(1000, START_MILLIS);
    world.sink.lock().unwrap().poison = Some("reading".to_owned());
    let (board, _progress, _supervisor) = world.start();
    world.until("some tries", |_| board.failures() > 3).await;
    assert_eq!((board.quarantined(), world.cursor()), (0, 0));
    assert_eq!(board.trouble().as_deref(), Some("the sink refuses every line"));
    world.sink.lock().unwrap().poison = None;
    world.until("all there", |world| world.points() == 1000).await;
}

#[tokio::test(start_paused = true)]
async fn facts_that_are_no_readings_move_the_cursor_without_a_write() {
    let mut world = World::new();
    let site = SiteId::new("V1").unwrap();
    for n in 1..=10 {
        let at = Clock::system().now();
        let presence =
            crate::store::Presence { site: site.clone(), online: true, detail: None, at };
        let fact = Fact::Presence(presence);
        world.store.script().feed.push(FeedEntry { seq: CommitSeq(n), fact });
    }
    world.commits.send_replace(CommitSeq(10));
    let (board, _progress, _supervisor) = world.start();
    world.until("the cursor is at the end", |world| world.cursor() == 10).await;
    assert_eq!((board.writes(), board.failures()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_does_not_hold_up_the_end_of_the_process() {
    let mut world = World::new();
    world.append(100, START_MILLIS);
    let write: Write = Arc::new(|_body| Box::pin(std::future::pending()));
    let exporter = Influx::with_write(script::log(&world.store, &world.commits), write);
    let (_board, _progress, supervisor) = world.run(exporter);
    sleep(Duration::from_secs(5)).await;
    supervisor.stop();
    assert!(timeout(Duration::from_secs(1), world.tasks.join_next()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_loses_nothing() {
    let mut world = World::new();
    world.append(100, START_MILLIS);
    world.store.script().broken = true;
    let (_board, progress, _supervisor) = world.start();
    sleep(Duration::from_secs(60)).await;
    assert!(progress.troubles() > 0);
    world.store.script().broken = false;
    world.until("all there", |world| world.points() == 100).await;
}

#[test]
fn an_address_that_is_none_is_an_error_and_no_panic() {
    let (commits, _) = watch::channel(CommitSeq(0));
    for url in ["", "influx:8086", "https://influx.example", "http://", "unix:///run/influx"] {
        let config = config(url);
        let made = Influx::new(&config, script::log(&Scripted::new(), &commits));
        assert!(matches!(made, Err(InfluxError::Url { .. })), "{url}");
    }
}

fn config(url: &str) -> InfluxConfig {
    let text = str::to_owned;
    InfluxConfig { url: text(url), org: text("o"), bucket: text("b"), token: text("hush") }
}

#[test]
fn a_token_is_never_shown() {
    assert!(!format!("{:?}", config("http://127.0.0.1:8086")).contains("hush"));
}

/// Every text of a field of the dashboard's targets.
fn dashboard(field: &str) -> Vec<String> {
    let file = include_str!("../../docs/grafana-readings.json");
    let dashboard: serde_json::Value = serde_json::from_str(file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.filter_map(|target| target[field].as_str().map(str::to_owned)).collect()
}

#[test]
fn the_dashboard_asks_only_for_what_is_written() {
    let written = [
        "systolic_mmhg",
        "diastolic_mmhg",
        "pulse_bpm",
        "glucose_mmol_l",
        "grade",
        "rejected",
        "late",
    ];
    let between = |text: &str, from: &str, to: char| -> Vec<String> {
        let parts = text.split(from).skip(1);
        parts.filter_map(|part| part.split(to).next().map(str::to_owned)).collect()
    };
    let metrics = dashboard("expr").iter().flat_map(|q| between(q, "reading_", '{')).collect();
    let fields = dashboard("query").iter().flat_map(|q| between(q, "_field == \"", '"')).collect();
    for names in [metrics, fields] {
        let names: Vec<String> = names;
        assert!(names.len() >= 4, "{names:?}");
        assert!(names.iter().all(|name| written.contains(&name.as_str())), "{names:?}");
    }
}

/// A server that reads lines strictly and answers as told; `None`: hangs up.
async fn serve(
    listener: TcpListener,
    sink: Arc<Mutex<Sink>>,
    answers: Arc<Mutex<VecDeque<Option<u16>>>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, Arc::clone(&sink), Arc::clone(&answers)));
    }
}

async fn answer(
    mut stream: TcpStream,
    sink: Arc<Mutex<Sink>>,
    answers: Arc<Mutex<VecDeque<Option<u16>>>>,
) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap() {
                assert!(
                    head.starts_with("POST /api/v2/write?bucket=b&org=o&precision=ns "),
                    "{head}"
                );
                assert!(head.to_ascii_lowercase().contains("authorization: token hush"), "{head}");
                let told = answers.lock().unwrap().pop_front();
                let status = match told {
                    Some(None) => return,
                    Some(Some(status)) => status,
                    None => match sink.lock().unwrap().write(body) {
                        Outcome::Accepted => 204,
                        Outcome::Refused(status) => status,
                        Outcome::Broken(_) => 503,
                    },
                };
                let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
                bytes.clear();
                continue;
            }
        }
        let mut chunk = [0; 65536];
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
}

#[tokio::test]
async fn over_a_real_connection_every_failure_ends_with_every_point_there_once() {
    let mut world = World::new();
    world.append(400, START_MILLIS);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = [Some(429), None, Some(503)];
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let sink = Arc::clone(&world.sink);
    world.tasks.spawn(serve(listener, sink, answers));
    world.sink.lock().unwrap().poison = Some("systolic_mmhg=107,".to_owned());
    let exporter = Influx::new(&config(&url), script::log(&world.store, &world.commits)).unwrap();
    let (board, _progress, _supervisor) = world.run(exporter);
    patiently("all there", PATIENCE, || world.points() == 395).await;
    patiently("the refused are counted", PATIENCE, || board.quarantined() == 5).await;
    assert_eq!(board.failures(), 3);
}

/// Debian's VictoriaMetrics on a free port; killed when it is dropped.
struct Victoria {
    child: Child,
    url: String,
    port: u16,
}

impl Victoria {
    const PROGRAM: &'static str = "/usr/bin/victoria-metrics";

    fn spawn(folder: &Path, port: u16) -> Self {
        let child = Command::new(Self::PROGRAM)
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", folder.display()))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://127.0.0.1:{port}"), port }
    }

    async fn start(folder: &Path, port: Option<u16>) -> Self {
        let free = || StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let victoria = Self::spawn(folder, port.unwrap_or_else(free));
        let wait = async {
            while victoria.get("/health").await.is_none() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "victoria-metrics did not come up");
        victoria
    }

    async fn get(&self, path: &str) -> Option<String> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}{path}", self.url)).send().await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    }

    /// Samples of a metric.
    async fn samples(&self, metric: &str) -> usize {
        self.get("/internal/force_flush").await;
        let path = format!("/api/v1/export?match%5B%5D={metric}&start=0&reduce_mem_usage=0");
        let text = self.get(&path).await.unwrap_or_default();
        let count = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["metric"]["township"], "青石镇 1, 2", "{row}");
            row["values"].as_array().unwrap().len()
        };
        text.lines().map(count).sum()
    }

    async fn until(&self, metric: &str, expected: usize) {
        let (mut got, before) = (0, Instant::now());
        while before.elapsed() < PATIENCE {
            got = self.samples(metric).await;
            if got == expected {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
        panic!("{metric}: {got} samples, expected {expected}");
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so to the reader of the run")]
fn has_victoria() -> bool {
    let there = Path::new(Victoria::PROGRAM).try_exists().unwrap_or(false);
    if !there {
        eprintln!("SKIPPED: {} is not installed", Victoria::PROGRAM);
    }
    there
}

#[tokio::test]
async fn victoria_metrics_holds_fifty_thousand_readings_once_each() {
    if !has_victoria() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let victoria = Victoria::start(folder.path(), None).await;
    let mut world = World::new();
    world.append(50_000, START_MILLIS);
    for _ in 0..2 {
        let log = script::log(&world.store, &world.commits);
        let exporter = Influx::new(&config(&victoria.url), log).unwrap();
        let (board, _progress, _supervisor) = world.run(exporter);
        patiently("all sent", PATIENCE, || board.lines() >= 50_000).await;
        world.tasks.abort_all();
        assert_eq!(board.failures(), 0);
    }
    victoria.until("reading_systolic_mmhg", 50_000).await;
    victoria.until("reading_grade", 50_000).await;
    for query in dashboard("expr") {
        let query = query.replace("$township", ".*");
        let path = reqwest::Url::parse_with_params(
            "http://x/api/v1/query",
            [("query", query.as_str()), ("time", "1772410200")],
        )
        .unwrap();
        let path = format!("{}?{}", path.path(), path.query().unwrap());
        let answer = victoria.get(&path).await.unwrap_or_default();
        assert!(answer.contains("\"status\":\"success\""), "{query}: {answer}");
        let rows = query.contains("pulse") || query.contains("grade") || query.contains("mmhg");
        assert_eq!(rows, answer.contains("\"value\""), "{query}: {answer}");
    }
}

#[tokio::test]
async fn victoria_metrics_killed_right_after_its_answer_ends_with_every_reading() {
    if !has_victoria() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let victoria = Victoria::start(folder.path(), None).await;
    let mut world = World::new();
    world.append(5000, START_MILLIS);
    let log = script::log(&world.store, &world.commits);
    let exporter = Influx::new(&config(&victoria.url), log).unwrap();
    let (board, _progress, _supervisor) = world.run(exporter);
    patiently("all sent", PATIENCE, || board.lines() >= 5000).await;
    let port = victoria.port;
    drop(victoria);
    world.append(10, START_MILLIS + 1_000_000_000);
    patiently("the loss is noticed", PATIENCE, || board.failures() > 0).await;
    let victoria = Victoria::start(folder.path(), Some(port)).await;
    victoria.until("reading_systolic_mmhg", 5010).await;
}
