//! What people enter: once, checked, and refused with the reason in both languages.

use axum::http::{Method, StatusCode, header};

use super::{ask, gateway};

/// Posts an entry about P1; the status and the code, if it was refused.
#[track_caller]
fn told(answer: &super::Answer) -> (StatusCode, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn check(who: &str, what: &str, body: &str, expected: (u16, &str)) {
    let answer = gateway().post(who, &format!("/api/v1/people/P1/{what}"), body).await;
    let (status, code) = told(&answer);
    assert_eq!((status.as_u16(), code.as_str()), expected, "{body}: {}", answer.text());
    if status != StatusCode::OK {
        let (zh, detail) = (&answer.json()["message_zh"], &answer.json()["detail"]);
        assert!(zh.as_str().is_some_and(|zh| !zh.is_ascii()), "{zh}");
        assert!(detail.as_str().is_some_and(|detail| !detail.is_empty()), "{detail}");
    }
}

#[tokio::test]
async fn a_follow_up_that_cannot_be_one_is_refused_with_the_reason() {
    let bad = |text: &'static str| (400, text);
    check("doctor", "follow-ups", r#"{"at":"2026-03-01","fasting":7.4}"#, (200, "")).await;
    check("doctor", "follow-ups", r#"{"at":"2026-03-01"}"#, bad("nothing_in_it")).await;
    check("doctor", "follow-ups", r#"{"at":"2126-03-01","fasting":7.4}"#, bad("future_time")).await;
    check("doctor", "follow-ups", r#"{"at":"soon","fasting":7.4}"#, bad("bad_value")).await;
    let swapped = r#"{"at":"2026-03-01","systolic":80,"diastolic":120}"#;
    check("doctor", "follow-ups", swapped, bad("impossible_value")).await;
    let symptom = r#"{"at":"2026-03-01","symptoms":["headace"]}"#;
    check("doctor", "follow-ups", symptom, bad("unknown_symptom")).await;
    check("doctor", "follow-ups", r#"{"at":"2026-03-01","sbp":7}"#, bad("bad_json")).await;
}

#[tokio::test]
async fn money_of_an_unknown_profile_is_refused_with_those_of_the_pack() {
    let body = r#"{"at":"2026-03-01","profile":"xian","kind":"year_to_date","yuan":1}"#;
    check("township", "money", body, (400, "unknown_profile")).await;
    let answer = gateway().post("township", "/api/v1/people/P1/money", body).await;
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("county-example, xian-2025"), "{detail}");
    let negative = r#"{"at":"2026-03-01","profile":"xian-2025","kind":"year_to_date","yuan":-1}"#;
    check("township", "money", negative, (400, "impossible_value")).await;
}

#[tokio::test]
async fn the_same_again_is_a_duplicate_and_other_content_under_one_reference_a_conflict() {
    let gateway = gateway();
    let path = "/api/v1/people/P1/follow-ups";
    let first = r#"{"at":"2026-03-01","systolic":150,"diastolic":92}"#;
    let stored = gateway.post("doctor", path, first).await.json();
    assert_eq!(stored["status"], "stored");
    let again = gateway.post("nurse", path, &first.replace("150", "150.0")).await.json();
    assert_eq!((&again["status"], &again["id"]), (&"duplicate".into(), &stored["id"]));
    let named = |value: u16| {
        format!(r#"{{"at":"2026-03-01","reference":"HIS-9","systolic":{value},"diastolic":92}}"#)
    };
    assert_eq!(gateway.post("doctor", path, &named(150)).await.status, StatusCode::OK);
    let other = gateway.post("doctor", path, &named(160)).await;
    assert_eq!(told(&other), (StatusCode::CONFLICT, "event_conflict".to_owned()));
}

#[tokio::test]
async fn a_repeat_under_its_key_is_told_the_same_and_another_body_is_refused() {
    let gateway = gateway();
    let post = |body: &str| {
        let path = "/api/v1/people/P1/follow-ups";
        let mut request = ask("doctor", Method::POST, path, body);
        let name = header::HeaderName::from_static("idempotency-key");
        request.headers_mut().insert(name, "k1".parse().unwrap());
        request
    };
    let body = r#"{"at":"2026-03-01","fasting":6.1}"#;
    let first = gateway.send(post(body)).await;
    let again = gateway.send(post(body)).await;
    assert_eq!((first.status, first.json()), (StatusCode::OK, again.json()));
    assert_eq!(first.json()["status"], "stored");
    let other = gateway.send(post(&body.replace("6.1", "6.2"))).await;
    assert_eq!(told(&other), (StatusCode::CONFLICT, "idempotency_key_reused".to_owned()));
}
