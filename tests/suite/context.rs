//! A glucose measurement (2A18) and its context (2A34), published as a Bluetooth bridge does: one
//! reading with its meal, whatever way the two come.

use std::fs;

use end_to_end::{audit, gateway::Gateway, gateway::Setup, mqtt::Connection, registry::County};
use serde_json::Value;
use tempfile::tempdir;

use crate::setup;

const MEASUREMENT: &str = "sig-glucose-2a18";
const CONTEXT: &str = "sig-glucose-context-2a34";

/// 7.2 mmol/L at 06:00 and so many minutes, by the meter's clock; a context is announced.
fn measurement(number: u8) -> Vec<u8> {
    vec![0x16, number, 0, 0xEA, 0x07, 3, 2, 6, number, 0, 0x48, 0xC0, 0x11]
}

/// Taken fasting, by the patient, in good health.
fn context(number: u8) -> Vec<u8> {
    vec![0x06, number, 0, 3, 0x51]
}

/// Publishes at QoS 1, and returns when the gateway has acknowledged.
#[track_caller]
fn publish(gateway: &Gateway, format: &str, payload: &[u8]) {
    let mut connection = Connection::open(gateway.mqtt, "bridge-1").unwrap();
    connection.publish(&format!("xz/1/home/meter-1/frame/{format}"), payload).unwrap();
}

fn readings(gateway: &Gateway) -> Vec<Value> {
    gateway.list("/api/v1/readings?device=meter-1")
}

/// Number and meal of each reading, by number.
fn meals(gateway: &Gateway) -> Vec<(u64, String)> {
    let number = |reading: &Value| reading["seq"].as_u64().unwrap();
    let meal = |reading: &Value| reading["meal"].as_str().unwrap().to_owned();
    let mut meals: Vec<_> =
        readings(gateway).iter().map(|reading| (number(reading), meal(reading))).collect();
    meals.sort();
    meals
}

fn waiting(gateway: &Gateway) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let items = gateway.list("/api/v1/quarantine");
    items.iter().map(|item| (text(item, "reason"), text(item, "raw"))).collect()
}

#[track_caller]
fn imported(setup: &Setup) {
    let scratch = tempdir().unwrap();
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, scratch.path());
    let file = scratch.path().join("devices.csv");
    fs::write(&file, "device,model,site,bench,owner\nmeter-1,,home,,P000001\n").unwrap();
    setup.run_well(&["registry", "import", "--kind", "devices", &file.display().to_string()]);
}

#[test]
fn a_context_reaches_its_reading_in_any_order_across_kills_and_repeats_change_nothing() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    imported(&setup);
    let gateway = setup.start();
    publish(&gateway, MEASUREMENT, &measurement(1));
    assert_eq!(meals(&gateway), [(1, "unknown".to_owned())]);
    publish(&gateway, CONTEXT, &context(1));
    publish(&gateway, CONTEXT, &context(2));
    assert_eq!(waiting(&gateway), [("no_measurement".to_owned(), "0602000351".to_owned())]);
    publish(&gateway, MEASUREMENT, &measurement(2));
    publish(&gateway, MEASUREMENT, &measurement(3));
    publish(&gateway, CONTEXT, &context(4));
    // Both were acknowledged, so both are there.
    gateway.kill();
    let gateway = setup.start();
    publish(&gateway, CONTEXT, &context(3));
    publish(&gateway, MEASUREMENT, &measurement(4));
    publish(&gateway, MEASUREMENT, &[measurement(5), context(5)].concat());
    let fasting: Vec<_> = (1..=5).map(|number| (number, "fasting".to_owned())).collect();
    assert_eq!(meals(&gateway), fasting);
    assert_eq!(waiting(&gateway), []);
    let before = readings(&gateway);
    let repeat = |gateway: &Gateway| {
        for number in 1..=5 {
            publish(gateway, CONTEXT, &context(number));
            publish(gateway, MEASUREMENT, &measurement(number));
            publish(gateway, MEASUREMENT, &[measurement(number), context(number)].concat());
        }
        assert_eq!(readings(gateway), before);
        assert_eq!(waiting(gateway), []);
    };
    repeat(&gateway);
    gateway.kill();
    let gateway = setup.start();
    repeat(&gateway);
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}
