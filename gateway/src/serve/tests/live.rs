//! Events: none lost between a question and a subscription, none for the wrong eyes.

use std::time::Duration;

use axum::{body::Body, http::Method};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Gateway, alert_id, ask, gateway, reading, stored};
use crate::{
    domain::AlertState,
    store::{AlertChange, Fact, Presence},
};

pub(super) struct Events {
    body: Body,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) id: Option<i64>,
    pub(super) name: String,
    pub(super) data: Value,
}

impl Events {
    pub(super) fn new(body: Body) -> Self {
        Self { body, text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        while !self.text.contains("\n\n") {
            let next = tokio::time::timeout(Duration::from_secs(20), self.body.frame());
            let frame = next.await.expect("no event within 20 s")?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_start_matches(':').trim_start().to_owned())
        };
        let seen = Seen {
            id: field("id").map(|id| id.parse().unwrap()),
            name: field("event").unwrap(),
            data: serde_json::from_str(&field("data").unwrap()).unwrap(),
        };
        self.text = rest.to_owned();
        Some(seen)
    }

    /// The next event of a name.
    pub(super) async fn until(&mut self, name: &str) -> Seen {
        loop {
            let seen = self.next().await.expect("the stream ended");
            if seen.name == name {
                return seen;
            }
        }
    }
}

async fn stream(gateway: &Gateway, who: &str, after: Option<i64>) -> Events {
    let path = after.map_or_else(
        || "/api/v1/stream".to_owned(),
        |after| format!("/api/v1/stream?after={after}"),
    );
    let request = ask(who, Method::GET, &path, "");
    let response = gateway.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    Events::new(response.into_body())
}

fn last(gateway: &Gateway) -> i64 {
    super::world::count(gateway.world.rows().facts.len())
}

#[tokio::test]
async fn a_stream_says_hello_and_then_what_happens() {
    let gateway = gateway();
    let from = last(&gateway);
    let mut events = stream(&gateway, "doctor", None).await;
    let hello = events.next().await.unwrap();
    assert_eq!(hello.name, "hello");
    assert_eq!(hello.data, json!({"build": "test", "schema": 1, "cursor": from}));
    let seq = gateway.world.commit(|rows| rows.store(stored(reading(1, 2, 150))));
    let seen = events.until("reading").await;
    assert_eq!(seen.id, Some(seq.0));
    assert_eq!(seen.data["reading"]["systolic"], json!(150));
    gateway.world.commit(|rows| {
        let taken = crate::domain::Alert { state: AlertState::Acknowledged, ..super::alert(1) };
        rows.step(taken, AlertChange::Acknowledged, Some("DR1"));
    });
    let seen = events.until("alert").await;
    assert_eq!(seen.data["change"], "acknowledged");
    assert_eq!(seen.data["alert"]["id"], alert_id(1).to_string());
    assert_eq!(seen.data["alert"]["acknowledged_by"], "DR1");
    gateway.world.commit(|rows| rows.store(stored(reading(1, 3, 151))));
    let board = events.until("board").await;
    assert_eq!(board.data["board"]["demo"], json!(true));
    assert_eq!(board.data["board"]["readings_today"], json!(3));
}

#[tokio::test]
async fn no_event_falls_between_while_the_writer_goes_on() {
    const COMMITS: usize = 1500;
    let gateway = gateway();
    let from = last(&gateway);
    let write = async {
        for number in 0..COMMITS as u64 {
            gateway.world.commit(|rows| rows.store(stored(reading(1, number + 10, 120))));
            if number % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    let read = async {
        let (mut seen, mut after) = (Vec::new(), from);
        while seen.len() < COMMITS {
            // Every stream is left after some events and resumed at the last of them.
            let mut events = stream(&gateway, "doctor", Some(after)).await;
            for _ in 0..97 {
                let event = events.next().await.expect("the stream ended");
                if event.name == "reading" {
                    after = event.id.unwrap();
                    seen.push(after);
                }
                if seen.len() == COMMITS {
                    break;
                }
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(write, read);
    let expected: Vec<i64> = (from + 1..=from + super::world::count(COMMITS)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_viewer_sees_what_is_theirs() {
    let gateway = gateway();
    let from = last(&gateway);
    let mut viewers = Vec::new();
    for who in ["doctor", "other", "wall", "operator", "township"] {
        let mut events = stream(&gateway, who, Some(from)).await;
        assert_eq!(events.next().await.unwrap().name, "hello");
        // From here on a board comes after the events that it counts.
        events.until("board").await;
        viewers.push((who, events));
    }
    gateway.world.commit(|rows| {
        for person in [1, 2] {
            rows.store(stored(reading(person, 5, 155)));
            rows.step(super::alert(person), AlertChange::Raised, None);
        }
        let site = crate::domain::SiteId::new("V1").unwrap();
        let presence = Presence { site, online: false, detail: None, at: super::now() };
        rows.append(Fact::Presence(presence.clone()));
    });
    let end = last(&gateway);
    for (who, events) in &mut viewers {
        let mut seen = Vec::new();
        let mut text = String::new();
        loop {
            let event = events.next().await.unwrap();
            let counted = event.name == "board" && event.data["board"]["cursor"] == json!(end);
            text += &event.data.to_string();
            seen.push(match event.name.as_str() {
                "reading" => format!("reading {}", event.data["reading"]["person"]),
                "alert" => format!("alert {}", event.data["alert"]["person"]),
                "presence" => format!("{} {}", event.data["site"], event.data["state"]),
                _ => String::new(),
            });
            if counted {
                break;
            }
        }
        seen.retain(|event| !event.is_empty());
        let expected: &[&str] = match *who {
            "doctor" => &["reading \"P1\"", "alert \"P1\""],
            "other" => &["reading \"P2\"", "alert \"P2\""],
            "wall" => &["alert null", "\"V1\" \"offline\""],
            "operator" => &["\"V1\" \"offline\""],
            _ => &["reading \"P1\"", "alert \"P1\"", "\"V1\" \"offline\""],
        };
        assert_eq!(seen, expected, "{who}");
        if matches!(*who, "wall" | "operator") {
            let text = text.replace("陈桂芳车", "");
            for word in ["陈桂芳", "155", "13800000001", "收缩压"] {
                assert!(!text.contains(word), "{who} is told {word}");
            }
        }
    }
}

#[tokio::test]
async fn a_position_that_we_never_had_or_that_is_too_far_back_asks_for_a_new_picture() {
    let gateway = gateway();
    let mut events = stream(&gateway, "doctor", Some(999)).await;
    let reset = events.next().await.unwrap();
    assert_eq!((reset.name.as_str(), &reset.data), ("reset", &json!({"why": "unknown_position"})));
    assert_eq!(events.next().await, None, "the stream ends");
    gateway.world.commit(|rows| {
        for number in 0..5_100 {
            rows.store(stored(reading(2, number, 120)));
        }
    });
    let mut events = stream(&gateway, "doctor", Some(1)).await;
    assert_eq!(events.until("reset").await.data, json!({"why": "behind"}));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_comes_and_a_token_that_ended_ends_the_stream() {
    let gateway = gateway();
    let mut events = stream(&gateway, "doctor", None).await;
    let beat = events.until("hb").await;
    assert_eq!(beat.data["at"], "2026-03-02T10:00:00+08:00");
    assert_eq!(beat.data["cursor"], json!(last(&gateway)));
    gateway.world.commit(|rows| {
        let hash = crate::serve::secret::hash("doctor");
        rows.tokens.get_mut(&hash).unwrap().revoked_at = Some(super::now());
    });
    assert_eq!(events.until("reset").await.data, json!({"why": "signed_out"}));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_ends_its_streams_before_the_next_heartbeat() {
    let gateway = gateway();
    let admin = crate::serve::admin_router(std::sync::Arc::clone(&gateway.shared));
    let mut events = stream(&gateway, "doctor", None).await;
    let mut others = stream(&gateway, "nurse", None).await;
    events.until("hello").await;
    others.until("hello").await;
    let begun = tokio::time::Instant::now();
    let id = crate::store::TokenRow::id_of(blake3::hash(b"doctor").as_bytes());
    let body = json!({ "token": id }).to_string();
    let ended = ask("", Method::POST, "/admin/tokens/revoke", &body);
    assert_eq!(super::send(&admin, ended).await.status, axum::http::StatusCode::OK);
    assert_eq!(events.until("reset").await.data, json!({"why": "signed_out"}));
    assert_eq!(events.next().await, None, "the stream ends");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    others.until("hb").await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_read_for_a_moment_signs_nobody_out() {
    let gateway = gateway();
    let mut events = stream(&gateway, "doctor", None).await;
    events.until("hb").await;
    // Somebody else's token ends just when the store is busy.
    gateway.world.rows().unreadable = 1;
    gateway.world.tokens_ended.send_replace(crate::store::CommitSeq(1));
    events.until("hb").await;
    assert_eq!(gateway.world.rows().unreadable, 0, "it was asked for");
    gateway.world.rows().unreadable = 1;
    assert_eq!(events.until("reset").await.data, json!({"why": "store"}));
}

#[tokio::test]
async fn a_new_assignment_is_seen_by_the_new_doctor_at_once() {
    let gateway = gateway();
    let from = last(&gateway);
    let mut events = stream(&gateway, "other", Some(from)).await;
    // P1 is DR1's: the first reading is not for DR2, and that is remembered.
    gateway.world.commit(|rows| rows.store(stored(reading(1, 5, 151))));
    gateway.world.commit(|rows| rows.store(stored(reading(2, 5, 152))));
    assert_eq!(events.until("reading").await.data["reading"]["systolic"], json!(152));
    gateway.world.commit(|rows| {
        let key = crate::store::RegistryKey::Household("H1".parse().unwrap());
        let Some(crate::domain::Registered::Household(row)) = rows.registry.get_mut(&key) else {
            panic!("no H1");
        };
        row.doctor = "DR2".parse().ok();
        let row = crate::domain::Registered::Household(row.clone());
        let registration = crate::store::Registration { row, author: "t".into(), at: super::now() };
        rows.append(Fact::Registration(Box::new(registration)));
    });
    gateway.world.commit(|rows| rows.store(stored(reading(1, 6, 153))));
    assert_eq!(events.until("reading").await.data["reading"]["systolic"], json!(153));
}

#[tokio::test]
async fn events_can_be_asked_for_page_by_page() {
    let gateway = gateway();
    let from = last(&gateway);
    gateway.world.commit(|rows| {
        for number in 0..6 {
            rows.store(stored(reading(if number % 2 == 0 { 1 } else { 2 }, number + 5, 120)));
        }
    });
    let path = |after: i64| format!("/api/v1/events?after={after}&limit=4");
    let first = gateway.get("doctor", &path(from)).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2, "{first}");
    assert_eq!(first["items"][0]["event"], "reading");
    assert_eq!(first["items"][0]["id"], json!(from + 1));
    assert_eq!(
        (first["cursor"].clone(), first["next"].clone()),
        (json!(from + 4), json!((from + 4).to_string()))
    );
    let rest = gateway.get("doctor", &path(from + 4)).await.json();
    assert_eq!((rest["cursor"].clone(), rest["next"].clone()), (json!(from + 6), json!(null)));
}

#[tokio::test]
async fn viewers_are_counted_and_leave_nothing_behind() {
    let gateway = gateway();
    let events = stream(&gateway, "doctor", None).await;
    assert_eq!(gateway.shared.counters.streams.get(), 1);
    drop(events);
    gateway.world.commit(|rows| rows.store(stored(reading(1, 5, 151))));
    for _ in 0..10_000 {
        if gateway.shared.counters.streams.get() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("a stream that nobody reads is still open");
}

#[tokio::test]
async fn a_reading_of_nobody_is_for_its_township_and_for_no_doctor() {
    let gateway = gateway();
    let from = last(&gateway);
    gateway.world.commit(|rows| {
        let nobody =
            crate::store::StoredReading { attribution: None, ..stored(reading(1, 5, 201)) };
        rows.store(nobody);
        rows.store(stored(reading(1, 6, 202)));
    });
    for (who, expected) in [("township", 201), ("nurse", 201), ("doctor", 202)] {
        let mut events = stream(&gateway, who, Some(from)).await;
        let seen = events.until("reading").await;
        assert_eq!(seen.data["reading"]["systolic"], json!(expected), "{who}");
    }
    let mut events = stream(&gateway, "other", Some(from)).await;
    gateway.world.commit(|rows| rows.store(stored(reading(2, 7, 203))));
    assert_eq!(events.until("reading").await.data["reading"]["systolic"], json!(203));
}

#[tokio::test]
async fn an_assistance_office_is_told_of_a_household_s_alert_and_of_no_reading() {
    let gateway = gateway();
    let mut events = stream(&gateway, "assistant", None).await;
    assert_eq!(events.next().await.unwrap().name, "hello");
    gateway.world.commit(|rows| {
        rows.store(stored(reading(1, 2, 150)));
        rows.step(super::alert(1), AlertChange::Raised, None);
    });
    let told = events.until("alert").await;
    assert_eq!(told.data["alert"]["household"], "H1");
    let text = told.data.to_string();
    for planted in ["189", "150", "\"P1\"", super::CANARY, "bp_emergency", "13800000001"] {
        assert!(!text.contains(planted), "{planted}: {text}");
    }
    assert!(!events.text.contains("event: reading") && !events.text.contains("150"));
}
