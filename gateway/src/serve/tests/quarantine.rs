//! What waits in quarantine as people see it: suggestions within their own scope, and the page with its
//! buttons.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};

use super::{CANARY, Gateway, ask, doctor_grant, gateway, now, reading, stored};
use crate::{
    domain::{Id, Millis, OpenedBy},
    serve::Grant,
    store::{BenchSession, CommitSeq, QuarantineReason, Role, view::HeldQuarantine},
};

fn id<K>(name: &str) -> Id<K> {
    Id::new(name).unwrap()
}

/// A reading of nobody at a bench of V1, where P1 and P2, another township's, both had their cards.
fn nobodys(gateway: &Gateway) {
    gateway.world.commit(|rows| {
        let mut inside = reading(1, 5, 186);
        inside.remarks.person = None;
        inside.bench = Some(id("B1"));
        let first = rows.quarantine[0].clone();
        rows.quarantine.insert(
            0,
            HeldQuarantine {
                seq: CommitSeq(7),
                reason: QuarantineReason::NoPerson,
                raw: vec![0x51, 0x26, 0xff],
                reading: Some(stored(inside)),
                ..first
            },
        );
        for (person, minutes) in [("P1", 6), ("P2", 7)] {
            let from = now().minus(Millis::minutes(minutes));
            rows.sessions.push(BenchSession {
                site: id("V1"),
                bench: id("B1"),
                person: id(person),
                from,
                until: from.plus(Millis::minutes(4)),
                opened_by: OpenedBy::Reader(None),
            });
        }
    });
}

fn suggested(item: &Value) -> Vec<&str> {
    let all = item["suggestions"].as_array().unwrap();
    all.iter().map(|it| it["person"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn nobody_is_suggested_to_those_who_may_not_see_them() {
    let gateway = gateway();
    nobodys(&gateway);
    let list = gateway.get("township", "/api/v1/quarantine").await.json();
    assert_eq!(suggested(&list["items"][0]), ["P1"], "P2 is another township's: {list:#}");
    let evidence = &list["items"][0]["suggestions"][0]["evidence"];
    assert_eq!(evidence[0]["code"], "bench_session");
    assert!(!evidence[0]["zh"].as_str().unwrap().is_empty());
    assert!(!evidence.to_string().contains("186"), "no value: {evidence}");
    let one = gateway.get("township", "/api/v1/quarantine/7").await;
    assert_eq!(one.json(), list["items"][0]);
    let operator = gateway.get("operator", "/api/v1/quarantine").await.json();
    let seen = operator["items"].as_array().unwrap().iter().flat_map(suggested).count();
    assert_eq!(seen, 0, "an operator sees no people");
}

/// The value of a field of the first form of a page.
fn field(page: &str, name: &str) -> String {
    let from = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    from.split('"').next().unwrap().to_owned()
}

fn asked(cookie: &str, method: Method, path: &str, body: &str) -> Request<Body> {
    let mut request = ask("", method, path, body);
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request
}

fn township() -> Grant {
    Grant { place: Some("青石镇".to_owned()), ..Grant::of_role(Role::Township) }
}

const PAGE: &str = "/lite/quarantine";

#[tokio::test]
async fn the_page_says_why_it_waits_and_who_it_could_be_and_is_escaped() {
    let gateway = gateway();
    nobodys(&gateway);
    for (lang, words) in [("zh", ["不知道是谁测的", "认领"]), ("en", ["Nobody says", "Claim"])]
    {
        let answer = gateway.get("township", &format!("{PAGE}?lang={lang}")).await;
        let page = answer.text();
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        for word in words.into_iter().chain(["186/112", "5126ff", "value=\"P1\"", "V1", "D1"]) {
            assert!(page.contains(word), "{word} is not in {page}");
        }
        assert!(!page.contains("<script") && !page.contains(CANARY), "{page}");
        // Not within a key that chance made, which has 43 characters.
        let of_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        let mut words = page.split(|char| !of_word(char)).filter(|word| word.len() < 43);
        let said = words.any(|word| word.contains("P2"));
        assert!(!said, "another township's: {page}");
        assert!(page.len() < 30 * 1024, "{} bytes", page.len());
    }
    for who in ["operator", "wall", "assistant", "county"] {
        assert_eq!(gateway.get(who, PAGE).await.status, StatusCode::FORBIDDEN, "{who}");
    }
    gateway.world.commit(|rows| rows.quarantine.clear());
    let empty = gateway.get("township", PAGE).await.text();
    assert!(empty.contains("没有待认领的数据"), "{empty}");
}

#[tokio::test]
async fn a_claim_needs_a_reason_a_person_of_ones_own_and_the_sessions_own_form() {
    let gateway = gateway();
    nobodys(&gateway);
    let cookie = gateway.session(township()).await;
    let page = gateway.send(asked(&cookie, Method::GET, PAGE, "")).await.text();
    let (csrf, key) = (field(&page, "csrf"), field(&page, "key"));
    let send = async |item: u8, rest: &str| {
        let body = format!("csrf={csrf}&key={key}{}&{rest}", rest.len());
        let path = format!("{PAGE}/{item}");
        gateway.send(asked(&cookie, Method::POST, &path, &body)).await
    };
    let forged = "csrf=forged&key=k&act=dismiss&note=test";
    let forged = gateway.send(asked(&cookie, Method::POST, &format!("{PAGE}/7"), forged)).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    for (item, form, status) in [
        (7, "act=claim&person=P1&note=", StatusCode::BAD_REQUEST),
        (7, "act=claim&person=P1&note=%20%E3%80%80", StatusCode::BAD_REQUEST),
        (7, "act=claim&note=why", StatusCode::BAD_REQUEST),
        (7, "act=claim&person=P2&note=why", StatusCode::BAD_REQUEST),
        (7, "act=eat&person=P1&note=why", StatusCode::BAD_REQUEST),
        (2, "act=dismiss&note=why", StatusCode::NOT_FOUND),
    ] {
        let answer = send(item, form).await;
        assert_eq!(answer.status, status, "{form}: {}", answer.text());
    }
    assert_eq!(gateway.world.rows().acts, Vec::<String>::new());
    for form in ["act=claim&person=P1&other=&note=card", "act=dismiss&note=test"] {
        let answer = send(7, form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{form}: {}", answer.text());
        assert_eq!(answer.header(header::LOCATION), PAGE);
    }
    // What is typed is meant.
    assert_eq!(
        send(7, "act=claim&person=P1&other=P2&note=card").await.status,
        StatusCode::BAD_REQUEST
    );
    let acts = gateway.world.rows().acts.clone();
    assert_eq!(acts.len(), 2, "{acts:?}");
    assert!(acts[0].starts_with("Claim") && acts[0].contains(": card by"), "{acts:?}");
    assert!(acts[1].starts_with("Dismiss") && acts[1].contains(": test by"), "{acts:?}");
}

#[tokio::test]
async fn a_doctor_claims_for_their_own_people_alone() {
    let gateway = gateway();
    let claim = |person: &str| json!({"person": person, "reason": "她的卡"}).to_string();
    for (who, person, status) in [
        ("doctor", "P1", StatusCode::OK),
        ("doctor", "P2", StatusCode::BAD_REQUEST),
        ("nurse", "P2", StatusCode::BAD_REQUEST),
    ] {
        let answer = gateway.post(who, "/api/v1/quarantine/1/claim", &claim(person)).await;
        assert_eq!(answer.status, status, "{who} for {person}: {}", answer.text());
    }
    let empty = json!({"person": "P1", "reason": "　 "}).to_string();
    let answer = gateway.post("doctor", "/api/v1/quarantine/1/claim", &empty).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let told = answer.json();
    assert!(told["detail"].as_str().unwrap().starts_with("reason:"), "{told}");
    let other = gateway.session(doctor_grant("DR1")).await;
    let page = gateway.send(asked(&other, Method::GET, PAGE, "")).await;
    assert_eq!(page.status, StatusCode::OK);
}
