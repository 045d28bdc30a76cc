//! Sessions that somebody opens by looking a person up: once, within the scope, with who did it.

use axum::http::{Method, StatusCode, header};

use super::{Gateway, ask, gateway, now};
use crate::{
    domain::{Millis, OpenedBy},
    serve::Grant,
    store::{CardScan, Fact, Role},
};

const CARD: &str = "/api/v1/benches/V1/B1/card";

/// The scans that were kept.
fn scans(gateway: &Gateway) -> Vec<CardScan> {
    let rows = gateway.world.rows();
    let scan =
        |fact: &Fact| if let Fact::CardScan(scan) = fact { Some(scan.clone()) } else { None };
    rows.facts.iter().filter_map(|entry| scan(&entry.fact)).collect()
}

/// What a body comes to: the status, and the cards that are kept with whoever they are of.
async fn check(path: &str, body: &str, expected: (u16, &str)) {
    let gateway = gateway();
    let answer = gateway.post("nurse", path, body).await;
    let told = |scan: &CardScan| {
        let person = scan.person.as_ref().map_or("nobody", |person| person.as_str());
        let after = scan.at.since(now()).whole_minutes();
        format!("{}/{person} {after} {} {:?}", scan.card, scan.out, scan.opened_by.name())
    };
    let kept = scans(&gateway).iter().map(told).collect::<Vec<_>>().join(";");
    assert_eq!((answer.status.as_u16(), kept.as_str()), expected, "{body}: {}", answer.text());
}

#[tokio::test]
async fn whoever_is_looked_up_sits_at_the_bench_and_it_is_said_who_did_it() {
    check(CARD, r#"{"person":"P1"}"#, (200, r#"/P1 0 false Some("nurse")"#)).await;
    check(CARD, r#"{"card":"6217"}"#, (200, r#"6217/nobody 0 false Some("nurse")"#)).await;
    let late = r#"{"person":"P1","at":"2026-03-02T09:40:00+08:00"}"#;
    check(CARD, late, (200, r#"/P1 -20 false Some("nurse")"#)).await;
    check(CARD, r#"{"out":true}"#, (200, r#"/nobody 0 true Some("nurse")"#)).await;
}

#[tokio::test]
async fn a_card_that_cannot_be_one_is_refused_and_nothing_is_kept() {
    check(CARD, r#"{}"#, (400, "")).await;
    check(CARD, r#"{"person":"P1","card":"6217"}"#, (400, "")).await;
    check(CARD, r#"{"person":" "}"#, (400, "")).await;
    check(CARD, r#"{"person":"P1","at":"soon"}"#, (400, "")).await;
    check(CARD, r#"{"person":"P1","at":"2126-03-02"}"#, (400, "")).await;
    check(CARD, &format!(r#"{{"card":"{}"}}"#, "6".repeat(129)), (400, "")).await;
    check(CARD, r#"{"person":"P2"}"#, (404, "")).await;
    check(CARD, r#"{"person":"P9"}"#, (404, "")).await;
    check("/api/v1/benches/V2/B1/card", r#"{"person":"P1"}"#, (404, "")).await;
    check("/api/v1/benches/V1/B%201/card", r#"{"person":"P1"}"#, (404, "")).await;
}

#[tokio::test]
async fn a_repeat_under_its_key_opens_nothing_again() {
    let gateway = gateway();
    let post = |body: &str| {
        let mut request = ask("nurse", Method::POST, CARD, body);
        let name = header::HeaderName::from_static("idempotency-key");
        request.headers_mut().insert(name, "k1".parse().unwrap());
        request
    };
    for _ in 0..2 {
        let answer = gateway.send(post(r#"{"person":"P1"}"#)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["by"], "nurse");
    }
    let other = gateway.send(post(r#"{"out":true}"#)).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(scans(&gateway).len(), 1);
    assert_eq!(scans(&gateway)[0].opened_by, OpenedBy::Staff("nurse".into()));
}

#[tokio::test]
async fn the_bench_s_page_finds_who_sits_down_and_a_press_is_one_card() {
    let gateway = gateway();
    let grant = Grant { place: Some("青石镇".to_owned()), ..Grant::of_role(Role::Nurse) };
    let link = gateway.shared.login_link(grant, Millis::minutes(1));
    let cookie = gateway.get("", &link).await;
    let cookie = cookie.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    let with = |method: Method, path: &str, body: &str| {
        let mut request = ask("", method, path, body);
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request
    };
    let there = "/lite/bench/V1/B1/card";
    let empty = gateway.send(with(Method::GET, there, "")).await.text();
    assert!(!empty.contains("value=\"P1\""), "nobody is listed before somebody is looked for");
    let page = gateway.send(with(Method::GET, &format!("{there}?q=P"), "")).await.text();
    assert!(page.contains("value=\"P1\"") && !page.contains("value=\"P2\""), "{page}");
    let field = |name: &str| {
        let from = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        from.split('"').next().unwrap().to_owned()
    };
    let forged = with(Method::POST, there, "csrf=forged&key=k&person=P1");
    assert_eq!(gateway.send(forged).await.status, StatusCode::FORBIDDEN);
    assert_eq!(scans(&gateway), []);
    let press = format!("csrf={}&key={}&person=P1", field("csrf"), field("key"));
    for _ in 0..2 {
        let answer = gateway.send(with(Method::POST, there, &press)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        assert_eq!(answer.header(header::LOCATION), "/lite/bench/V1/B1");
    }
    let out = format!("csrf={}&key={}&out=out", field("csrf"), field("key"));
    assert_eq!(gateway.send(with(Method::POST, there, &out)).await.status, StatusCode::SEE_OTHER);
    let kept: Vec<_> = scans(&gateway).iter().map(|scan| scan.out).collect();
    assert_eq!(kept, [false, true], "two presses are one card");
    let other = gateway.send(with(Method::GET, "/lite/bench/V2/B1/card", "")).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}
