//! What waits and what was refused: bytes for those who work with patients, reasons for operators.

use serde_json::json;

use super::{CANARY, gateway};

#[tokio::test]
async fn bytes_are_for_those_with_clinical_rights() {
    let gateway = gateway();
    let held = gateway.get("township", "/api/v1/quarantine").await.json();
    assert_eq!(held["items"].as_array().unwrap().len(), 1, "of the own place alone");
    assert_eq!(held["items"][0]["raw"], CANARY);
    assert_eq!(held["items"][0]["raw_encoding"], "text");
    assert_eq!(held["items"][0]["reason"], "unknown_person");
    let refused = gateway.get("township", "/api/v1/refused").await.json();
    assert_eq!(refused["items"][0]["raw"], "5126ff");
    assert_eq!(refused["items"][0]["raw_encoding"], "hex");
    for path in ["/api/v1/quarantine", "/api/v1/refused"] {
        let seen = gateway.get("operator", path).await.json();
        assert_eq!(seen["items"].as_array().unwrap().len(), 2);
        assert_eq!(seen["items"][0]["raw"], json!(null), "{path}");
        assert!(seen["items"][0]["reason"].is_string());
    }
}
