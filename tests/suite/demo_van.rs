//! `demo --van`: two gateways, a cable that is pulled, and either of them killed.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use end_to_end::{
    browser::{self, Browser},
    http,
    patience::{PATIENCE, wait_at_most, wait_for},
    process::Process,
    skip,
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{GATEWAY, uplink::LINK};

/// Two gateways start, one after the other, on a machine busy with other tests.
const READY: Duration = Duration::from_secs(60);

fn demo(temporary: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(GATEWAY);
    command.args(["demo", "--van", "--port", "0"]).args(flags).env("TMPDIR", temporary);
    command
}

/// A demonstration at work.
struct Demo {
    process: Process,
    page: SocketAddr,
}

impl Demo {
    #[track_caller]
    fn start(temporary: &Path) -> Self {
        let mut process = Process::spawn(&mut demo(temporary, &[]));
        let Some(line) = process.ready(READY) else { panic!("not ready:\n{}", process.log()) };
        let page = line["http"].as_str().unwrap().parse().unwrap();
        let demo = Self { process, page };
        demo.press("auto", "on=false");
        demo
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &str) -> http::Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        match http::request(self.page, (method, path), &headers, body.as_bytes()) {
            Ok(answer) => answer,
            Err(error) => panic!("{path}: {error}; its log:\n{}", self.process.log()),
        }
    }

    #[track_caller]
    fn press(&self, button: &str, form: &str) {
        let answer = self.ask("POST", &format!("/demo/{button}"), form);
        assert_eq!(answer.status, 303, "{button}: {}", answer.body);
    }

    #[track_caller]
    fn state(&self) -> Value {
        self.ask("GET", "/demo/state", "").json()
    }

    /// Waits until the demonstration shows something.
    #[track_caller]
    fn sees(&self, what: &str, there: impl Fn(&Value) -> bool) -> Value {
        wait_for(LINK, what, || Some(self.state()).filter(&there))
    }

    /// Ends the process of one of the two at once, from elsewhere or by the page's button, and waits
    /// until another one runs.
    #[track_caller]
    fn killed(&self, side: &str, by_page: bool) {
        let before = self.state()[side]["pid"].as_i64().unwrap();
        if by_page {
            self.press(&format!("kill/{side}"), "");
        } else {
            let pid = i32::try_from(before).ok().and_then(Pid::from_raw).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
        }
        self.sees("another process", |state| {
            let of = &state[side];
            of["fresh"] == true && of["pid"].as_i64().is_some_and(|pid| pid != before)
        });
    }

    #[track_caller]
    fn measured(&self, visits: u64) {
        self.press("measure", "");
        self.sees("a measurement", |state| state["visits"].as_u64() >= Some(visits));
    }
}

#[track_caller]
fn is_empty(folder: &Path) -> Option<()> {
    fs::read_dir(folder).unwrap().next().is_none().then_some(())
}

#[test]
fn a_van_without_its_cable_tells_its_whole_story_by_itself() {
    let temporary = tempdir().unwrap();
    let ended = demo(temporary.path(), &["--once"]).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}\n{told}\n{log}", ended.status);
    let summary: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    println!("{summary}");
    assert_eq!((&summary["ok"], &summary["people"]), (&json!(true), &json!(5)), "{summary}");
    assert_eq!((&summary["readings"], &summary["lost"]), (&json!(10), &json!(0)), "{summary}");
    assert!(summary["warned_offline"].as_u64() >= Some(2), "two of five crossed: {summary}");
    assert!(is_empty(temporary.path()).is_some(), "nothing is left behind");
}

#[test]
fn either_side_is_killed_while_the_cable_is_out_and_nothing_is_lost() {
    let temporary = tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    demo.sees("the roster on the van", |state| state["open"] == true);
    demo.press("cable", "plugged=false");
    demo.measured(1);
    demo.measured(2);
    demo.killed("van", false);
    let state = demo.sees("the van's alert after its death", |state| state["steps"][2] == true);
    assert_eq!((&state["lost"], &state["van"]["starts"]), (&json!(0), &json!(2)), "{state}");
    assert!(state["centre"]["alerts"].as_array().unwrap().is_empty(), "{state}");
    demo.killed("centre", true);
    demo.measured(3);
    demo.press("cable", "plugged=true");
    let state = demo.sees("green", |state| state["steps"][4] == true && state["green"] == true);
    let (van, centre) = (&state["van"], &state["centre"]);
    assert_eq!(
        (van["receipt"]["readings"].as_u64(), &state["lost"]),
        (Some(6), &json!(0)),
        "{state}"
    );
    assert_eq!(van["receipt"], centre["receipt"], "{state}");
    assert_eq!(van["alerts"], centre["alerts"], "{state}");
    let pids = [van, centre].map(|side| i32::try_from(side["pid"].as_i64().unwrap()).unwrap());
    demo.process.kill();
    wait_for(PATIENCE, "the end of both gateways and of the folder", || {
        let runs = |pid: &i32| test_kill_process(Pid::from_raw(*pid).unwrap()).is_ok();
        if pids.iter().any(runs) { None } else { is_empty(temporary.path()) }
    });
}

/// Waits until a script comes to `true`.
#[track_caller]
fn shows(browser: &mut Browser, script: &str) {
    let there = wait_at_most(LINK, || (browser.run(script) == true).then_some(()));
    assert!(there.is_some(), "{script}: {}", browser.page().1);
}

#[track_caller]
fn check_width(browser: &mut Browser, width: u32) {
    let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    browser.call("Emulation.setDeviceMetricsOverride", &metrics);
    shows(browser, "document.documentElement.scrollWidth <= innerWidth");
    let small = "[...document.querySelectorAll('button, nav a')]
        .filter((it) => it.getBoundingClientRect().height < 44).length";
    assert_eq!(browser.run(small), 0, "touch targets at {width} px");
}

#[test]
fn somebody_pulls_the_cable_in_a_real_browser_and_sees_green_again() {
    let test = "demo_van::somebody_pulls_the_cable_in_a_real_browser_and_sees_green_again";
    if !skip::has(test, &[browser::PROGRAM]) {
        return;
    }
    let (temporary, profile) = (tempdir().unwrap(), tempdir().unwrap());
    let demo = Demo::start(temporary.path());
    let mut browser = Browser::start(profile.path());
    browser.go(&format!("http://{}/demo", demo.page));
    demo.sees("the roster on the van, and green", |state| state["green"] == true);
    let greens = "document.querySelectorAll('.verdict.green').length";
    shows(&mut browser, &format!("{greens} === 2"));
    browser.run("document.getElementById('plug').click()");
    shows(&mut browser, "document.getElementById('plug').textContent.includes('Plug in')");
    for _ in 0..2 {
        browser.run("document.getElementById('measure').click()");
    }
    shows(&mut browser, "document.querySelectorAll('.van .alerts .red .no').length === 1");
    let (_, text) = browser.page();
    assert!(text.contains("仅此处") && text.contains("unplugged"), "{text}");
    assert_eq!(browser.run(greens), 0, "nothing is green while it hangs loose");
    assert_eq!(browser.run("document.querySelectorAll('.centre .alerts .red').length"), 0);
    shows(&mut browser, "document.querySelectorAll('.steps .done').length === 3");
    check_width(&mut browser, 360);
    // Both people are measured: nothing is under way that would take the green away again.
    demo.sees("the second person", |state| state["visits"] == 2);
    browser.run("document.getElementById('plug').click()");
    shows(&mut browser, &format!("{greens} === 2"));
    shows(&mut browser, "document.querySelectorAll('.steps .done').length === 5");
    let id =
        |side: &str| format!("document.querySelector('.{side} .alerts .red code').textContent");
    shows(&mut browser, &format!("{} === {}", id("van"), id("centre")));
    check_width(&mut browser, 360);
    check_width(&mut browser, 1280);
    // The real pages of both, signed in side by side.
    for (side, page) in [("van", "lite/bench/V03/B1"), ("centre", "lite/receipts"), ("van", "lite")]
    {
        browser.go(&format!("http://{}/demo/go/{side}/{page}", demo.page));
        let (address, text) = browser.page();
        assert_eq!(address, format!("/{page}"), "{text}");
        assert!(text.contains("V03") || page == "lite", "{text}");
    }
    browser.go(&format!("http://{}/demo", demo.page));
    shows(&mut browser, "document.getElementById('stale').hidden");
    demo.process.kill();
    shows(&mut browser, "!document.getElementById('stale').hidden");
}
