//! The result slip and the receipt of the day, through the whole process: a printer on a line, a card, a
//! cuff, paper.

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    mqtt::Connection,
    patience::{PATIENCE, wait_for},
    registry::{County, person},
};
use serde_json::{Value, json};
use simulators::printer::{Fault, PaperRoll};
use tempfile::tempdir;

use crate::setup;

/// Seconds between a card and a measurement.
const APART: i64 = 3;

/// A printer that prints for as long as the test runs.
fn plug(link: &Path) -> Arc<PaperRoll> {
    let (told, plugged) = mpsc::channel();
    let link = link.to_owned();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let paper = Arc::new(PaperRoll::plug(&link).unwrap());
            told.send(Arc::clone(&paper)).unwrap();
            drop(paper.run().await);
        });
    });
    plugged.recv().unwrap()
}

fn van(folder: &Path, scratch: &Path) -> Setup {
    let config = scratch.join("van.toml");
    let printer = scratch.join("printer").display().to_string();
    let lines = format!("[[printer]]\nport = {printer:?}\nsite = \"V01\"\nbench = \"B1\"\n");
    fs::write(&config, lines).unwrap();
    let setup = setup(folder).flag("--config").flag(&config.display().to_string());
    let county = County { people: 3, village_webhook: None, township_webhook: None };
    setup.import(&county, scratch);
    for (kind, text) in [
        ("cards", "card,person\nK1,P000001\nK2,P000002\n"),
        ("devices", "device,model,site,bench\ncuff-1,,V01,B1\n"),
    ] {
        let file = scratch.join(kind);
        fs::write(&file, text).unwrap();
        setup.run_well(&["registry", "import", "--kind", kind, &file.display().to_string()]);
    }
    setup
}

/// A card, seconds apart from any measurement.
fn card(line: &mut Connection, card: &str, out: bool) {
    let apart = || {
        let begun = now();
        wait_for(PATIENCE, "some seconds", || (now() >= begun + APART).then_some(()));
    };
    apart();
    let payload = json!({"card": card, "out": out}).to_string();
    line.publish("xz/1/V01/B1/card", payload.as_bytes()).unwrap();
    apart();
}

fn pressure(line: &mut Connection, seq: u64, (systolic, diastolic): (u16, u16)) {
    // Half a second within the last one: a whole second may be all of it, or of its minute.
    let moment = instant(now() - 1).replace("+08:00", ".500+08:00");
    let payload = json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "systolic": systolic,
        "diastolic": diastolic, "unit": "mmHg", "pulse": 80, "measured_at": moment});
    line.publish("xz/1/V01/cuff-1/reading", payload.to_string().as_bytes()).unwrap();
}

/// Waits until paper says something, and gives all of it.
#[track_caller]
fn on_paper(paper: &PaperRoll, part: &str) -> String {
    let said = || paper.lines().into_iter().map(|(line, _)| line + "\n").collect::<String>();
    wait_for(PATIENCE, part, || said().contains(part).then(said))
}

fn bench_page(gateway: &Gateway) -> String {
    gateway.get("/lite/bench/V01/B1").body
}

#[test]
fn a_slip_is_printed_when_a_person_s_turn_is_over_and_again_by_hand_and_no_paper_stops_nothing() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let paper = plug(&scratch.path().join("printer"));
    let setup = van(folder.path(), scratch.path());
    let gateway = setup.start();
    let mut line = Connection::open(gateway.mqtt, "cuff-1").unwrap();
    wait_for(PATIENCE, "the printer is ready", || {
        bench_page(&gateway).contains("正常").then_some(())
    });
    card(&mut line, "K1", false);
    pressure(&mut line, 1, (186, 112));
    assert!(paper.lines().is_empty(), "nothing is printed while she sits there");
    card(&mut line, "K1", true);
    let said = on_paper(&paper, "本单不是诊断");
    for part in ["Person 1", "P000001", "186/112 mmHg 脉搏 80", "Doctor One", "Van 1", "自动打印"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let large: Vec<_> = paper.lines().into_iter().filter(|(_, large)| *large).collect();
    assert!(large.iter().any(|(text, _)| text == "红色 危急"), "{large:?}");
    assert!(!said.contains("补打"));

    // The next one, without paper: measured, stored, judged, and the page says what is wrong.
    paper.become_(Fault::NoPaper);
    card(&mut line, "K2", false);
    pressure(&mut line, 2, (118, 76));
    card(&mut line, "K2", true);
    wait_for(PATIENCE, "the page says that there is no paper", || {
        bench_page(&gateway).contains("缺纸").then_some(())
    });
    let readings = gateway.list("/api/v1/readings?site=V01");
    assert_eq!(readings.len(), 2, "{readings:?}");
    assert!(!on_paper(&paper, "Person 1").contains("Person 2"));
    paper.become_(Fault::None);
    let said = on_paper(&paper, "Person 2");
    assert!(said.contains("P000002"), "{said}");
    let said = on_paper(&paper, "本次未达到预警线");
    assert!(said.contains("118/76 mmHg"), "{said}");

    // By hand, marked as such.
    let form = b"csrf=&person=P000001";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = gateway.ask(("POST", "/lite/bench/V01/B1/print"), &headers, form);
    assert_eq!(answer.status, 303, "{}", answer.body);
    on_paper(&paper, "补打");
    let who = person(1);
    let preview = ["slip", "--preview", "--person", &who, "--site", "V01"];
    let preview = setup.run_well(&preview);
    assert!(preview.contains("**红色 危急**") && preview.contains("186/112"), "{preview}");
    let bytes = scratch.path().join("slip.bin").display().to_string();
    let to = ["slip", "--person", &who, "--site", "V01", "--to", &bytes];
    setup.run_well(&to);
    assert!(fs::read(&bytes).unwrap().starts_with(&[0x1b, b'@', 0x1c, b'&']));
    gateway.stop();
}

fn receipt(setup: &Setup, what: &[&str]) -> Value {
    let day = instant(now()).chars().take(10).collect::<String>();
    let of = ["--site", "V01", "--day", &day];
    serde_json::from_str(&setup.run_well(&[&["receipt"], what, &of[..]].concat())).unwrap()
}

#[test]
fn two_gateways_with_the_same_readings_say_the_same_receipt_and_the_record_that_one_lacks_is_named()
{
    let scratch = tempdir().unwrap();
    let gateways = [tempdir().unwrap(), tempdir().unwrap()];
    let county = County { people: 9, village_webhook: None, township_webhook: None };
    // The day may change while the test runs: both are filled at once.
    let mut setups = Vec::new();
    for (number, folder) in gateways.iter().enumerate() {
        let setup = setup(folder.path());
        setup.import(&county, scratch.path());
        let gateway = setup.start();
        for reading in 0..(20 - number) {
            let of = u32::try_from(reading % 9).unwrap() + 1;
            let body = json!({"kind": "blood_pressure", "seq": reading, "epoch": 1, "systolic": 120 + reading,
                "diastolic": 80, "unit": "mmHg", "measured_at": "2026-03-02T07:10:00+08:00",
                "person": person(of), "device": "cuff-1", "site": "V01"});
            let answer = gateway.post("/api/v1/readings", &format!("{number} {reading}"), &body);
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let told = gateway.get_json("/api/v1/receipts?site=V01");
        assert_eq!(told["items"][0]["state"], "unsaid", "{told}");
        assert_eq!(told["items"][0]["readings"], 20 - number, "{told}");
        gateway.stop();
        setups.push(setup);
    }
    let shown = receipt(&setups[0], &["show"]);
    assert_eq!(shown["villages"][0]["village"], "Stone Village", "{shown}");
    assert_eq!(shown["villages"][0]["people"], 9, "{shown}");
    let records = scratch.path().join("records.json");
    fs::write(&records, receipt(&setups[1], &["show", "--records"]).to_string()).unwrap();
    let with = records.display().to_string();
    let equal = receipt(&setups[1], &["compare", "--with", &with]);
    assert_eq!(equal, json!({"equal": true}));
    let day = instant(now()).chars().take(10).collect::<String>();
    let folder = gateways[0].path().display().to_string();
    let compare = ["receipt", "compare", "--site", "V01", "--day", &day, "--with", &with];
    let output = setups[0].run(&[&compare[..], &["--data-dir", &folder]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let gateway = setups[0].start();
    let readings = gateway.list("/api/v1/readings?site=V01");
    let lacking = readings.iter().find(|reading| reading["seq"] == 19).unwrap();
    assert_eq!(told["first"]["key"], lacking["id"], "{told}");
    assert_eq!(
        (&told["first"]["kind"], &told["first"]["theirs"]),
        (&json!("reading"), &Value::Null)
    );
    gateway.stop();
}
