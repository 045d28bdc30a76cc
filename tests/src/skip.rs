//! A test that cannot run here says so where everybody sees it, and fails where everything must
//! run (`XUNZHEN_TESTS=all`).

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

/// Whether everything must run: a skip is a failure then.
#[must_use]
pub fn must_run() -> bool {
    env::var("XUNZHEN_TESTS").is_ok_and(|wish| wish == "all")
}

/// Whether the long form of a soak is wanted (`tests/run --long`).
#[must_use]
pub fn long() -> bool {
    env::var("XUNZHEN_TESTS_LONG").is_ok_and(|wish| wish == "1")
}

/// Says that a test does not run here, and why.
///
/// # Panics
/// Where everything must run.
#[track_caller]
pub fn skip(test: &str, why: &str) {
    assert!(!must_run(), "{test} must run here and cannot: {why}");
    note(test, why);
}

/// Says what of a test does not run here, and why; the rest of it does.
///
/// # Panics
/// When it cannot be said.
pub fn note(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}\n");
    // Past the capture of the test harness, so that it is seen although the test passes.
    io::stderr().write_all(line.as_bytes()).unwrap();
    if let Ok(path) = env::var("XUNZHEN_SKIPS") {
        let mut list = OpenOptions::new().create(true).append(true).open(path).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }
}

/// Whether a program is installed.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let path = env::var("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| is_file(&file))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

/// Whether every program is installed; otherwise the test is skipped.
#[track_caller]
#[must_use]
pub fn has(test: &str, programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| !is_installed(name)).copied().collect();
    if missing.is_empty() {
        return true;
    }
    skip(test, &format!("not installed: {}", missing.join(", ")));
    false
}
