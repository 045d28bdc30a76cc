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

/// Rows are sent one request after the other; the last one is told its places and codes.
async fn check_rows(
    before: &[(&str, serde_json::Value)],
    rows: &[(&str, serde_json::Value)],
    expected: &str,
) {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let mut told = serde_json::Value::Null;
    let requests = before.iter().map(std::slice::from_ref).chain([rows]);
    for request in requests {
        let lines: Vec<String> = request
            .iter()
            .map(|(kind, row)| json!({"kind": kind, "row": row}).to_string())
            .collect();
        let path = format!("/admin/registry?kind={}", request[0].0);
        let answer = send(&admin, ask("", Method::POST, &path, &lines.join("\n"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        told = answer.json();
    }
    let note = |it: &serde_json::Value| {
        assert!(it["zh"].as_str().is_some_and(|zh| !zh.is_ascii()), "{it}");
        format!("{} {} {}", it["line"], it["column"], it["code"])
    };
    let notes = told["rejected"].as_array().into_iter().flatten().map(note);
    let said = notes.collect::<Vec<_>>().join("; ").replace('"', "");
    assert_eq!(said, expected, "{rows:?} {told}");
    let rejected = told["rejected"].as_array().map_or(0, Vec::len);
    let entered = told["new_or_changed"].as_u64().unwrap() + told["unchanged"].as_u64().unwrap();
    assert_eq!(usize::try_from(entered).unwrap() + rejected, rows.len(), "{told}");
}

#[tokio::test]
async fn an_identity_number_is_checked_and_is_one_persons() {
    let person = |id: &str, number: &str| ("person", json!({"person": id, "id_number": number}));
    let (one, other) = ("11010519491231002X", "440524188001010014");
    check_rows(
        &[],
        &[person("P7", "110105194912310021"), person("P8", other)],
        "1 id_number id_number_wrong",
    )
    .await;
    check_rows(&[], &[person("P7", "110105491231002")], "1 id_number id_number_wrong").await;
    check_rows(&[], &[person(one, "")], "1 person id_is_id_number").await;
    check_rows(
        &[],
        &[person("P7", one), person("P8", "11010519491231002x")],
        "2 id_number id_number_taken",
    )
    .await;
    check_rows(
        &[person("P7", one)],
        &[person("P8", one), person("P7", one)],
        "1 id_number id_number_taken",
    )
    .await;
    // The number was the other's by mistake: their row takes it back first.
    check_rows(&[person("P7", one)], &[person("P7", other), person("P8", one)], "").await;
}

#[tokio::test]
async fn a_card_is_one_persons_until_their_row_no_longer_names_it() {
    let person = |id: &str, cards: &[&str]| ("person", json!({"person": id, "cards": cards}));
    let card = |card: &str, person: &str| ("card", json!({"card": card, "person": person}));
    check_rows(&[], &[person("P7", &["K1", "K2"]), person("P8", &["K2"])], "2 cards card_taken")
        .await;
    check_rows(&[person("P7", &["K1"])], &[person("P8", &["K1"])], "1 cards card_taken").await;
    check_rows(&[person("P7", &["K1"])], &[card("K1", "P8")], "1 card card_taken").await;
    check_rows(&[person("P7", &["K1"])], &[card("K1", "P7")], "").await;
    check_rows(&[card("K1", "P7")], &[person("P8", &["K1"])], "1 cards card_taken").await;
    check_rows(&[card("K1", "P7")], &[card("K1", "P8")], "").await;
    check_rows(&[], &[card("K1", "P7"), card("K1", "P8")], "2 card card_taken").await;
    check_rows(&[person("P7", &["K1"])], &[person("P7", &[]), person("P8", &["K1"])], "").await;
}

#[tokio::test]
async fn cohorts_and_spans_that_cannot_be_are_refused() {
    let person =
        |cohorts: serde_json::Value| ("person", json!({"person": "P7", "cohorts": cohorts}));
    let span = |from: &str, until: &str| json!({"code": "C2", "from": from, "until": until});
    let two = |b: serde_json::Value| person(json!([span("2026-01-01", "2026-06-30"), b]));
    check_rows(&[], &[two(span("2026-06-30", "2026-12-31"))], "1 cohorts cohort_twice").await;
    check_rows(&[], &[two(span("2026-07-01", "2026-12-31"))], "").await;
    check_rows(
        &[],
        &[person(json!([span("2026-07-01", "2026-06-30")]))],
        "1 cohorts dates_reversed",
    )
    .await;
    check_rows(
        &[],
        &[person(json!([{"code": "已治愈跟踪", "cause": "luck"}]))],
        "1 cohorts cause_unknown",
    )
    .await;
    check_rows(&[], &[person(json!([{"code": "已治愈跟踪", "cause": "illness"}]))], "").await;
}

#[tokio::test]
async fn a_household_has_one_doctor_at_once_and_a_known_cause() {
    let home = |row: serde_json::Value| ("household", row);
    let span = |doctor: &str, from: &str, until: &str| json!({"doctor": doctor, "from": from, "until": until});
    let (eight, noon, evening) =
        ("2026-03-02T08:00:00+08:00", "2026-03-02T12:00:00+08:00", "2026-03-02T18:00:00+08:00");
    let two = |from: &str| {
        home(json!({"household": "H7", "assigned": [
        span("DR1", eight, noon), span("DR2", from, evening)]}))
    };
    check_rows(&[], &[two("2026-03-02T11:59:59+08:00")], "1 doctor two_doctors").await;
    check_rows(&[], &[two(noon)], "").await;
    check_rows(
        &[],
        &[home(json!({"household": "H7", "cause": "bad luck"}))],
        "1 cause cause_unknown",
    )
    .await;
    check_rows(&[], &[home(json!({"household": "H7", "cause": "illness"}))], "").await;
}

#[tokio::test]
async fn places_teams_and_duty_are_refused_where_they_cannot_be() {
    let place = |place: &str, kind: &str, parent: &str| {
        ("place", json!({"place": place, "kind": kind, "parent": parent}))
    };
    let tree = [
        place("云县", "county", ""),
        place("青石", "township", "云县"),
        place("北村", "village", "青石"),
    ];
    check_rows(&[], &[place("北村", "village", "青石")], "1 parent parent_missing").await;
    check_rows(&[], &tree, "").await;
    check_rows(&tree, &[place("云县", "county", "北村")], "1 parent own_ancestor").await;
    check_rows(&tree, &[place("云县", "county", "云县")], "1 parent own_ancestor").await;
    check_rows(&tree, &[place("南村", "village", "北村")], "1 parent parent_kind").await;
    let county = |code: &str| {
        let row = json!({"place": "云县", "kind": "county", "attributes": {"area_code": code}});
        ("place", row)
    };
    check_rows(&[], &[county("530922")], "").await;
    check_rows(&[], &[county("530922 533522")], "").await;
    check_rows(&[], &[county("53092")], "1 area_code area_code_wrong").await;
    let team = |team: &str, place: &str, township: &str| {
        ("team", json!({"team": team, "place": place, "township": township}))
    };
    let lead = ("doctor", json!({"doctor": "T9", "level": "township"}));
    check_rows(&[], &[team("A", "青石", "T8")], "1 township doctor_unknown").await;
    check_rows(&[], &[team("A", "青石", "DR1")], "1 township doctor_level").await;
    check_rows(
        std::slice::from_ref(&lead),
        &[team("A", "青石", "T9"), team("B", "青石", "T9")],
        "2 place place_has_team",
    )
    .await;
    let duty = |doctor: &str, from: &str, until: &str| {
        let at = |time: &str| format!("2026-03-02T{time}:00+08:00");
        (
            "duty",
            json!({"site_or_place": "V1", "doctor": doctor, "from": at(from), "until": at(until)}),
        )
    };
    check_rows(&[], &[duty("DR8", "08:00", "12:00")], "1 doctor doctor_unknown").await;
    check_rows(
        &[],
        &[duty("DR1", "08:00", "12:00"), duty("DR2", "11:59", "18:00")],
        "2 from duty_overlaps",
    )
    .await;
    check_rows(&[duty("DR1", "08:00", "12:00")], &[duty("DR2", "12:00", "18:00")], "").await;
    check_rows(
        &[duty("DR1", "08:00", "12:00")],
        &[duty("DR2", "08:00", "10:00"), duty("DR1", "10:00", "12:00")],
        "",
    )
    .await;
    check_rows(
        &[],
        &[("site", json!({"site": "V9", "kind": "van", "session_minutes": 241}))],
        "1 session_minutes out_of_range",
    )
    .await;
    check_rows(&[], &[("bench", json!({"site": "V9", "bench": "B1"}))], "1 site site_unknown")
        .await;
}

#[tokio::test]
async fn a_token_is_listed_without_what_it_opens_by_and_ends_at_once() {
    let gateway = gateway();
    let admin = admin_router(std::sync::Arc::clone(&gateway.shared));
    let make = |body: &str| ask("", Method::POST, "/admin/tokens", body);
    let revoke = |body: &str| ask("", Method::POST, "/admin/tokens/revoke", body);
    let made = send(&admin, make(r#"{"role":"doctor","doctor":"DR7"}"#)).await.json();
    let token = made["token"].as_str().unwrap();
    gateway.recorded();
    let listed = send(&admin, ask("", Method::GET, "/admin/tokens?limit=1000", "")).await;
    let text = listed.text();
    let items = listed.json()["items"].as_array().unwrap().clone();
    let ours = items.iter().find(|item| item["doctor"] == "DR7").unwrap();
    let id = ours["id"].as_str().unwrap();
    assert_eq!((id.len(), &ours["revoked_at"]), (16, &json!(null)));
    let whole = blake3::hash(token.as_bytes()).to_hex();
    assert!(whole.starts_with(id) && !text.contains(&*whole) && !text.contains(token), "{text}");
    for body in [r#"{"token":"DR8"}"#, r#"{"token":""}"#, &json!({"token": token}).to_string()] {
        let refused = send(&admin, revoke(body)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!refused.text().contains(token));
    }
    assert_eq!(gateway.get(token, "/api/v1/me").await.status, StatusCode::OK);
    gateway.recorded();
    let ended = send(&admin, revoke(&json!({"token": id.get(..8)}).to_string())).await.json();
    assert_eq!(ended["items"][0]["id"], id, "{ended}");
    assert_eq!(gateway.get(token, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let recorded = gateway.recorded();
    assert_eq!((&*recorded[0].object, &*recorded[0].via), (id, "door"), "{recorded:?}");
    // Again: it ended when it ended.
    let again = send(&admin, revoke(&json!({"token": id}).to_string())).await.json();
    assert_eq!(again, ended);
    let several =
        [make(r#"{"role":"device","device":"V03"}"#), make(r#"{"role":"device","device":"V03"}"#)];
    for one in several {
        send(&admin, one).await;
    }
    let both = send(&admin, revoke(r#"{"token":"V03"}"#)).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);
    assert!(both.text().contains("V03 has several"), "{}", both.text());
    let both = send(&admin, revoke(r#"{"token":"V03","all":true}"#)).await.json();
    assert_eq!(both["items"].as_array().unwrap().len(), 2, "{both}");
}
