//! Receipts: who sees which, what is green, and how the days are asked for.

use axum::http::StatusCode;
use serde_json::json;

use super::gateway;

#[tokio::test]
async fn a_day_is_green_red_or_grey_by_what_the_far_end_said() {
    let gateway = gateway();
    let today = crate::receipt::Day::of(super::now());
    let (from, to) = (today.plus(-2), today);
    let path = format!("/api/v1/receipts?site=V1&from={from}&to={to}");
    let told = gateway.get("nurse", &path).await.json();
    let states: Vec<_> = told["items"].as_array().unwrap().iter().map(|of| &of["state"]).collect();
    assert_eq!(states, ["differs", "equal", "unsaid"], "{told}");
    let newest = &told["items"][0];
    assert_eq!(newest["day"], json!(today.to_string()));
    assert_eq!((&newest["readings"], &newest["people"]), (&json!(1), &json!(1)));
    assert_eq!(newest["villages"][0]["village"], json!("大河村"));
    assert_eq!(newest["villages"][0]["state"], json!("differs"));
    let said = &newest["said"][0];
    assert_eq!(
        (&said["by"], &said["equal"], &said["readings"]),
        (&json!("county"), &json!(false), &json!(0))
    );
    let first = &said["first"];
    assert_eq!((&first["lacks"], &first["kind"]), (&json!("there"), &json!("reading")));
    assert_eq!(first["village"], json!("大河村"));
    assert!(told["items"][1]["said"][0]["first"].is_null(), "an equal day names no record");
    // How many alerts a village's few people gave is for those who may see alerts.
    assert_eq!(newest["villages"][0]["alerts"], json!(0));
    let counted = gateway.get("county", &path).await.json();
    assert!(
        counted["items"][0]["alerts"].is_null()
            && counted["items"][0]["villages"][0]["alerts"].is_null()
    );
}

#[tokio::test]
async fn days_are_asked_for_in_their_order_and_sites_within_the_scope() {
    let gateway = gateway();
    for wrong in [
        "day=today",
        "day=2026-03-02&from=2026-03-01",
        "from=2026-03-02&to=2026-03-01",
        "from=2026-01-01&to=2026-03-01",
        "site=a%2Fb",
    ] {
        let answer = gateway.get("nurse", &format!("/api/v1/receipts?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let none = gateway.get("nurse", "/api/v1/receipts?site=nowhere").await.json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn the_picture_says_each_state_without_colour_in_both_languages() {
    let gateway = gateway();
    let text = gateway.get("nurse", "/lite/receipts?site=V1").await.text();
    for word in [
        "日终回执",
        "✓",
        "✗",
        "mark green",
        "不一致",
        "尚未确认",
        "对端最近一次确认 county",
        "第一条不同的记录: 大河村 测量",
        "对端缺少",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(text.len() < 30_000, "{} bytes", text.len());
    let english = gateway.get("nurse", "/lite/receipts?site=V1&lang=en").await.text();
    assert!(
        english.contains("End-of-day receipts") && english.contains("not said yet"),
        "{english}"
    );
    let device = gateway.get("device", "/lite/receipts").await;
    assert_eq!(device.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_without_a_site_says_so() {
    let gateway = gateway();
    for (lang, words) in [("zh", "没有已登记的站点"), ("en", "no site is registered")] {
        let page = gateway.get("nurse", &format!("/lite/receipts?site=V9&lang={lang}")).await;
        assert!(page.text().contains(words), "{}", page.text());
        let page = gateway.get("nurse", &format!("/lite/receipts?lang={lang}")).await;
        assert!(!page.text().contains(words), "{}", page.text());
    }
}

#[tokio::test]
async fn what_waits_for_what_it_refers_to_is_told_on_the_board_by_neighbour_and_age() {
    let gateway = gateway();
    let board = gateway.get("nurse", "/lite").await.text();
    assert!(
        board.contains("⏳ gw-van") && board.contains("3 条操作或记录所指内容本机尚无"),
        "{board}"
    );
    let board = gateway.get("nurse", "/lite?lang=en").await.text();
    assert!(board.contains("3 acts or facts wait for what they refer to"), "{board}");
    assert!(board.contains("the oldest since"), "{board}");
}
