//! Signing in with a password, and what ends it (ATTACKS A13, A17, A19).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::{Answer, Gateway, ask, gateway_by, now, send, settings};
use crate::{
    domain::{Clock, DoctorId, Id, Millis, Timestamp},
    serve::{
        AccountRules, Bundle, Settings,
        accounts::{password, totp},
        admin_router,
        http::Peer,
    },
    store::{AccountName, AccountRow, Role, Vouched},
};

/// "12345678901234567890".
pub(super) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub(super) const PASSWORD: &str = "大河村 Bridge 7";

/// An account that signed in before.
pub(super) fn row(name: &str, role: Role) -> AccountRow {
    let key = blake3::hash(name.as_bytes());
    AccountRow {
        key: key.as_bytes()[..16].try_into().unwrap(),
        name: Id::new(name).unwrap(),
        called: "王丽".to_owned(),
        role,
        place: matches!(role, Role::Nurse | Role::Township).then(|| "青石镇".to_owned()),
        doctor: (role == Role::Doctor).then(|| DoctorId::new("DR1").unwrap()),
        password: String::new(),
        must_change: false,
        second: SECRET.to_owned(),
        second_step: 0,
        vouched: Vouched::No,
        disabled: false,
        generation: 0,
        created_at: now(),
        created_by: "operator".into(),
        changed_at: now(),
        changed_by: "operator".into(),
    }
}

/// A house whose clock a test moves.
pub(super) struct House {
    pub(super) gateway: Gateway,
    shift: &'static AtomicI64,
}

/// A gateway with a clock of this very test, and the account `wang` of doctor DR1.
macro_rules! house {
    ($settings:expr) => {{
        static SHIFT: AtomicI64 = AtomicI64::new(0);
        fn read() -> Timestamp {
            now().plus(Millis(SHIFT.load(Ordering::Relaxed)))
        }
        House::open($settings, &Clock::scripted(read), &SHIFT)
    }};
    () => {
        house!(settings())
    };
}

impl House {
    pub(super) fn open(settings: Settings, clock: &Clock, shift: &'static AtomicI64) -> Self {
        let bundle = Bundle { asset: |_| None, index: None, style_hashes: Vec::new() };
        let house = Self { gateway: gateway_by(settings, bundle, clock), shift };
        house.put(row("wang", Role::Doctor));
        house
    }

    pub(super) fn put(&self, mut row: AccountRow) {
        row.password = password::kept(PASSWORD, password::COST).unwrap();
        self.gateway.world.commit(|rows| rows.accounts.insert(row.name.clone(), row));
    }

    pub(super) fn row(&self, name: &str) -> AccountRow {
        let name: AccountName = Id::new(name).unwrap();
        self.gateway.world.rows().accounts.get(&name).unwrap().clone()
    }

    pub(super) fn pass(&self, time: Millis) {
        self.shift.fetch_add(time.0, Ordering::Relaxed);
    }

    pub(super) fn code(&self) -> String {
        totp::now_code(SECRET, now().plus(Millis(self.shift.load(Ordering::Relaxed))))
    }

    pub(super) async fn door(&self, path: &str, body: &str) -> Answer {
        let admin = admin_router(std::sync::Arc::clone(&self.gateway.shared));
        send(&admin, ask("", Method::POST, path, body)).await
    }

    /// A browser in which `wang` signed in.
    async fn signed_in(&self) -> Browser<'_> {
        let mut browser = Browser::of(self, 1);
        let answer = browser.sign_in("wang", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let answer = browser.post("/login", &[("code", &self.code())]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        // The next sign-in needs the next code.
        self.pass(Millis::seconds(30));
        browser
    }
}

/// A browser: it keeps cookies, and sends a page's hidden text back.
pub(super) struct Browser<'h> {
    house: &'h House,
    address: IpAddr,
    pub(super) cookies: BTreeMap<String, String>,
    csrf: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

impl<'h> Browser<'h> {
    pub(super) fn of(house: &'h House, address: u8) -> Self {
        let address = IpAddr::from([10, 0, 0, address]);
        Self { house, address, cookies: BTreeMap::new(), csrf: String::new(), headers: Vec::new() }
    }

    pub(super) async fn go(&mut self, method: Method, path: &str, body: String) -> Answer {
        let mut request = ask("", method, path, &body);
        request.extensions_mut().insert(Peer(Some(self.address)));
        let headers = request.headers_mut();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        if path.starts_with("/api/") {
            headers.insert("x-requested-with", HeaderValue::from_static("xunzhen"));
        } else {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
        }
        for (name, value) in &self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let answer = self.house.gateway.send(request).await;
        self.remember(&answer);
        answer
    }

    fn remember(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.contains("; HttpOnly"), "{line}");
            assert!(line.contains("; SameSite="), "{line}");
            assert!(line.contains("; Path=/"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let page = answer.text();
        if let Some(rest) = page.split("name=\"csrf\" value=\"").last().filter(|it| *it != page) {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.go(Method::GET, path, String::new()).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let fields = fields.iter().copied().chain([("csrf", csrf.as_str())]);
        let escaped =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let body: Vec<String> =
            fields.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        self.go(Method::POST, path, body.join("&")).await
    }

    pub(super) async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        assert_eq!(self.get("/login").await.status, StatusCode::OK);
        self.post("/login", &[("name", name), ("password", password)]).await
    }

    /// Whether the session lives.
    pub(super) async fn lives(&mut self) -> bool {
        self.get("/api/v1/me").await.status == StatusCode::OK
    }
}

#[tokio::test]
async fn a_name_a_password_and_a_code_open_a_session_that_knows_who_it_is() {
    let house = house!();
    let mut browser = house.signed_in().await;
    let me = browser.get("/api/v1/me").await.json();
    assert_eq!((&me["role"], &me["doctor"]), (&"doctor".into(), &"DR1".into()));
    assert_eq!(me["account"], "wang");
    assert_eq!(browser.get("/api/v1/people/P1").await.status, StatusCode::OK);
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::NOT_FOUND);
    let page = browser.get("/account").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("<b>村医</b>"), "{}", page.text());
    let on = browser.get("/account?next=1").await;
    assert_eq!((on.status, on.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    for path in ["/login", "/account"] {
        let page = browser.get(path).await;
        let policy = page.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert!(!page.text().contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn the_first_sign_in_sets_up_the_second_factor_and_a_password_of_ones_own() {
    let house = house!();
    let made = r#"{"name":"li","role":"nurse","scope":"青石镇","password":"First-word-2026"}"#;
    let made = house.door("/admin/users", made).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    assert_eq!(made.json()["state"], "must_change");
    let mut browser = Browser::of(&house, 1);
    let page = browser.sign_in("li", "First-word-2026").await.text();
    let secret = page.split("<code class=\"raw\">").nth(1).unwrap().split('<').next().unwrap();
    assert!(page.contains("otpauth://totp/Xunzhen:li?secret="), "{page}");
    let code = totp::now_code(secret, now());
    let wrong = browser.post("/login", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text().contains(secret), "it is shown until it is set up");
    assert_eq!(house.row("li").second, "", "nothing is kept before a code was right");
    let opened = browser.post("/login", &[("code", &code)]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    assert_eq!(house.row("li").second, secret);
    // Their own password before anything else.
    assert_eq!(browser.get("/api/v1/people/P1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.get("/api/v1/board").await.status, StatusCode::FORBIDDEN);
    assert!(browser.get("/account").await.text().contains("请先改成自己的密码"));
    let page = browser.get("/lite").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let led =
        page.text().contains("请先改成自己的密码") && page.text().contains("href=\"/account\"");
    assert!(led, "whoever goes elsewhere is told what to do first: {}", page.text());
    let change =
        |old, new, again| [("act", "password"), ("old", old), ("new", new), ("again", again)];
    for (fields, status) in [
        (change("First-word-2026", "Bridge 2027", "Bridge 2028"), StatusCode::BAD_REQUEST),
        (change("First-word-2026", "short", "short"), StatusCode::BAD_REQUEST),
        (change("another", "Bridge 2027!", "Bridge 2027!"), StatusCode::UNAUTHORIZED),
        (change("First-word-2026", "First-word-2026", "First-word-2026"), StatusCode::UNAUTHORIZED),
        (change("First-word-2026", "Bridge 2027!", "Bridge 2027!"), StatusCode::SEE_OTHER),
    ] {
        assert_eq!(browser.post("/account", &fields).await.status, status, "{fields:?}");
    }
    assert!(!browser.lives().await, "every session ends with the old password");
    assert_eq!(browser.sign_in("li", "First-word-2026").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.sign_in("li", "Bridge 2027!").await.status, StatusCode::OK);
    house.pass(Millis::seconds(30));
    let code = totp::now_code(secret, now().plus(Millis::seconds(30)));
    assert_eq!(browser.post("/login", &[("code", &code)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/api/v1/people/P1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    let house = house!();
    house.put(AccountRow { disabled: true, ..row("gone", Role::Doctor) });
    let mut told = std::collections::BTreeSet::new();
    for (name, password) in [
        ("wang", "a wrong one"),
        ("gone", PASSWORD),
        ("nobody", PASSWORD),
        ("no name at all", PASSWORD),
        ("", ""),
        ("wang", &"x".repeat(5000)),
    ] {
        let mut browser = Browser::of(&house, 1);
        let answer = browser.sign_in(name, password).await;
        let text = answer.text().replace(&browser.csrf, "");
        told.insert(text.replace(&format!("name=\"name\" value=\"{name}\""), ""));
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        assert!(answer.text().contains("用户名或密码错误"), "{name}");
        assert!(!answer.text().contains(PASSWORD), "{name}");
        // Others must not be put off by the one before.
        house.pass(Millis::hours(2));
    }
    // The pages differ in nothing but the time that they say.
    let told: std::collections::BTreeSet<String> =
        told.iter().map(|page| page.split("<main>").nth(1).unwrap().to_owned()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
}

/// One answer costs a hash whether there is such an account or not. Measured in turns, so that a busy
/// machine slows both alike.
#[test]
fn a_guess_takes_as_long_where_there_is_nobody() {
    let cost = password::COST;
    let (somebodys, nobodys) =
        (password::kept(PASSWORD, cost).unwrap(), password::nobodys(cost).unwrap());
    let once = |kept: &str| {
        let begun = tokio::time::Instant::now();
        for _ in 0..20 {
            assert!(!password::matches(kept, "a wrong one"));
        }
        begun.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..41).map(|_| once(&somebodys) / once(&nobodys)).collect();
    ratios.sort_by(f64::total_cmp);
    assert!((0.9..1.1).contains(&ratios[20]), "{ratios:?}");
}

#[tokio::test]
async fn a_session_ends_within_one_request_of_whatever_changes_its_account() {
    let house = house!();
    for body in [
        r#"{"name":"wang","act":"disable"}"#,
        r#"{"name":"wang","act":"revoke"}"#,
        r#"{"name":"wang","act":"role","role":"nurse","scope":"青石镇"}"#,
        r#"{"name":"wang","act":"forget-totp"}"#,
        r#"{"name":"wang","act":"passwd","password":"Another-2026"}"#,
    ] {
        house.put(row("wang", Role::Doctor));
        let mut browser = house.signed_in().await;
        assert!(browser.lives().await);
        let done = house.door("/admin/users/change", body).await;
        assert_eq!(done.status, StatusCode::OK, "{body}: {}", done.text());
        assert!(!browser.lives().await, "{body}");
    }
    // The same by the row alone, as after a restart of everything in memory but the session.
    house.put(row("wang", Role::Doctor));
    let mut browser = house.signed_in().await;
    house.put(AccountRow { disabled: true, ..house.row("wang") });
    assert!(!browser.lives().await);
    house.put(row("wang", Role::Doctor));
    let mut browser = house.signed_in().await;
    house.put(AccountRow { key: [9; 16], ..house.row("wang") });
    assert!(!browser.lives().await, "another account of the same name");
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_and_a_stolen_cookie_with_it() {
    let house = house!();
    let (mut one, mut two) = (house.signed_in().await, house.signed_in().await);
    let stolen = one.cookies.clone();
    assert_eq!(one.get("/account").await.status, StatusCode::OK);
    let out = one.post("/account", &[("act", "everywhere")]).await;
    assert_eq!((out.status, out.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/login"));
    one.cookies = stolen;
    assert!(!one.lives().await && !two.lives().await);
}

#[tokio::test]
async fn a_planted_cookie_is_never_the_session_and_idling_and_age_end_it() {
    let house = house!();
    let mut browser = Browser::of(&house, 1);
    browser.cookies.insert("xz_session".to_owned(), "planted".to_owned());
    browser.sign_in("wang", PASSWORD).await;
    browser.post("/login", &[("code", &house.code())]).await;
    assert_ne!(browser.cookies["xz_session"], "planted");
    assert!(browser.lives().await);
    browser.cookies.insert("xz_session".to_owned(), "planted".to_owned());
    assert!(!browser.lives().await);
    let mut idle = house_session_after(&house, 16, 16).await;
    assert!(!idle.lives().await, "idle for 15 minutes");
    let mut old = house_session_after(&house, 10, 12 * 60).await;
    assert!(!old.lives().await, "older than 12 hours");
}

/// A session with a request every so many minutes, for so many.
async fn house_session_after(house: &House, every: i64, minutes: i64) -> Browser<'_> {
    house.pass(Millis::seconds(60));
    let mut browser = house.signed_in().await;
    for minute in (every..minutes).step_by(usize::try_from(every).unwrap()) {
        house.pass(Millis::minutes(every));
        assert!(browser.lives().await, "{minute}");
    }
    house.pass(Millis::minutes(every));
    browser
}

#[tokio::test]
async fn a_code_opens_once_and_a_ticket_takes_five() {
    let house = house!();
    let mut first = Browser::of(&house, 1);
    first.sign_in("wang", PASSWORD).await;
    let code = house.code();
    assert_eq!(first.post("/login", &[("code", &code)]).await.status, StatusCode::SEE_OTHER);
    assert!(house.row("wang").second_step > 0, "written down, for a restart");
    let mut second = Browser::of(&house, 2);
    second.sign_in("wang", PASSWORD).await;
    let again = second.post("/login", &[("code", &code)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "overseen and typed again");
    for _ in 0..4 {
        assert!(second.post("/login", &[("code", "000000")]).await.text().contains("验证码错误"));
    }
    house.pass(Millis::seconds(60));
    let late = second.post("/login", &[("code", &house.code())]).await;
    assert!(late.text().contains("本次登录已失效"), "{}", late.text());
    let mut third = Browser::of(&house, 3);
    third.sign_in("wang", PASSWORD).await;
    house.pass(Millis::minutes(6));
    let late = third.post("/login", &[("code", &house.code())]).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED, "a ticket lasts five minutes");
}

#[tokio::test]
async fn tickets_without_a_right_code_count_as_failures() {
    let house = house!();
    let mut browser = Browser::of(&house, 1);
    for _ in 0..5 {
        assert_eq!(browser.sign_in("wang", PASSWORD).await.status, StatusCode::OK);
    }
    let put_off = browser.sign_in("wang", PASSWORD).await;
    assert_eq!(put_off.status, StatusCode::TOO_MANY_REQUESTS, "whoever has the password alone");
}

#[tokio::test]
async fn guessing_is_put_off_and_never_locks_the_owner_out() {
    let house = house!();
    let mut owner = house.signed_in().await;
    let mut taken = 0;
    for guess in 0..400_u32 {
        // A new address each time; after many, each waits.
        let mut thief = Browser::of(&house, u8::try_from(20 + guess % 200).unwrap());
        let answer = thief.sign_in("wang", "Guess-2026-7").await;
        taken += u32::from(answer.status == StatusCode::UNAUTHORIZED);
        house.pass(Millis::seconds(1));
    }
    assert!(taken <= 10 + 8, "{taken} guesses were taken");
    let mut stranger = Browser::of(&house, 250);
    let put_off = stranger.sign_in("wang", PASSWORD).await;
    assert_eq!(put_off.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!put_off.header(header::RETRY_AFTER).is_empty());
    let nobody = Browser::of(&house, 251).sign_in("nobody", "Guess-2026-7").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "each account for itself");
    assert_eq!(owner.sign_in("wang", PASSWORD).await.status, StatusCode::OK, "from the same place");
    owner.address = IpAddr::from([10, 9, 9, 9]);
    assert_eq!(owner.sign_in("wang", PASSWORD).await.status, StatusCode::OK, "by its browser");
    // The operator vouches for an owner with a new phone in a new place.
    let pardoned = house.door("/admin/users/change", r#"{"name":"wang","act":"enable"}"#).await;
    assert_eq!(pardoned.status, StatusCode::OK);
    assert_eq!(stranger.sign_in("wang", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_browsers_mark_is_worth_nothing_for_another_account_or_after_another_password() {
    let house = house!();
    let mark = house.signed_in().await.cookies["xz_mark"].clone();
    house.put(row("zhao", Role::Doctor));
    let mut thief = Browser::of(&house, 99);
    thief.cookies.insert("xz_mark".to_owned(), mark);
    for _ in 0..5 {
        assert_eq!(thief.sign_in("zhao", "Guess-2026-7").await.status, StatusCode::UNAUTHORIZED);
    }
    thief.address = IpAddr::from([10, 9, 9, 9]);
    let elsewhere = thief.sign_in("zhao", "Guess-2026-7").await.status;
    assert_eq!(elsewhere, StatusCode::UNAUTHORIZED, "the address counted, not the mark");
    thief.address = IpAddr::from([10, 0, 0, 99]);
    let put_off = thief.sign_in("zhao", "Guess-2026-7").await.status;
    assert_eq!(put_off, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn behind_a_proxy_the_last_address_counts_and_only_where_one_is_said_to_be() {
    for forwarded in [false, true] {
        let accounts = AccountRules { forwarded, ..AccountRules::default() };
        let house = house!(Settings { accounts, ..settings() });
        let mut proxied = Browser::of(&house, 1);
        proxied.headers = vec![("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
        for _ in 0..5 {
            proxied.sign_in("wang", "Guess-2026-7").await;
        }
        proxied.headers = vec![("x-forwarded-for", "203.0.113.9, 198.51.100.8")];
        let other = proxied.sign_in("wang", "Guess-2026-7").await.status;
        let expected =
            if forwarded { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(other, expected);
        house.shift.store(0, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in_and_does_nothing() {
    let house = house!();
    let mut browser = Browser::of(&house, 1);
    browser.get("/login").await;
    browser.headers = vec![("origin", "https://evil.example")];
    let fields = [("name", "wang"), ("password", PASSWORD)];
    assert_eq!(browser.post("/login", &fields).await.status, StatusCode::FORBIDDEN);
    browser.headers.clear();
    browser.csrf = "made up".to_owned();
    assert_eq!(browser.post("/login", &fields).await.status, StatusCode::FORBIDDEN);
    browser.csrf.clear();
    browser.cookies.clear();
    assert_eq!(browser.post("/login", &fields).await.status, StatusCode::FORBIDDEN);
    let mut signed_in = house.signed_in().await;
    signed_in.get("/account").await;
    for foreign in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
        signed_in.headers = vec![foreign];
        let answer = signed_in.post("/account", &[("act", "everywhere")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    signed_in.headers = vec![("origin", "https://evil.example")];
    assert_eq!(signed_in.get("/api/v1/stream").await.status, StatusCode::FORBIDDEN);
    signed_in.headers.clear();
    assert!(signed_in.lives().await);
}

#[tokio::test]
async fn behind_tls_every_cookie_belongs_to_this_host_alone() {
    let house = house!(Settings { secure: true, ..settings() });
    let mut browser = house.signed_in().await;
    assert!(browser.cookies.keys().all(|name| name.starts_with("__Host-xz_")));
    assert!(browser.lives().await);
    let id = browser.cookies.remove("__Host-xz_session").unwrap();
    browser.cookies.insert("xz_session".to_owned(), id);
    assert!(!browser.lives().await, "a cookie that any host of the domain may plant");
}

#[tokio::test]
async fn without_a_second_factor_a_password_is_enough_only_where_the_operator_says_so() {
    let accounts = AccountRules { second_factor: false, ..AccountRules::default() };
    let house = house!(Settings { accounts, ..settings() });
    house.put(AccountRow { second: String::new(), ..row("zhao", Role::Doctor) });
    let mut browser = Browser::of(&house, 1);
    assert_eq!(browser.sign_in("zhao", PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert!(browser.lives().await);
    let who_has_one = Browser::of(&house, 2).sign_in("wang", PASSWORD).await;
    assert_eq!(who_has_one.status, StatusCode::OK, "is asked for it all the same");
}

#[tokio::test]
async fn accounts_that_cannot_be_are_refused_with_the_reason() {
    let house = house!();
    for (body, status, why) in [
        (r#"{"name":"li","role":"nurse","password":"First-word-2026"}"#, 400, "bound to a place"),
        (r#"{"name":"li","role":"doctor","password":"First-word-2026"}"#, 400, "one doctor's"),
        (r#"{"name":"li","role":"wall","password":"First-word-2026"}"#, 400, "tokens"),
        (r#"{"name":"li","role":"king","password":"First-word-2026"}"#, 400, "none of"),
        (r#"{"name":"l i","role":"auditor","password":"First-word-2026"}"#, 400, "name"),
        (r#"{"name":"li","role":"auditor","password":"admin-123"}"#, 400, "10"),
        (r#"{"name":"wang","role":"auditor","password":"First-word-2026"}"#, 409, "account"),
    ] {
        let answer = house.door("/admin/users", body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        assert!(answer.text().contains(why), "{body}: {}", answer.text());
        assert!(!answer.text().contains("First-word"), "{}", answer.text());
    }
    let unknown = house.door("/admin/users/change", r#"{"name":"li","act":"disable"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn where_powers_are_separate_nobody_is_an_operator_and_nobody_has_both() {
    let accounts = AccountRules { separate_powers: true, ..AccountRules::default() };
    let house = house!(Settings { accounts, ..settings() });
    let gateway = &house.gateway;
    for path in ["/api/v1/board", "/api/v1/accounts", "/api/v1/quarantine"] {
        let answer = gateway.get("operator", path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    for body in [r#"{"role":"operator"}"#] {
        assert_eq!(house.door("/admin/tokens", body).await.status, StatusCode::BAD_REQUEST);
    }
    let made = r#"{"name":"op","role":"operator","password":"First-word-2026"}"#;
    assert_eq!(house.door("/admin/users", made).await.status, StatusCode::BAD_REQUEST);
    for (who, board, accounts, audit) in [
        ("system_admin", 200, 403, 403),
        ("security_admin", 403, 200, 403),
        ("auditor", 200, 403, 200),
    ] {
        for (path, expected) in [
            ("/api/v1/board", board),
            ("/api/v1/accounts", accounts),
            ("/api/v1/break-glass", audit),
        ] {
            assert_eq!(gateway.get(who, path).await.status.as_u16(), expected, "{who} {path}");
        }
    }
}

#[tokio::test]
async fn whoever_gives_access_ends_it_and_never_sees_a_secret() {
    let house = house!();
    let mut browser = house.signed_in().await;
    let listed = house.gateway.get("security_admin", "/api/v1/accounts").await.text();
    assert!(listed.contains("\"wang\"") && listed.contains("王丽"), "{listed}");
    for hidden in [SECRET, "argon2", "\"password\":\""] {
        assert!(!listed.contains(hidden), "{listed}");
    }
    let path = "/api/v1/accounts/wang/disable";
    let done = house.gateway.post("security_admin", path, "").await;
    assert_eq!((done.status, &done.json()["state"]), (StatusCode::OK, &"disabled".into()));
    assert_eq!(done.json()["changed_by"], "security_admin");
    assert!(!browser.lives().await);
    let none = house.gateway.post("security_admin", "/api/v1/accounts/none/disable", "").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_glass_shows_everybody_for_half_an_hour_and_lets_nothing_be_done() {
    let house = house!();
    let mut browser = house.signed_in().await;
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::NOT_FOUND);
    browser.get("/account").await;
    let short = browser.post("/account", &[("act", "glass"), ("reason", "  help   ")]).await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    let reason = "她在集市上晕倒，需要查看用药史";
    let broken = browser.post("/account", &[("act", "glass"), ("reason", reason)]).await;
    assert_eq!(broken.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::OK);
    let me = browser.get("/api/v1/me").await.json();
    assert!(me["glass_until"].is_string(), "{me}");
    assert!(browser.get("/lite").await.text().contains("紧急查看他人负责的居民"));
    for number in [1, 2] {
        let path = format!("/api/v1/alerts/{}/ack", super::alert_id(number));
        let acted = browser.go(Method::POST, &path, "{}".to_owned()).await;
        assert_eq!(acted.status, StatusCode::FORBIDDEN, "{path}");
    }
    let kept = house.gateway.get("auditor", "/api/v1/break-glass").await.json();
    let kept = &kept["items"][0];
    assert_eq!((&kept["by"], &kept["role"]), (&"DR1".into(), &"doctor".into()));
    assert_eq!(kept["reason"], reason);
    house.pass(Millis::minutes(10));
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::OK);
    let mended = browser.go(Method::POST, "/api/v1/break-glass/end", String::new()).await;
    assert!(mended.json()["glass_until"].is_null());
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::NOT_FOUND);
    let again = format!("{{\"reason\":\"{reason}\"}}");
    let again = browser.go(Method::POST, "/api/v1/break-glass", again).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    for minutes in [10, 10, 9] {
        house.pass(Millis::minutes(minutes));
        assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::OK);
    }
    house.pass(Millis::minutes(1));
    assert_eq!(browser.get("/api/v1/people/P2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/api/v1/people/P1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_looks_while_it_cannot_be_kept() {
    let house = house!();
    house.gateway.writing.send(false).unwrap();
    let asked = house.gateway.post(
        "doctor",
        "/api/v1/break-glass",
        r#"{"reason":"she collapsed at the market"}"#,
    );
    let asked = tokio::time::timeout(std::time::Duration::from_millis(200), asked).await;
    assert!(asked.is_err(), "it waits for the disk");
    let seen = house.gateway.get("doctor", "/api/v1/people/P2").await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
}

/// Asks twice, or with another body, under one key.
async fn under_a_key(house: &House, who: &str, path: &str, body: &str) -> Answer {
    let mut request = ask(who, Method::POST, path, body);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("k1"));
    house.gateway.send(request).await
}

#[tokio::test]
async fn what_comes_again_under_its_key_is_told_the_same_and_does_nothing() {
    let house = house!();
    let mut browser = house.signed_in().await;
    let (disable, enable) = ("/api/v1/accounts/wang/disable", "/api/v1/accounts/wang/enable");
    let first = under_a_key(&house, "security_admin", disable, "").await;
    assert_eq!((first.status, &first.json()["state"]), (StatusCode::OK, &"disabled".into()));
    assert!(!browser.lives().await);
    // The same key at another address is another request.
    assert_eq!(under_a_key(&house, "security_admin", enable, "").await.status, StatusCode::OK);
    house.pass(Millis::minutes(1));
    let generation = house.row("wang").generation;
    let again = under_a_key(&house, "security_admin", disable, "").await;
    assert_eq!(again.text(), first.text(), "as it was told, not as it stands");
    assert!(!house.row("wang").disabled && house.row("wang").generation == generation);
    let other = under_a_key(&house, "security_admin", disable, "{\"a\":1}").await;
    assert_eq!(
        (other.status, &other.json()["code"]),
        (StatusCode::CONFLICT, &"idempotency_key_reused".into())
    );
    let mut browser = house.signed_in().await;
    let revoke = "/api/v1/accounts/wang/revoke";
    assert_eq!(under_a_key(&house, "security_admin", revoke, "").await.status, StatusCode::OK);
    assert!(!browser.lives().await);
    house.pass(Millis::seconds(30));
    let mut browser = house.signed_in().await;
    assert_eq!(under_a_key(&house, "security_admin", revoke, "").await.status, StatusCode::OK);
    assert!(browser.lives().await, "a repeat ends no new session");
    // Another caller's key is another key.
    assert_eq!(under_a_key(&house, "operator", revoke, "").await.status, StatusCode::OK);
    assert!(!browser.lives().await);
}

#[tokio::test]
async fn the_glass_is_broken_and_mended_once_for_a_key() {
    let house = house!();
    let (path, end) = ("/api/v1/break-glass", "/api/v1/break-glass/end");
    let reason = r#"{"reason":"she collapsed at the market"}"#;
    let seen = async || house.gateway.get("doctor", "/api/v1/people/P2").await.status;
    let first = under_a_key(&house, "doctor", path, reason).await;
    assert_eq!((first.status, seen().await), (StatusCode::OK, StatusCode::OK));
    house.pass(Millis::minutes(29));
    let again = under_a_key(&house, "doctor", path, reason).await;
    assert_eq!((again.status, again.text()), (StatusCode::OK, first.text()));
    house.pass(Millis::minutes(1));
    assert_eq!(seen().await, StatusCode::NOT_FOUND, "a repeat lengthens nothing");
    under_a_key(&house, "doctor", path, reason).await;
    assert_eq!(seen().await, StatusCode::NOT_FOUND, "and opens nothing");
    let other = under_a_key(&house, "doctor", path, r#"{"reason":"another reason altogether"}"#);
    assert_eq!(other.await.status, StatusCode::CONFLICT);
    let kept = house.gateway.get("auditor", path).await.json();
    assert_eq!(kept["items"].as_array().unwrap().len(), 1, "{kept}");
    house.gateway.post("doctor", path, reason).await;
    let ended = under_a_key(&house, "doctor", end, "").await;
    assert_eq!((ended.status, seen().await), (StatusCode::OK, StatusCode::NOT_FOUND));
    house.gateway.post("doctor", path, reason).await;
    let again = under_a_key(&house, "doctor", end, "").await;
    assert_eq!((again.text(), seen().await), (ended.text(), StatusCode::OK), "mended once");
    assert_eq!(under_a_key(&house, "doctor", end, "{\"a\":1}").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_secret_is_told_once_and_kept_in_no_answer() {
    let house = house!();
    let admin = admin_router(std::sync::Arc::clone(&house.gateway.shared));
    let door = async |path: &str, body: &str| {
        let mut request = ask("", Method::POST, path, body);
        request.headers_mut().insert("idempotency-key", HeaderValue::from_static("k1"));
        send(&admin, request).await
    };
    let body = r#"{"name":"wang","act":"totp"}"#;
    let first = door("/admin/users/change", body).await.json();
    let secret = first["secret"].as_str().unwrap().to_owned();
    assert_eq!((&first["repeated"], &house.row("wang").second), (&false.into(), &secret));
    let again = door("/admin/users/change", body).await.json();
    assert_eq!((&again["repeated"], &again["account"]), (&true.into(), &first["account"]));
    assert!(again["secret"].is_null() && again["otpauth"].is_null(), "{again}");
    assert_eq!(house.row("wang").second, secret, "and none is made");
    let other = r#"{"name":"wang","act":"disable"}"#;
    assert_eq!(door("/admin/users/change", other).await.status, StatusCode::CONFLICT);
    let made = r#"{"name":"li","role":"nurse","scope":"青石镇","password":"First-word-2026"}"#;
    let (first, again) = (door("/admin/users", made).await, door("/admin/users", made).await);
    assert_eq!((first.status, first.text()), (again.status, again.text()));
    let kept = format!("{:?}", house.gateway.world.rows().answers);
    assert!(!kept.contains(&secret) && !kept.contains("argon2") && !kept.contains("First-word"));
}
