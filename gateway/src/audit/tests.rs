//! The log as it is written, and every way to bend it.

use std::{fs, path::Path, sync::Arc};

use super::{
    Asked, AuditLog, Bad, Entry, Extent, FOLDER, Kind, Settings, files, head_of,
    line::Line,
    log::Log,
    read, start,
    verify::{self, Chain},
};
use crate::{
    domain::{Clock, Millis, Timestamp},
    supervise::Supervisor,
    uplink::GatewayKey,
};

const NOON: Timestamp = Timestamp::from_millis(1_772_424_000_000);

fn settings(data: &Path, key: &Arc<GatewayKey>) -> Settings {
    Settings {
        data: data.to_owned(),
        keep_days: super::KEEP_DAYS,
        clock: Clock::scripted(|| NOON),
        key: Arc::clone(key),
        configuration: "c0ffee".into(),
    }
}

fn entry(number: usize) -> Entry {
    Entry {
        kind: if number.is_multiple_of(3) { Kind::Denied } else { Kind::View },
        role: "doctor".into(),
        who: smol_str::format_smolstr!("DR{}", number % 2),
        via: "token:01020304".into(),
        act: "GET /api/v1/people/{id}".into(),
        object: smol_str::format_smolstr!("P{number}"),
        whom: vec![format!("P{number}").parse().unwrap()],
        outcome: 200,
    }
}

/// A log of some lines in a folder, in two files, as a clean stop leaves it.
async fn written(data: &Path, key: &Arc<GatewayKey>, lines: usize) {
    for half in 0..2 {
        let supervisor = Supervisor::new();
        let log = start(settings(data, key), &supervisor).unwrap();
        for number in 0..lines {
            let in_work = log.begin().await.unwrap();
            log.record(entry(half * lines + number)).await.unwrap();
            drop(in_work);
        }
        supervisor.stop();
        supervisor.wait().await.unwrap();
        assert!(log.record(entry(0)).await.is_err(), "the log has ended");
        if half == 0 {
            let dir = data.join(FOLDER);
            let mut log = Log::open(dir, settings(data, key)).unwrap();
            log.turn_over().unwrap();
        }
    }
}

fn checked(data: &Path, key: &GatewayKey) -> Result<super::Sound, Bad> {
    let dir = data.join(FOLDER);
    let head = head_of(&dir).unwrap_or(None);
    verify::verify(&files(&dir).unwrap(), Extent::Whole(head.as_ref()), Some(&key.public()))
        .unwrap()
}

fn all_lines(data: &Path) -> Vec<Line> {
    read(&data.join(FOLDER), &Asked { limit: 10_000, ..Asked::default() }).unwrap().lines
}

#[tokio::test]
async fn what_was_handed_in_is_there_after_a_clean_stop_and_the_chain_goes_on() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    written(data.path(), &key, 20).await;
    let sound = checked(data.path(), &key).unwrap();
    let lines = all_lines(data.path());
    assert_eq!(sound.first, 0);
    assert_eq!(usize::try_from(sound.last).unwrap() + 1, lines.len());
    let people: Vec<_> = lines.iter().rev().filter_map(|line| line.whom.first().cloned()).collect();
    assert_eq!(people, (0..40).map(|number| format!("P{number}")).collect::<Vec<_>>());
    assert_eq!(files(&data.path().join(FOLDER)).unwrap().len(), 2);
    assert_eq!(lines.first().map(|line| line.kind), Some(Kind::Stopped));
    assert_eq!(lines.last().map(|line| line.kind), Some(Kind::Begun));
    use std::os::unix::fs::PermissionsExt;
    for path in files(&data.path().join(FOLDER)).unwrap() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// A log that was bent while the gateway did not run is told as damage at its next start, and stays what it
/// is for whoever checks it afterwards.
async fn check_bent(case: &str, bend: impl Fn(&Path), found_at: impl Fn(u64) -> u64) {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    written(data.path(), &key, 20).await;
    let last = checked(data.path(), &key).unwrap().last;
    bend(&data.path().join(FOLDER));
    for start in 1..=3 {
        drop(Log::open(data.path().join(FOLDER), settings(data.path(), &key)).unwrap());
        let Err(bad) = checked(data.path(), &key) else { panic!("{case}: sound after {start}") };
        assert_eq!(bad.record, found_at(last), "{case}, after {start} starts: {bad}");
    }
    let damaged = |line: &Line| line.kind == Kind::Damage;
    let newest = fs::read(files(&data.path().join(FOLDER)).unwrap().pop().unwrap()).unwrap();
    let lines = newest.split(|byte| *byte == b'\n').filter_map(Line::believed);
    assert_eq!(lines.filter(damaged).count(), 1, "{case}: told once");
}

#[tokio::test]
async fn what_was_cut_off_or_removed_while_it_stood_still_is_found_after_the_next_start_too() {
    let newest = |dir: &Path| files(dir).unwrap().pop().unwrap();
    let cut = |dir: &Path, keep: fn(usize) -> usize| {
        let bytes = fs::read(newest(dir)).unwrap();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        fs::write(newest(dir), lines[..keep(lines.len())].concat()).unwrap();
    };
    check_bent("the last line removed", |dir| cut(dir, |all| all - 1), |last| last).await;
    check_bent("all but one line removed", |dir| cut(dir, |_| 1), |last| last - 21).await;
    check_bent("the newest file emptied", |dir| cut(dir, |_| 0), |last| last - 22).await;
    let newest_gone = |dir: &Path| fs::remove_file(newest(dir)).unwrap();
    check_bent("the newest file removed", newest_gone, |last| last - 22).await;
    let all_gone = |dir: &Path| {
        files(dir).unwrap().iter().for_each(|file| fs::remove_file(file).unwrap());
    };
    check_bent("every file removed", all_gone, |last| last + 1).await;
    let head_gone = |dir: &Path| fs::remove_file(dir.join(verify::HEAD)).unwrap();
    check_bent("the head removed", head_gone, |last| last + 1).await;
    let both = |dir: &Path| {
        cut(dir, |all| all - 5);
        head_gone(dir);
    };
    check_bent("lines and the head removed", both, |last| last - 4).await;
    let empty = |dir: &Path| fs::write(dir.join(verify::HEAD), b"").unwrap();
    check_bent("the head emptied", empty, |last| last + 1).await;
}

#[test]
fn every_edit_of_a_byte_is_found_at_its_record_or_the_one_behind() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    let dir = data.path().join(FOLDER);
    fs::create_dir(&dir).unwrap();
    for _ in 0..3 {
        drop(Log::open(dir.clone(), settings(data.path(), &key)).unwrap());
    }
    let whole = fs::read(files(&dir).unwrap().remove(0)).unwrap();
    let public = key.public();
    let follow = |bytes: &[u8]| Chain::new(Some(&public)).follow_file(bytes);
    assert_eq!(follow(&whole), Ok(4));
    let mut line = 1;
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        let removed = [&whole[..at], &whole[at + 1..]].concat();
        let doubled = [&whole[..at], &whole[at..=at], &whole[at..]].concat();
        for bytes in [bent, removed, doubled] {
            let Err((found, why)) = follow(&bytes) else { panic!("byte {at} was edited") };
            assert!(found == line || found == line + 1, "byte {at} of line {line}: {found} {why}");
        }
        line += usize::from(whole[at] == b'\n');
    }
    assert_eq!(line, 5);
}

#[tokio::test]
async fn removed_reordered_cut_and_forged_lines_are_found() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    written(data.path(), &key, 4).await;
    let dir = data.path().join(FOLDER);
    let all = files(&dir).unwrap();
    let whole: Vec<Vec<u8>> = all.iter().map(|path| fs::read(path).unwrap()).collect();
    let head = fs::read(dir.join("head")).unwrap();
    let check = |what: &str, record: u64, bend: &dyn Fn()| {
        bend();
        let bad = checked(data.path(), &key).expect_err(what);
        assert_eq!(bad.record, record, "{what}: {bad}");
        for (path, bytes) in all.iter().zip(&whole) {
            fs::write(path, bytes).unwrap();
        }
        fs::write(dir.join("head"), &head).unwrap();
        checked(data.path(), &key).unwrap();
    };
    let lines = |of: usize| -> Vec<Vec<u8>> {
        whole[of].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (first, last) = (lines(0), lines(1));
    let firsts = u64::try_from(first.len()).unwrap();
    let lasts = u64::try_from(last.len()).unwrap();
    check("a line was removed", 3, &|| {
        let mut rest = first.clone();
        rest.remove(3);
        fs::write(&all[0], rest.concat()).unwrap();
    });
    check("two lines changed places", 3, &|| {
        let mut rest = first.clone();
        rest.swap(3, 4);
        fs::write(&all[0], rest.concat()).unwrap();
    });
    check("the first file was removed", firsts, &|| fs::remove_file(&all[0]).unwrap());
    check("the last file was removed", firsts, &|| fs::remove_file(&all[1]).unwrap());
    for cut in 1..last.len() {
        let left = u64::try_from(last.len() - cut).unwrap();
        check("the end was cut off", firsts + left, &|| {
            fs::write(&all[1], last[..last.len() - cut].concat()).unwrap();
        });
    }
    check("the last line was cut in two", firsts + lasts - 1, &|| {
        fs::write(&all[1], &whole[1][..whole[1].len() - 1]).unwrap();
    });
    check("nothing tells where it ends", firsts + lasts, &|| {
        fs::remove_file(dir.join("head")).unwrap();
    });
    let other = GatewayKey::for_tests();
    let dir = dir.clone();
    let head = head_of(&dir).unwrap();
    let bad = verify::verify(&all, Extent::Whole(head.as_ref()), Some(&other.public())).unwrap();
    assert_eq!(bad.expect_err("another gateway's").record, 0);
}

#[test]
fn what_a_cut_tore_is_told_and_the_log_goes_on_behind_the_last_whole_line() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    let dir = data.path().join(FOLDER);
    fs::create_dir(&dir).unwrap();
    drop(Log::open(dir.clone(), settings(data.path(), &key)).unwrap());
    let path = files(&dir).unwrap().remove(0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"n\":2,\"at"].concat()).unwrap();
    drop(Log::open(dir.clone(), settings(data.path(), &key)).unwrap());
    checked(data.path(), &key).unwrap();
    assert!(all_lines(data.path()).iter().any(|line| line.object == "torn 10"));
    // A chain that was broken stays as it is, and is named, while the log goes on in another file.
    let mut bent = fs::read(&path).unwrap();
    bent[20] ^= 1;
    fs::write(&path, &bent).unwrap();
    drop(Log::open(dir.clone(), settings(data.path(), &key)).unwrap());
    assert_eq!(fs::read(&path).unwrap(), bent);
    assert_eq!(files(&dir).unwrap().len(), 2);
    assert_eq!(checked(data.path(), &key).expect_err("it was bent").record, 0);
}

#[test]
fn another_configuration_is_told_at_the_start() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    let dir = data.path().join(FOLDER);
    fs::create_dir(&dir).unwrap();
    for configuration in ["c0ffee", "c0ffee", "decaf"] {
        let settings =
            Settings { configuration: configuration.into(), ..settings(data.path(), &key) };
        drop(Log::open(dir.clone(), settings).unwrap());
    }
    let kinds: Vec<_> = all_lines(data.path()).iter().rev().map(|line| line.kind).collect();
    assert_eq!(kinds, [Kind::Begun, Kind::Started, Kind::Started, Kind::Configured]);
}

#[test]
fn files_whose_time_is_over_are_deleted_and_the_rest_can_still_be_checked() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    let dir = data.path().join(FOLDER);
    fs::create_dir(&dir).unwrap();
    let mut log = Log::open(dir.clone(), settings(data.path(), &key)).unwrap();
    for _ in 0..3 {
        log.turn_over().unwrap();
    }
    let kept = Millis::days(i64::try_from(super::KEEP_DAYS).unwrap());
    log.expire(NOON.plus(kept));
    assert_eq!(files(&dir).unwrap().len(), 4, "exactly as old as lines are kept");
    log.expire(NOON.plus(kept).plus(Millis(1)));
    assert_eq!(files(&dir).unwrap().len(), 1, "the newest one stays");
    let sound = checked(data.path(), &key).unwrap();
    assert!(sound.first > 0);
}

#[tokio::test]
async fn the_log_is_asked_by_person_by_who_by_kind_and_a_page_at_a_time() {
    let (data, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::for_tests()));
    written(data.path(), &key, 10).await;
    let dir = data.path().join(FOLDER);
    let ask = |asked: Asked| read(&dir, &Asked { limit: 1000, ..asked }).unwrap().lines;
    assert_eq!(ask(Asked { person: Some("P7".into()), ..Asked::default() }).len(), 1);
    assert_eq!(ask(Asked { who: Some("DR1".into()), ..Asked::default() }).len(), 10);
    assert_eq!(ask(Asked { kind: Some(Kind::Denied), ..Asked::default() }).len(), 7);
    assert!(ask(Asked { until: Some(NOON), ..Asked::default() }).is_empty());
    let whole = all_lines(data.path());
    assert_eq!(ask(Asked { from: Some(NOON), ..Asked::default() }), whole);
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = read(&dir, &Asked { before, limit: 3, ..Asked::default() }).unwrap();
        assert!(page.lines.len() <= 3);
        paged.extend(page.lines);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole);
}

#[tokio::test(start_paused = true)]
async fn strangers_fill_no_disk() {
    let (log, _taken) = AuditLog::for_tests("x".into());
    let recorded =
        |count: usize| (0..count).filter_map(|at| log.of_stranger(entry(at))).collect::<Vec<_>>();
    assert_eq!(recorded(1000).len(), 60);
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let next = recorded(2);
    assert_eq!(next[0].object, "and 940 before");
    assert_eq!(next[1].object, "P1");
}

#[tokio::test(start_paused = true)]
async fn a_full_log_lets_the_request_wait_and_refuses_it_at_last() {
    let (log, mut taken) = AuditLog::new("x".into(), 1);
    log.record(entry(0)).await.unwrap();
    assert!(log.record(entry(1)).await.is_err(), "nobody takes it");
    taken.recv().await.unwrap();
    log.record(entry(2)).await.unwrap();
}
