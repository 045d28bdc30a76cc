//! Every route of the OpenAPI document × every role × own and another's (ATTACKS A12).

use std::{collections::BTreeSet, io::Write as _};

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::{Gateway, alert_id, ask, gateway};
use crate::{
    serve::{openapi::DOCUMENT, router},
    store::{AlertChange, Role},
};

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) right: String,
}

pub(super) fn operations() -> Vec<Operation> {
    let document: &Value = &DOCUMENT;
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

/// What each route needs, written down a second time: a route that is not here, or asks for another
/// right than here, fails.
const EXPECTED: &[(&str, &str)] = &[
    ("GET /api/v1/me", "any"),
    ("GET /api/v1/readings", "read_people"),
    ("POST /api/v1/readings", "deliver"),
    ("GET /api/v1/alerts", "read_alerts"),
    ("GET /api/v1/alerts/{id}", "read_alerts"),
    ("POST /api/v1/alerts/{id}/ack", "ack"),
    ("POST /api/v1/alerts/{id}/forward", "forward"),
    ("POST /api/v1/alerts/{id}/note", "note"),
    ("POST /api/v1/alerts/{id}/visit", "ack"),
    ("GET /api/v1/people", "read_people"),
    ("GET /api/v1/people/{id}", "read_people"),
    ("GET /api/v1/people/{id}/timeline", "read_people"),
    ("POST /api/v1/people/{id}/merge", "decide"),
    ("POST /api/v1/people/{id}/follow-ups", "follow_up"),
    ("POST /api/v1/people/{id}/money", "money"),
    ("POST /api/v1/people/{id}/site-acts", "site_act"),
    ("GET /api/v1/merges", "read_people"),
    ("GET /api/v1/merges/proposed", "read_people"),
    ("POST /api/v1/merges/{id}/undo", "decide"),
    ("POST /api/v1/events/{id}/void", "void"),
    ("GET /api/v1/board", "read_board"),
    ("GET /api/v1/snapshot", "read_board"),
    ("GET /api/v1/indicators", "read_indicators"),
    ("GET /api/v1/events", "read_board"),
    ("GET /api/v1/stream", "read_board"),
    ("GET /api/v1/quarantine", "read_held"),
    ("GET /api/v1/quarantine/{id}", "decide"),
    ("POST /api/v1/quarantine/{id}/claim", "decide"),
    ("POST /api/v1/quarantine/{id}/dismiss", "decide"),
    ("POST /api/v1/claims/{id}/undo", "decide"),
    ("GET /api/v1/refused", "read_held"),
    ("GET /api/v1/accounts", "manage_accounts"),
    ("POST /api/v1/accounts/{id}/disable", "manage_accounts"),
    ("POST /api/v1/accounts/{id}/enable", "manage_accounts"),
    ("POST /api/v1/accounts/{id}/revoke", "manage_accounts"),
    ("GET /api/v1/audit", "read_audit"),
    ("GET /api/v1/break-glass", "read_audit"),
    ("POST /api/v1/break-glass", "break_glass"),
    ("POST /api/v1/break-glass/end", "break_glass"),
    ("POST /api/v1/alerts/{id}/outcome", "ack"),
    ("POST /api/v1/benches/{site}/{bench}/card", "site_act"),
    ("GET /api/v1/receipts", "read_board"),
    ("POST /api/v1/uplink", "uplink"),
    // The one-time code is what it brings.
    ("POST /api/v1/enrol", "none"),
    ("GET /healthz", "none"),
    ("GET /readyz", "none"),
    ("GET /metrics", "none"),
];

#[test]
fn every_route_needs_the_right_that_was_decided_for_it() {
    let found: BTreeSet<String> =
        operations().iter().map(|of| format!("{} {} {}", of.method, of.path, of.right)).collect();
    let expected: BTreeSet<String> =
        EXPECTED.iter().map(|(route, right)| format!("{route} {right}")).collect();
    assert_eq!(found, expected);
}

/// A path for person, alert, item, decision or account `number`.
pub(super) fn fill(path: &str, number: u8) -> String {
    let id = if path.contains("/accounts/") {
        number.to_string()
    } else if path.contains("/alerts/") {
        alert_id(number).to_string()
    } else if path.contains("/events/") {
        super::follow_up(number).id.to_string()
    } else if ["/quarantine/", "/claims/", "/merges/"].iter().any(|of| path.contains(of)) {
        number.to_string()
    } else {
        format!("P{number}")
    };
    let path = path.replace("{site}", &format!("V{number}")).replace("{bench}", "B1");
    path.replace("{id}", &id)
}

/// What is sent to a path that ends so; nothing to others.
const BODIES: [(&str, &str); 17] = [
    ("/note", r#"{"text":"seen"}"#),
    ("/visit", r#"{"at":"2026-02-01T10:00:00+08:00","home":true,"reason":"asleep"}"#),
    ("/outcome", r#"{"code":"closed","reason":"asleep"}"#),
    ("/1/claim", r#"{"person":"P1","reason":"her card lay at the bench"}"#),
    ("/2/claim", r#"{"person":"P2","reason":"her card lay at the bench"}"#),
    ("/P1/merge", r#"{"into":"P1","reason":"both carry her card"}"#),
    ("/merge", r#"{"into":"P2","reason":"both carry her card"}"#),
    ("/break-glass", r#"{"reason":"she collapsed at the market"}"#),
    ("/dismiss", r#"{"reason":"a test of the cuff"}"#),
    ("/undo", r#"{"reason":"a test of the cuff"}"#),
    ("/void", r#"{"reason":"a test of the cuff"}"#),
    ("/follow-ups", r#"{"at":"2026-02-01","systolic":152,"diastolic":94}"#),
    ("/money", r#"{"at":"2026-02-01","profile":"xian-2025","kind":"year_to_date","yuan":10000.5}"#),
    ("/site-acts", r#"{"at":"2026-02-01","site":"V1","act":"no_symptoms"}"#),
    ("/V1/B1/card", r#"{"person":"P1"}"#),
    ("/V2/B1/card", r#"{"person":"P2"}"#),
    (
        "/readings",
        r#"{"kind":"blood_pressure","device":"D9","site":"V1","systolic":120,"diastolic":80,"unit":"mmHg","seq":7,"epoch":1}"#,
    ),
];

pub(super) fn body(path: &str) -> &'static str {
    if path.ends_with("/enrol") {
        return &super::enrol::BODY;
    }
    let of = BODIES.iter().find(|(end, _)| path.ends_with(end));
    of.map_or("{}", |(_, body)| *body)
}

/// Whatever changes something is asked of a gateway of its own; the rest, and what must be refused,
/// of one for all.
async fn check(of: &Operation, who: &str, number: u8, (all, expected): (&Gateway, StatusCode)) {
    let own = (of.method == Method::POST && expected == StatusCode::OK).then(gateway);
    let gateway = own.as_ref().unwrap_or(all);
    let path = fill(&of.path, number);
    // Who hands up for a box has a token of its own.
    let who = if path.ends_with("/uplink") && who == "device" { "box" } else { who };
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

/// What each role may do, written down a second time.
fn rights(role: &str) -> &'static str {
    match role {
        "device" => "deliver uplink",
        "nurse" => {
            "deliver read_people read_alerts read_board read_held decide forward note follow_up \
             site_act void break_glass"
        }
        "doctor" | "other" | "stranger" => {
            "read_people read_alerts read_board read_held decide ack forward note follow_up \
             site_act void break_glass"
        }
        "lead" => {
            "read_people read_alerts read_board read_indicators read_held decide ack forward note \
             follow_up money site_act void break_glass"
        }
        "team" => {
            "read_people read_alerts read_board read_indicators read_held decide forward note \
             follow_up site_act void break_glass"
        }
        "township" => {
            "read_people read_alerts read_board read_indicators read_held decide forward note \
             money void break_glass"
        }
        "operator" => "read_board read_indicators read_held manage_accounts",
        "system_admin" => "read_board read_indicators read_held",
        "security_admin" => "manage_accounts",
        "auditor" => "read_board read_indicators read_audit",
        "county" => "read_board read_indicators",
        "wall" => "read_board",
        "assistant" => "read_alerts read_board",
        other => panic!("{other}"),
    }
}

/// Who asks in the matrix: every role, and doctors of other people, of a township, and of nobody.
const WHO: [&str; 15] = [
    "device",
    "nurse",
    "doctor",
    "other",
    "lead",
    "stranger",
    "team",
    "township",
    "county",
    "assistant",
    "operator",
    "system_admin",
    "security_admin",
    "auditor",
    "wall",
];

#[test]
fn every_role_asks_in_the_matrix() {
    for role in Role::ALL {
        assert!(WHO.contains(&role.as_str()), "{}", role.as_str());
    }
}

/// What one cell of the matrix must answer: the route, who asks, and for whose number 1 or 2.
fn expected(of: &Operation, who: &str, number: u8) -> StatusCode {
    let open = of.right == "none";
    if who.is_empty() || who == "forged" {
        return if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    }
    let may = open || of.right == "any" || rights(who).split(' ').any(|right| right == of.right);
    // Accounts are nobody's people: whoever gives access gives it to all.
    let bench = of.path.contains("{bench}");
    let one = (of.path.contains("{id}") && !of.path.contains("/accounts/")) || bench;
    // P1 lives in 青石镇 and belongs to DR1, P2 to DR2; DR9 is in no registry.
    let own = match who {
        // Benches are a place's, not a village doctor's.
        "other" | "doctor" if bench => false,
        "other" => number == 2,
        "stranger" => false,
        _ => number == 1,
    };
    match (may, one && !own) {
        (false, _) => StatusCode::FORBIDDEN,
        (true, true) => StatusCode::NOT_FOUND,
        (true, false) => StatusCode::OK,
    }
}

/// Every cell is asked, and the whole is written down for those who must show it:
/// `target/access-matrix.md`, made anew by every run.
#[tokio::test]
async fn every_route_answers_each_role_for_its_own_and_denies_another_s() {
    let mut lines = vec![
        "# Route × role × own and another's".to_owned(),
        "\nEach cell was asked: what it answered for one's own / for another's.\n".to_owned(),
        format!("| route | right | nobody | {} |", WHO.join(" | ")),
        format!("|{}", "---|".repeat(WHO.len() + 3)),
    ];
    let (all, mut cells) = (gateway(), 0);
    for of in operations() {
        let mut line = vec![format!("| {} {}", of.method, of.path), of.right.clone()];
        for who in ["", "forged"].into_iter().chain(WHO) {
            let answers = [1, 2].map(|number| expected(&of, who, number));
            for (number, answer) in [1, 2].into_iter().zip(answers) {
                check(&of, who, number, (&all, answer)).await;
                cells += 1;
            }
            let [one, two] = answers.map(|answer| answer.as_u16());
            let (own, others) = if who == "other" { (two, one) } else { (one, two) };
            match who {
                "forged" => {}
                _ if own == others => line.push(own.to_string()),
                _ => line.push(format!("{own} / {others}")),
            }
        }
        lines.push(format!("{} |", line.join(" | ")));
    }
    assert_eq!(cells, operations().len() * (WHO.len() + 2) * 2);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/access-matrix.md");
    let report = lines.join("\n");
    std::fs::write(path, &report).unwrap();
    writeln!(std::io::stdout(), "{report}\n{cells} cells asked").unwrap();
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
            ("assistant", &["\"P1\"", "\"P2\"", "陈桂芳", "189", "13800000001", "bp_emergency"]),
            ("wall", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压", "bp_emergency"]),
            ("operator", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压"]),
            ("county", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压", "QS"]),
            ("stranger", &["\"P1\"", "\"P2\"", "189"]),
            ("team", &["\"P2\"", "陈桂芳2", "\"D2\""]),
            ("system_admin", &["\"P1\"", "陈桂芳1", "189", "13800000001", "收缩压"]),
            ("security_admin", &["\"P1\"", "陈桂芳1", "189", "QS", "收缩压", "大河村"]),
            ("auditor", &["\"P1\"", "陈桂芳1", "189", "QS", "收缩压"]),
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

/// What must never reach an assistance office: who it is, what was measured, what was crossed, what
/// somebody wrote. 189/112 are the values in this world.
const PLANTED: [&str; 12] = [
    "189",
    "112",
    "188/",
    "P1\"",
    "陈桂芳",
    "13800000001",
    "1952",
    "bp_emergency",
    "血压急症",
    "Blood pressure emergency",
    "收缩压",
    "头痛184",
];

/// Everything that an office can ask for: every route of the document, every page, and the stream.
#[tokio::test]
async fn an_assistance_office_sees_colour_and_household_on_every_route_and_never_a_value() {
    let gateway = gateway();
    gateway.world.commit(|rows| {
        rows.step(super::alert(1), AlertChange::Noted, Some("DR1"));
        let noted = rows.alerts.iter_mut().find(|it| it.alert.id == alert_id(1)).unwrap();
        for (_, event) in &mut noted.events {
            event.note = Some("头痛184/120".to_owned());
        }
    });
    let documented = operations().into_iter().filter(|of| of.method == Method::GET);
    let mut paths: Vec<String> = documented.map(|of| fill(&of.path, 1)).collect();
    paths.retain(|path| !path.ends_with("/stream") && path != "/metrics");
    let alert = alert_id(1);
    paths.extend(["/", "/wall", "/lite", "/lite/inbox", "/lite/indicators"].map(str::to_owned));
    paths.extend(["/lite/people", "/lite/people/P1", "/docs"].map(str::to_owned));
    paths.push(format!("/lite/alerts/{alert}"));
    paths.push("/api/v1/alerts?person=P1".to_owned());
    paths.push("/api/v1/quarantine?state=all".to_owned());
    paths.push("/api/v1/people/P1/timeline?as_of=2126-01-01T00:00:00Z".to_owned());
    let mut seen = 0;
    for path in paths {
        let text = gateway.get("assistant", &path).await.text();
        // The board names sites, which the canary is part of; the document has examples.
        let text = text.replace("陈桂芳车", "");
        for planted in PLANTED.iter().filter(|_| path != "/docs") {
            assert!(!text.contains(planted), "{path} says {planted}: {text}");
        }
        seen += usize::from(text.contains("\"H1\"") || text.contains("H1 "));
    }
    // What is posted is refused, and the refusal says nothing either.
    let mut refused = Vec::new();
    let posted = operations().into_iter().filter(|of| of.method == Method::POST);
    for of in posted.filter(|of| of.right != "none") {
        let path = fill(&of.path, 1);
        let answer = gateway.post("assistant", &path, body(&path)).await;
        let text = answer.text();
        if of.right != "any" {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {text}");
            refused.push(of.right);
        }
        for planted in PLANTED {
            assert!(!text.contains(planted), "{path} says {planted}: {text}");
        }
    }
    for right in ["decide", "follow_up", "money", "site_act", "void"] {
        assert!(refused.iter().any(|of| of == right), "no route asks for {right}");
    }
    // The alert, the list, the first picture, the events, and the pages say the household.
    assert!(seen >= 4, "{seen}");
    let alerts = gateway.get("assistant", "/api/v1/alerts").await.json();
    let one = &alerts["items"][0];
    assert_eq!(
        (&one["level"], &one["household"], &one["village"], &one["state"]),
        (&"red".into(), &"H1".into(), &"大河村".into(), &"open".into())
    );
    assert!(one["deadline"].is_string(), "{one}");
    for hidden in ["person", "person_name", "concept", "concept_zh", "reading", "age", "phone"] {
        assert!(one[hidden].is_null(), "{hidden}: {one}");
    }
    assert_eq!(one["reasons"], serde_json::json!([]));
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "another township's");
}
