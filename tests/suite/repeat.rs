//! A request that comes again under its key is done once, though the process died between the
//! commit and the reply.

use std::{net::SocketAddr, thread};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    http::{self, Answer},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
    registry::County,
    webhook::Sink,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::setup;

/// Requests under one key at the same time.
const AT_ONCE: usize = 8;

/// A gateway with an open alert about the first person, and a doctor's token.
struct Bench {
    folder: TempDir,
    setup: Setup,
    township: Sink,
    doctor: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let (village, township) = (Sink::open(), Sink::open());
        let setup = setup(folder.path());
        let county = County {
            people: 10,
            village_webhook: Some(village.url()),
            township_webhook: Some(township.url()),
        };
        setup.import(&county, tempdir().unwrap().path());
        let doctor = token(&setup, &["--role", "doctor", "--doctor", "DR1"]);
        Self { folder, setup, township, doctor }
    }

    /// The path of the alert, which a reading opens.
    fn open_alert(&self) -> String {
        let gateway = self.setup.start();
        let emergency = json!({"kind": "blood_pressure", "seq": 1, "epoch": 1,
            "measured_at": instant(now() - 30), "systolic": 184, "diastolic": 112,
            "unit": "mmHg", "person": "P000001", "device": "cuff-1", "site": "home"});
        assert_eq!(gateway.post("/api/v1/readings", "r", &emergency).status, 200);
        let id = gateway.alerts("person=P000001", 1)[0]["id"].as_str().unwrap().to_owned();
        gateway.stop();
        format!("/api/v1/alerts/{id}")
    }

    fn finish(self, gateway: Gateway) {
        gateway.stop();
        let found = audit::itself(self.folder.path());
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// One request under a key.
struct Ask<'a> {
    path: &'a str,
    token: &'a str,
    key: &'a str,
    body: Value,
}

impl Ask<'_> {
    fn of(&self, address: SocketAddr) -> std::io::Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", self.key)];
        let body = self.body.to_string();
        http::request(address, ("POST", self.path), &headers, body.as_bytes())
    }
}

fn steps(gateway: &Gateway, alert: &str, kind: &str) -> usize {
    let alert = gateway.get_json(alert);
    alert["history"].as_array().unwrap().iter().filter(|step| step["kind"] == kind).count()
}

fn token(setup: &Setup, role: &[&str]) -> String {
    setup.run_well(&[&["token", "create"], role].concat()).trim().to_owned()
}

#[test]
fn many_at_once_under_one_key_act_once() {
    let bench = Bench::new();
    let alert = bench.open_alert();
    let gateway = bench.setup.start();
    let path = format!("{alert}/forward");
    let ask = Ask { path: &path, token: &bench.doctor, key: "once", body: json!({}) };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let asked: Vec<_> =
            (0..AT_ONCE).map(|_| scope.spawn(|| ask.of(gateway.http).unwrap())).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_eq!(steps(&gateway, &alert, "forwarded"), 1);
    wait_for(PATIENCE, "the township's message", || bench.township.messages().first().cloned());
    assert_eq!(gateway.get_json(&alert)["step"], "township");
    bench.finish(gateway);
}

#[cfg(feature = "faults")]
mod cut_off {
    use end_to_end::gateway::END;

    use super::*;

    /// Asks a process that dies with the answer on its lips.
    fn ask_the_doomed(bench: &Bench, ask: &Ask<'_>) {
        let mut doomed = bench.setup.clone().with("XUNZHEN_FAIL", "before_answer").start();
        let heard = ask.of(doomed.http);
        assert!(heard.is_err(), "{heard:?}");
        doomed.process.wait(END);
    }

    /// Asks the doomed, then asks again, alone and together: one step, and every time the same answer.
    #[track_caller]
    fn check(act: &str, (body, other): (&Value, &Value), kind: &str) {
        let bench = Bench::new();
        let alert = bench.open_alert();
        let path = format!("{alert}/{act}");
        let ask = Ask { path: &path, token: &bench.doctor, key: "once", body: body.clone() };
        ask_the_doomed(&bench, &ask);
        let gateway = bench.setup.start();
        assert_eq!(steps(&gateway, &alert, kind), 1, "it was on disk when the process died");
        let first = ask.of(gateway.http).unwrap();
        assert_eq!(first.status, 200, "{}", first.body);
        let last = first.json()["history"].as_array().unwrap().last().cloned().unwrap();
        assert_eq!((&last["kind"], &last["by"]), (&json!(kind), &json!("DR1")), "{last}");
        let later = Ask {
            key: "later",
            body: json!({"text": "later"}),
            path: &format!("{alert}/note"),
            ..ask
        };
        assert_eq!(later.of(gateway.http).unwrap().status, 200);
        let again = ask.of(gateway.http).unwrap();
        assert_eq!((again.status, again.body), (200, first.body), "what came later is not in it");
        assert_eq!(steps(&gateway, &alert, kind), 1 + usize::from(kind == "noted"));
        let refused = Ask { body: other.clone(), ..ask }.of(gateway.http).unwrap();
        assert_eq!(refused.status, 409, "{}", refused.body);
        bench.finish(gateway);
    }

    #[test]
    fn a_note_whose_answer_was_cut_off_is_written_once() {
        check("note", (&json!({"text": "吃过药了"}), &json!({"text": "没吃药"})), "noted");
    }

    #[test]
    fn a_forward_whose_answer_was_cut_off_is_made_once() {
        check("forward", (&json!({}), &json!({"note": "on leave"})), "forwarded");
    }

    #[test]
    fn readings_whose_answer_was_cut_off_are_stored_once_each() {
        let bench = Bench::new();
        let device = token(&bench.setup, &["--role", "device"]);
        let nameless = json!({"kind": "blood_pressure", "systolic": 122, "diastolic": 78,
            "unit": "mmHg", "person": "P000001", "device": "cuff-1", "site": "home"});
        let unusable = json!({"kind": "weight", "value": 70, "device": "cuff-1", "site": "home"});
        let undecodable = json!({"device": "cuff-1", "site": "home"});
        let body = json!([nameless, nameless, unusable, unusable, undecodable]);
        let ask = Ask { path: "/api/v1/readings", token: &device, key: "once", body };
        ask_the_doomed(&bench, &ask);
        let gateway = bench.setup.start();
        let answer = ask.of(gateway.http).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let items = answer.json()["items"].clone();
        let statuses: Vec<&str> =
            items.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["stored", "stored", "quarantined", "quarantined", "refused"]);
        assert_eq!(gateway.list("/api/v1/readings?device=cuff-1").len(), 2);
        assert_eq!(gateway.list("/api/v1/quarantine").len(), 2);
        assert_eq!(gateway.list("/api/v1/refused").len(), 1);
        bench.finish(gateway);
    }
}
