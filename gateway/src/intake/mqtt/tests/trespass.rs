//! Every van at every form of a topic that is not its own, in both versions: all refused, and all told to
//! the auditor (ATTACKS A3); and names that are none (A4).

use super::*;
use crate::audit::{Entry, Refusals};

const VANS: [&str; 4] = ["van-a", "van-b", "van-c", "van-d"];

fn at(van: &str) -> String {
    van.replace("van", "site")
}

fn is_van(user: Option<&str>) -> Option<Identity> {
    let van = user.filter(|user| VANS.contains(user))?;
    let (name, sites) = (DeviceId::new(van).unwrap(), Sites::These([site(&at(van))].into()));
    Some(Identity { name: van.into(), rights: Rights::Gateway { name, sites }, token: None })
}

fn guarded() -> (Bench, mpsc::Receiver<Entry>) {
    let (refusals, told) = Refusals::for_tests(1 << 12);
    let bench = bench_of(Limits::default(), |wiring| {
        wiring.refusals = Some(refusals);
        wiring.authenticate = Arc::new(|login| {
            let van = is_van(login.user.as_deref());
            Box::pin(async move { van.ok_or(LoginError::WrongCredentials) })
        });
    });
    (bench, told)
}

/// Topics that `other` may use, and that `van` may not, and those that are nobody's.
fn published(other: &str) -> Vec<String> {
    let site = at(other);
    let mut topics: Vec<String> = ["up", "down", "up/", "up/x", "/up", "state"]
        .iter()
        .map(|last| format!("xz/1/{other}/{last}"))
        .collect();
    for last in ["cuff/reading", "cuff/frame/sinocare-sn", "b1/card", "state", "cuff/other", "x/"] {
        topics.push(format!("xz/1/{site}/{last}"));
    }
    topics.push(format!("/xz/1/{other}/up"));
    topics.push(format!("xz//1/{other}/up"));
    topics.push(format!("xz/2/{other}/up"));
    topics.push(format!("XZ/1/{other}/up"));
    topics.push(format!("xz/1//{other}/up"));
    topics.push(format!("$SYS/{other}"));
    topics.push(format!("$share/g/xz/1/{other}/up"));
    topics.extend(["xz/1/doctor/DR1/alert", "xz/1", "xz", "/", "村"].map(str::to_owned));
    topics
}

/// What a van may not publish, though it is its own name that stands there.
fn published_by_itself(van: &str) -> Vec<String> {
    let site = at(van);
    vec![
        format!("xz/1/{van}/down"),
        format!("xz/1/{van}/up/"),
        format!("xz/1/{van}//up"),
        format!("/xz/1/{van}/up"),
        format!("xz/1/{site}/up"),
        format!("xz/1/{site}//reading"),
        format!("xz/1/{site}/cuff/reading/"),
        format!("/xz/1/{site}/cuff/reading"),
    ]
}

fn filters(van: &str, other: &str) -> Vec<String> {
    let mut filters: Vec<String> =
        ["#", "+", "+/#", "/#", "xz/#", "xz/1/#", "xz/1/+/up", "xz/1/+/down", "$SYS/#", "$SYS/+"]
            .map(str::to_owned)
            .into();
    for name in [other, &at(other), &at(van)] {
        for rest in ["up", "down/#", "+", "#", "+/reading", "cuff/reading", "state"] {
            filters.push(format!("xz/1/{name}/{rest}"));
        }
        filters.push(format!("$share/g/xz/1/{name}/down"));
    }
    filters.push(format!("xz/1/{other}/down"));
    filters.push(format!("$share/g/xz/1/{van}/down"));
    filters.push(format!("xz/1/{van}/up"));
    filters.push(format!("xz/1/{van}/down/#"));
    filters.push(format!("/xz/1/{van}/down"));
    filters.push(format!("xz/1/{van}//down"));
    filters.push(format!("xz/1/{van}/down/"));
    filters.push("xz/1/doctor/DR1/alert".to_owned());
    filters.push("xz/1/doctor/+/alert".to_owned());
    filters
}

/// One denied publish: version 5 is told at its PUBACK, 3.1.1 by the end of the connection.
async fn check_published(bench: &Bench, van: &'static str, topic: &str) {
    let mut five = bench.connected(v5("five").user(van)).await;
    five.send(&publish(5, QOS1, topic, 7, b"x")).await;
    five.expect(&[0x40, 3, 0, 7, 0x87]).await;
    five.send(&publish(5, 0, topic, 0, b"x")).await;
    assert_eq!(five.rest().await, [0xe0, 1, 0x87], "{van} {topic}");
    let mut three = bench.connected(v3("three").user(van)).await;
    three.send(&publish(4, QOS1, topic, 7, b"x")).await;
    assert_eq!(three.rest().await, [0_u8; 0], "{van} {topic}");
}

async fn check_subscribed(bench: &Bench, van: &'static str, filter: &str) {
    let mut five = bench.connected(v5("five").user(van)).await;
    five.send(&subscribe(5, &[(filter, 1)])).await;
    five.expect(&[0x90, 4, 0, 9, 0, 0x87]).await;
    let mut three = bench.connected(v3("three").user(van)).await;
    three.send(&subscribe(4, &[(filter, 1)])).await;
    three.expect(&[0x90, 3, 0, 9, 0x80]).await;
}

/// Takes what the auditor was told: so often, by that van, about that act.
#[track_caller]
fn check_told(told: &mut mpsc::Receiver<Entry>, van: &str, act: &str, times: usize) {
    for _ in 0..times {
        let entry = told.try_recv().unwrap();
        assert_eq!((entry.who.as_str(), entry.act.as_str(), entry.outcome), (van, act, 403));
        assert!(!entry.object.is_empty(), "{entry:?}");
    }
    assert!(told.try_recv().is_err(), "{van} {act}: told once each");
}

#[test]
fn no_van_publishes_or_reads_what_is_anothers_in_any_form() {
    paused().block_on(async {
        let (bench, mut told) = guarded();
        let mut cells = 0;
        for van in VANS {
            let others = || VANS.into_iter().filter(|other| *other != van);
            let topics = others().flat_map(published).chain(published_by_itself(van));
            for topic in topics {
                check_published(&bench, van, &topic).await;
                check_told(&mut told, van, "MQTT PUBLISH", 3);
                cells += 3;
            }
            for filter in others().flat_map(|other| filters(van, other)) {
                check_subscribed(&bench, van, &filter).await;
                check_told(&mut told, van, "MQTT SUBSCRIBE", 2);
                cells += 2;
            }
        }
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{cells} cells, all refused and told\n"),
        )
        .unwrap();
        assert!(cells > 1_000);
        // And what is its own is granted: the matrix can fail.
        let mut own = bench.connected(v5("five").user("van-a")).await;
        own.send(&subscribe(5, &[("xz/1/van-a/down", 1)])).await;
        own.expect(&[0x90, 4, 0, 9, 0, 1]).await;
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn names_that_are_none_open_nothing() {
    paused().block_on(async {
        let (bench, mut told) = guarded();
        let long: &'static str = Box::leak("x".repeat(65_535).into_boxed_str());
        let names =
            ["#", "+", "van-a/#", "+/van-a", "van-a\0", "van-a\u{202e}", "../van-a", " ", "$SYS"];
        for name in names.into_iter().chain([long, ""]) {
            let mut as_user = bench.dial();
            as_user.send(&v5("five").user(name).bytes()).await;
            let answer = as_user.rest().await;
            assert!(answer.is_empty() || answer[3] >= 0x80, "{name:?}: {answer:02x?}");
            let mut as_client = bench.dial();
            as_client.send(&v3(name).user("stranger").bytes()).await;
            let answer = as_client.rest().await;
            assert!(answer.is_empty() || answer[3] > 0, "{name:?}: {answer:02x?}");
        }
        assert_eq!(bench.shared.metrics().connected.get(), 0);
        // Visible, short, and of nobody who is known.
        while let Ok(entry) = told.try_recv() {
            assert!(entry.who.is_empty() && entry.object.len() <= 100, "{entry:?}");
            assert!(entry.object.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        }
    });
}
