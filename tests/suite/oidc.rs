//! Signing in at a real identity provider in a real browser: `tests/provider`, a certified
//! implementation. The provider is another site than the gateway (`localhost` and `127.0.0.1`), so
//! that cookies, policies and redirects are what browsers make of them. What a provider may do wrong
//! is tested inside the gateway (`serve/tests/oidc.rs`).

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use end_to_end::{
    browser, browser::Browser, gateway::Gateway, ledger::now, patience::wait_for, proxy::Proxy,
    skip,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    accounts::{code, type_in, user},
    setup,
};

/// What both sides know. Nothing depends on it beyond this machine and this test.
const SECRET: &str = "9yw:2x+/Kq%26";

/// Longest wait for the provider to listen.
const READY: Duration = Duration::from_secs(60);

/// A provider that runs.
struct Provider(Child);

impl Drop for Provider {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("provider")
}

/// Whether there is one here; it comes with `npm --prefix tests/provider ci`.
#[track_caller]
fn is_here() -> bool {
    let test = "signing in at a provider";
    if !skip::has(test, &[browser::PROGRAM, "node"]) {
        return false;
    }
    let there = folder().join("node_modules/oidc-provider").is_dir();
    if !there {
        skip::skip(test, "not installed: npm --prefix tests/provider ci");
    }
    there
}

impl Provider {
    #[track_caller]
    fn start(port: u16, back: &str) -> Self {
        let mut child = Command::new("node")
            .arg(folder().join("provider.mjs"))
            .args([&port.to_string(), back, SECRET])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let provider = Self(child);
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            // It goes on writing notices, and would end with nobody to read them.
            for line in output.lines().map_while(Result::ok) {
                say.send(line).unwrap_or_default();
            }
        });
        assert_eq!(said.recv_timeout(READY).unwrap().trim(), "ready");
        provider
    }
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A house with a provider: the gateway behind the address that the provider sends people back to.
struct House {
    home: String,
    gateway: Gateway,
    _line: Proxy,
}

#[track_caller]
fn house(folder: &Path, issuer: &str) -> House {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let line = Proxy::start(nowhere);
    let home = format!("http://{}", line.address());
    let file = folder.join("oidc.secret");
    std::fs::write(&file, SECRET).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = setup(folder)
        .with("XUNZHEN__HTTP__PUBLIC_URL", &home)
        .with("XUNZHEN__OIDC__ISSUER", issuer)
        .with("XUNZHEN__OIDC__CLIENT_ID", "xunzhen")
        .with("XUNZHEN__OIDC__CLIENT_SECRET_FILE", &file.display().to_string())
        .start();
    line.aim(gateway.http);
    House { home, gateway, _line: line }
}

/// Waits until the page has something, and says whether it is the one or the other.
#[track_caller]
fn until(browser: &mut Browser, selectors: &str) {
    let look = format!(
        "document.readyState === 'complete' && document.querySelector({}) !== null",
        json!(selectors)
    );
    wait_for(Duration::from_secs(30), selectors, || {
        browser.run(&look).as_bool().filter(|there| *there)
    });
}

/// From our page to the provider's, through its pages, and back.
#[track_caller]
fn sign_in_there(browser: &mut Browser, home: &str, name: &str) {
    browser.go(&format!("{home}/login"));
    browser.go_by("document.querySelector('a[href=\"/login/oidc\"]').click()");
    until(browser, "[name=login]");
    assert_eq!(browser.run("location.hostname"), "localhost");
    type_in(browser, "login", name);
    type_in(browser, "password", "anything");
    browser.go_by("document.querySelector('form button, form [type=submit]').click()");
    until(browser, "[name=prompt][value=consent]");
    browser.go_by("document.querySelector('form button, form [type=submit]').click()");
    wait_for(Duration::from_secs(30), "the way back", || {
        let there = browser.run("location.hostname === '127.0.0.1' && document.readyState");
        (there == "complete").then_some(())
    });
}

fn me(browser: &mut Browser, home: &str) -> Value {
    browser.go(&format!("{home}/api/v1/me"));
    serde_json::from_str(&browser.page().1).unwrap()
}

#[test]
fn whoever_a_real_provider_vouches_for_signs_in_with_a_real_browser_and_nobody_else() {
    if !is_here() {
        return;
    }
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let house = house(folder, &issuer);
    let home = house.home.as_str();
    let made = user(folder, &["add", "wang", "--role", "doctor", "--doctor", "DR1", "--oidc"], "");
    let made: Value = serde_json::from_str(&made.unwrap()).unwrap();
    assert_eq!((&made["oidc"], &made["password"]), (&"open".into(), &false.into()));
    let secret = user(folder, &["totp", "wang"], "").unwrap();
    let secret = secret.lines().next().unwrap();
    let profile = tempdir().unwrap();
    let mut browser = Browser::start(profile.path());
    // The gateway started without it, and says so to whoever asks.
    browser.go(&format!("{home}/login/oidc"));
    let (_, text) = browser.page();
    assert!(
        text.contains("统一身份认证暂时无法访问") && text.contains("cannot be reached"),
        "{text}"
    );
    let provider = Provider::start(port, &format!("{home}/login/oidc/back"));
    sign_in_there(&mut browser, home, "wang");
    let (at, text) = browser.page();
    assert!(at.starts_with("/login/oidc/back?") && text.contains("验证码"), "{at} {text}");
    type_in(&mut browser, "code", &code(secret, now()));
    browser.go_by("document.querySelector('main button').click()");
    let told = me(&mut browser, home);
    assert_eq!((&told["account"], &told["doctor"]), (&"wang".into(), &"DR1".into()), "{told}");
    let listed: Value = serde_json::from_str(&user(folder, &["list"], "").unwrap()).unwrap();
    assert_eq!(listed["oidc"], "bound");
    // Signing out ends it here.
    browser.go(&format!("{home}/account"));
    browser.go_by("document.querySelector('footer form button').click()");
    assert_eq!(me(&mut browser, home)["code"], "not_signed_in");
    // Somebody else whom the provider knows, and we do not.
    let other = tempdir().unwrap();
    let mut other = Browser::start(other.path());
    sign_in_there(&mut other, home, "mallory");
    let (_, text) = other.page();
    assert!(text.contains("未能打开本系统账号") && text.contains("opened no account"), "{text}");
    assert_eq!(me(&mut other, home)["code"], "not_signed_in");
    drop((browser, other, provider));
    let log = house.gateway.process.log();
    assert!(log.contains("a sign-in by the provider was refused"), "{log}");
    for hidden in ["subject of", "id_token", SECRET] {
        assert!(!log.contains(hidden), "{hidden} in the log");
    }
    house.gateway.stop();
    let files: Vec<u8> = std::fs::read_dir(folder)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name() != "oidc.secret")
        .filter_map(|file| std::fs::read(file.unwrap().path()).ok())
        .flatten()
        .collect();
    let holds = |text: &str| files.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!holds("subject of wang"), "the provider's name for somebody is sealed");
}
