//! Pages without script: escaped, small, in two languages, and private before signing in.

use axum::http::{Method, StatusCode, header};

use super::{Answer, CANARY, Gateway, alert_id, ask, gateway};
use crate::{domain::DoctorId, store::Role};

/// Largest page, as sent (UX section 7: HTML of 30 KB).
const PAGE_MAX: usize = 30 * 1024;

fn paths() -> Vec<String> {
    let alert = format!("/lite/alerts/{}", alert_id(1));
    ["/lite", "/lite/inbox", "/lite/people", "/lite/people/P1", "/wall", &alert]
        .map(str::to_owned)
        .to_vec()
}

#[track_caller]
fn check(path: &str, answer: &Answer) {
    let text = answer.text();
    assert_eq!(answer.status, StatusCode::OK, "{path}: {text}");
    assert!(!text.contains("<script"), "{path} lets a script through");
    assert!(!text.contains(CANARY), "{path}");
    assert!(text.len() <= PAGE_MAX, "{path} has {} bytes", text.len());
    assert!(text.contains("2026-03-02 10:00"), "{path} does not say of when its data is");
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!text.contains(" style=\""), "{path} has a style that the policy forbids");
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        assert_eq!(answer.header(name), value, "{path}");
    }
}

#[tokio::test]
async fn every_page_escapes_what_people_wrote_and_says_of_when_it_is() {
    let gateway = gateway();
    let path = format!("/api/v1/alerts/{}/note", alert_id(1));
    let note = serde_json::json!({ "text": CANARY }).to_string();
    assert_eq!(gateway.post("doctor", &path, &note).await.status, StatusCode::OK);
    for path in paths() {
        for lang in ["zh", "en"] {
            let answer = gateway.get("doctor", &format!("{path}?lang={lang}")).await;
            check(&path, &answer);
            let html = if lang == "en" { "<html lang=\"en\">" } else { "<html lang=\"zh-CN\">" };
            assert!(answer.text().contains(html), "{path}");
            assert!(answer.header(header::SET_COOKIE).starts_with(&format!("xz_lang={lang}")));
        }
    }
    let search = gateway.get("doctor", "/lite/people?query=%22%3E%3Cscript%3E").await;
    check("search", &search);
}

#[tokio::test]
async fn levels_are_a_shape_a_number_a_word_and_a_colour() {
    let gateway = gateway();
    let inbox = gateway.get("doctor", "/lite/inbox").await.text();
    assert!(inbox.contains("<span class=\"mark red\">⬡1 红色预警</span>"), "{inbox}");
    assert!(inbox.contains("超时未确认"), "overdue is a word");
    let person = gateway.get("doctor", "/lite/people/P1").await.text();
    assert!(person.contains("<rect class=\"red\""), "the band of the person's own line");
    assert!(person.contains("189/112"), "{person}");
    assert!(person.contains("红线 ≥180"), "{person}");
}

#[tokio::test]
async fn a_person_s_conditions_stand_in_words() {
    let gateway = gateway();
    for (lang, name) in [("zh", " · 高血压"), ("en", " · hypertension")] {
        let person = gateway.get("doctor", &format!("/lite/people/P1?lang={lang}")).await.text();
        assert!(person.contains(name) && !person.contains(" · htn"), "{person}");
    }
}

#[tokio::test]
async fn another_s_people_are_not_found_and_strangers_are_told_how_to_sign_in() {
    let gateway = gateway();
    let alert = format!("/lite/alerts/{}", alert_id(2));
    for path in ["/lite/people/P2", &alert] {
        assert_eq!(gateway.get("doctor", path).await.status, StatusCode::NOT_FOUND);
    }
    for path in paths().iter().map(String::as_str).chain(["/"]) {
        let answer = gateway.get("", path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text().contains("一次性链接"), "{path}");
    }
    for path in ["/lite/inbox", "/lite/people", "/lite/people/P1"] {
        assert_eq!(gateway.get("wall", path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let wall = gateway.get("wall", "/wall").await.text();
    assert!(wall.contains("QS") && wall.contains("王医生DR1"), "{wall}");
    for word in ["陈桂芳1", "189", "138000", "收缩压", "大河村", "血压"] {
        assert!(!wall.contains(word), "a wall says {word}: {wall}");
    }
}

#[tokio::test]
async fn without_the_script_pages_the_first_page_is_the_plain_board() {
    let gateway = gateway();
    let answer = gateway.get("doctor", "/").await;
    assert_eq!(answer.header(header::LOCATION), "/lite");
    assert_eq!(gateway.get("wall", "/").await.header(header::LOCATION), "/wall");
}

fn press(path: &str, act: &str, step: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = ask("", Method::POST, path, &format!("act={act}&step={step}"));
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    request
}

fn acts(gateway: &Gateway) -> Vec<String> {
    gateway.world.rows().acts.clone()
}

#[tokio::test]
async fn a_link_shows_no_name_and_no_value_and_only_its_buttons_do_anything() {
    let gateway = gateway();
    let doctor = DoctorId::new("DR1").unwrap();
    let path = gateway.shared.alert_links().path(&alert_id(1), &doctor);
    for _ in 0..3 {
        let page = gateway.get("", &path).await;
        check("link", &page);
        let text = page.text();
        assert!(text.len() <= 6 * 1024, "{} bytes", text.len());
        assert!(text.contains("QS") && text.contains("红色预警") && text.contains("09:57"));
        for word in ["陈桂芳", "189", "138000", "收缩压", "大河村", "P1", "血压", "DR1"]
        {
            assert!(!text.contains(word), "a link says {word}");
        }
    }
    gateway.send(ask("", Method::HEAD, &path, "")).await;
    assert!(acts(&gateway).is_empty(), "a look changes nothing");
    let pressed = gateway.send(press(&path, "ack", "village")).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.text());
    gateway.send(press(&path, "ack", "village")).await;
    assert_eq!(acts(&gateway), ["Acknowledge by DR1"], "a second press does nothing");
    let after = gateway.get("", &path).await.text();
    assert!(after.contains("已确认") && !after.contains("<button"), "{after}");
}

#[tokio::test]
async fn handing_on_twice_by_one_page_is_once() {
    let gateway = gateway();
    let path = gateway.shared.alert_links().path(&alert_id(1), &DoctorId::new("DR1").unwrap());
    gateway.send(press(&path, "forward", "village")).await;
    gateway.send(press(&path, "forward", "village")).await;
    assert_eq!(acts(&gateway), ["Forward(None) by DR1"]);
}

#[tokio::test]
async fn presses_at_the_same_time_are_one() {
    let gateway = gateway();
    gateway.writing.send_replace(false);
    let path = gateway.shared.alert_links().path(&alert_id(1), &DoctorId::new("DR1").unwrap());
    let presses = (0..4).map(|_| gateway.send(press(&path, "forward", "village")));
    let all = futures_util::future::join_all(presses);
    let open = async {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        gateway.writing.send_replace(true);
    };
    let (answers, ()) = tokio::join!(all, open);
    assert!(answers.iter().all(|answer| answer.status == StatusCode::SEE_OTHER));
    assert_eq!(acts(&gateway), ["Forward(None) by DR1"]);
}

#[tokio::test]
async fn a_link_for_an_alert_out_of_the_doctor_s_reach_or_a_forged_one_is_nothing() {
    let gateway = gateway();
    let foreign = gateway.shared.alert_links().path(&alert_id(2), &DoctorId::new("DR1").unwrap());
    for path in [foreign.as_str(), "/a/forged", "/a/AAAA"] {
        assert_eq!(gateway.get("", path).await.status, StatusCode::NOT_FOUND, "{path}");
        let pressed = gateway.send(press(path, "ack", "village")).await;
        assert_eq!(pressed.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(acts(&gateway).is_empty());
}

#[tokio::test]
async fn an_account_says_its_role_and_rights_in_the_language_of_its_reader() {
    let gateway = gateway();
    for role in Role::ALL {
        for (lang, other) in [("zh", "Rights"), ("en", "权限")] {
            let page = gateway.get(role.as_str(), &format!("/account?lang={lang}")).await.text();
            let main = page.split("<main>").nth(1).unwrap();
            let codes = main.split(|sign: char| !sign.is_ascii_alphabetic() && sign != '_');
            let codes: Vec<&str> =
                codes.filter(|word| word.contains('_') && *word != "csrf").collect();
            assert!(codes.is_empty(), "{role:?} {lang}: {codes:?}");
            assert!(!main.contains(other), "{role:?} {lang}: {main}");
        }
    }
    for (role, zh, en) in [
        ("doctor", "<b>村医</b>", "<b>village doctor</b>"),
        ("assistant", "<b>健康帮扶专干</b>", "<b>assistance office</b>"),
        ("security_admin", "<b>安全管理员</b>", "<b>security administrator</b>"),
        ("auditor", "查看审计日志", "read the audit log"),
    ] {
        for (lang, expected) in [("zh", zh), ("en", en)] {
            let page = gateway.get(role, &format!("/account?lang={lang}")).await.text();
            assert!(page.contains(expected), "{role} {lang}: {page}");
        }
    }
    let refused = gateway.get("auditor", "/lite/inbox").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let told = refused.text();
    assert!(told.contains("查看预警 / see alerts") && !told.contains("read_alerts"), "{told}");
    assert!(told.contains("href=\"/account\""), "a page that refuses leads on: {told}");
}

#[tokio::test]
async fn the_board_of_a_county_is_a_small_page_that_says_what_it_does_not_list() {
    let gateway = gateway();
    gateway.world.commit(|rows| {
        for number in 0..1_628 {
            let site = format!("S{number:04}");
            super::put(
                rows,
                "site",
                &serde_json::json!({"site": site, "kind": "clinic",
                "name": format!("第{number}村卫生室"), "village": format!("第{number}村"),
                "township": "青石镇"}),
            );
            let key = format!("ed25519:{}", "A".repeat(43));
            super::put(
                rows,
                "box",
                &serde_json::json!({"box": format!("gw-{number:04}"),
                "key": key, "site": site}),
            );
        }
    });
    for (lang, gateways, sites) in
        [("zh", "另有 1588 个网关", "未列出："), ("en", "1588 further gateways", "Not listed:")]
    {
        let answer = gateway.get("doctor", &format!("/lite?lang={lang}")).await;
        check("/lite", &answer);
        let text = answer.text();
        assert!(text.contains(gateways) && text.contains(sites), "{text}");
        let unknown = if lang == "zh" { "未知 2026-03-02" } else { "unknown 2026-03-02" };
        assert!(text.contains(unknown), "a site of a gateway that is not heard: {text}");
        let never =
            if lang == "zh" { "启动后尚未联系" } else { "was not heard since the start" };
        assert!(text.contains(never), "what was not heard is not said to have more: {text}");
    }
}

#[test]
fn the_style_fits_its_budget_uncompressed() {
    let style = crate::serve::pages::STYLE;
    assert!(style.len() <= 4 * 1024, "{} bytes", style.len());
}

fn form(cookie: &str, path: &str, body: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = ask("", Method::POST, path, body);
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    request
}

fn looked(cookie: &str, path: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = ask("", Method::GET, path, "");
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    request
}

fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_of_an_alert_offers_the_visit_first_and_then_its_outcome() {
    let gateway = gateway();
    let cookie = gateway.session(super::doctor_grant("DR1")).await;
    let path = format!("/lite/alerts/{}", alert_id(1));
    let page = gateway.send(looked(&cookie, &path)).await.text();
    assert!(page.contains("记录随访") && !page.contains("name=\"code\""), "{page}");
    let sent = |page: &str, rest: &str| {
        let (csrf, key) = (hidden(page, "csrf"), hidden(page, "key"));
        form(&cookie, &path, &format!("csrf={csrf}&key={key}&{rest}"))
    };
    let visit = "act=visit&at=2026-03-02T09:00&home=yes&reading=&note=asleep";
    for (rest, status) in [
        ("act=visit&at=soon&home=yes&note=asleep", StatusCode::BAD_REQUEST),
        ("act=visit&at=2026-03-02T09:00&home=yes&note=", StatusCode::BAD_REQUEST),
        (visit, StatusCode::SEE_OTHER),
    ] {
        let answer = gateway.send(sent(&page, rest)).await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text());
    }
    let page = gateway.send(looked(&cookie, &path)).await.text();
    assert!(page.contains("name=\"code\"") && page.contains("失访"), "{page}");
    assert!(page.len() < PAGE_MAX, "{}", page.len());
    for (rest, status) in [
        ("act=outcome&code=gone&note=moved", StatusCode::BAD_REQUEST),
        ("act=outcome&code=lost&note=", StatusCode::BAD_REQUEST),
        ("act=outcome&code=lost&note=moved&refer_to=county", StatusCode::BAD_REQUEST),
        ("act=outcome&code=confirmed_referred&note=moved&refer_to=moon", StatusCode::BAD_REQUEST),
        ("act=outcome&code=confirmed_referred&note=moved&refer_to=county", StatusCode::SEE_OTHER),
    ] {
        let answer = gateway.send(sent(&page, rest)).await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text());
    }
    let said = acts(&gateway);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("Visit") && said[1].contains("ConfirmedReferred"), "{said:?}");
    let forged = form(&cookie, &path, "csrf=forged&key=k&act=outcome&code=lost&note=moved");
    assert_eq!(gateway.send(forged).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn two_files_are_merged_and_taken_apart_on_the_page_of_either() {
    let gateway = gateway();
    let cookie = gateway.session(super::doctor_grant("DR1")).await;
    let path = "/lite/people/P1";
    let page = gateway.send(looked(&cookie, path)).await.text();
    assert!(page.contains("合并档案"), "{page}");
    let sent = |rest: &str| {
        let (csrf, key) = (hidden(&page, "csrf"), hidden(&page, "key"));
        form(&cookie, path, &format!("csrf={csrf}&key={key}{}&{rest}", rest.len()))
    };
    for (rest, status) in [
        ("act=merge&other=&note=why", StatusCode::BAD_REQUEST),
        ("act=merge&other=P2&note=why", StatusCode::BAD_REQUEST),
        ("act=merge&other=P1&note=", StatusCode::BAD_REQUEST),
        ("act=eat&other=P1&note=why", StatusCode::BAD_REQUEST),
        ("act=unmerge&other=2&note=why", StatusCode::NOT_FOUND),
        ("act=merge&other=P1&note=why", StatusCode::SEE_OTHER),
        ("act=unmerge&other=1&note=why", StatusCode::SEE_OTHER),
    ] {
        let answer = gateway.send(sent(rest)).await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text());
    }
    let said = acts(&gateway);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("Merge") && said[1].starts_with("Unmerge"), "{said:?}");
}

#[tokio::test]
async fn a_bench_says_when_nothing_is_saved_and_shows_no_printer_that_is_not_there() {
    let gateway = gateway();
    let page = gateway.get("nurse", "/lite/bench/V1/B1").await.text();
    assert!(!page.contains("现在不能保存") && !page.contains("打印机"), "{page}");
    let why = "no room".to_owned();
    gateway.health.send_replace(crate::commit::Health::Refusing { why });
    let page = gateway.get("nurse", "/lite/bench/V1/B1").await.text();
    assert!(page.contains("现在不能保存新的测量") && page.contains("一条不删"), "{page}");
    let page = gateway.get("nurse", "/lite/bench/V1/B1?lang=en").await.text();
    assert!(page.contains("New measurements are not saved now"), "{page}");
    let form = gateway.post("nurse", "/lite/bench/V1/B1/print", "person=P1").await;
    assert!(!form.status.is_success(), "there is no printer");
}
