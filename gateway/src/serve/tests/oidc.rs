//! Signing in at an identity provider, and everything that one, or somebody in its place, may do wrong.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

use super::{
    Answer,
    accounts::{Browser, House, PASSWORD, row},
    now, settings,
};
use crate::{
    audit::Kind,
    domain::{Clock, Millis, Timestamp},
    secrets::Secret,
    serve::{Oidc, OidcSettings},
    store::{AccountRow, Role, Vouched},
    supervise::Supervisor,
};

/// What a provider in these tests does, and what it was asked.
#[derive(Debug)]
struct Fake {
    address: String,
    /// What it does wrong; empty: nothing.
    lie: Mutex<&'static str>,
    /// Claims of its tokens beside those that every token has; `null` takes one away.
    claims: Mutex<Value>,
    /// What it tells when it is asked about somebody.
    told: Mutex<Value>,
    /// The challenge that each code was had with.
    codes: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    key: Mutex<(String, Arc<EcdsaKeyPair>)>,
    time: fn() -> Timestamp,
    supervisor: Supervisor,
}

fn pair() -> Arc<EcdsaKeyPair> {
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    Arc::new(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Fake {
    async fn start(time: fn() -> Timestamp) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            lie: Mutex::default(),
            claims: Mutex::new(json!({})),
            told: Mutex::new(json!({"sub": "subject-7"})),
            codes: Mutex::default(),
            asked: Mutex::default(),
            key: Mutex::new(("k1".to_owned(), pair())),
            time,
            supervisor: Supervisor::new(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&fake));
        fake.supervisor.spawn("provider", async move {
            axum::serve(listener, router).await.unwrap_or_default();
        });
        fake
    }

    fn lies(&self, lie: &'static str) {
        *self.lie.lock().unwrap() = lie;
    }

    fn says(&self, claims: Value) {
        *self.claims.lock().unwrap() = claims;
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// What the gateway is configured with.
    fn settings(&self) -> OidcSettings {
        OidcSettings {
            issuer: self.address.clone(),
            client_id: "us".to_owned(),
            client_secret: Some(Secret::new("a:b c".to_owned())),
            claim: "preferred_username".to_owned(),
            believes_second_factor: false,
            acr: Vec::new(),
            redirect_uri: "https://gw.example/login/oidc/back".to_owned(),
            tls: None,
        }
    }

    fn described(&self, lie: &str) -> Value {
        let at = |path: &str| format!("{}{path}", self.address);
        let issuer = if lie == "another issuer" { at("/other") } else { self.address.clone() };
        let token = if lie == "an address without TLS" {
            "http://id.example/token".to_owned()
        } else {
            at("/token")
        };
        let methods = if lie == "no S256" { "plain" } else { "S256" };
        json!({"issuer": issuer, "authorization_endpoint": at("/auth?tenant=a"),
            "token_endpoint": token, "jwks_uri": at("/keys"), "userinfo_endpoint": at("/me"),
            "code_challenge_methods_supported": [methods]})
    }

    fn keys(&self) -> Value {
        let (name, pair) = self.key.lock().unwrap().clone();
        let point = pair.public_key().as_ref();
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": name, "use": "sig",
            "x": text(&point[1..33]), "y": text(&point[33..])}]})
    }

    fn token(&self, nonce: &str, lie: &str) -> String {
        let seconds = (self.time)().as_millis() / 1000;
        let mut claims = json!({"iss": self.address, "aud": "us", "sub": "subject-7",
            "nonce": nonce, "iat": seconds, "exp": seconds + 300, "preferred_username": "wang"});
        for (name, value) in self.claims.lock().unwrap().as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        match lie {
            "another nonce" => claims["nonce"] = "another".into(),
            "another audience" => claims["aud"] = "them".into(),
            "another issuer in the token" => claims["iss"] = "https://id.example".into(),
            "a token of yesterday" => claims["exp"] = (seconds - 61).into(),
            "a token of tomorrow" => claims["iat"] = (seconds + 90_000).into(),
            _ => {}
        }
        let (name, mut pair) = self.key.lock().unwrap().clone();
        let algorithm = match lie {
            "no algorithm" => "none",
            "a MAC with the public key" => "HS256",
            _ => "ES256",
        };
        if lie == "another key" {
            pair = self::pair();
        }
        let head = json!({"alg": algorithm, "kid": name});
        let signed = format!("{}.{}", text(head.to_string()), text(claims.to_string()));
        let signature = match lie {
            "no algorithm" => String::new(),
            "a MAC with the public key" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, pair.public_key().as_ref());
                text(hmac::sign(&key, signed.as_bytes()))
            }
            _ => text(pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()),
        };
        format!("{signed}.{signature}")
    }

    /// What the code of a sign-in is worth: only to us, only with the verifier, and once.
    fn exchanged(&self, headers: &HeaderMap, form: &str, lie: &str) -> Response {
        let said: HashMap<&str, &str> =
            form.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let login = headers[header::AUTHORIZATION].to_str().unwrap();
        assert_eq!(login, "Basic dXM6YSUzQWIrYw==", "us:a%3Ab+c");
        assert_eq!(said["grant_type"], "authorization_code");
        assert_eq!(said["redirect_uri"], "https%3A%2F%2Fgw.example%2Flogin%2Foidc%2Fback");
        let known = self.codes.lock().unwrap().remove(said["code"]);
        let Some((nonce, challenge)) = known.as_deref().and_then(|it| it.split_once(' ')) else {
            let body = json!({"error": "invalid_grant", "error_description": "<script>"});
            return (StatusCode::BAD_REQUEST, body.to_string()).into_response();
        };
        assert_eq!(text(digest(&SHA256, said["code_verifier"].as_bytes())), challenge);
        let mut body = json!({"access_token": "a1", "token_type": "Bearer",
            "id_token": self.token(nonce, lie)});
        if lie == "no token" {
            body.as_object_mut().unwrap().remove("id_token");
        }
        body.to_string().into_response()
    }
}

async fn answer(
    State(fake): State<Arc<Fake>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let lie = *fake.lie.lock().unwrap();
    fake.asked.lock().unwrap().push(uri.path().to_owned());
    let large = || format!("{{\"keys\":[{}0]}}", "0,".repeat(80_000)).into_response();
    match (uri.path(), lie) {
        ("/.well-known/openid-configuration", "a large description") => large(),
        ("/.well-known/openid-configuration", "nothing said") => {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        ("/.well-known/openid-configuration", _) => fake.described(lie).to_string().into_response(),
        ("/keys", "large keys") => large(),
        ("/keys", "keys that are none") => "[]".into_response(),
        ("/keys", _) => fake.keys().to_string().into_response(),
        ("/token", "silence") => std::future::pending().await,
        ("/token", "a redirect") => {
            let to = format!("{}/elsewhere", fake.address);
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        ("/token", _) => fake.exchanged(&headers, std::str::from_utf8(&body).unwrap(), lie),
        ("/me", _) => {
            assert_eq!(headers[header::AUTHORIZATION], "Bearer a1");
            fake.told.lock().unwrap().to_string().into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A gateway with a provider, a clock of this very test, and the account `wang` open to its first
/// sign-in there.
macro_rules! house {
    ($change:expr) => {{
        static SHIFT: AtomicI64 = AtomicI64::new(0);
        fn read() -> Timestamp {
            now().plus(Millis(SHIFT.load(Ordering::Relaxed)))
        }
        let fake = Fake::start(read).await;
        let mut oidc = fake.settings();
        let mut settings = settings();
        ($change)(&mut oidc, &mut settings);
        settings.oidc = Some(Oidc::new(oidc).unwrap());
        let house = House::open(settings, &Clock::scripted(read), &SHIFT);
        house.put(AccountRow { vouched: Vouched::Open, ..row("wang", Role::Doctor) });
        (house, fake)
    }};
    () => {
        house!(|_: &mut OidcSettings, _: &mut crate::serve::Settings| {})
    };
}

/// What stands in an address.
fn query(location: &str, name: &str) -> String {
    let pairs = location.split_once('?').unwrap().1.split('&');
    let found = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    found.unwrap().1.to_owned()
}

/// Goes to the provider, which makes a code: the way back.
async fn away(browser: &mut Browser<'_>, fake: &Fake) -> String {
    let gone = browser.get("/login/oidc").await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text());
    let to = gone.header(header::LOCATION);
    let (nonce, challenge) = (query(to, "nonce"), query(to, "code_challenge"));
    let code = format!("code{}", fake.codes.lock().unwrap().len());
    fake.codes.lock().unwrap().insert(code.clone(), format!("{nonce} {challenge}"));
    format!("/login/oidc/back?code={code}&state={}", query(to, "state"))
}

async fn and_back(browser: &mut Browser<'_>, fake: &Fake) -> Answer {
    let back = away(browser, fake).await;
    browser.get(&back).await
}

/// Everything that a refused sign-in must be, whatever was wrong.
#[track_caller]
fn check_refused(answer: &Answer, browser: &Browser<'_>, status: StatusCode, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert!(!browser.cookies.contains_key("xz_session"), "{what}");
    assert!(!browser.cookies.contains_key("xz_ticket"), "{what}");
    let page = answer.text();
    assert!(page.contains("统一身份认证") && page.contains("identity provider"), "{page}");
    assert!(page.contains("href=\"/login\""), "{page}");
    for hidden in ["script", "invalid", "nonce", "subject-7", "127.0.0.1"] {
        assert!(!page.contains(hidden), "{what}: {page}");
    }
}

#[tokio::test]
async fn whoever_the_provider_vouches_for_types_a_code_and_is_in() {
    let (house, fake) = house!();
    let mut browser = Browser::of(&house, 1);
    let page = browser.get("/login").await.text();
    assert!(page.contains("href=\"/login/oidc\"") && page.contains("127.0.0.1"), "{page}");
    assert_eq!(fake.asked.lock().unwrap().len(), 0, "nobody is asked before somebody signs in");
    let gone = browser.get("/login/oidc?next=https://evil.example&redirect_uri=x").await;
    let to = gone.header(header::LOCATION);
    assert!(to.starts_with(&format!("{}/auth?tenant=a&", fake.address)), "{to}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "us"),
        ("redirect_uri", "https%3A%2F%2Fgw.example%2Flogin%2Foidc%2Fback"),
        ("scope", "openid+profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query(to, name), value, "{name}");
    }
    assert!(!to.contains("evil") && gone.header(header::CACHE_CONTROL) == "no-store");
    let page = and_back(&mut browser, &fake).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().contains("验证码") && !browser.lives().await, "a code first");
    let subject = Vouched::By { issuer: fake.address.clone(), subject: "subject-7".to_owned() };
    assert_eq!(house.row("wang").vouched, subject, "bound by the first sign-in");
    let wrong = browser.post("/login", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let opened = browser.post("/login", &[("code", &house.code())]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text());
    assert_eq!(opened.header(header::LOCATION), "/account?next=1");
    let me = browser.get("/api/v1/me").await.json();
    assert_eq!((&me["account"], &me["doctor"]), (&"wang".into(), &"DR1".into()));
    browser.get("/account").await;
    let out = browser.post("/logout", &[]).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(!browser.lives().await, "log-out ends the session here");
}

#[tokio::test]
async fn whoever_is_bound_stays_whatever_they_are_called_and_nobody_else_gets_in() {
    let (house, fake) = house!();
    let mut browser = Browser::of(&house, 1);
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
    fake.says(json!({"preferred_username": "wang.li"}));
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK, "another name");
    let denied = StatusCode::UNAUTHORIZED;
    for (what, claims) in [
        ("another person of the same name", json!({"sub": "subject-8"})),
        ("nobody's name", json!({"sub": "subject-8", "preferred_username": "nobody"})),
        ("no name of ours", json!({"sub": "subject-8", "preferred_username": "a b"})),
        ("a name that is none", json!({"sub": "subject-8", "preferred_username": 7})),
        (
            "a name with an account that is not open",
            json!({"sub": "s", "preferred_username": "li"}),
        ),
    ] {
        house.put(row("li", Role::Nurse));
        fake.says(claims);
        let mut other = Browser::of(&house, 2);
        check_refused(&and_back(&mut other, &fake).await, &other, denied, what);
    }
    assert_eq!(house.row("li").vouched, Vouched::No);
    fake.says(json!({}));
    house.put(AccountRow { disabled: true, ..house.row("wang") });
    let mut other = Browser::of(&house, 2);
    check_refused(&and_back(&mut other, &fake).await, &other, denied, "disabled");
    house.put(AccountRow { disabled: true, vouched: Vouched::Open, ..row("wang", Role::Doctor) });
    check_refused(&and_back(&mut other, &fake).await, &other, denied, "disabled and open");
    assert_eq!(house.row("wang").vouched, Vouched::Open);
}

#[tokio::test]
async fn a_name_that_the_token_lacks_is_asked_for_and_believed_of_the_same_person_only() {
    let (house, fake) = house!();
    fake.says(json!({"preferred_username": null}));
    let mut browser = Browser::of(&house, 1);
    *fake.told.lock().unwrap() = json!({"sub": "subject-8", "preferred_username": "wang"});
    let denied = StatusCode::UNAUTHORIZED;
    check_refused(&and_back(&mut browser, &fake).await, &browser, denied, "of somebody else");
    *fake.told.lock().unwrap() = json!({"sub": "subject-7", "preferred_username": "wang"});
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
    assert_eq!(fake.asked("/me"), 2);
    let (house, fake) = house!(|oidc: &mut OidcSettings, _: &mut crate::serve::Settings| {
        oidc.claim = "email".to_owned();
    });
    let mut browser = Browser::of(&house, 1);
    fake.says(json!({"email": "wang", "email_verified": false}));
    check_refused(&and_back(&mut browser, &fake).await, &browser, denied, "not verified");
    fake.says(json!({"email": "wang", "email_verified": true}));
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whatever_is_wrong_with_an_answer_nobody_is_signed_in() {
    let (house, fake) = house!();
    let mut browser = Browser::of(&house, 1);
    let (denied, away_now) = (StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE);
    for lie in [
        "nothing said",
        "another issuer",
        "an address without TLS",
        "no S256",
        "a large description",
    ] {
        fake.lies(lie);
        let gone = browser.get("/login/oidc").await;
        check_refused(&gone, &browser, away_now, lie);
    }
    for (lie, status) in [
        ("large keys", away_now),
        ("keys that are none", away_now),
        ("silence", away_now),
        ("a redirect", away_now),
        ("no token", denied),
        ("another nonce", denied),
        ("another audience", denied),
        ("another issuer in the token", denied),
        ("a token of yesterday", denied),
        ("a token of tomorrow", denied),
        ("no algorithm", denied),
        ("a MAC with the public key", denied),
        ("another key", denied),
    ] {
        fake.lies("");
        let back = away(&mut browser, &fake).await;
        fake.lies(lie);
        check_refused(&browser.get(&back).await, &browser, status, lie);
    }
    assert_eq!(fake.asked("/elsewhere"), 0, "no redirect is followed");
    assert_eq!(house.row("wang").vouched, Vouched::Open, "nobody was bound");
    fake.lies("");
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_way_back_is_of_one_browser_and_one_use() {
    let (house, fake) = house!();
    let denied = StatusCode::UNAUTHORIZED;
    let (mut mine, mut theirs) = (Browser::of(&house, 1), Browser::of(&house, 2));
    let (my_way, their_way) = (away(&mut mine, &fake).await, away(&mut theirs, &fake).await);
    check_refused(&mine.get(&their_way).await, &mine, denied, "another browser's way back");
    let mut stranger = Browser::of(&house, 3);
    check_refused(&stranger.get(&my_way).await, &stranger, denied, "no sign-in was begun");
    for way in ["/login/oidc/back", "/login/oidc/back?code=&state="] {
        check_refused(&mine.get(way).await, &mine, denied, way);
    }
    let no_head = mine.go(Method::HEAD, &my_way, String::new()).await;
    assert_eq!(no_head.status, StatusCode::METHOD_NOT_ALLOWED, "a look uses nothing up");
    let kept = mine.cookies["xz_oidc"].clone();
    assert_eq!(mine.get(&my_way).await.status, StatusCode::OK);
    assert!(!mine.cookies.contains_key("xz_oidc"));
    mine.cookies.remove("xz_ticket");
    mine.cookies.insert("xz_oidc".to_owned(), kept);
    check_refused(&mine.get(&my_way).await, &mine, denied, "the same way twice");
    // A code that was used elsewhere: the provider says so, and its words stay in the log.
    fake.codes.lock().unwrap().clear();
    check_refused(&theirs.get(&their_way).await, &theirs, denied, "a used code");
    let way = away(&mut theirs, &fake).await;
    let elsewhere = format!("{way}&iss=https://id.example");
    check_refused(&theirs.get(&elsewhere).await, &theirs, denied, "another provider's answer");
    let way = away(&mut theirs, &fake).await.replace("code=", "error=access_denied&no=");
    check_refused(&theirs.get(&way).await, &theirs, denied, "they said no");
    let way = away(&mut theirs, &fake).await;
    house.pass(Millis::minutes(11));
    check_refused(&theirs.get(&way).await, &theirs, denied, "too late");
}

#[tokio::test]
async fn the_second_factor_is_ours_unless_the_operator_believes_the_provider_s() {
    let multi = json!({"amr": ["pwd", "mfa"], "acr": "phr"});
    let (house, fake) = house!();
    fake.says(multi.clone());
    let mut browser = Browser::of(&house, 1);
    let page = and_back(&mut browser, &fake).await;
    assert!(page.text().contains("验证码"), "its word alone is not asked for");
    for (claims, believed) in [
        (json!({"amr": ["pwd", "mfa"]}), true),
        (json!({"acr": "phr"}), true),
        (json!({"amr": ["pwd", "otp"], "acr": "1"}), false),
        (json!({"amr": "mfa"}), false),
        (json!({}), false),
    ] {
        let (house, fake) = house!(|oidc: &mut OidcSettings, _: &mut crate::serve::Settings| {
            oidc.believes_second_factor = true;
            oidc.acr = vec!["phr".to_owned(), "phrh".to_owned()];
        });
        fake.says(claims.clone());
        let mut browser = Browser::of(&house, 1);
        let gone = browser.get("/login/oidc").await;
        assert_eq!(query(gone.header(header::LOCATION), "acr_values"), "phr+phrh");
        let back = and_back(&mut browser, &fake).await;
        let expected = if believed { StatusCode::SEE_OTHER } else { StatusCode::OK };
        assert_eq!(back.status, expected, "{claims}");
        assert_eq!(browser.lives().await, believed, "{claims}");
    }
    let (house, fake) = house!(|_: &mut OidcSettings, settings: &mut crate::serve::Settings| {
        settings.accounts.second_factor = false;
    });
    house.put(AccountRow {
        second: String::new(),
        vouched: Vouched::Open,
        ..row("wang", Role::Doctor)
    });
    let mut browser = Browser::of(&house, 1);
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::SEE_OTHER);
    assert!(browser.lives().await, "as with a password, where the operator says so");
}

#[tokio::test]
async fn a_provider_that_is_away_takes_no_password_away() {
    let (house, fake) = house!(|oidc: &mut OidcSettings, _: &mut crate::serve::Settings| {
        // Nobody listens there: the port of a listener that is gone.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        oidc.issuer = format!("http://{}", gone.local_addr().unwrap());
    });
    let mut browser = Browser::of(&house, 1);
    let gone = browser.get("/login/oidc").await;
    check_refused(&gone, &browser, StatusCode::SERVICE_UNAVAILABLE, "nobody there");
    assert_eq!(browser.sign_in("wang", PASSWORD).await.status, StatusCode::OK);
    let opened = browser.post("/login", &[("code", &house.code())]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    assert!(fake.asked.lock().unwrap().is_empty());
    // Where none is configured there is nothing to ask.
    let plain = super::gateway();
    for path in ["/login/oidc", "/login/oidc/back?code=a&state=b"] {
        assert_eq!(plain.get("", path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let page = plain.get("", "/login").await;
    assert!(!page.text().contains("oidc"));
}

#[tokio::test]
async fn keys_are_asked_for_again_when_one_is_unknown_and_at_most_once_a_minute() {
    let (house, fake) = house!();
    let mut browser = Browser::of(&house, 1);
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
    assert_eq!((fake.asked("/keys"), fake.asked("/.well-known/openid-configuration")), (1, 1));
    let old = fake.key.lock().unwrap().clone();
    *fake.key.lock().unwrap() = ("k2".to_owned(), pair());
    let soon = and_back(&mut browser, &fake).await;
    assert_eq!((soon.status, fake.asked("/keys")), (StatusCode::UNAUTHORIZED, 1));
    house.pass(Millis::minutes(1));
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK, "the new key");
    assert_eq!(fake.asked("/keys"), 2);
    *fake.key.lock().unwrap() = old;
    for _ in 0..5 {
        and_back(&mut browser, &fake).await;
    }
    assert_eq!(fake.asked("/keys"), 2, "no stranger's token has it asked again and again");
    house.pass(Millis::minutes(60));
    assert_eq!(and_back(&mut browser, &fake).await.status, StatusCode::OK);
    assert_eq!((fake.asked("/keys"), fake.asked("/.well-known/openid-configuration")), (3, 2));
}

#[tokio::test]
async fn guessing_here_is_put_off_too_and_its_codes_are_counted() {
    let (house, fake) = house!();
    let mut browser = Browser::of(&house, 1);
    for number in 0..20 {
        let way = away(&mut browser, &fake).await.replace("code=code", "code=guessed");
        assert_eq!(browser.get(&way).await.status, StatusCode::UNAUTHORIZED, "{number}");
    }
    let put_off = and_back(&mut browser, &fake).await;
    assert_eq!(put_off.status, StatusCode::TOO_MANY_REQUESTS);
    let mut elsewhere = Browser::of(&house, 2);
    assert_eq!(and_back(&mut elsewhere, &fake).await.status, StatusCode::OK, "nobody else waits");
    // Whoever is let in there as somebody guesses five codes each time, five times.
    house.pass(Millis::hours(2));
    for _ in 0..5 {
        assert_eq!(and_back(&mut elsewhere, &fake).await.status, StatusCode::OK);
        for _ in 0..5 {
            elsewhere.post("/login", &[("code", "000000")]).await;
        }
    }
    let put_off = and_back(&mut elsewhere, &fake).await;
    assert_eq!(put_off.status, StatusCode::TOO_MANY_REQUESTS);
    // Passwords that others guessed do not keep the owner out here.
    let mut owner = Browser::of(&house, 3);
    for address in 10..40 {
        Browser::of(&house, address).sign_in("wang", "a wrong one").await;
    }
    assert_eq!(and_back(&mut owner, &fake).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_operator_opens_binds_and_unbinds_and_such_an_account_needs_no_password() {
    let (house, fake) = house!();
    let made = r#"{"name":"li","role":"nurse","scope":"青石镇","oidc":true}"#;
    let made = house.door("/admin/users", made).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let made = made.json();
    assert_eq!((&made["oidc"], &made["password"]), (&"open".into(), &false.into()));
    assert_eq!((&made["state"], &house.row("li").password), (&"active".into(), &String::new()));
    let mut browser = Browser::of(&house, 1);
    for typed in ["", "a", PASSWORD] {
        assert_eq!(browser.sign_in("li", typed).await.status, StatusCode::UNAUTHORIZED);
    }
    for (body, status, state) in [
        (r#"{"name":"wang","act":"oidc","subject":"subject-7"}"#, 200, "bound"),
        (r#"{"name":"li","act":"oidc","subject":"subject-7"}"#, 400, "open"),
        (r#"{"name":"li","act":"oidc","subject":""}"#, 400, "open"),
        (r#"{"name":"li","act":"oidc","subject":"a\nb"}"#, 400, "open"),
        (r#"{"name":"wang","act":"forget-oidc"}"#, 200, "no"),
        (r#"{"name":"li","act":"oidc","subject":"subject-7"}"#, 200, "bound"),
    ] {
        let done = house.door("/admin/users/change", body).await;
        assert_eq!(done.status.as_u16(), status, "{body}: {}", done.text());
        if status == 200 {
            assert_eq!(done.json()["account"]["oidc"], state, "{body}");
        }
    }
    let page = and_back(&mut browser, &fake).await.text();
    let secret = page.split("<code class=\"raw\">").nth(1).unwrap().split('<').next().unwrap();
    assert!(page.contains("otpauth://totp/Xunzhen:li"), "the second factor is set up: {page}");
    let code = crate::serve::accounts::totp::now_code(secret, now());
    let opened = browser.post("/login", &[("code", &code)]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text());
    assert_eq!(browser.get("/api/v1/me").await.json()["account"], "li");
    let account = browser.get("/account").await;
    assert!(!account.text().contains("name=\"old\""), "there is no password to change");
    let forgotten = r#"{"name":"li","act":"forget-oidc"}"#;
    assert_eq!(house.door("/admin/users/change", forgotten).await.status, StatusCode::OK);
    assert!(!browser.lives().await, "its sessions end");
    let lines = house.gateway.recorded();
    let log_in = lines.iter().find(|line| line.kind == Kind::LogIn).unwrap();
    assert_eq!((&*log_in.role, &*log_in.who, &*log_in.object), ("nurse", "li", ""));
    assert!(lines.iter().all(|line| !format!("{line:?}").contains("code0")), "{lines:?}");
    let none = super::gateway();
    let plain = crate::serve::admin_router(Arc::clone(&none.shared));
    let asked = super::ask(
        "",
        Method::POST,
        "/admin/users",
        r#"{"name":"a","role":"operator","oidc":true}"#,
    );
    let told = super::send(&plain, asked).await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST, "no provider: {}", told.text());
}

#[tokio::test]
async fn where_powers_are_separate_an_operator_s_account_has_none_here_either() {
    let (house, fake) = house!(|_: &mut OidcSettings, settings: &mut crate::serve::Settings| {
        settings.accounts.separate_powers = true;
    });
    house.put(AccountRow { vouched: Vouched::Open, ..row("wang", Role::Operator) });
    let mut browser = Browser::of(&house, 1);
    and_back(&mut browser, &fake).await;
    browser.post("/login", &[("code", &house.code())]).await;
    assert_eq!(browser.get("/api/v1/me").await.json()["rights"], json!([]));
    assert_eq!(browser.get("/api/v1/accounts").await.status, StatusCode::FORBIDDEN);
}
