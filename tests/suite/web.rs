//! What somebody tries against pages, copies and settings of the real process (ATTACKS A13, A15, A24,
//! A25). Whatever needs hours to pass is tested by a scripted clock inside the gateway.

use std::{fs, path::Path};

use end_to_end::{
    browser,
    browser::Browser,
    gateway::{Gateway, READY, Setup},
    http::{self, Answer},
    ledger::now,
    patience::wait_for,
    skip,
};
use serde_json::Value;
use tempfile::tempdir;

use crate::{
    accounts::{code, user},
    setup,
};

const PASSWORD: &str = "Bridge of 大河村 7";

/// A browser without a page: the cookies that it keeps, and the hidden text of the last form.
#[derive(Default)]
struct Visitor {
    cookies: Vec<(String, String)>,
    csrf: String,
}

impl Visitor {
    #[track_caller]
    fn ask(&mut self, gateway: &Gateway, what: (&str, &str), form: &[(&str, &str)]) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let escaped =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let csrf = self.csrf.clone();
        let fields = form.iter().copied().chain([("csrf", csrf.as_str())]);
        let fields: Vec<String> =
            fields.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let body = if what.0 == "POST" { fields.join("&") } else { String::new() };
        let headers = [
            ("cookie", cookies.join("; ")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = http::request(gateway.http, what, &headers, body.as_bytes()).unwrap();
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        if let Some(rest) = answer.body.split("name=\"csrf\" value=\"").nth(1) {
            rest.split('"').next().unwrap().clone_into(&mut self.csrf);
        }
        answer
    }

    #[track_caller]
    fn sign_in(&mut self, gateway: &Gateway, secret: &str, used: &mut i64) {
        // Each code opens once.
        *used = wait_for(READY * 2, "the next code", || Some(now() / 30).filter(|at| at > used));
        self.ask(gateway, ("GET", "/login"), &[]);
        self.ask(gateway, ("POST", "/login"), &[("name", "wang"), ("password", PASSWORD)]);
        let code = code(secret, now());
        let opened = self.ask(gateway, ("POST", "/login"), &[("code", &code)]);
        assert_eq!(opened.status, 303, "{}", opened.body);
    }

    #[track_caller]
    fn check(&mut self, gateway: &Gateway, lives: bool, when: &str) {
        let status = self.ask(gateway, ("GET", "/api/v1/me"), &[]).status;
        assert_eq!(status, if lives { 200 } else { 401 }, "{when}");
    }
}

#[test]
fn a_planted_or_stolen_cookie_opens_nothing_and_a_changed_account_ends_at_once() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let gateway = setup(folder).start();
    user(folder, &["add", "wang", "--role", "doctor", "--doctor", "DR1"], PASSWORD).unwrap();
    let secret = user(folder, &["totp", "wang"], "").unwrap();
    let secret = secret.lines().next().unwrap().to_owned();
    let mut used = 0;
    // Planted before the sign-in: the session has another id, and the planted one is none.
    let planted = ("xz_session".to_owned(), "A".repeat(43));
    let mut visitor = Visitor { cookies: vec![planted.clone()], ..Visitor::default() };
    visitor.sign_in(&gateway, &secret, &mut used);
    assert!(!visitor.cookies.contains(&planted), "the id was kept");
    let mut thief = Visitor { cookies: vec![planted], ..Visitor::default() };
    thief.check(&gateway, false, "a planted cookie");
    // Stolen while it lives, it is worth nothing after the log-out.
    let mut thief = Visitor { cookies: visitor.cookies.clone(), ..Visitor::default() };
    thief.check(&gateway, true, "a stolen cookie");
    visitor.ask(&gateway, ("GET", "/account"), &[]);
    assert_eq!(visitor.ask(&gateway, ("POST", "/logout"), &[]).status, 303);
    thief.check(&gateway, false, "a stolen cookie after the log-out");
    let role = ["role", "wang", "--role", "nurse", "--scope", "示范村"];
    visitor.sign_in(&gateway, &secret, &mut used);
    visitor.check(&gateway, true, "signed in again");
    user(folder, &role, "").unwrap();
    visitor.check(&gateway, false, "another role");
    gateway.stop();
}

/// What a browser would run if a page let it.
const CANARIES: [&str; 4] = [
    "<img src=x onerror=\"window.pwned=1\">",
    "</script><script>window.pwned=1</script>",
    "\"autofocus onfocus=\"window.pwned=1",
    "<svg onload=window.pwned=1>",
];

#[test]
fn what_somebody_writes_into_a_name_runs_in_no_page() {
    if !skip::has("names that are pages", &[browser::PROGRAM]) {
        return;
    }
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let gateway = setup.start();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let [image, script, focus, drawing] = CANARIES.map(quoted);
    let files = [
        ("sites", format!("site,kind,name,village,township\nV9,van,{image},{script},{focus}\n")),
        ("doctors", format!("doctor,name,level,place\nD9,{drawing},village,{script}\n")),
        ("households", format!("household,village,doctor\nH9,{script},D9\n")),
        (
            "people",
            format!("person,name,household,village,relative\nP9,{image},H9,{script},{focus}\n"),
        ),
    ];
    for (kind, rows) in &files {
        let file = scratch.path().join(kind);
        fs::write(&file, rows).unwrap();
        setup.run_well(&["registry", "import", "--kind", kind, &file.display().to_string()]);
    }
    let profile = tempdir().unwrap();
    let mut browser = Browser::start(profile.path());
    let link = gateway.line["login"].as_str().unwrap();
    let link = if link.starts_with("http") {
        link.to_owned()
    } else {
        format!("http://{}{link}", gateway.http)
    };
    browser.go(&link);
    let mut shown = 0;
    for path in ["/", "/lite", "/lite/people", "/lite/people/P9", "/lite/bench/V9/B1", "/wall"] {
        browser.go(&format!("http://{}{path}", gateway.http));
        let (_, text) = browser.page();
        shown += usize::from(text.contains("pwned=1"));
        assert_eq!(browser.run("window.pwned === undefined"), true, "{path}");
    }
    assert!(shown >= 2, "the names are shown as they were written");
    // A file that a spreadsheet opens.
    let file = scratch.path().join("formula");
    fs::write(&file, "person,name,village\nP8,\"=cmd|' /C calc'!A0\",North\n").unwrap();
    setup.run_well(&["registry", "import", "--kind", "people", &file.display().to_string()]);
    let written = setup.run_well(&["registry", "export", "--kind", "people"]);
    assert!(written.contains("'=cmd|") && !written.contains(",=cmd"), "{written}");
    fs::write(&file, &written).unwrap();
    let again =
        setup.run_well(&["registry", "import", "--kind", "people", &file.display().to_string()]);
    assert!(again.contains("\"unchanged\":102") || again.contains("\"entered\":0"), "{again}");
    gateway.stop();
}

/// Which life of its log a gateway is in.
#[track_caller]
fn epoch(setup: &Setup) -> u64 {
    let told: Value = serde_json::from_str(&setup.run_well(&["db", "stats"])).unwrap();
    told["epoch"].as_u64().unwrap()
}

#[test]
fn a_copy_is_nothing_elsewhere_without_its_key_and_counts_under_a_new_epoch_with_it() {
    let (outer, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let at = |name: &str| outer.path().join(name).display().to_string();
    let sealed = |folder: &str, key: &str| {
        setup(Path::new(&at(folder))).with("XUNZHEN__STORE__IDENTITY_KEY_FILE", &at(key))
    };
    let home = sealed("store", "key");
    let gateway = home.start();
    let copy = scratch.path().join("copy.db").display().to_string();
    home.run_well(&["backup", "create", &copy]);
    let before = epoch(&home);
    gateway.stop();
    sealed("other", "other-key").start().stop();
    for (key, what) in [("none", "no key"), ("other-key", "another store's key")] {
        let thief = sealed("restored", key);
        let output = thief.run(&["backup", "restore", &copy, "--data-dir", &at("restored")]);
        assert!(!output.status.success(), "{what}");
        let left = fs::read_dir(at("restored")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{what}: something was left");
    }
    let owner = sealed("restored", "key");
    let output = owner.run(&["backup", "restore", &copy, "--data-dir", &at("restored")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let gateway = owner.start();
    assert_ne!(epoch(&owner), before, "numbers given since the copy was made are not given again");
    gateway.stop();
}

#[test]
fn a_broken_setting_starts_nothing_and_the_gateway_that_runs_goes_on() {
    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    let gateway = setup(folder.path()).start();
    let broken = other.path().join("tls.pem");
    fs::write(&broken, "no certificate").unwrap();
    let secret = other.path().join("secret");
    fs::write(&secret, "changeme").unwrap();
    let (broken, secret) = (broken.display().to_string(), secret.display().to_string());
    let tls = [("HTTP__TLS_CERTIFICATE", broken.as_str()), ("HTTP__TLS_KEY", broken.as_str())];
    let provider = [
        ("HTTP__PUBLIC_URL", "https://gw.example"),
        ("OIDC__ISSUER", "https://id.example"),
        ("OIDC__CLIENT_ID", "us"),
        ("OIDC__CLIENT_SECRET_FILE", secret.as_str()),
    ];
    for (settings, said) in
        [(&tls[..], "holds no certificate"), (&provider, "oidc.client_secret_file")]
    {
        let mut wrong = setup(&other.path().join("store"));
        for (name, value) in settings {
            wrong = wrong.with(&format!("XUNZHEN__{name}"), value);
        }
        let mut refused = wrong.spawn();
        let status = refused.wait(READY);
        assert!(!status.success() && refused.log().contains(said), "{}", refused.log());
    }
    assert_eq!(gateway.get("/api/v1/me").status, 200, "the one that runs goes on");
    gateway.stop();
}
