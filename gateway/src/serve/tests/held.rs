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

#[tokio::test]
async fn a_list_of_large_deliveries_ends_early_and_goes_on_where_it_ended() {
    let gateway = gateway();
    gateway.world.commit(|rows| {
        let first = rows.refused[0].clone();
        for number in 0..40 {
            let mut held = first.clone();
            held.refused.raw = vec![b'x'; if number % 4 == 0 { 700_000 } else { 10 }];
            rows.refused.push(held);
        }
    });
    let (mut after, mut seen, mut pages) = (String::new(), 0, 0);
    loop {
        let answer = gateway.get("township", &format!("/api/v1/refused?after={after}")).await;
        assert!(answer.body.len() < 4 * 1024 * 1024, "{} bytes", answer.body.len());
        let page = answer.json();
        seen += page["items"].as_array().unwrap().len();
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, 41, "over {pages} pages");
    assert!(pages > 1);
}
