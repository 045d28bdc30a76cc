//! Browsers: one-time links, cookies, and requests that another site made.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};

use super::{alert_id, ask, doctor_grant, gateway};
use crate::{domain::Millis, serve::Grant, store::Role};

#[tokio::test]
async fn a_link_opens_one_session_and_a_look_at_its_head_opens_none() {
    let gateway = gateway();
    let link = gateway.shared.login_link(doctor_grant("DR1"), Millis::minutes(1));
    let head = gateway.send(ask("", Method::HEAD, &link, "")).await;
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = gateway.get("", &link).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/");
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.starts_with("xz_session="), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
    assert_eq!(gateway.get("", &link).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure_and_browsers_are_told_to_stay_there() {
    let settings = crate::serve::Settings { secure: true, ..super::settings() };
    let bundle = crate::serve::Bundle { asset: |_| None, index: None, style_hashes: Vec::new() };
    let gateway = super::gateway_with(settings, bundle);
    let link = gateway.shared.login_link(doctor_grant("DR1"), Millis::minutes(1));
    let answer = gateway.get("", &link).await;
    assert!(answer.header(header::SET_COOKIE).contains("; Secure"));
    assert!(!answer.header(header::STRICT_TRANSPORT_SECURITY).is_empty());
}

fn act(cookie: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let path = format!("/api/v1/alerts/{}/note", alert_id(1));
    let mut request = ask("", Method::POST, &path, r#"{"text":"seen"}"#);
    let own = request.headers_mut();
    own.insert("cookie", cookie.parse().unwrap());
    for (name, value) in headers {
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        own.insert(name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_request_of_another_site_does_nothing() {
    let gateway = gateway();
    let cookie = gateway.session(doctor_grant("DR1")).await;
    let script = ("x-requested-with", "xunzhen");
    for (headers, expected) in [
        (&[script][..], StatusCode::OK),
        (&[script, ("origin", "http://gw.local")], StatusCode::OK),
        (&[script, ("origin", "https://gw.example")], StatusCode::OK),
        (&[script, ("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        (&[script, ("origin", "http://gw.local.evil.example")], StatusCode::FORBIDDEN),
        (&[script, ("origin", "null")], StatusCode::FORBIDDEN),
        (&[], StatusCode::FORBIDDEN),
        (&[("origin", "http://gw.local")], StatusCode::FORBIDDEN),
    ] {
        let before = gateway.world.rows().acts.len();
        let answer = gateway.send(act(&cookie, headers)).await;
        assert_eq!(answer.status, expected, "{headers:?}");
        let done = usize::from(expected == StatusCode::OK);
        assert_eq!(gateway.world.rows().acts.len(), before + done, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_without_the_session_s_own_token_does_nothing() {
    let gateway = gateway();
    let cookie = gateway.session(doctor_grant("DR1")).await;
    let path = format!("/lite/alerts/{}", alert_id(1));
    let mut page = ask("", Method::GET, &path, "");
    page.headers_mut().insert("cookie", cookie.parse().unwrap());
    let page = gateway.send(page).await.text();
    let field = |name: &str| {
        let from = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        from.split('"').next().unwrap().to_owned()
    };
    let form = |csrf: &str, key: &str| {
        let body = format!("csrf={csrf}&key={key}&act=ack&note=seen");
        let mut request = ask("", Method::POST, &path, &body);
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request
    };
    let forged = gateway.send(form("forged", "k")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(gateway.world.rows().acts.is_empty());
    for _ in 0..2 {
        let answer = gateway.send(form(&field("csrf"), &field("key"))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    }
    assert_eq!(gateway.world.rows().acts, ["Acknowledge by DR1"], "two presses are one act");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let gateway = gateway();
    let cookie = gateway.session(doctor_grant("DR1")).await;
    let with = |method, path: &str, body: &str| {
        let mut request = ask("", method, path, body);
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request
    };
    let page = gateway.send(with(Method::GET, "/lite", "")).await.text();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let out = gateway.send(with(Method::POST, "/logout", &format!("csrf={csrf}"))).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(out.header(header::SET_COOKIE).contains("Max-Age=0"));
    let again = gateway.send(with(Method::GET, "/api/v1/me", "")).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wall_s_token_leaves_the_address_for_a_cookie() {
    let gateway = gateway();
    let answer = gateway.get("", "/wall?token=wall").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/wall");
    assert!(answer.header(header::SET_COOKIE).starts_with("xz_session="));
    let cookie = answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    let look = || {
        let mut request = ask("", Method::GET, "/api/v1/board", "");
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        gateway.send(request)
    };
    assert_eq!(look().await.status, StatusCode::OK);
    gateway.world.commit(|rows| {
        let hash = crate::serve::secret::hash("wall");
        rows.tokens.get_mut(&hash).unwrap().revoked_at = Some(super::now());
    });
    assert_eq!(look().await.status, StatusCode::UNAUTHORIZED, "it ends with its token");
    for token in ["doctor", "forged"] {
        let answer = gateway.get("", &format!("/wall?token={token}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
    }
}

#[tokio::test]
async fn an_operator_has_every_right_only_in_an_open_house() {
    for open_house in [false, true] {
        let settings = crate::serve::Settings { open_house, ..super::settings() };
        let bundle = crate::serve::Bundle { asset: |_| None, index: None, style_hashes: vec![] };
        let gateway = super::gateway_with(settings, bundle);
        let people = gateway.get("operator", "/api/v1/people/P1").await.status;
        let expected = if open_house { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(people, expected);
        let cookie = gateway.session(Grant::of_role(Role::Operator)).await;
        let mut request = ask("", Method::GET, "/api/v1/me", "");
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        let rights = gateway.send(request).await.json()["rights"].as_array().unwrap().len();
        assert_eq!(rights, if open_house { 15 } else { 3 });
    }
}
