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
