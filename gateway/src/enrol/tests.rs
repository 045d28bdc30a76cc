//! Certificates and the time by which they are judged.

use std::{sync::Arc, time::Duration};

use rustls::{
    client::danger::ServerCertVerifier,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{
    client::Pinned,
    floor::{judged, risen},
    *,
};
use crate::{
    domain::{BoxId, Clock, Millis, Timestamp},
    secrets::Secret,
    store::{BoxCode, CodeUsed},
    uplink::GatewayKey,
};

/// 2026-11-22T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_305_600_000);

fn in_days(days: i64) -> Timestamp {
    NOW.plus(Millis::days(days))
}

fn unix(at: Timestamp) -> UnixTime {
    let seconds = u64::try_from(at.as_millis() / 1000).unwrap();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn van() -> BoxId {
    "V_03.a".parse().unwrap()
}

/// What webpki says of a box's certificate of `ca`, believing `trusted`, after so many days.
#[track_caller]
fn check_box(ca: &Authority, trusted: &Authority, days: i64, usage: KeyUsage, expected: &str) {
    let key = GatewayKey::for_tests();
    let span = Span::of_days(BOX_DAYS, NOW);
    let made = ca.for_box((&van(), &key.public()), Serial::random().unwrap(), span).unwrap();
    assert_eq!(box_of_certificate(&made), Some((van(), key.public())));
    let leaf = EndEntityCert::try_from(&made).unwrap();
    let anchors = [anchor_from_trusted_cert(trusted.certificate()).unwrap()];
    let algorithms = [webpki::ring::ECDSA_P256_SHA256];
    let said =
        leaf.verify_for_usage(&algorithms, &anchors, &[], unix(in_days(days)), usage, None, None);
    let said = said.map_or_else(|error| format!("{error:?}"), |_path| "good".to_owned());
    assert!(said.starts_with(expected), "{said}, not {expected}");
}

#[test]
fn a_boxs_certificate_is_for_clients_of_this_authority_within_its_days() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ca = Authority::open(folder.path(), NOW).unwrap();
    let elsewhere = Authority::open(other.path(), NOW).unwrap();
    check_box(&ca, &ca, 0, KeyUsage::client_auth(), "good");
    check_box(&ca, &ca, 179, KeyUsage::client_auth(), "good");
    check_box(&ca, &ca, 181, KeyUsage::client_auth(), "CertExpired");
    check_box(&ca, &ca, -2, KeyUsage::client_auth(), "CertNotValidYet");
    check_box(&ca, &ca, 0, KeyUsage::server_auth(), "RequiredEkuNotFound");
    check_box(&ca, &elsewhere, 0, KeyUsage::client_auth(), "UnknownIssuer");
}

#[test]
fn an_authority_is_made_once_and_its_files_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    assert!(Authority::found(folder.path(), NOW).unwrap().is_none());
    let made = Authority::open(folder.path(), NOW).unwrap();
    let again = Authority::found(folder.path(), in_days(400)).unwrap().unwrap();
    assert_eq!(again.certificate(), made.certificate());
    assert_eq!(again.derived("a", &[b"bc"]), made.derived("a", &[b"bc"]));
    assert_ne!(made.derived("a", &[b"bc"]), made.derived("a", &[b"b", b"c"]));
    for file in ["enrol-ca-key", "enrol-ca.pem"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(!format!("{made:?}").contains("PRIVATE"));
}

#[test]
fn an_authority_is_brought_whole_or_not_at_all_and_never_over_another() {
    let folder = || tempfile::tempdir().unwrap();
    let (from, to, other) = (folder(), folder(), folder());
    assert!(Authority::bring(from.path(), to.path(), NOW).is_err(), "there is none");
    assert!(Authority::found(to.path(), NOW).unwrap().is_none(), "and none was made");
    let made = Authority::open(from.path(), NOW).unwrap();
    let brought = Authority::bring(from.path(), to.path(), in_days(400)).unwrap();
    assert_eq!(brought.certificate(), made.certificate());
    assert_eq!(brought.derived("a", &[]), made.derived("a", &[]));
    let theirs = Authority::open(other.path(), NOW).unwrap();
    assert!(Authority::bring(from.path(), other.path(), NOW).is_err());
    let left = Authority::open(other.path(), NOW).unwrap();
    assert_eq!(left.certificate(), theirs.certificate());
    let [key, _] = Authority::files(from.path());
    std::fs::remove_file(key).unwrap();
    assert!(Authority::bring(from.path(), folder().path(), NOW).is_err(), "half of one");
}

#[test]
fn a_certificate_of_another_kind_names_no_box() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::open(folder.path(), NOW).unwrap();
    let served = ca.for_server(&["V03".to_owned()], Span::of_days(SERVER_DAYS, NOW)).unwrap();
    let leaf = CertificateDer::from_pem_slice(served.chain.as_bytes()).unwrap();
    assert_eq!(box_of_certificate(&leaf), None);
    assert_eq!(box_of_certificate(ca.certificate()), None);
    assert_eq!(box_of_certificate(&CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])), None);
    assert_eq!(Pin::of(&leaf).unwrap().to_string().parse(), Ok(Pin::of(&leaf).unwrap()));
    assert_ne!(Pin::of(&leaf), Some(ca.pin()));
}

/// An enrolment in a folder, by an authority, with times that the gateway above signed.
fn enrolled(ca: &Authority, folder: &std::path::Path, said_at: Timestamp) -> Arc<Enrolled> {
    let key = GatewayKey::open(folder).unwrap();
    let (serial, span) = (Serial::random().unwrap(), Span::of_days(BOX_DAYS, said_at));
    let enrolment = Enrolment {
        name: van(),
        to: "https://centre.example".to_owned(),
        parent_key: key.public(),
        pin: ca.pin(),
        ca: ca.certificate().clone(),
        certificate: ca.for_box((&van(), &key.public()), serial, span).unwrap(),
        serial: serial.text(),
        until: span.until,
        said_at,
        token: Secret::new("xzt_secret".to_owned()),
    };
    enrolment.write(folder).unwrap();
    assert!(!format!("{enrolment:?}").contains("xzt_secret"));
    Enrolled::open(folder, Arc::new(key)).unwrap().unwrap()
}

/// What a box with its clock so many days off says of a server that has a certificate of `ca` since
/// so many days, under a name.
#[track_caller]
fn check_server(
    (ca, given): (&Authority, &Authority),
    name: &'static str,
    (since, clock): (i64, i64),
    expected: bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let span = Span::of_days(SERVER_DAYS, in_days(-since));
    let served =
        ca.for_server(&["centre.example".to_owned(), "10.0.0.1".to_owned()], span).unwrap();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(served.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let pinned = Pinned::of(Some(enrolled(given, folder.path(), NOW)), given.pin());
    let name = ServerName::try_from(name).unwrap();
    let said = pinned.verify_server_cert(&chain[0], &chain[1..], &name, &[], unix(in_days(clock)));
    assert_eq!(said.is_ok(), expected, "{said:?}");
    // A box that has only the code judges alike, but for what the gateway above said of the time.
    let (pin, chain) = (Pinned::of(None, given.pin()), &chain);
    let said = pin.verify_server_cert(&chain[0], &chain[1..], &name, &[], unix(in_days(clock)));
    assert_eq!(said.is_ok(), expected || since > SERVER_DAYS, "{said:?}");
}

#[test]
fn a_box_believes_its_own_authority_under_the_right_name_whatever_its_clock_says() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ca = Authority::open(folder.path(), NOW).unwrap();
    let elsewhere = Authority::open(other.path(), NOW).unwrap();
    check_server((&ca, &ca), "centre.example", (0, 0), true);
    check_server((&ca, &ca), "10.0.0.1", (0, 0), true);
    check_server((&ca, &ca), "other.example", (0, 0), false);
    check_server((&elsewhere, &ca), "centre.example", (0, 0), false);
    check_server((&ca, &ca), "centre.example", (0, 730), true);
    check_server((&ca, &ca), "centre.example", (0, -730), true);
    check_server((&elsewhere, &ca), "centre.example", (0, -730), false);
    check_server((&ca, &ca), "other.example", (0, 730), false);
    // It had ended when the gateway above last said what time it is.
    check_server((&ca, &ca), "centre.example", (SERVER_DAYS + 10, 0), false);
    check_server((&ca, &ca), "centre.example", (SERVER_DAYS + 10, -730), false);
}

#[test]
fn an_enrolment_is_read_as_it_was_written_and_another_boxs_is_not_taken() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ca = Authority::open(folder.path(), NOW).unwrap();
    assert!(Enrolment::found(folder.path()).unwrap().is_none());
    let held = enrolled(&ca, folder.path(), NOW);
    let read = Enrolment::found(folder.path()).unwrap().unwrap();
    let now = held.now();
    assert_eq!((read.name, read.until, read.certificate), (now.name, now.until, now.certificate));
    assert_eq!(read.token.expose(), "xzt_secret");
    let stranger = enrolled(&ca, other.path(), NOW).now();
    assert!(held.replace(stranger).is_err(), "a certificate of another key");
    assert_eq!(held.now().serial, read.serial);
    std::fs::copy(other.path().join("enrolment.json"), folder.path().join("enrolment.json"))
        .unwrap();
    let key = Arc::new(GatewayKey::open(folder.path()).unwrap());
    assert!(Enrolled::open(folder.path(), key).is_err());
}

#[test]
fn a_power_cut_while_an_enrolment_is_written_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::open(folder.path(), NOW).unwrap();
    let held = enrolled(&ca, folder.path(), NOW).now();
    // As it is left between the steps: the new file half written, and not yet in its place.
    std::fs::write(folder.path().join("enrolment.new"), b"{\"version\":1,\"box\":").unwrap();
    assert_eq!(Enrolment::found(folder.path()).unwrap().unwrap().serial, held.serial);
    held.write(folder.path()).unwrap();
    assert_eq!(Enrolment::found(folder.path()).unwrap().unwrap().serial, held.serial);
    std::fs::write(folder.path().join("enrolment.json"), b"{").unwrap();
    assert!(
        Enrolment::found(folder.path()).is_err(),
        "what cannot be read is never taken for none"
    );
}

/// By which time certificates are judged where the clock is so many days off the floor.
#[track_caller]
fn check_judged(clock: i64, expected: i64) {
    assert_eq!(judged(in_days(clock), NOW), in_days(expected), "{clock}");
}

#[test]
fn a_clock_that_is_set_back_revives_nothing_and_one_set_ahead_ends_not_everything() {
    check_judged(0, 0);
    check_judged(1, 1);
    check_judged(29, 29);
    check_judged(-730, 0);
    check_judged(730, 30);
}

#[test]
fn the_floor_follows_the_clock_a_day_an_hour() {
    let hours = |hours| Millis::hours(hours);
    assert_eq!(risen(NOW, hours(1), NOW.plus(hours(1))), NOW.plus(hours(1)));
    assert_eq!(risen(NOW, hours(1), in_days(730)), in_days(1));
    assert_eq!(risen(NOW, hours(1), in_days(-730)), NOW);
    assert_eq!(risen(NOW, hours(0), in_days(730)), NOW);
    assert_eq!(risen(NOW, hours(-5), in_days(730)), NOW);
}

#[test]
fn the_floor_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let back = || Clock::scripted(|| in_days(-730));
    let first = TimeFloor::open(folder.path(), Clock::scripted(|| NOW)).unwrap().now();
    assert_eq!(first, NOW);
    assert_eq!(TimeFloor::open(folder.path(), back()).unwrap().now(), NOW);
    std::fs::write(folder.path().join("time-floor"), b"never").unwrap();
    // A damaged one stops no gateway: it is as if there were none, and is mended.
    let later = || Clock::scripted(|| in_days(3));
    assert_eq!(TimeFloor::open(folder.path(), later()).unwrap().now(), in_days(3));
    assert_eq!(TimeFloor::open(folder.path(), back()).unwrap().now(), in_days(3));
}

/// What a code opens that was made for a day, for a request so many hours after.
#[track_caller]
fn check_code(
    used: Option<[u8; 32]>,
    (hours, code): (i64, &[u8]),
    expected: Result<Opens, Turned>,
) {
    let key = GatewayKey::for_tests().public();
    let asked = Asked { name: van(), code: kept(&van(), code), key, epoch: 1, hash: [1; 32] };
    let until = NOW.plus(Millis::hours(24));
    let used = used.map(|request| CodeUsed { at: NOW, request, key: key.to_string() });
    let held = BoxCode {
        name: van(),
        hash: *kept(&van(), b"right").as_bytes(),
        site: None,
        serves: Vec::new(),
        made_at: NOW,
        made_by: "operator".into(),
        until,
        used,
    };
    let at = NOW.plus(Millis::hours(hours));
    assert_eq!(weigh(Some(&held), &asked, at), expected);
    assert_eq!(weigh(None, &asked, at), Err(Turned::Wrong));
    let elsewhere = BoxCode { name: "V04".parse().unwrap(), ..held };
    assert_eq!(weigh(Some(&elsewhere), &asked, at), Err(Turned::Wrong));
}

#[test]
fn a_code_opens_its_box_once_within_its_day() {
    check_code(None, (0, b"right"), Ok(Opens::First));
    check_code(None, (23, b"right"), Ok(Opens::First));
    check_code(None, (24, b"right"), Err(Turned::Expired));
    check_code(None, (0, b"wrong"), Err(Turned::Wrong));
    check_code(Some([1; 32]), (1, b"right"), Ok(Opens::Again(NOW)));
    check_code(Some([1; 32]), (24, b"right"), Err(Turned::Expired));
    check_code(Some([2; 32]), (1, b"right"), Err(Turned::Used));
    check_code(Some([2; 32]), (99, b"right"), Err(Turned::Used));
}

#[test]
fn a_code_is_read_as_it_was_printed_and_nothing_else_is_one() {
    let above = GatewayKey::for_tests().public();
    let name: BoxId = "v.1_a-b".parse().unwrap();
    let pin = Pin::from_bytes([9; 16]);
    let code = Code::random(name.clone(), pin, &above).unwrap();
    let text = code.text();
    let read: Code = text.expose().parse().unwrap();
    assert_eq!((&read.name, read.pin, read.secret.expose()), (&name, pin, code.secret.expose()));
    assert!(read.is_of(&above) && !read.is_of(&GatewayKey::for_tests().public()));
    for wrong in ["", "xz1", "xz1.V03", "xz1.V03.AAAA.BBBB", "xz2.V03.AAAA.BBBB"] {
        assert!(wrong.parse::<Code>().is_err(), "{wrong}");
    }
    let mut cut = text.expose().clone();
    cut.pop();
    assert!(cut.parse::<Code>().is_err());
    assert!(format!(" {}\n", text.expose()).parse::<Code>().is_ok());
}
