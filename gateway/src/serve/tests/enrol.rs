//! Codes for boxes: what opens, once, and what does not.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};

use super::{Gateway, ask, gateway_by, gateway_with, now, send, settings};
use crate::{
    audit::Entry,
    domain::{Clock, Millis, Registered, Timestamp},
    enrol::{Answers, Asks, Code, Pin, box_of_certificate, kept},
    serve::{AccountRules, Bundle, admin_router},
    store::{BoxCode, BoxReader, RegistryKey},
    uplink::{GatewayKey, batch::Code as Alarmed},
};

/// The code of a box that every world has, for the matrix.
static CODE: LazyLock<Code> = LazyLock::new(|| {
    let above = GatewayKey::of_seed([1; 32]).public();
    Code::random("M1".parse().unwrap(), Pin::default(), &above).unwrap()
});

/// A request with that code, which may come as often as it likes.
pub(super) static BODY: LazyLock<String> = LazyLock::new(|| {
    let asks = Asks::of(&CODE, &GatewayKey::of_seed([2; 32]), 7);
    serde_json::to_string(&asks).unwrap()
});

/// What is kept of that code.
pub(super) fn code() -> BoxCode {
    BoxCode {
        name: CODE.name.clone(),
        hash: *kept(&CODE.name, CODE.secret.expose()).as_bytes(),
        site: None,
        serves: Vec::new(),
        made_at: now(),
        made_by: "operator".into(),
        until: now().plus(Millis::hours(24)),
        used: None,
    }
}

/// A gateway above with its two doors.
struct World {
    gateway: Gateway,
    door: Router,
}

impl World {
    fn new() -> Self {
        Self::of(gateway_with(forwarded(), none()))
    }

    fn of(gateway: Gateway) -> Self {
        let door = admin_router(Arc::clone(&gateway.shared));
        Self { gateway, door }
    }

    async fn door(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = send(&self.door, ask("", method, path, &body.to_string())).await;
        (answer.status, answer.json())
    }

    async fn codes(&self, boxes: Value) -> Vec<Value> {
        let body = json!({ "boxes": boxes, "hours": 24 });
        let (status, made) = self.door(Method::POST, "/admin/enrol/codes", &body).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        made["items"].as_array().unwrap().clone()
    }

    async fn code(&self, name: &str) -> Code {
        let made = self.codes(json!([{ "box": name, "site": "V1", "serves": ["大河村"] }])).await;
        made[0]["code"].as_str().unwrap().parse().unwrap()
    }

    /// What is answered to a request that comes from an address.
    async fn ask_from(&self, from: &str, asks: &Asks) -> Result<Answers, (u16, String)> {
        let mut request =
            ask("", Method::POST, "/api/v1/enrol", &serde_json::to_string(asks).unwrap());
        request.headers_mut().insert("x-forwarded-for", from.parse().unwrap());
        let answer = self.gateway.send(request).await;
        if answer.status == StatusCode::OK {
            return Ok(serde_json::from_slice(&answer.body).unwrap());
        }
        let refused = answer.json();
        assert!(refused["message_zh"].is_string() && refused["message"].is_string());
        Err((answer.status.as_u16(), refused["code"].as_str().unwrap().to_owned()))
    }

    /// The word for what is answered.
    #[track_caller]
    fn check(said: Result<Answers, (u16, String)>, expected: &str) {
        let said = said.map_or_else(|(_, code)| code, |_answers| "in".to_owned());
        assert_eq!(said, expected);
    }

    fn recorded(&self) -> Vec<Entry> {
        let mut audited = self.gateway.audited.lock().unwrap();
        std::iter::from_fn(|| audited.try_recv().ok()).collect()
    }
}

fn forwarded() -> super::Settings {
    let accounts = AccountRules { forwarded: true, ..AccountRules::default() };
    super::Settings { accounts, ..settings() }
}

fn none() -> Bundle {
    Bundle { asset: |_| None, index: None, style_hashes: Vec::new() }
}

#[tokio::test]
async fn a_code_lets_its_box_in_and_the_same_request_gets_the_same_answer() {
    let world = World::new();
    let code = world.code("van.3_a").await;
    let key = GatewayKey::for_tests();
    let asks = Asks::of(&code, &key, 9);
    let first = world.ask_from("10.0.0.1", &asks).await.unwrap();
    let above = first.verify(&asks.read().unwrap().hash).unwrap();
    assert_eq!(above, world.gateway.shared.key.public());
    assert!(code.is_of(&above));
    let (ca, certificate) = first.certificates().unwrap();
    assert_eq!(Pin::of(&ca), Some(code.pin));
    assert_eq!(box_of_certificate(&certificate), Some((code.name.clone(), key.public())));
    let row = world.gateway.world.rows().registry[&RegistryKey::neighbour(&code.name)].clone();
    let Registered::Box(row) = row else { panic!("{row:?}") };
    assert_eq!((row.key, row.epoch), (key.public().to_string(), Some(9)));
    assert_eq!((row.site.unwrap().as_str(), &row.serves[..]), ("V1", &["大河村".to_owned()][..]));
    let me = world.gateway.get(&first.token, "/api/v1/me").await;
    assert_eq!(me.json()["role"], "device", "{}", me.text());
    // The answer was lost; the box says it again.
    let again = world.ask_from("10.0.0.9", &asks).await.unwrap();
    assert_eq!(
        (&again.token, &again.serial, again.until),
        (&first.token, &first.serial, first.until)
    );
    again.verify(&asks.read().unwrap().hash).unwrap();
    // Another request's answer is none of this one's.
    let other = Asks::of(&code, &key, 10);
    assert!(first.verify(&other.read().unwrap().hash).is_err());
    World::check(world.ask_from("10.0.0.1", &other).await, "enrol_code_used");
}

#[tokio::test]
async fn a_code_is_used_by_one_key_and_another_alarms() {
    let world = World::new();
    let code = world.code("V03").await;
    let (own, thief) = (GatewayKey::for_tests(), GatewayKey::for_tests());
    World::check(world.ask_from("10.0.0.1", &Asks::of(&code, &own, 1)).await, "in");
    World::check(world.ask_from("10.0.0.2", &Asks::of(&code, &thief, 1)).await, "enrol_code_used");
    let below = world.gateway.shared.upper.status().below();
    assert_eq!(below[0].1.alarm.as_ref().unwrap().code, Alarmed::CodeTwice);
    let row = world.gateway.world.rows().registry[&RegistryKey::neighbour(&code.name)].clone();
    assert!(format!("{row:?}").contains(&own.public().to_string()));
    // A box with another code gets in, and the token that it had ends.
    let first = world.ask_from("10.0.0.1", &Asks::of(&code, &own, 1)).await.unwrap();
    let later = world.code("V03").await;
    let second = world.ask_from("10.0.0.1", &Asks::of(&later, &thief, 2)).await.unwrap();
    assert_eq!(
        world.gateway.get(&first.token, "/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(world.gateway.get(&second.token, "/api/v1/me").await.status, StatusCode::OK);
    // The former code is not in force any more, whoever brings it.
    World::check(world.ask_from("10.0.0.1", &Asks::of(&code, &own, 1)).await, "enrol_code_wrong");
}

#[tokio::test]
async fn a_code_opens_neither_another_box_nor_anything_unsigned() {
    let world = World::new();
    let code = world.code("V03").await;
    world.code("V04").await;
    let key = GatewayKey::for_tests();
    let asks = Asks::of(&code, &key, 1);
    let mut other = code.clone();
    other.name = "V04".parse().unwrap();
    World::check(world.ask_from("10.0.0.1", &Asks::of(&other, &key, 1)).await, "enrol_code_wrong");
    let mut unknown = code.clone();
    unknown.name = "V99".parse().unwrap();
    World::check(
        world.ask_from("10.0.0.1", &Asks::of(&unknown, &key, 1)).await,
        "enrol_code_wrong",
    );
    let edited = Asks { name: "V04".to_owned(), ..asks.clone() };
    World::check(world.ask_from("10.0.0.1", &edited).await, "enrol_unsigned");
    let stolen = GatewayKey::for_tests().public().to_string();
    let edited = Asks { key: stolen, ..asks.clone() };
    World::check(world.ask_from("10.0.0.1", &edited).await, "enrol_unsigned");
    let edited = Asks { epoch: 2, ..asks.clone() };
    World::check(world.ask_from("10.0.0.2", &edited).await, "enrol_unsigned");
    World::check(world.ask_from("10.0.0.2", &asks).await, "in");
}

/// When a gateway's clock has gone on by a day and a second.
fn a_day_later() -> Timestamp {
    now().plus(Millis::hours(24)).plus(Millis::seconds(1))
}

#[tokio::test]
async fn a_code_ends_after_its_hours() {
    let world = World::of(gateway_by(forwarded(), none(), &Clock::scripted(a_day_later)));
    // Made a day ago, when the world was furnished.
    let asks: Asks = serde_json::from_str(&BODY).unwrap();
    World::check(world.ask_from("10.0.0.1", &asks).await, "enrol_code_expired");
    let world = World::new();
    World::check(world.ask_from("10.0.0.1", &asks).await, "in");
}

#[tokio::test]
async fn a_hundred_wrong_codes_from_one_address_are_slow_and_keep_no_box_waiting() {
    let world = World::new();
    let code = world.code("V03").await;
    let key = GatewayKey::for_tests();
    let above = world.gateway.shared.key.public();
    let mut told = std::collections::BTreeMap::new();
    for _ in 0..100 {
        let guess = Code::random(code.name.clone(), code.pin, &above).unwrap();
        let said = world.ask_from("10.6.6.6", &Asks::of(&guess, &key, 1)).await.unwrap_err();
        *told.entry(said.0).or_insert(0) += 1;
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [(403, 5), (429, 95)]);
    World::check(world.ask_from("10.0.0.1", &Asks::of(&code, &key, 1)).await, "in");
}

#[tokio::test]
async fn a_revoked_box_has_no_token_no_code_and_no_second_answer() {
    let world = World::new();
    let code = world.code("V03").await;
    let asks = Asks::of(&code, &GatewayKey::for_tests(), 1);
    let answers = world.ask_from("10.0.0.1", &asks).await.unwrap();
    let revoke = |name: &str| json!({ "box": name });
    let (status, done) = world.door(Method::POST, "/admin/enrol/revoke", &revoke("V03")).await;
    assert_eq!((status, done), (StatusCode::OK, json!({ "box": "V03", "state": "revoked" })));
    assert_eq!(
        world.gateway.get(&answers.token, "/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(world.ask_from("10.0.0.1", &asks).await.is_err());
    // A code that was not used ends too.
    let open = world.code("V05").await;
    world.door(Method::POST, "/admin/enrol/revoke", &revoke("V05")).await;
    let late = Asks::of(&open, &GatewayKey::for_tests(), 1);
    World::check(world.ask_from("10.0.0.1", &late).await, "enrol_code_expired");
    let (status, _) = world.door(Method::POST, "/admin/enrol/revoke", &revoke("V77")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn no_line_of_the_audit_log_holds_a_code_or_a_token() {
    let world = World::new();
    let code = world.code("V03").await;
    let (own, thief) = (GatewayKey::for_tests(), GatewayKey::for_tests());
    let asks = Asks::of(&code, &own, 1);
    let answers = world.ask_from("10.0.0.1", &asks).await.unwrap();
    world.ask_from("10.0.0.1", &Asks::of(&code, &thief, 1)).await.unwrap_err();
    world.door(Method::POST, "/admin/enrol/revoke", &json!({ "box": "V03" })).await;
    let lines = world.recorded();
    let told: Vec<_> = lines.iter().map(|line| (&*line.act, &*line.who, line.outcome)).collect();
    let expected = [
        ("POST /admin/enrol/codes", "operator", 200),
        ("POST /api/v1/enrol", "V03", 200),
        ("POST /api/v1/enrol", "V03", 403),
        ("POST /admin/enrol/revoke", "operator", 200),
    ];
    assert_eq!(told, expected);
    assert!(lines.iter().all(|line| line.object == "V03"), "{lines:?}");
    let text = format!("{lines:?}");
    assert!(!text.contains(&asks.secret) && !text.contains(&answers.token), "{text}");
    for shown in [format!("{asks:?}"), format!("{answers:?}"), format!("{code:?}")] {
        assert!(!shown.contains(&asks.secret) && !shown.contains("xzt_"), "{shown}");
    }
}

#[tokio::test]
async fn a_countys_boxes_are_enrolled_from_one_list() {
    const BOXES: usize = 1_628;
    let world = World::new();
    let boxes: Vec<_> = (0..BOXES).map(|n| json!({ "box": format!("B{n:04}") })).collect();
    let made = world.codes(Value::from(boxes)).await;
    assert_eq!(made.len(), BOXES);
    for (number, item) in made.iter().enumerate() {
        let code: Code = item["code"].as_str().unwrap().parse().unwrap();
        assert_eq!(code.name.as_str(), format!("B{number:04}"));
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        let asks = Asks::of(&code, &GatewayKey::of_seed(seed), 1);
        World::check(world.ask_from("10.0.0.1", &asks).await, "in");
    }
    let held = world.gateway.world.box_certificate(&"B1627".parse().unwrap()).unwrap();
    assert!(held.unwrap().until > now());
}

#[tokio::test]
async fn what_is_no_list_of_boxes_makes_no_code() {
    let world = World::new();
    for (boxes, hours) in [
        (json!([{ "box": "V 3" }]), 24),
        (json!([{ "box": "V3" }, { "box": "V3" }]), 24),
        (json!([{ "box": "V3" }]), 0),
        (json!([{ "box": "V3" }]), 337),
        (json!([{ "box": "V3", "key": "x" }]), 24),
    ] {
        let body = json!({ "boxes": boxes, "hours": hours });
        let (status, _) = world.door(Method::POST, "/admin/enrol/codes", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert!(world.gateway.world.box_code(&"V3".parse().unwrap()).unwrap().is_none());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_named() {
    let world = World::new();
    let file = "/nowhere/server.pem";
    let body = json!({ "boxes": [{ "box": "V3" }], "hours": 24, "certificate": file });
    let (status, told) = world.door(Method::POST, "/admin/enrol/codes", &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains(file)), "{told}");
}
