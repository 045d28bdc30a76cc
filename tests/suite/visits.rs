//! A day on which a household changes its doctor: visits that arrive late, shuffled and twice count for
//! whoever was responsible when they took place, across a kill; and the registry is exported as it was
//! imported.

use std::{fs, path::Path};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    http,
    ledger::{instant, now},
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

/// How long ago the household changed, in seconds.
const CHANGED: i64 = 6 * 3600;

/// An instant some minutes after the change.
fn after(change: i64, minutes: i64) -> String {
    instant(change + minutes * 60)
}

fn import(setup: &Setup, folder: &Path, kind: &str, rows: &str) -> Value {
    let path = folder.join(format!("{kind}.csv"));
    fs::write(&path, rows).unwrap();
    let (file, store) = (path.to_str().unwrap(), setup.folder().to_str().unwrap());
    // A file with a rejected row ends with 1.
    let import = ["registry", "import", "--kind", kind, file, "--data-dir", store];
    let told = setup.run(&import).stdout;
    serde_json::from_slice(&told).unwrap()
}

/// Enters two doctors, their household and its person; says what the households' file was.
fn registry(setup: &Setup, folder: &Path, change: i64) -> String {
    // A minute by the clocks of China.
    let change: String = instant(change).chars().take("2026-03-02T12:00".len()).collect();
    let doctors = "doctor,name,level,place,office\nDR1,王,village,North,\nDR2,李,village,North,\n\
                   DR3,赵,village,South,\nO1,办,township,North,yes\n";
    let households = format!(
        "household,village,doctor,cause,小组\n\
         H1,North,DR1@2026-01-01..{change}|DR2@{change}..,illness,三组\n"
    );
    assert_eq!(import(setup, folder, "doctors", doctors)["entered"], 4);
    assert_eq!(import(setup, folder, "households", &households)["entered"], 1);
    let people = "person,name,household,id_number\nP1,𠮷某,H1,11010519491231002x\n\
                  P2,王某,H1,110105194912310021\n";
    let told = import(setup, folder, "people", people);
    assert_eq!((&told["entered"], &told["rejected"]), (&json!(1), &json!(1)), "{told}");
    let rejects = fs::read_to_string(folder.join("people.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("3,id_number,the check digit is wrong / 校验码不符"), "{rejects}");
    households
}

struct Doctor<'g> {
    gateway: &'g Gateway,
    token: &'g str,
}

impl Doctor<'_> {
    /// Tells of a visit; says the status, and what became of it.
    fn tells(&self, alert: &str, (key, at): (&str, &str)) -> (u16, String) {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let body = json!({"at": at, "home": true, "reason": "睡着了"}).to_string();
        let path = format!("/api/v1/alerts/{alert}/visit");
        let answer =
            http::request(self.gateway.http, ("POST", &path), &headers, body.as_bytes()).unwrap();
        if answer.status != 200 {
            return (answer.status, String::new());
        }
        let told = answer.json();
        let last = told["history"].as_array().unwrap().last().unwrap();
        let visit = &last["visit"];
        let whose = visit["doctor"].as_str().unwrap();
        (200, format!("{} {whose} {}", last["kind"].as_str().unwrap(), visit["rejected"]["code"]))
    }
}

/// The doctor ends the visited alert, across a kill; nobody else does, and nobody twice.
fn end(setup: &Setup, gateway: Gateway, (alert, tokens): (&str, &[String; 3])) -> Gateway {
    let says = |gateway: &Gateway, doctor: usize, key: &str, body: &Value| {
        let token = &tokens[doctor];
        let sender = Doctor { gateway, token };
        let bearer = format!("Bearer {}", sender.token);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let path = format!("/api/v1/alerts/{alert}/outcome");
        let body = body.to_string();
        let answer = http::request(sender.gateway.http, ("POST", &path), &headers, body.as_bytes());
        let answer = answer.unwrap();
        (answer.status, answer.json())
    };
    let referred = json!({"code": "confirmed_referred", "reason": "胸闷", "refer_to": "county"});
    assert_eq!(says(&gateway, 2, "s", &referred).0, 404, "not theirs");
    for bad in [
        json!({"code": "gone", "reason": "x"}),
        json!({"code": "lost"}),
        json!({"code": "lost", "reason": "x", "refer_to": "county"}),
        json!({"code": "confirmed_referred", "reason": "x", "refer_to": "moon"}),
        json!({"code": "controlled", "reading": "00000000000000000000000000000001"}),
    ] {
        assert_eq!(says(&gateway, 1, &bad.to_string(), &bad).0, 400, "{bad}");
    }
    let first = says(&gateway, 1, "o", &referred);
    assert_eq!((first.0, &first.1["state"]), (200, &json!("closed")), "{}", first.1);
    let last = first.1["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["outcome"]["code"], "confirmed_referred");
    assert_eq!(last["outcome"]["refer_to"], "county");
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(says(&gateway, 1, "o", &referred), first, "the same again is the same");
    let again = says(&gateway, 1, "o2", &referred);
    assert_eq!((again.0, &again.1["code"]), (409, &json!("has_outcome")));
    let found = gateway.get_json(&format!("/api/v1/alerts/{alert}"));
    assert_eq!(found["state"], "closed", "judged anew after a start, it stays ended");
    gateway
}

#[test]
fn a_change_of_doctor_in_the_middle_of_an_offline_day_gives_each_their_own() {
    let folder = tempdir().unwrap();
    let setup = setup(&folder.path().join("store"));
    let change = (now() - CHANGED) / 60 * 60;
    let households = registry(&setup, folder.path(), change);
    let export = setup.run_well(&["registry", "export", "--kind", "households"]);
    assert_eq!(export, households, "the export is the import");
    let export = setup.run_well(&["registry", "export", "--kind", "doctors"]);
    assert_eq!(import(&setup, folder.path(), "doctors", &export)["entered"], 0, "{export}");

    let token = |doctor: &str| {
        setup
            .run_well(&["token", "create", "--role", "doctor", "--doctor", doctor])
            .trim()
            .to_owned()
    };
    let tokens = ["DR1", "DR2", "DR3"].map(token);
    let gateway = setup.start();
    let emergency = json!({"kind": "blood_pressure", "seq": 1, "epoch": 1, "systolic": 210,
        "measured_at": instant(now() - 30), "diastolic": 112, "unit": "mmHg", "person": "P1",
        "device": "cuff-1", "site": "home"});
    assert_eq!(gateway.post("/api/v1/readings", "r", &emergency).status, 200);
    let alert = gateway.alerts("person=P1", 1).remove(0);
    assert_eq!(alert["owner"], "DR2", "the present doctor owns it");
    let alert = alert["id"].as_str().unwrap().to_owned();

    // By doctor, minutes after the change, and what becomes of it.
    let visits = [
        (1, 20, "visited DR2 null"),
        (0, 15, "visit_rejected DR1 \"not_responsible\""),
        (0, -30, "visited DR1 null"),
        (1, -1, "visit_rejected DR2 \"not_responsible\""),
        (0, -90, "visited DR1 null"),
    ];
    let tell = |gateway: &Gateway| {
        for (doctor, minutes, expected) in visits {
            let sender = Doctor { gateway, token: &tokens[doctor] };
            let key = format!("{doctor} {minutes}");
            let told = sender.tells(&alert, (&key, &after(change, minutes)));
            assert_eq!(told, (200, expected.to_owned()), "{doctor} {minutes}");
        }
    };
    tell(&gateway);
    gateway.kill();
    let gateway = setup.start();
    tell(&gateway);
    let stranger = Doctor { gateway: &gateway, token: &tokens[2] };
    assert_eq!(stranger.tells(&alert, ("x", &after(change, 5))).0, 404);

    let found = gateway.get_json(&format!("/api/v1/alerts/{alert}"));
    assert_eq!(found["state"], "visited");
    let gateway = end(&setup, gateway, (&alert, &tokens));
    let timeline = gateway.list("/api/v1/people/P1/timeline");
    let steps = timeline.iter().filter_map(|item| item["step"]["kind"].as_str());
    let steps: Vec<_> = steps.filter(|kind| kind.starts_with("visit")).collect();
    let count = |kind: &str| steps.iter().filter(|step| **step == kind).count();
    assert_eq!((count("visited"), count("visit_rejected")), (3, 2), "{timeline:?}");
    gateway.stop();
    let found = audit::itself(setup.folder());
    assert!(found.is_empty(), "{found:#?}");
}
