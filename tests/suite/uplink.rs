//! Two gateways, two processes, and a line between them that fails.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    patience::{PATIENCE, wait_for},
    proxy::Proxy,
};
use serde_json::Value;
use tempfile::tempdir;

use crate::setup;

/// Longest wait for what happens between gateways: the first question of a process comes within 10 s, and a
/// pause after a failure takes a minute at most.
pub(crate) const LINK: Duration = Duration::from_secs(100);

/// Who a gateway is: its name and its key.
pub(crate) fn who(gateway: &Setup) -> (String, String) {
    let told = gateway.run_well(&["roster", "key"]);
    let told: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("gateway"), text("key"))
}

/// Registers a gateway below, in this state.
pub(crate) fn register(centre: &Setup, scratch: &Path, (name, key): (&str, &str), state: &str) {
    let file = scratch.join("boxes.csv");
    fs::write(&file, format!("box,key,serves,state\n{name},{key},North,{state}\n")).unwrap();
    let file = file.display().to_string();
    centre.run_well(&["registry", "import", "--kind", "boxes", &file]);
}

/// A van that hands up to an address, with a token of its own.
pub(crate) fn below(van: Setup, centre: &Setup, scratch: &Path, to: &str) -> Setup {
    let (name, _) = who(&van);
    let token = centre.run_well(&["token", "create", "--role", "device", "--device", &name]);
    let file = scratch.join("uplink.token");
    fs::write(&file, token).unwrap();
    van.with("XUNZHEN__UPLINK__TO", to)
        .with("XUNZHEN__UPLINK__PARENT_KEY", &who(centre).1)
        .with("XUNZHEN__UPLINK__TOKEN_FILE", &file.display().to_string())
}

/// A figure of `/metrics`, by its name and labels.
pub(crate) fn figure(gateway: &Gateway, name: &str) -> Option<i64> {
    let text = gateway.get("/metrics").body;
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Where the centre answers, by either way.
pub(crate) fn way(mqtt: bool, address: SocketAddr) -> String {
    if mqtt { format!("mqtt://{address}") } else { format!("http://{address}") }
}

pub(crate) fn listens(gateway: &Gateway, mqtt: bool) -> SocketAddr {
    if mqtt { gateway.mqtt } else { gateway.http }
}

#[track_caller]
fn check_refused(mqtt: bool) {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let van = setup(&folder.path().join("van"));
    let (name, key) = who(&van);
    let line = Proxy::start(listens(&centre, mqtt));
    let van_setup = below(van, &centre_setup, folder.path(), &way(mqtt, line.address()));
    let van = van_setup.start();
    let alarmed = |gateway: &Gateway, metric: &str| figure(gateway, metric).filter(|it| *it == 1);
    wait_for(LINK, "the van's alarm", || alarmed(&van, "xunzhen_uplink_alarm"));
    let of_box = format!("xunzhen_box_alarm{{box=\"{name}\"}}");
    wait_for(LINK, "the centre's alarm", || alarmed(&centre, &of_box));
    let refused = wait_for(PATIENCE, "what was refused", || {
        let refused = centre.list("/api/v1/refused");
        (!refused.is_empty()).then_some(refused)
    });
    let reason = refused[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("uplink_unknown_box: "), "{reason}");
    assert_eq!(refused.len(), 1, "each envelope once: {refused:?}");
    for gateway in [&van, &centre] {
        let page = gateway.get("/lite").body;
        assert!(page.contains("该网关未登记"), "{page}");
        let page = gateway.get("/lite?lang=en").body;
        assert!(page.contains("no box of that name is registered"), "{page}");
    }
    assert_eq!(figure(&van, "xunzhen_uplink_green"), Some(0));
    assert!(line.figures().0 > 0, "it went over the line");
    register(&centre_setup, folder.path(), (&name, &key), "revoked");
    // It would ask again within a minute; after a start it does within seconds.
    van.kill();
    let _van = van_setup.start();
    wait_for(LINK, "the refusal of a revoked box", || {
        let reasons = centre.list("/api/v1/refused");
        reasons.iter().any(|it| it["reason"].as_str().unwrap().contains("revoked")).then_some(())
    });
}

#[test]
fn a_box_that_nobody_registered_is_refused_over_http_and_alarms_at_both_ends() {
    check_refused(false);
}

#[test]
fn a_box_that_nobody_registered_is_refused_over_mqtt_and_alarms_at_both_ends() {
    check_refused(true);
}

#[test]
fn the_configuration_of_an_uplink_is_checked_before_anything_starts() {
    let folder = tempdir().unwrap();
    let van = setup(&folder.path().join("van"))
        .with("XUNZHEN__UPLINK__TO", "http://127.0.0.1:1")
        .with("XUNZHEN__UPLINK__PARENT_KEY", "ed25519:AAAA")
        .with("XUNZHEN__UPLINK__TOKEN_FILE", "/no/such.token");
    let ended = van.run(&["check-config", "--no-environment"]);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(78), "{told}");
    assert!(told.contains("uplink.parent_key"), "{told}");
    let (_, key) = who(&setup(&folder.path().join("centre")));
    let van = van.with("XUNZHEN__UPLINK__PARENT_KEY", &key);
    let ended = van.run(&["check-config"]);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("uplink.token_file") && told.contains("令牌文件不可读"), "{told}");
}
