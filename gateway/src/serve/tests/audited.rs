//! Every route of the document and every page leaves its line in the audit log, whoever asks.

use axum::http::{Method, StatusCode};

use super::{
    Grant, alert_id, ask, gateway,
    matrix::{body, fill, operations},
};
use crate::{
    audit::{Entry, Kind},
    serve::admin_router,
    store::Role,
};

impl super::Gateway {
    /// What was recorded since this was asked last.
    pub(super) fn recorded(&self) -> Vec<Entry> {
        let mut audited = self.audited.lock().unwrap();
        std::iter::from_fn(|| audited.try_recv().ok()).collect()
    }
}

/// What no line may hold: names, numbers, values and secrets of this world.
const PLANTED: [&str; 8] =
    ["陈桂芳", "13800000001", "189", "收缩压", "头痛", "bp_emergency", "xzt_", "1952"];

#[track_caller]
fn check(recorded: &[Entry], kind: Kind, act: &str, who: &str) {
    let [line] = recorded else { panic!("{act} as {who:?}: {recorded:?}") };
    assert_eq!((line.kind, &*line.act), (kind, act), "{line:?}");
    assert_eq!(line.role.is_empty(), line.via.is_empty(), "{line:?}");
    let text = format!("{line:?}");
    for planted in PLANTED {
        assert!(!text.contains(planted), "{text} says {planted}");
    }
}

#[tokio::test]
async fn every_route_leaves_a_line_whether_it_answers_or_refuses() {
    let mut kinds = [0; 3];
    for of in operations().into_iter().filter(|of| of.right != "none") {
        let act = format!("{} {}", of.method, of.path);
        let posts_readings = act == "POST /api/v1/readings";
        for who in ["", "nurse", "doctor", "lead", "township", "auditor", "other", "device"] {
            let gateway = gateway();
            let path = fill(&of.path, 1);
            let request = ask(who, of.method.clone(), &path, body(&path));
            use tower::ServiceExt;
            let answer = gateway.router.clone().oneshot(request).await.unwrap();
            let recorded = gateway.recorded();
            let status = answer.status();
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
            if refused.contains(&status) {
                check(&recorded, Kind::Denied, &act, who);
                kinds[0] += 1;
            } else if posts_readings {
                assert_eq!(recorded, [], "a delivery waits for no line: the log of facts has it");
            } else if act == "GET /api/v1/audit" {
                check(&recorded, Kind::Export, &act, who);
            } else if of.method == Method::GET {
                check(&recorded, Kind::View, &act, who);
                kinds[1] += 1;
            } else {
                check(&recorded, Kind::Change, &act, who);
                kinds[2] += 1;
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 10), "{kinds:?}");
}

#[tokio::test]
async fn whoever_is_shown_is_named_by_id() {
    let gateway = gateway();
    let alert = format!("/api/v1/alerts/{}", alert_id(1));
    for path in [
        "/api/v1/people",
        "/api/v1/people?q=P1",
        "/api/v1/people/P1",
        "/api/v1/people/P1/timeline",
        "/api/v1/alerts",
        &alert,
        "/api/v1/readings",
        "/api/v1/snapshot",
    ] {
        assert_eq!(gateway.get("doctor", path).await.status, StatusCode::OK, "{path}");
        let recorded = gateway.recorded();
        let [line] = &*recorded else { panic!("{path}: {recorded:?}") };
        assert!(line.whom.iter().any(|person| person.as_str() == "P1"), "{path}: {line:?}");
        assert!(line.whom.iter().all(|person| person.as_str() != "P2"), "{path}: {line:?}");
        assert_eq!((&*line.role, &*line.who), ("doctor", "DR1"), "{path}");
        assert!(line.via.starts_with("token:"), "{path}: {line:?}");
    }
    assert_eq!(gateway.get("doctor", "/api/v1/people/P2").await.status, StatusCode::NOT_FOUND);
    let [line] = &*gateway.recorded() else { panic!("no line") };
    assert_eq!((line.kind, &*line.object, line.whom.len()), (Kind::Denied, "P2", 0));
}

#[tokio::test]
async fn signing_in_and_out_and_the_pages_leave_their_lines() {
    let gateway = gateway();
    let nurse = Grant { place: Some("青石镇".to_owned()), ..Grant::of_role(Role::Nurse) };
    gateway.session(nurse).await;
    let recorded = gateway.recorded();
    let [line] = &*recorded else { panic!("{recorded:?}") };
    assert_eq!((line.kind, &*line.role, &*line.object), (Kind::LogIn, "nurse", ""));
    for (path, kind) in [
        ("/lite", Kind::View),
        ("/lite/people", Kind::View),
        ("/lite/people/P1", Kind::View),
        ("/lite/inbox", Kind::View),
        ("/lite/people/P2", Kind::Denied),
        ("/login/nothing", Kind::Denied),
        ("/a/nothing", Kind::Denied),
    ] {
        gateway.get("doctor", path).await;
        let recorded = gateway.recorded();
        let [line] = &*recorded else { panic!("{path}: {recorded:?}") };
        assert_eq!(line.kind, kind, "{path}: {line:?}");
    }
    for open in ["/healthz", "/readyz", "/metrics", "/assets/none.js"] {
        gateway.get("", open).await;
        assert_eq!(gateway.recorded(), [], "{open}");
    }
}

#[tokio::test]
async fn the_operator_s_door_leaves_its_lines() {
    let gateway = gateway();
    let door = admin_router(std::sync::Arc::clone(&gateway.shared));
    for (method, path, kind, object) in [
        (Method::GET, "/admin/stats", Kind::View, ""),
        (Method::GET, "/admin/registry?kind=person", Kind::Export, "person"),
        (Method::GET, "/admin/audit?person=P1", Kind::Export, ""),
        (Method::POST, "/admin/tokens", Kind::Change, ""),
        (Method::GET, "/admin/tokens", Kind::View, ""),
    ] {
        let body = if method == Method::POST { r#"{"role":"county"}"# } else { "" };
        super::send(&door, ask("", method.clone(), path, body)).await;
        let recorded = gateway.recorded();
        let [line] = &*recorded else { panic!("{path}: {recorded:?}") };
        assert_eq!((line.kind, &*line.object, &*line.via), (kind, object, "door"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let gateway = gateway();
    gateway.audited.lock().unwrap().close();
    let answer = gateway.get("doctor", "/api/v1/people/P1").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.text().contains("陈桂芳"));
    let reading = body("/api/v1/readings");
    let posted = gateway.post("nurse", "/api/v1/readings", reading).await;
    assert_eq!(posted.status, StatusCode::OK, "readings do not wait for it: {}", posted.text());
}
