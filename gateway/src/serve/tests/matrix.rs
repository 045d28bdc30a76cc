//! Every route of the OpenAPI document × every role × own and another's (ATTACKS A12).

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::{alert_id, ask, gateway};
use crate::serve::{openapi::DOCUMENT, router};

struct Operation {
    method: Method,
    path: String,
    right: String,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&DOCUMENT.to_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let right = operation["x-right"].as_str();
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                right: right.unwrap_or_else(|| panic!("{path} names no right")).to_owned(),
            });
        }
    }
    operations
}

#[test]
fn the_document_and_the_routes_say_the_same() {
    let document: BTreeSet<String> =
        operations().iter().map(|of| format!("{} {}", of.method, of.path)).collect();
    let routes: BTreeSet<String> =
        router::listed().iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(document, routes);
}

/// A path for person, alert, item or decision `number`.
fn fill(path: &str, number: u8) -> String {
    let id = if path.contains("/alerts/") {
        alert_id(number).to_string()
    } else if path.contains("/quarantine/") || path.contains("/claims/") {
        number.to_string()
    } else {
        format!("P{number}")
    };
    path.replace("{id}", &id)
}

fn body(path: &str) -> &'static str {
    if path.ends_with("/note") {
        r#"{"text":"seen"}"#
    } else if path.ends_with("/1/claim") {
        r#"{"person":"P1","reason":"her card lay at the bench"}"#
    } else if path.ends_with("/2/claim") {
        r#"{"person":"P2","reason":"her card lay at the bench"}"#
    } else if path.ends_with("/dismiss") || path.ends_with("/undo") {
        r#"{"reason":"a test of the cuff"}"#
    } else if path.ends_with("/follow-ups") {
        r#"{"at":"2026-02-01","systolic":152,"diastolic":94}"#
    } else if path.ends_with("/money") {
        r#"{"at":"2026-02-01","profile":"xian-2025","kind":"year_to_date","yuan":10000.5}"#
    } else if path.ends_with("/readings") {
        r#"{"kind":"blood_pressure","device":"D9","site":"V1","systolic":120,"diastolic":80,"unit":"mmHg","seq":7,"epoch":1}"#
    } else {
        "{}"
    }
}

async fn check(of: &Operation, who: &str, number: u8, expected: StatusCode) {
    let gateway = gateway();
    let path = fill(&of.path, number);
    let request = ask(who, of.method.clone(), &path, body(&path));
    let status = if of.path.ends_with("/stream") {
        // Its body never ends.
        use tower::ServiceExt;
        gateway.router.clone().oneshot(request).await.unwrap().status()
    } else {
        gateway.send(request).await.status
    };
    assert_eq!(status, expected, "{} {} as {who:?} for {number}", of.method, of.path);
}

fn rights(role: &str) -> &'static [&'static str] {
    match role {
        "device" => &["deliver"],
        "nurse" => &[
            "deliver",
            "read_people",
            "read_board",
            "read_held",
            "decide",
            "forward",
            "note",
            "follow_up",
        ],
        "doctor" | "other" | "stranger" => &[
            "read_people",
            "read_board",
            "read_held",
            "decide",
            "ack",
            "forward",
            "note",
            "follow_up",
        ],
        "lead" => &[
            "read_people",
            "read_board",
            "read_indicators",
            "read_held",
            "decide",
            "ack",
            "forward",
            "note",
            "follow_up",
            "money",
        ],
        "township" => &[
            "read_people",
            "read_board",
            "read_indicators",
            "read_held",
            "decide",
            "forward",
            "note",
            "money",
        ],
        "operator" => &["read_board", "read_indicators", "read_held"],
        "county" | "auditor" => &["read_board", "read_indicators"],
        "wall" => &["read_board"],
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_route_answers_each_role_for_its_own_and_denies_another_s() {
    let roles = [
        "device", "nurse", "doctor", "lead", "township", "county", "operator", "auditor", "wall",
        "other", "stranger",
    ];
    for of in operations() {
        let open = of.right == "none";
        check(&of, "", 1, if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED }).await;
        check(&of, "forged", 1, if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED }).await;
        for role in roles {
            let may = open || of.right == "any" || rights(role).contains(&of.right.as_str());
            let one = of.path.contains("{id}");
            for number in [1, 2] {
                // P1 lives in 青石镇 and belongs to DR1, P2 to DR2; DR9 is in no registry.
                let own = match role {
                    "other" => number == 2,
                    "stranger" => false,
                    _ => number == 1,
                };
                let expected = match (may, one && !own) {
                    (false, _) => StatusCode::FORBIDDEN,
                    (true, true) => StatusCode::NOT_FOUND,
                    (true, false) => StatusCode::OK,
                };
                check(&of, role, number, expected).await;
            }
        }
    }
}

#[tokio::test]
async fn no_list_holds_another_s_people_and_no_role_without_clinical_rights_sees_a_value() {
    let gateway = gateway();
    for of in operations().iter().filter(|of| of.method == Method::GET) {
        if of.path.contains("{id}") || of.path.ends_with("/stream") || of.right == "none" {
            continue;
        }
        for (who, foreign) in [
            ("doctor", &["\"P2\"", "陈桂芳2", "\"D2\""][..]),
            ("nurse", &["\"P2\"", "陈桂芳2", "\"D2\""]),
            ("other", &["\"P1\"", "陈桂芳1", "\"D1\""]),
            ("wall", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压", "bp_emergency"]),
            ("operator", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压"]),
            ("county", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压", "QS"]),
            ("stranger", &["\"P1\"", "\"P2\"", "189"]),
        ] {
            let text = gateway.get(who, &of.path).await.text();
            // The board names sites, which the canary is part of.
            let text = text.replace("陈桂芳车", "");
            for word in foreign {
                assert!(!text.contains(word), "{} as {who} says {word}: {text}", of.path);
            }
        }
    }
}

#[tokio::test]
async fn filters_do_not_reach_beyond_the_scope() {
    let gateway = gateway();
    for path in [
        "/api/v1/readings?person=P2",
        "/api/v1/readings?device=D2",
        "/api/v1/readings?site=V2",
        "/api/v1/alerts?person=P2",
        "/api/v1/alerts?doctor=DR2",
        "/api/v1/people?query=P2",
    ] {
        let answer = gateway.get("doctor", path).await;
        assert_eq!(answer.json()["items"], serde_json::json!([]), "{path}");
        let own = gateway.get("other", path).await;
        assert_eq!(own.json()["items"].as_array().unwrap().len(), 1, "{path}");
    }
}
