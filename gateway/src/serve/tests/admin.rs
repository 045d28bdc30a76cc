//! The operator's own door.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{ask, gateway, send};
use crate::serve::admin_router;

#[tokio::test]
async fn rows_enter_all_or_none_and_again_change_nothing() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let row = |id: &str| json!({"kind": "person", "row": {"person": id, "name": "李"}}).to_string();
    let rows = format!("{}\n\n{}\n", row("P8"), row("P9"));
    let path = "/admin/registry?kind=person&author=import";
    let post = |body: &str| ask("", Method::POST, path, body);
    let first = send(&admin, post(&rows)).await;
    assert_eq!(first.json(), json!({"new_or_changed": 2, "unchanged": 0}), "{}", first.text());
    let again = send(&admin, post(&rows)).await;
    assert_eq!(again.json(), json!({"new_or_changed": 0, "unchanged": 2}));
    let bad = send(&admin, post(&format!("{}\n{{}}\n", row("P7")))).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.text().contains("line 2"), "{}", bad.text());
    let site = json!({"kind": "site", "row": {"site": "V9", "kind": "van"}}).to_string();
    assert_eq!(send(&admin, post(&site)).await.status, StatusCode::BAD_REQUEST);
    let listed = send(&admin, ask("", Method::GET, "/admin/registry?kind=person", "")).await;
    assert_eq!(listed.json()["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_token_works_at_once_and_only_its_hash_is_kept() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let make = |body: &str| ask("", Method::POST, "/admin/tokens", body);
    let made = send(&admin, make(r#"{"role":"doctor","doctor":"DR2"}"#)).await.json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("xzt_") && token.len() >= 43, "{token}");
    let me = gateway.get(token, "/api/v1/me").await.json();
    assert_eq!((me["role"].as_str(), me["doctor"].as_str()), (Some("doctor"), Some("DR2")));
    for body in [r#"{"role":"king"}"#, r#"{"role":"doctor"}"#, r#"{"role":"nurse","x":1}"#] {
        assert_eq!(send(&admin, make(body)).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn a_login_link_a_backup_a_check_and_counts() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let link = r#"{"role":"doctor","doctor":"DR1"}"#;
    let link = send(&admin, ask("", Method::POST, "/admin/login-link", link)).await.json();
    let opened = gateway.get("", link["path"].as_str().unwrap()).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    let folder = tempfile::tempdir().unwrap();
    let to = json!({ "to": folder.path().join("copy") }).to_string();
    let backup = send(&admin, ask("", Method::POST, "/admin/backup", &to)).await;
    assert_eq!(backup.json()["stored"], json!(2), "{}", backup.text());
    assert!(folder.path().join("copy").is_file());
    let check = send(&admin, ask("", Method::GET, "/admin/check", "")).await;
    assert_eq!(check.json(), json!({"differences": []}));
    let stats = send(&admin, ask("", Method::GET, "/admin/stats", "")).await.json();
    assert_eq!(stats["gateway"], "gw");
    assert_eq!(
        gateway.get("operator", "/admin/stats").await.status,
        StatusCode::TEMPORARY_REDIRECT
    );
}

#[tokio::test]
async fn a_plan_that_would_loosen_a_line_is_refused_with_its_place_and_the_rest_is_entered() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let row = |row: &serde_json::Value| json!({"kind": "plan", "row": row}).to_string();
    let rows = [
        row(&json!({"person": "P1", "systolic_lt": 130, "cadence_days": 7, "author": "DR1"})),
        row(&json!({"person": "P2", "systolic_lt": 150})),
        row(&json!({"person": "P1", "diastolic_lt": 12})),
        row(&json!({"person": "P7", "systolic_lt": 130})),
    ];
    let post = ask("", Method::POST, "/admin/registry?kind=plan", &rows.join("\n"));
    let told = send(&admin, post).await.json();
    assert_eq!(told["new_or_changed"], json!(2), "{told}");
    let places = |list: &str| {
        let notes = told[list].as_array().unwrap().iter();
        let place =
            |it: &serde_json::Value| format!("{} {} {}", it["line"], it["column"], it["code"]);
        notes.map(place).collect::<Vec<_>>().join("; ").replace('"', "")
    };
    assert_eq!(places("rejected"), "2 systolic_lt plan_looser; 3 diastolic_lt no_plan");
    assert_eq!(places("warned"), "4 person plan_of_nobody");
    assert!(told["rejected"][0]["zh"].as_str().unwrap().contains("140 mmHg"), "{told}");
    let plan = gateway.get("doctor", "/api/v1/people/P1").await.json()["plan"].clone();
    assert_eq!(plan["systolic_lt"], json!(130));
    assert_eq!((&plan["cadence_days"], &plan["author"]), (&json!(7), &json!("DR1")));
    let page = gateway.get("doctor", "/lite/people/P1").await.text();
    assert!(
        page.contains("一人一法方案：收缩压 &#60; 130 mmHg")
            || page.contains("收缩压 &lt; 130 mmHg"),
        "{page}"
    );
}

#[tokio::test]
async fn facts_that_contradict_each_other_are_entered_warned_of_and_shown_on_the_page() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let man = json!({"kind": "person", "row": {"person": "P1", "name": "李", "sex": "male",
        "household": "H1", "birth_date": "1952-03-04", "id_number": "110101195003041239",
        "pregnant": [{"code": "pregnant"}], "cohorts": [{"code": "C3"}]}});
    let post = ask("", Method::POST, "/admin/registry?kind=person", &format!("\n{man}\n"));
    let told = send(&admin, post).await.json();
    assert_eq!(told["new_or_changed"], json!(1), "{told}");
    let codes = |notes: &serde_json::Value| {
        let notes = notes.as_array().unwrap().iter();
        notes.map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // An earlier row said the third of March.
    let expected = ["birth_dates_differ", "birth_date_changed", "pregnant_man"];
    assert_eq!(codes(&told["warned"]), expected);
    assert_eq!(told["warned"][0]["line"], json!(2));
    let person = gateway.get("doctor", "/api/v1/people/P1").await.json();
    assert_eq!(codes(&person["contradictions"]), ["birth_dates_differ", "pregnant_man"]);
    assert!(person["tracking"]["since"].is_string(), "{person}");
    let page = gateway.get("doctor", "/lite/people/P1").await.text();
    assert!(page.contains("男性登记为孕期或哺乳期：孕期标准仍然适用"), "{page}");
    assert!(page.contains("治愈跟踪自"), "{page}");
}
