//! Every route is asked, as every role, for one's own and for another's.

mod accounts;
mod admin;
mod assets;
mod audited;
mod bench;
mod enrol;
mod happened;
mod held;
mod indicators;
mod live;
mod matrix;
mod oidc;
mod pages;
mod post;
mod quarantine;
mod receipts;
mod session;
mod shapes;
mod sockets;
mod world;

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use firmware_protocols::{BloodPressure, Decimal, Measurement, PressureUnit};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use self::world::World;
use super::{Bundle, Grant, LineBand, PackSummary, Parts, Settings, Shared, router, secret, wire};
use crate::{
    audit::AuditLog,
    commit::Health,
    domain::*,
    store::{
        AlertChange, Fact, Origin, QuarantineReason, Role, StoredReading, TokenRow,
        view::{HeldQuarantine, HeldRefusal},
    },
    supervise::Supervisor,
    uplink::GatewayKey,
};

/// Read once: every test has gateways of its own, some hundreds.
static PACK: LazyLock<Arc<crate::assess::Pack>> =
    LazyLock::new(|| Arc::new(crate::assess::Pack::built_in().unwrap()));

/// Breaks out of any page that does not escape it.
const CANARY: &str = "<script>alert('x')</script>\"'&陈桂芳";

fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00+08:00").unwrap()
}

struct Gateway {
    world: Arc<World>,
    shared: Arc<Shared>,
    router: Router,
    health: watch::Sender<Health>,
    writing: watch::Sender<bool>,
    supervisor: Supervisor,
    /// What was recorded of every request.
    audited: std::sync::Mutex<tokio::sync::mpsc::Receiver<crate::audit::Entry>>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn settings() -> Settings {
    Settings {
        oidc: None,
        build: "test".to_owned(),
        place_name: "青石镇卫生院".to_owned(),
        demo: true,
        open_house: false,
        secure: false,
        public_url: Some("https://gw.example".to_owned()),
        accounts: super::AccountRules::default(),
        case_prefix: "QS".into(),
    }
}

fn gateway() -> Gateway {
    gateway_with(settings(), Bundle { asset: |_| None, index: None, style_hashes: Vec::new() })
}

fn gateway_with(settings: Settings, bundle: Bundle) -> Gateway {
    gateway_by(settings, bundle, &Clock::scripted(now))
}

fn gateway_by(settings: Settings, bundle: Bundle, clock: &Clock) -> Gateway {
    let (world, supervisor) = (World::new(), Supervisor::new());
    let (health, healthy) = watch::channel(Health::Ready);
    let (writing, open) = watch::channel(true);
    furnish(&world);
    world.commit(|rows| drop(rows.box_codes.insert(enrol::code().name, enrol::code())));
    world.commit(|rows| {
        for number in [1, 2] {
            rows.append(Fact::Event(Box::new(follow_up(number))));
        }
    });
    let band = vec![LineBand {
        measure: "systolic",
        from: Decimal::from(180_u8),
        level: Level::Red,
        unit: "mmHg",
        label_zh: "红线".to_owned(),
        label_en: "red line".to_owned(),
        line: "BP-E1".into(),
        setting: "any",
    }];
    let concept = ("血压急症".to_owned(), "Blood pressure emergency".to_owned());
    let summary = PackSummary {
        name: "cn-rural-default 1.1.0".into(),
        concepts: [("bp_emergency".into(), concept)].into(),
        sending: wire::SendingState {
            enabled: false,
            why_zh: Some("规则包未签署".to_owned()),
            why_en: Some("the rule pack is not signed".to_owned()),
        },
    };
    let (inlet, key) = (world.writer(open, &supervisor), Arc::new(GatewayKey::for_tests()));
    let folder = tempfile::tempdir().unwrap();
    let (log, audited) = AuditLog::for_tests(folder.path().to_owned());
    let audited = std::sync::Mutex::new(audited);
    let floor = crate::enrol::TimeFloor::open(folder.path(), clock.clone()).unwrap();
    let office = crate::enrol::Office::open(folder.path(), Arc::new(floor), None);
    let shared = Shared::start(Parts {
        reader: Arc::clone(&world) as _,
        inlet: inlet.clone(),
        clock: clock.clone(),
        committed: world.committed.subscribe(),
        tokens_ended: world.tokens_ended.subscribe(),
        health: healthy,
        pack: watch::channel(summary).1,
        rules: watch::channel(Arc::clone(&PACK)).1,
        settings,
        bundle,
        metrics: super::metrics::Registry::default(),
        admit: Arc::new(|posted| crate::admit::posted(&posted.body, posted.received_at, None)),
        lines: Arc::new(world::FixedLines(band)),
        indicators: counted(&world, now()),
        key: Arc::clone(&key),
        upper: crate::uplink::link::Upper::new(crate::uplink::link::Parts {
            reader: Arc::clone(&world) as _,
            inlet,
            key,
            clock: Clock::scripted(now),
            registered: world.committed.subscribe(),
            status: Arc::default(),
            office: None,
        }),
        office,
        alert_links: AlertLinks::with_key([7; 32]),
        audit: log,
        supervisor: supervisor.clone(),
    });
    let router = router(Arc::clone(&shared));
    Gateway { world, shared, router, health, writing, supervisor, audited, _folder: folder }
}

/// Indicators as they stand when the world is furnished.
fn counted(world: &Arc<World>, at: Timestamp) -> super::Latest {
    let pack = crate::assess::Pack::built_in().unwrap();
    let counted = super::indicators::count(world.as_ref(), &pack, at).unwrap();
    watch::channel(Some(Arc::new(counted))).1
}

impl Gateway {
    async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(ask(who, Method::GET, path, "")).await
    }

    async fn post(&self, who: &str, path: &str, body: &str) -> Answer {
        self.send(ask(who, Method::POST, path, body)).await
    }

    /// The cookie of a fresh session.
    async fn session(&self, grant: Grant) -> String {
        let link = self.shared.login_link(grant, Millis::minutes(1));
        let answer = self.get("", &link).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A request of somebody: a token, or nobody where it is empty.
fn ask(who: &str, method: Method, path: &str, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "gw.local");
    if !who.is_empty() {
        request = request.header("authorization", format!("Bearer {who}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

fn doctor_grant(doctor: &str) -> Grant {
    Grant { doctor: Some(DoctorId::new(doctor).unwrap()), ..Grant::of_role(Role::Doctor) }
}

/// What somebody entered about person `P{number}`.
fn follow_up(number: u8) -> PersonEvent {
    let fasting = "6.1".parse().ok();
    let what = Happened::FollowUp { pressure: None, fasting, symptoms: Vec::new() };
    let person = PersonId::new(&format!("P{number}")).unwrap();
    let at = now().minus(Millis::days(90));
    PersonEvent::new(person, what, (at, at), "DR1".into())
}

fn alert_id(number: u8) -> AlertId {
    AlertId::from_bytes([number; 16])
}

/// Tokens: `{role}` of 青石镇, where P1 of doctor DR1 lives; `other` of doctor DR2 of 白水镇.
fn furnish(world: &World) {
    world.commit(|rows| {
        for (doctor, level, place) in [
            ("DR1", CareLevel::Village, "大河村"),
            ("DR2", CareLevel::Village, "石桥村"),
            ("DR3", CareLevel::Township, "青石镇"),
        ] {
            let row = serde_json::json!({"doctor": doctor, "name": format!("王医生{doctor}"),
                "level": level, "place": place});
            put(rows, "doctor", &row);
        }
        for (number, village, township) in [(1, "大河村", "青石镇"), (2, "石桥村", "白水镇")]
        {
            put(
                rows,
                "site",
                &serde_json::json!({"site": format!("V{number}"), "kind": "van",
                "name": format!("{CANARY}车{number}"), "village": village, "township": township}),
            );
            put(
                rows,
                "household",
                &serde_json::json!({"household": format!("H{number}"),
                "village": village, "doctor": format!("DR{number}")}),
            );
            put(
                rows,
                "person",
                &serde_json::json!({"person": format!("P{number}"),
                "name": format!("{CANARY}{number}"), "sex": "female", "birth_date": "1952-03-03",
                "phone": "13800000001", "household": format!("H{number}"),
                "diagnoses": [{"code": "htn"}]}),
            );
            rows.store(stored(reading(number, 1, 189)));
            rows.step(alert(number), AlertChange::Opened, None);
            let site = SiteId::new(&format!("V{number}")).ok();
            let origin = Origin { road: Road::Mqtt, site, device: Some("D1".into()) };
            rows.quarantine.push(HeldQuarantine {
                seq: crate::store::CommitSeq(i64::from(number)),
                reason: QuarantineReason::UnknownPerson,
                detail: CANARY.to_owned(),
                raw: CANARY.as_bytes().to_vec(),
                origin: origin.clone(),
                received_at: now(),
                reading: None,
                decided: None,
                taken_back_by: None,
            });
            rows.merges.push(merged(number));
            rows.refused.push(HeldRefusal {
                seq: crate::store::CommitSeq(i64::from(number)),
                refused: crate::store::Refused {
                    reason: "bad_checksum".to_owned(),
                    raw: vec![0x51, 0x26, 0xff],
                    origin,
                    received_at: now(),
                },
            });
        }
        sign_ins(rows);
    });
}

/// A team of 青石镇, and the accounts `1` and `2`.
fn sign_ins(rows: &mut world::Rows) {
    put(rows, "team", &serde_json::json!({"team": "T1", "place": "青石镇"}));
    for number in [1, 2] {
        let row = accounts::row(&number.to_string(), Role::Doctor);
        rows.accounts.insert(row.name.clone(), row);
    }
    for role in Role::ALL {
        let doctor = (role == Role::Doctor).then(|| DoctorId::new("DR1").unwrap());
        let place = matches!(
            role,
            Role::Nurse | Role::Township | Role::County | Role::Wall | Role::Assistant
        );
        let place = if role == Role::Team { Some("T1") } else { place.then_some("青石镇") };
        token(rows, role.as_str(), role, place, doctor);
    }
    token(rows, "other", Role::Doctor, None, DoctorId::new("DR2").ok());
    token(rows, "lead", Role::Doctor, None, DoctorId::new("DR3").ok());
    token(rows, "stranger", Role::Doctor, None, DoctorId::new("DR9").ok());
}

fn put(rows: &mut world::Rows, kind: &str, row: &Value) {
    use crate::store::RegistryKey as Key;
    let row = serde_json::json!({"kind": kind, "row": row});
    let row: Registered = serde_json::from_value(row).unwrap();
    let key = Key::of(&row);
    rows.registry.insert(key, row);
}

/// Merge n is of Pn.
fn merged(number: u8) -> crate::store::HeldMerge {
    let person = PersonId::new(&format!("P{number}")).unwrap();
    let merged = crate::store::Merged {
        survivor: person.clone(),
        person,
        undoes: None,
        reason: CANARY.to_owned(),
        by: "N1".into(),
        at: now(),
    };
    crate::store::HeldMerge {
        seq: crate::store::CommitSeq(i64::from(number)),
        merged,
        undone: None,
    }
}

fn token(
    rows: &mut world::Rows,
    text: &str,
    role: Role,
    place: Option<&str>,
    doctor: Option<DoctorId>,
) {
    let row = TokenRow {
        hash: secret::hash(text),
        role,
        place: place.map(str::to_owned),
        doctor,
        device: None,
        created_at: now(),
        revoked_at: None,
    };
    if role == Role::Device {
        // A gateway below has a token that is bound to it.
        let (hash, device) = (secret::hash("box"), "D9".parse().ok());
        rows.tokens.insert(hash, TokenRow { hash, device, ..row.clone() });
    }
    rows.tokens.insert(row.hash, row);
}

/// A blood pressure of person `P{person}`, `number` minutes before now.
fn reading(person: u8, number: u64, systolic: u16) -> Reading {
    let unit = PressureUnit::MmHg;
    let pressure = BloodPressure::new(Decimal::from(systolic), Decimal::from(112_u8), unit);
    let measurement = Measurement::BloodPressure(pressure);
    let device = DeviceId::new(&format!("D{person}")).unwrap();
    let numbering = Numbering::Epoch { epoch: 1, number };
    let at = now().minus(Millis::minutes(i64::try_from(number).unwrap()));
    let remarks = Remarks {
        person: PersonId::new(&format!("P{person}")).ok(),
        symptoms: vec![CANARY.into()],
        ..Remarks::default()
    };
    Reading {
        id: reading_id(&device, numbering, &measurement),
        content: content_digest(&measurement, None, &remarks),
        measurement,
        device,
        site: SiteId::new(&format!("V{person}")).unwrap(),
        bench: None,
        sequence: Some(Sequence { epoch: Some(1), number }),
        device_time: Some("2026-03-02T09:59:00".into()),
        received_at: at,
        measured: Measured { at, grade: Grade::A },
        remarks,
        road: Road::Mqtt,
        unnumbered: false,
        written: None,
        raw: None,
    }
}

fn stored(reading: Reading) -> StoredReading {
    let person = reading.remarks.person.clone();
    StoredReading {
        attribution: person.map(|person| Attribution::new(person, Basis::Payload)),
        context: None,
        told_symptoms: Vec::new(),
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: reading.received_at,
        rebased_at: None,
        reading,
    }
}

fn alert(number: u8) -> Alert {
    Alert {
        key: i64::from(number),
        id: alert_id(number),
        concept: "bp_emergency".into(),
        level: Level::Red,
        state: AlertState::Open,
        person: PersonId::new(&format!("P{number}")).unwrap(),
        owner: DoctorId::new(&format!("DR{number}")).ok(),
        step: CareLevel::Village,
        opened_at: now().minus(Millis::minutes(18)),
        alert_at: now().minus(Millis::minutes(20)),
        deadline: Some(now().minus(Millis::minutes(3))),
        ladder: Vec::new(),
        late: false,
        reasons: vec![Reason {
            line: "BP-E1".into(),
            zh: format!("收缩压 189 ≥180 {CANARY}"),
            en: format!("systolic 189 ≥180 {CANARY}"),
        }],
        pack: "cn-rural-default 1.1.0".into(),
    }
}
