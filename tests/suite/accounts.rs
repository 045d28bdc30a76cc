//! Accounts by the command line and in a real browser: signing in works there, and what another site
//! sends does nothing (ATTACKS A13, A14).

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use end_to_end::{
    browser, browser::Browser, gateway::Gateway, ledger::now, patience::wait_for, skip,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{GATEWAY, setup};

const PASSWORD: &str = "Bridge of 大河村 7";

/// Runs `user …`, with a line for its standard input; what it printed, or what it said against it.
pub(super) fn user(
    folder: &std::path::Path,
    arguments: &[&str],
    typed: &str,
) -> Result<String, String> {
    let mut child = Command::new(GATEWAY)
        .arg("user")
        .args(arguments)
        .args(["--data-dir", &folder.display().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{typed}").unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(told(&output.stdout)) } else { Err(told(&output.stderr)) }
}

/// The code that a phone shows (RFC 6238), written here anew.
pub(super) fn code(secret: &str, seconds: i64) -> String {
    let mut bits = String::new();
    for letter in secret.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|it| *it == letter);
        write!(bits, "{:05b}", value.unwrap()).unwrap();
    }
    let bytes = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|eight| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = ring::hmac::sign(&key, &(seconds / 30).to_be_bytes());
    let from = usize::from(tag.as_ref()[19] & 0xf);
    let four: [u8; 4] = tag.as_ref()[from..from + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

#[test]
fn an_operator_makes_changes_and_ends_accounts_without_a_password_in_an_argument() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    // Without a server the command opens the store itself; there is no account before the first.
    assert_eq!(user(folder, &["list"], ""), Ok(String::new()));
    let add = ["add", "wang", "--role", "doctor", "--doctor", "DR1", "--called", "王丽"];
    let weak = user(folder, &add, "short");
    assert!(weak.unwrap_err().contains("10"), "it says what is asked for");
    let made: Value = serde_json::from_str(&user(folder, &add, PASSWORD).unwrap()).unwrap();
    assert_eq!((&made["state"], &made["second_factor"]), (&"must_change".into(), &false.into()));
    assert!(user(folder, &add, PASSWORD).unwrap_err().contains("account of that name"));
    let gateway = setup(folder).start();
    let printed = user(folder, &["totp", "wang"], "").unwrap();
    let (secret, uri) = printed.split_once('\n').unwrap();
    assert!(uri.starts_with("otpauth://totp/Xunzhen:wang?secret=") && uri.contains(secret));
    for (arguments, member, expected) in [
        (&["disable", "wang"][..], "state", "disabled"),
        (&["enable", "wang"], "state", "must_change"),
        (&["role", "wang", "--role", "nurse", "--scope", "示范村"], "role", "nurse"),
        (&["revoke", "wang"], "changed_by", "operator"),
    ] {
        let told: Value = serde_json::from_str(&user(folder, arguments, "").unwrap()).unwrap();
        assert_eq!(told[member], expected, "{arguments:?}");
    }
    let listed = user(folder, &["list"], "").unwrap();
    assert!(listed.contains("王丽") && !listed.contains(secret) && !listed.contains("argon2"));
    gateway.stop();
    let files: Vec<u8> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|file| std::fs::read(file.unwrap().path()).ok())
        .flatten()
        .collect();
    let holds = |text: &str| files.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("wang") && !holds(PASSWORD), "only a hash of the password is kept");
}

/// Somebody else's site: one page.
fn elsewhere(page: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            stream.read(&mut head).map(drop).unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            stream.write_all(answer.as_bytes()).unwrap_or_default();
        }
    });
    address
}

/// Types into a field of the page.
pub(super) fn type_in(browser: &mut Browser, name: &str, text: &str) {
    browser.run(&format!("document.querySelector('[name={name}]').value = {}", json!(text)));
}

/// Signs `wang` in by hand, as a doctor with a phone would: two forms of our own pages.
fn sign_in(browser: &mut Browser, gateway: &Gateway, secret: &str, password: &str) {
    browser.go(&format!("http://{}/login", gateway.http));
    type_in(browser, "name", "wang");
    type_in(browser, "password", password);
    browser.go_by("document.querySelector('main button').click()");
    let (_, text) = browser.page();
    assert!(text.contains("验证码"), "{text}");
    type_in(browser, "code", &code(secret, now()));
    browser.go_by("document.querySelector('main button').click()");
}

/// What our interface tells the browser about its session.
fn me(browser: &mut Browser, gateway: &Gateway) -> Value {
    browser.go(&format!("http://{}/api/v1/me", gateway.http));
    serde_json::from_str(&browser.page().1).unwrap()
}

/// Everything that a page of somebody else's can send: forms, scripts, and a frame around ours. It has
/// the same address and another port, so that the cookies go along, and only we refuse.
fn attack(browser: &mut Browser, home: SocketAddr) {
    let page = format!(
        "<iframe name=a></iframe><iframe name=shown src=\"http://{home}/lite\"></iframe>\
         <form method=post target=a action=\"http://{home}/account\">\
         <input name=act value=everywhere><input name=csrf></form>"
    );
    browser.go(&format!("http://{}/", elsewhere(page)));
    let sent = "new Promise((done) => { const frame = document.querySelector('[name=a]'); \
         frame.onload = () => done(true); document.forms[0].submit() })";
    assert_eq!(browser.run(sent), true);
    let read = format!(
        "fetch('http://{home}/api/v1/me', {{credentials: 'include'}})\
         .then(() => 'read', () => 'kept')"
    );
    assert_eq!(browser.run(&read), "kept", "an answer of ours is for our own pages");
    let posted = format!(
        "fetch('http://{home}/api/v1/break-glass', {{method: 'POST', mode: 'no-cors', \
         credentials: 'include', body: '{{\"reason\":\"a reason long enough\"}}'}})\
         .then((it) => it.type)"
    );
    assert_eq!(browser.run(&posted), "opaque");
    let followed = format!(
        "new Promise((done) => {{ const live = new EventSource('http://{home}/api/v1/stream', \
         {{withCredentials: true}}); live.onopen = () => done('open'); \
         live.onerror = () => {{ live.close(); done('refused') }} }})"
    );
    assert_eq!(browser.run(&followed), "refused", "live events are for our own pages");
    let tree = browser.call("Page.getFrameTree", &json!({}));
    let frames = tree["frameTree"]["childFrames"].as_array().unwrap();
    let shown = frames.iter().map(|it| &it["frame"]).find(|it| it["name"] == "shown").unwrap();
    let refused = shown["url"].as_str().is_some_and(|url| url.starts_with("chrome-error:"));
    assert!(refused || shown["unreachableUrl"].is_string(), "a page of ours in a frame: {shown}");
}

#[test]
fn in_a_real_browser_our_own_forms_work_and_another_site_s_do_nothing() {
    if !skip::has("accounts in a browser", &[browser::PROGRAM]) {
        return;
    }
    let folder = tempdir().unwrap();
    let gateway = setup(folder.path()).start();
    let add = ["add", "wang", "--role", "doctor", "--doctor", "DR1"];
    user(folder.path(), &add, "First-word-2026").unwrap();
    let secret = user(folder.path(), &["totp", "wang"], "").unwrap();
    let secret = secret.lines().next().unwrap();
    let profile = tempdir().unwrap();
    let mut browser = Browser::start(profile.path());
    sign_in(&mut browser, &gateway, secret, "First-word-2026");
    let (at, text) = browser.page();
    assert!(at.starts_with("/account") && text.contains("请先改成自己的密码"), "{at} {text}");
    // A form with the session's own cookie: the browser must not say that it comes from nowhere.
    for (name, text) in [("old", "First-word-2026"), ("new", PASSWORD), ("again", PASSWORD)] {
        type_in(&mut browser, name, text);
    }
    browser.go_by("document.querySelector('main form button').click()");
    assert_eq!(browser.page().0, "/login", "{}", browser.page().1);
    // The next code: the last one was used.
    let used = now() / 30;
    wait_for(Duration::from_secs(40), "the next code", || (now() / 30 > used).then_some(()));
    sign_in(&mut browser, &gateway, secret, PASSWORD);
    assert_eq!(me(&mut browser, &gateway)["account"], "wang");
    attack(&mut browser, gateway.http);
    let told = me(&mut browser, &gateway);
    assert_eq!(told["account"], "wang", "the session lives, whatever the other site sent");
    assert!(told["glass_until"].is_null(), "nor did it break the glass: {told}");
    let session = user(folder.path(), &["sessions"], "").unwrap();
    assert_eq!(session.lines().count(), 1, "{session}");
    // Ended by the operator, it ends with the next request.
    user(folder.path(), &["disable", "wang"], "").unwrap();
    assert_eq!(me(&mut browser, &gateway)["code"], "not_signed_in");
    drop(browser);
    gateway.stop();
}
