//! The exact shapes of the contract.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{alert_id, gateway};

#[track_caller]
fn check(value: &Value, keys: &str) {
    let expected: std::collections::BTreeSet<&str> = keys.split_whitespace().collect();
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let found: std::collections::BTreeSet<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(found, expected);
}

const READING: &str = "id kind person device site bench seq epoch measured_at device_time \
    received_at server_at grade unit systolic diastolic flags symptoms setting sample status late \
    possible_duplicate source basis commit";
const ALERT: &str = "id case concept concept_zh concept_en level state person person_name age sex \
    household village phone owner owner_name step next_step_at opened_at alert_at deadline overdue late \
    reasons symptoms_offered pack reading acknowledged_by acknowledged_at commit";
const BOARD: &str = "cursor as_of place demo sending people readings_today people_today open \
    overdue unacknowledged_oldest_minutes quarantined refused sites villages hourly";

#[tokio::test]
async fn answers_have_the_members_of_the_contract() {
    let gateway = gateway();
    let me = gateway.get("doctor", "/api/v1/me").await.json();
    check(&me, "role doctor name scope rights account glass_until");
    assert_eq!(me["name"], "王医生DR1");

    let readings = gateway.get("doctor", "/api/v1/readings?person=P1&limit=1").await.json();
    check(&readings, "items next");
    let reading = &readings["items"][0];
    check(reading, READING);
    assert_eq!(reading["systolic"], json!(189));
    assert_eq!(reading["measured_at"], "2026-03-02T09:59:00+08:00");

    let alerts = gateway.get("doctor", "/api/v1/alerts?state=live&level=red").await.json();
    let alert = &alerts["items"][0];
    check(alert, ALERT);
    assert_eq!(alert["age"], json!(73), "the birthday is tomorrow");
    assert_eq!(alert["village"], "大河村");
    assert_eq!(alert["overdue"], json!(true));
    check(&alert["reasons"][0], "line zh en");
    check(&alert["reading"], READING);
    assert_eq!(alert["reading"]["commit"], reading["commit"]);

    let one = gateway.get("doctor", &format!("/api/v1/alerts/{}", alert_id(1))).await.json();
    check(&one, &format!("{ALERT} history"));
    check(&one["history"][0], "at kind by note from to");

    let person = gateway.get("doctor", "/api/v1/people/P1").await.json();
    check(
        &person,
        "person name sex birth_date age phone household village doctor doctor_name cohorts \
         diagnoses medicines lines latest open_alerts contradictions plan tracking merged_into \
         merges same_as",
    );
    check(&person["lines"][0], "measure from level unit label_zh label_en line setting pack");
    check(&person["latest"], "blood_pressure glucose");
    check(&person["latest"]["blood_pressure"], READING);
    check(&person["open_alerts"][0], ALERT);

    let board = gateway.get("township", "/api/v1/board").await.json();
    check(&board, BOARD);
    assert_eq!(board["open"], json!({"red": 1, "orange": 0, "yellow": 0, "blue": 0}));
    assert_eq!(board["unacknowledged_oldest_minutes"], json!(18));
    assert_eq!(board["place"], "青石镇");
    check(&board["sending"], "enabled why_zh why_en");
    check(
        &board["sites"][0],
        "site name kind state last_seen readings_today people_today quarantined",
    );
    check(&board["villages"][0], "village people people_today worst");
    check(&board["hourly"][0], "hour readings crossings");

    let snapshot = gateway.get("doctor", "/api/v1/snapshot").await.json();
    check(&snapshot, "cursor build schema me board alerts readings");
    check(&snapshot["alerts"][0], ALERT);

    let wall = gateway.get("wall", "/api/v1/snapshot").await.json();
    check(&wall["alerts"][0], ALERT);
    assert_eq!(wall["alerts"][0]["person"], Value::Null);
    assert_eq!(wall["alerts"][0]["owner_name"], "王医生DR1");
    assert_eq!(wall["board"]["villages"][0]["worst"], Value::Null);
}

#[tokio::test]
async fn a_timeline_is_whole_page_by_page() {
    let gateway = gateway();
    gateway.world.commit(|rows| {
        for number in 2..=30 {
            rows.store(super::stored(super::reading(1, number / 3, 120)));
        }
    });
    let (mut after, mut items) = (String::new(), Vec::new());
    for _ in 0..40 {
        let path = format!("/api/v1/people/P1/timeline?limit=4&after={after}");
        let page = gateway.get("doctor", &path).await.json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    let of = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
    assert_eq!((of("reading"), of("alert")), (30, 1));
    let times: Vec<&str> = items.iter().map(|item| item["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_in_both_languages() {
    let gateway = gateway();
    for (path, status) in [
        ("/api/v1/readings?from=yesterday", StatusCode::BAD_REQUEST),
        ("/api/v1/readings?limit=0", StatusCode::BAD_REQUEST),
        ("/api/v1/readings?limit=-1", StatusCode::BAD_REQUEST),
        ("/api/v1/readings?person=a/b", StatusCode::BAD_REQUEST),
        ("/api/v1/alerts?state=weird", StatusCode::BAD_REQUEST),
        ("/api/v1/alerts/xyz", StatusCode::NOT_FOUND),
        ("/api/v1/people/%27%20OR%201", StatusCode::NOT_FOUND),
        ("/api/v1/nothing", StatusCode::NOT_FOUND),
        ("/nothing.js", StatusCode::NOT_FOUND),
    ] {
        let answer = gateway.get("doctor", path).await;
        assert_eq!(answer.status, status, "{path}");
        check(&answer.json(), "code message message_zh detail");
    }
    let answer = gateway.post("doctor", "/api/v1/me", "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    check(&answer.json(), "code message message_zh detail");
}

#[tokio::test]
async fn health_metrics_and_documents_are_there_without_signing_in() {
    let gateway = gateway();
    assert_eq!(gateway.get("", "/healthz").await.text(), "ok\n");
    assert_eq!(gateway.get("", "/readyz").await.status, StatusCode::OK);
    let why = "no room on the disk".to_owned();
    gateway.health.send_replace(crate::commit::Health::Refusing { why });
    let refusing = gateway.get("", "/readyz").await;
    assert_eq!(refusing.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusing.json(), json!({"ready": false, "why": "no room on the disk"}));
    let metrics = gateway.get("", "/metrics").await.text();
    for line in [
        "xunzhen_ready 0\n",
        "xunzhen_items_total{status=\"stored\"} 2\n",
        "xunzhen_alerts_open{level=\"red\"} 2\n",
        "xunzhen_http_requests_total{class=\"5xx\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let document = gateway.get("", "/api/openapi.json").await.json();
    assert!(document["components"]["schemas"]["Alert"]["properties"]["case"].is_object());
    let docs = gateway.get("", "/docs").await;
    assert!(docs.body.len() <= 10 * 1024, "{} bytes", docs.body.len());
    assert!(docs.text().contains("POST /api/v1/alerts/{id}/ack"));
}
