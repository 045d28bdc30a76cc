//! Posting readings: 200 only when they are on disk, and the same answer to the same key.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;

use super::{Answer, Gateway, ask, gateway};
use crate::{commit::Health, domain::DeviceId, serve::secret};

fn one(seq: u64) -> String {
    json!({"kind": "blood_pressure", "device": "D9", "site": "V1", "person": "P1", "epoch": 1,
        "seq": seq, "systolic": 182, "diastolic": 96, "unit": "mmHg"})
    .to_string()
}

fn keyed(who: &str, key: &str, body: &str) -> Request<Body> {
    let mut request = ask(who, Method::POST, "/api/v1/readings", body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(gateway: &Gateway, body: &str) -> Answer {
    gateway.post("device", "/api/v1/readings", body).await
}

#[tokio::test]
async fn each_item_is_answered_in_its_order() {
    let gateway = gateway();
    let body = format!("[{}, {{\"device\":\"D9\"}}, {}, {}]", one(1), one(2), one(1));
    let answer = post(&gateway, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let items = answer.json()["items"].clone();
    let statuses: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["stored", "refused", "stored", "duplicate"]);
    assert_eq!(items[0]["id"], items[3]["id"]);
    assert_eq!(items[1]["id"], json!(null));
    assert!(items[1]["reason"].as_str().unwrap().contains("site"), "{items}");
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_on_disk() {
    let gateway = gateway();
    gateway.writing.send_replace(false);
    let body = one(1);
    let mut answer = std::pin::pin!(post(&gateway, &body));
    for _ in 0..200 {
        tokio::select! {
            biased;
            answer = &mut answer => panic!("answered {} before the commit", answer.status),
            () = tokio::task::yield_now() => {}
        }
    }
    gateway.writing.send_replace(true);
    assert_eq!(answer.await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_writer_that_refuses_is_503_with_a_time_to_try_again() {
    let gateway = gateway();
    gateway.health.send_replace(Health::Refusing { why: "no room".to_owned() });
    let answer = post(&gateway, &one(1)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(header::RETRY_AFTER), "5");
    assert_eq!(answer.json()["code"], "not_committing");
    assert_eq!(gateway.world.rows().deliveries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_come_back_is_503_and_the_repeat_gets_the_answer() {
    let gateway = gateway();
    gateway.writing.send_replace(false);
    let first = gateway.send(keyed("device", "k", &one(1))).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
    gateway.writing.send_replace(true);
    let again = gateway.send(keyed("device", "k", &one(1))).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    assert_eq!(again.json()["items"][0]["status"], "stored");
    assert_eq!(gateway.world.rows().deliveries, 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_and_kept() {
    for (body, what) in [
        ("[".repeat(300 * 1024), "nested 307200 deep"),
        (format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000)), "nested 50000 deep"),
        ("{\"kind\":".to_owned(), "EOF"),
        ("nonsense".to_owned(), "expected"),
        ("[]".to_owned(), "empty"),
        (String::new(), "EOF"),
    ] {
        let gateway = gateway();
        let answer = post(&gateway, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
        assert_eq!(answer.json()["code"], "bad_json");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(what), "{detail}");
        let rows = gateway.world.rows();
        let kept = &rows.refused.last().unwrap().refused;
        assert_eq!(kept.raw, body.as_bytes(), "{what}");
        assert!(kept.reason.contains(what), "{}", kept.reason);
    }
}

#[tokio::test]
async fn what_is_too_much_at_once_is_refused_before_it_is_read() {
    let gateway = gateway();
    let many = format!("[{}]", vec!["1"; 10_001].join(","));
    let answer = post(&gateway, &many).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["detail"], "10001 items, at most 10000");
    let large = " ".repeat(9 * 1024 * 1024);
    assert_eq!(post(&gateway, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let stated = Request::post("/api/v1/readings")
        .header("authorization", "Bearer device")
        .header("content-length", "268435456")
        .body(Body::empty())
        .unwrap();
    assert_eq!(gateway.send(stated).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let note = json!({"text": "x".repeat(3000)}).to_string();
    let path = format!("/api/v1/alerts/{}/note", super::alert_id(1));
    let answer = gateway.post("doctor", &path, &note).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(gateway.world.rows().deliveries, 0);
}

#[tokio::test]
async fn a_repeat_under_its_key_changes_nothing_and_another_body_is_a_conflict() {
    let gateway = gateway();
    let first = gateway.send(keyed("device", "k1", &one(1))).await;
    let again = gateway.send(keyed("device", "k1", &one(1))).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let other = gateway.send(keyed("device", "k1", &one(2))).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.json()["code"], "idempotency_key_reused");
    assert_eq!(gateway.world.rows().deliveries, 1);
    let stranger = gateway.send(keyed("nurse", "k1", &one(3))).await;
    assert_eq!(stranger.status, StatusCode::OK, "another caller's key is another key");
    let bad = gateway.send(keyed("device", &"k".repeat(300), &one(1))).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn repeats_at_the_same_time_are_one_request() {
    let gateway = gateway();
    gateway.writing.send_replace(false);
    let body = one(1);
    let requests = (0..8).map(|_| gateway.send(keyed("device", "k1", &body)));
    let all = futures_util::future::join_all(requests);
    let open = async {
        tokio::task::yield_now().await;
        gateway.writing.send_replace(true);
    };
    let (answers, ()) = tokio::join!(all, open);
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(gateway.world.rows().deliveries, 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_finds_its_answer_later() {
    let gateway = gateway();
    gateway.writing.send_replace(false);
    {
        let mut hung_up = std::pin::pin!(gateway.send(keyed("device", "k1", &one(1))));
        for _ in 0..200 {
            tokio::select! {
                biased;
                _ = &mut hung_up => panic!("answered before the commit"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    gateway.writing.send_replace(true);
    let again = gateway.send(keyed("device", "k1", &one(1))).await;
    assert_eq!(again.json()["items"][0]["status"], "stored");
    assert_eq!(gateway.world.rows().deliveries, 1);
}

#[tokio::test]
async fn a_device_s_token_speaks_for_no_other_device() {
    let gateway = gateway();
    gateway.world.commit(|rows| {
        let row = rows.tokens.get_mut(&secret::hash("device")).unwrap();
        row.device = DeviceId::new("D7").ok();
    });
    let answer = post(&gateway, &one(1)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let own = one(1).replace("D9", "D7");
    assert_eq!(post(&gateway, &own).await.status, StatusCode::OK);
    gateway.world.commit(|rows| {
        let row = rows.tokens.get_mut(&secret::hash("device")).unwrap();
        row.revoked_at = Some(super::now());
    });
    assert_eq!(post(&gateway, &own).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_act_is_recorded_once_under_the_doctor_s_name() {
    let gateway = gateway();
    let path = format!("/api/v1/alerts/{}/ack", super::alert_id(1));
    for _ in 0..2 {
        let mut request = ask("doctor", Method::POST, &path, r#"{"note":"on my way"}"#);
        request.headers_mut().insert("idempotency-key", "a1".parse().unwrap());
        let answer = gateway.send(request).await.json();
        assert_eq!(answer["state"], "acknowledged");
        assert_eq!(answer["acknowledged_by"], "DR1");
        assert_eq!(answer["overdue"], json!(false));
    }
    assert_eq!(gateway.world.rows().acts, ["Acknowledge by DR1"]);
    let forward = format!("/api/v1/alerts/{}/forward", super::alert_id(1));
    let nobody = gateway.post("doctor", &forward, r#"{"to":"DR99"}"#).await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    let unknown = gateway.post("doctor", &forward, r#"{"too":"DR3"}"#).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "an unknown member is an error");
    assert_eq!(gateway.post("doctor", &forward, "").await.json()["step"], "township");
}

#[tokio::test]
async fn whoever_is_bound_to_a_place_delivers_for_the_sites_within_it_alone() {
    let gateway = gateway();
    // V1 is of 青石镇, V2 of 白水镇; the nurse is of 青石镇.
    let at = |site: &str, seq: u64| one(seq).replace("\"V1\"", &format!("\"{site}\""));
    let inside = gateway.post("nurse", "/api/v1/readings", &at("V1", 1)).await;
    assert_eq!(inside.status, StatusCode::OK, "{}", inside.text());
    for (case, body) in [
        ("another township's", at("V2", 2)),
        ("nobody knows it", at("V9", 3)),
        ("one of many", format!("[{},{}]", at("V1", 4), at("V2", 5))),
    ] {
        let outside = gateway.post("nurse", "/api/v1/readings", &body).await;
        assert_eq!(outside.status, StatusCode::FORBIDDEN, "{case}: {}", outside.text());
    }
    // A device that is bound to no place is held to its sites by the registry.
    assert_eq!(post(&gateway, &at("V2", 6)).await.status, StatusCode::OK);
}
