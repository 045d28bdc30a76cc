//! The door with TLS, and every certificate that must not open it (ATTACKS A1, A5, A30, A31).

use std::{
    io,
    sync::atomic::{AtomicI64, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use rustls::{
    ClientConfig, SupportedProtocolVersion,
    client::ResolvesClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{
    audit::{Entry, Refusals},
    domain::{Attributes, BoxId, BoxState, Neighbour},
    intake::{BoxBook, Standing},
    tls::tls_as_box,
    uplink::{
        GatewayKey, PublicKey,
        follower::{Line, LineError, MqttLine, MqttTo},
        signer,
    },
};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Seconds since 1970 that the door's clock shows in the tests: 2026-06-01.
const NOW: i64 = 1_780_272_000;

#[derive(Debug)]
struct ShownTime(AtomicI64);

impl TimeProvider for ShownTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.load(Ordering::Relaxed)).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn box_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()
}

fn public(pair: &KeyPair) -> PublicKey {
    PublicKey::from_bytes(pair.public_key_raw().try_into().unwrap())
}

/// From and until, each a year and a month.
type Span = ((i32, u8), (i32, u8));

const GOOD: Span = ((2026, 1), (2027, 1));

/// What a certificate says beside its key.
fn params((from, until): Span, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["a-van".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "van-a");
    params.not_before = date_time_ymd(from.0, from.1, 1);
    params.not_after = date_time_ymd(until.0, until.1, 1);
    params.extended_key_usages = vec![usage];
    params
}

const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;

fn row(name: &str, key: PublicKey, state: BoxState) -> Neighbour {
    Neighbour {
        name: BoxId::new(name).unwrap(),
        key: key.to_string(),
        site: Some(site("van")),
        serves: Vec::new(),
        state,
        epoch: None,
        attributes: Attributes::default(),
    }
}

/// A door with two boxes that may come in, and one that may not any more.
struct World {
    bench: Bench,
    ours: Issuer,
    van_a: KeyPair,
    van_b: KeyPair,
    withdrawn: KeyPair,
    time: Arc<ShownTime>,
    boxes: BoxBook,
    told: mpsc::Receiver<Entry>,
    address: SocketAddr,
}

impl World {
    async fn new() -> Self {
        Self::with(Limits::default(), |_door| {}).await
    }

    async fn with(limits: Limits, change: impl FnOnce(&mut TlsDoor)) -> Self {
        let (van_a, van_b, withdrawn) = (box_key(), box_key(), box_key());
        let boxes = BoxBook::for_tests(&[
            row("van-a", public(&van_a), BoxState::Enabled),
            row("van-b", public(&van_b), BoxState::Enabled),
            row("gw-01234567890123ab", public(&withdrawn), BoxState::Revoked),
        ]);
        let (refusals, told) = Refusals::for_tests(1 << 10);
        let known = boxes.clone();
        let bench = bench_of(limits, |wiring| {
            wiring.refusals = Some(refusals);
            // What is asked on `up` comes back on `down`.
            wiring.uplink = Some(Arc::new(|_by, asked| Box::pin(async move { asked.to_vec() })));
            let otherwise = wiring.authenticate.clone();
            wiring.authenticate = Arc::new(move |login| {
                let Door::Tls(Some(key)) = &login.door else { return otherwise(login) };
                let standing = known.standing(key);
                Box::pin(async move {
                    let Some(Standing::Enabled(name)) = standing else {
                        return Err(LoginError::NotAuthorized);
                    };
                    let sites = Sites::These([site("van")].into());
                    let name = DeviceId::new(name.as_str()).unwrap();
                    let rights = Rights::Gateway { name: name.clone(), sites };
                    Ok(Identity { name: name.as_str().into(), rights, token: None })
                })
            });
        });
        let (ours, time) = (issuer("ours"), Arc::new(ShownTime(AtomicI64::new(NOW))));
        let server = KeyPair::generate().unwrap();
        let mut shown = params(((2020, 1), (2040, 1)), ExtendedKeyUsagePurpose::ServerAuth);
        shown.subject_alt_names =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().subject_alt_names;
        let shown = shown.signed_by(&server, &ours).unwrap();
        let mut door = TlsDoor {
            own: (vec![shown.into()], private(&server)),
            authorities: vec![ours.der().clone()],
            boxes: boxes.clone(),
            time: time.clone(),
            old_gear: false,
            certificate_required: true,
        };
        change(&mut door);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shared, supervisor) = (Arc::clone(&bench.shared), bench.supervisor.clone());
        let listen = listen(listener, Some(door.acceptor().unwrap()), shared, supervisor);
        bench.supervisor.spawn("listener", listen);
        Self { bench, ours, van_a, van_b, withdrawn, time, boxes, told, address }
    }

    /// A certificate of our own authority.
    fn signed(&self, key: &KeyPair, span: Span, usage: ExtendedKeyUsagePurpose) -> Shown {
        Some((params(span, usage).signed_by(key, &self.ours).unwrap().into(), private(key)))
    }

    fn of_van_a(&self) -> Shown {
        self.signed(&self.van_a, GOOD, CLIENT)
    }

    /// Shakes hands; in TLS 1.3 whoever is refused learns it only after that.
    async fn dial(&self, shown: Shown, version: Version) -> io::Result<TlsStream<TcpStream>> {
        let own = shown.map(|(certificate, key)| {
            let provider = rustls::crypto::ring::default_provider();
            CertifiedKey::from_der(vec![certificate], key, &provider).unwrap()
        });
        self.dial_as(own, version).await
    }

    async fn dial_as(
        &self,
        own: Option<CertifiedKey>,
        version: Version,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ours.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some(own) => {
                let own: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(own));
                config.with_client_cert_resolver(own)
            }
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// All that comes back to a CONNECT until the door closes, or the alert.
    async fn knock(&self, shown: Shown, connect: &Connect) -> Result<Vec<u8>, String> {
        let dialled = self.dial(shown, &TLS13).await;
        answer(dialled, &connect.bytes()).await
    }

    fn told(&mut self) -> Vec<(String, String, u16)> {
        let mut told = Vec::new();
        while let Ok(entry) = self.told.try_recv() {
            told.push((entry.act.to_string(), entry.object.to_string(), entry.outcome));
        }
        told
    }
}

type Version = &'static SupportedProtocolVersion;
type Shown = Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>;

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

async fn answer(dialled: io::Result<TlsStream<TcpStream>>, sent: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = dialled.map_err(|error| error.to_string())?;
    // The other end may have hung up already; what it said is read.
    drop(stream.write_all(sent).await);
    let mut got = Vec::new();
    let read = timeout(4 * PATIENCE, stream.read_to_end(&mut got)).await.unwrap();
    read.map(|_length| got).map_err(|error| error.to_string())
}

fn own_name(name: &'static str) -> Connect {
    v5(name)
}

/// Turned away within the handshake, by this alert; the auditor has one line that says why, and no byte
/// of MQTT was looked at.
async fn check_turned_away(world: &mut World, shown: Shown, alert: &str, why: &str) {
    let before = world.bench.shared.metrics().tls_refused.get();
    let got = world.knock(shown, &own_name("van-a")).await;
    let told = got.expect_err(why);
    assert!(told.contains(alert), "{why}: {told}");
    assert_eq!(world.told(), [("TLS".to_owned(), why.to_owned(), 401)]);
    let metrics = world.bench.shared.metrics();
    assert_eq!(metrics.tls_refused.get(), before + 1, "{why}");
    assert_eq!((metrics.connects_refused.get(), metrics.logins_refused.get()), (0, 0), "{why}");
    assert_eq!(metrics.connected.get(), 0, "{why}");
}

#[tokio::test]
async fn wrong_certificates_are_turned_away_within_the_handshake() {
    let mut world = World::new().await;
    let world = &mut world;
    check_turned_away(world, None, "CertificateRequired", "no certificate").await;
    let self_signed = params(GOOD, CLIENT).self_signed(&world.van_a).unwrap();
    let self_signed = Some((self_signed.into(), private(&world.van_a)));
    check_turned_away(world, self_signed, "UnknownCA", "issued by somebody else: van-a").await;
    let shown = world.signed(&world.van_a, ((2025, 1), (2026, 5)), CLIENT);
    check_turned_away(world, shown, "CertificateExpired", "expired: van-a").await;
    let shown = world.signed(&world.van_a, ((2026, 7), (2027, 1)), CLIENT);
    check_turned_away(world, shown, "CertificateExpired", "not valid yet: van-a").await;
    let theirs = params(GOOD, CLIENT).signed_by(&world.van_a, &issuer("theirs")).unwrap();
    let theirs = Some((theirs.into(), private(&world.van_a)));
    check_turned_away(world, theirs, "UnknownCA", "issued by somebody else: van-a").await;
    let same_name = params(GOOD, CLIENT).signed_by(&world.van_a, &issuer("ours")).unwrap();
    let same_name = Some((same_name.into(), private(&world.van_a)));
    check_turned_away(world, same_name, "DecryptError", "signed by another key: van-a").await;
    let stranger = world.signed(&box_key(), GOOD, CLIENT);
    check_turned_away(world, stranger, "AccessDenied", "key of no box").await;
    let other_kind = world.signed(&KeyPair::generate().unwrap(), GOOD, CLIENT);
    check_turned_away(world, other_kind, "AccessDenied", "key of no box").await;
    let shown = world.signed(&world.withdrawn, GOOD, CLIENT);
    check_turned_away(world, shown, "CertificateRevoked", "revoked: gw-01234567890123ab").await;
    let shown = world.signed(&world.van_a, GOOD, ExtendedKeyUsagePurpose::ServerAuth);
    check_turned_away(world, shown, "UnsupportedCertificate", "not for clients: van-a").await;
}

/// The certificate is right, but whoever shows it does not have its key.
#[tokio::test]
async fn a_certificate_without_its_key_opens_nothing() {
    let mut world = World::new().await;
    let (certificate, _) = world.of_van_a().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let other = provider.key_provider.load_private_key(private(&box_key())).unwrap();
    let stolen = CertifiedKey::new(vec![certificate], other);
    let dialled = world.dial_as(Some(stolen), &TLS13).await;
    let told = answer(dialled, &own_name("van-a").bytes()).await.unwrap_err();
    assert!(told.contains("DecryptError"), "{told}");
    let line = ("TLS".to_owned(), "signed by another key: van-a".to_owned(), 401);
    assert_eq!(world.told(), [line]);
    assert_eq!(world.bench.shared.metrics().connected.get(), 0);
}

#[tokio::test]
async fn a_box_is_known_by_its_key_and_must_not_say_otherwise() {
    let mut world = World::new().await;
    let refused = |code: u8| Ok(vec![0x20, 3, 0, code, 0]);
    let told = |what: &str| [("MQTT CONNECT".to_owned(), what.to_owned(), 403)];
    // The certificate of another van, under one's own name.
    let of_b = |world: &World| world.signed(&world.van_b, GOOD, CLIENT);
    let got = world.knock(of_b(&world), &own_name("van-a")).await;
    assert_eq!(got, refused(0x85));
    assert_eq!(world.told(), told("van-a by van-b"));
    let got = world.knock(of_b(&world), &own_name("van-b").user("van-a")).await;
    assert_eq!(got, refused(0x85));
    assert_eq!(world.told(), told("van-a by van-b"));
    let got = world.knock(of_b(&world), &v3("van-a")).await;
    assert_eq!(got, Ok(vec![0x20, 2, 0, 2]));
    let got = world.knock(of_b(&world), &v5("")).await;
    assert_eq!(got, refused(0x85), "not even a name of our own choice");
    assert_eq!(world.bench.shared.metrics().connected.get(), 0);
}

#[tokio::test]
async fn a_box_comes_in_by_its_certificate_and_keeps_to_its_topics() {
    let mut world = World::new().await;
    let mut stream = world.dial(world.of_van_a(), &TLS13).await.unwrap();
    let asked = [
        own_name("van-a").user("van-a").bytes(),
        publish(5, QOS1, READING, 1, b"own"),
        publish(5, QOS1, "xz/1/other/cuff/reading", 2, b"no"),
        publish(5, QOS1, "xz/1/van-b/up", 3, b"no"),
        subscribe(5, &[("xz/1/van-b/down", 1), ("xz/1/van-a/down", 1), ("#", 1)]),
    ];
    stream.write_all(&asked.concat()).await.unwrap();
    acknowledge(world.bench.committer.take().await);
    let mut got = [0; 4];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!((got[0], got[3]), (0x20, 0), "{got:02x?}");
    let mut rest = vec![0; usize::from(got[1]) - 2];
    stream.read_exact(&mut rest).await.unwrap();
    let mut got = [0; 8 + 4 + 5 + 5];
    timeout(PATIENCE, stream.read_exact(&mut got)).await.unwrap().unwrap();
    let suback = [0x90, 6, 0, 9, 0, 0x87, 1, 0x87];
    let refused = |id| [0x40, 3, 0, id, 0x87];
    let expected = [&suback[..], &puback(1), &refused(2), &refused(3)].concat();
    assert_eq!(got[..], expected, "{got:02x?}");
    let told = world.told();
    let objects: Vec<_> = told.iter().map(|(_, object, _)| object.as_str()).collect();
    assert_eq!(objects, ["xz/1/other/cuff/reading", "xz/1/van-b/up", "xz/1/van-b/down", "#"]);
    assert!(told.iter().all(|(_, _, outcome)| *outcome == 403), "{told:?}");
}

#[tokio::test]
async fn certificates_are_judged_by_the_doors_time_alone() {
    let mut world = World::new().await;
    let later = |world: &World| world.signed(&world.van_a, ((2030, 1), (2031, 1)), CLIENT);
    let shown = later(&world);
    check_turned_away(&mut world, shown, "CertificateExpired", "not valid yet: van-a").await;
    world.time.0.store(NOW + 4 * 365 * 86_400, Ordering::Relaxed);
    let mut stream = world.dial(later(&world), &TLS13).await.unwrap();
    stream.write_all(&v3("van-a").bytes()).await.unwrap();
    let mut got = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, [0x20, 2, 0, 0]);
}

#[tokio::test]
async fn nobody_is_let_in_again_by_a_ticket() {
    let world = World::new().await;
    let mut stream = world.dial(world.of_van_a(), &TLS13).await.unwrap();
    stream.write_all(&v3("van-a").bytes()).await.unwrap();
    let mut got = [0; 4];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
}

/// A box's public key where a certificate wants one.
struct BoxKey(PublicKey);

impl PublicKeyData for BoxKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

#[tokio::test]
async fn the_line_up_shows_the_boxs_own_key_and_believes_no_other_name() {
    let world = World::new().await;
    let key = Arc::new(GatewayKey::for_tests());
    world.boxes.replace(&[row("van-a", key.public(), BoxState::Enabled)]);
    let folder = tempfile::tempdir().unwrap();
    let (ca, own) = (folder.path().join("ca.pem"), folder.path().join("van.pem"));
    std::fs::write(&ca, world.ours.pem()).unwrap();
    let shown = params(GOOD, CLIENT).signed_by(&BoxKey(key.public()), &world.ours).unwrap();
    std::fs::write(&own, shown.pem()).unwrap();
    let tls = tls_as_box(&ca, &own, signer(Arc::clone(&key))).unwrap();
    let other = tls_as_box(&ca, &own, signer(Arc::new(GatewayKey::for_tests())));
    assert!(other.is_err(), "a certificate of another key is told at the start");
    let to = |host: &str| MqttTo {
        host: host.to_owned(),
        port: world.address.port(),
        tls: Some(Arc::clone(&tls)),
        name: BoxId::new("van-a").unwrap(),
        token: "t".to_owned(),
    };
    let wrong = MqttLine::new(to("127.0.0.1")).exchange(vec![1]).await.unwrap_err();
    assert!(wrong.to_string().contains("not valid for name"), "{wrong}");
    let mut line = MqttLine::new(to("localhost"));
    let answer = timeout(4 * PATIENCE, line.exchange(vec![1, 2])).await.unwrap();
    assert_eq!(answer, Ok(vec![1, 2]));
    world.boxes.replace(&[row("van-a", key.public(), BoxState::Revoked)]);
    assert_eq!(world.bench.shared.expel("van-a"), 1);
    let cut = timeout(4 * PATIENCE, line.exchange(vec![3])).await.unwrap();
    assert!(cut.is_err(), "{cut:?}");
    let out = timeout(4 * PATIENCE, line.exchange(vec![3])).await.unwrap();
    assert_eq!(out, Err(LineError::Withdrawn));
}

/// A first flight as a client of TLS 1.0 or 1.1 sends it: no extension says that it knows more.
fn hello_of(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[1, 0, 0, length][..], &body].concat();
    [&[22, 3, 1, 0, length + 4][..], &hello].concat()
}

/// What a flight of bytes is answered with until the door closes.
async fn flight_back(world: &World, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut got = Vec::new();
    timeout(4 * PATIENCE, stream.read_to_end(&mut got)).await.unwrap().unwrap();
    got
}

/// A client of an old version gets one fatal alert, and no hello.
async fn check_old(world: &World, minor: u8) {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    let got = flight_back(world, &hello_of(minor)).await;
    assert_eq!(got.len(), 7, "3.{minor}: {got:02x?}");
    assert_eq!((got[0], got[5]), (ALERT, FATAL), "3.{minor}: {got:02x?}");
}

#[tokio::test]
async fn versions_before_1_3_are_refused_and_1_2_is_for_old_gear_alone() {
    let mut world = World::new().await;
    let told = answer(world.dial(world.of_van_a(), &TLS12).await, b"").await.unwrap_err();
    assert!(told.contains("ProtocolVersion"), "{told}");
    for minor in [0, 1, 2] {
        check_old(&world, minor).await;
    }
    let got = flight_back(&world, &own_name("van-a").bytes()).await;
    assert_ne!(got.first(), Some(&0x20), "no CONNACK without TLS: {got:02x?}");
    let whys: Vec<_> = world.told().into_iter().map(|(_, object, _)| object).collect();
    let version = || "version or cipher".to_owned();
    assert_eq!(whys, [version(), version(), version(), version(), "no tls".to_owned()]);
    let old = World::with(Limits::default(), |door| door.old_gear = true).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = old.dial(old.of_van_a(), version).await.unwrap();
        stream.write_all(&v3("van-a").bytes()).await.unwrap();
        let mut got = [0; 4];
        timeout(PATIENCE, stream.read_exact(&mut got)).await.unwrap().unwrap();
        assert_eq!(got, [0x20, 2, 0, 0]);
    }
    for minor in [1, 2] {
        check_old(&old, minor).await;
    }
    let none = answer(old.dial(None, &TLS12).await, b"").await;
    assert!(none.is_err(), "the certificate is asked for in 1.2 as well");
}

#[tokio::test]
async fn where_it_is_optional_a_device_logs_in_by_its_token_and_a_wrong_certificate_is_still_wrong()
{
    let mut world = World::with(Limits::default(), |door| door.certificate_required = false).await;
    let mut stream = world.dial(None, &TLS13).await.unwrap();
    stream.write_all(&v3("any").user("cuff").bytes()).await.unwrap();
    let mut got = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, [0x20, 2, 0, 0]);
    drop(stream);
    let stranger = world.signed(&box_key(), GOOD, CLIENT);
    let told = world.knock(stranger, &v3("any").user("cuff")).await.unwrap_err();
    assert!(told.contains("AccessDenied"), "{told}");
    assert_eq!(world.told()[0].1, "key of no box");
}

#[tokio::test]
async fn whoever_is_withdrawn_is_out_whether_connected_or_on_the_way_in() {
    let world = World::new().await;
    let mut idle = world.dial(world.of_van_a(), &TLS13).await.unwrap();
    idle.write_all(&v5("van-a").bytes()).await.unwrap();
    let mut first = [0; 2];
    idle.read_exact(&mut first).await.unwrap();
    let late = world.dial(world.of_van_a(), &TLS13).await;
    let begun = Instant::now();
    world.boxes.replace(&[row("van-a", public(&world.van_a), BoxState::Revoked)]);
    assert_eq!(world.bench.shared.expel("van-a"), 1);
    let mut got = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut got)).await.unwrap().unwrap();
    assert!(got.ends_with(&[0xe0, 1, 0x98]), "{got:02x?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    // In the handshake or after it, as it happens to be.
    match answer(late, &v5("van-a").bytes()).await {
        Ok(got) => assert_eq!(got, [0x20, 3, 0, 0x87, 0]),
        Err(told) => assert!(told.contains("CertificateRevoked"), "{told}"),
    }
    drop(idle);
    let connected = &world.bench.shared.metrics().connected;
    let gone = async {
        while connected.get() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

/// The row comes just after the log-in was found good.
#[tokio::test(start_paused = true)]
async fn nobody_slips_in_between_the_log_in_and_the_row_that_puts_them_out() {
    let listener: Arc<std::sync::OnceLock<Arc<Shared>>> = Arc::default();
    let at = Arc::clone(&listener);
    let bench = bench_of(Limits::default(), |wiring| {
        wiring.authenticate = Arc::new(move |login| {
            let shared = Arc::clone(at.get().unwrap());
            Box::pin(async move {
                let found = identity(login.user.as_deref()).ok_or(LoginError::WrongCredentials);
                assert_eq!(shared.expel("box"), 0, "it has no place yet");
                found
            })
        });
    });
    assert!(listener.set(Arc::clone(&bench.shared)).is_ok());
    let mut client = bench.dial();
    client.send(&v5("a").user("box").bytes()).await;
    assert_eq!(client.rest().await, [0x20, 3, 0, 0x88, 0], "it asks again");
    assert_eq!(bench.shared.metrics().connected.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_will_of_who_is_put_out_says_nothing_but_that_the_site_is_gone() {
    for (topic, left) in [("xz/1/van/state", true), (READING, false)] {
        let mut bench = bench();
        let mut client = bench.connected(v5("a").user("box").will(topic, "its words")).await;
        assert_eq!(bench.shared.expel("box"), 1);
        assert_eq!(client.rest().await, [0xe0, 1, 0x98]);
        drop(client);
        if left {
            let told = payloads(&bench.committer.take().await);
            assert_eq!(told, [("van false".to_owned(), String::new())]);
        }
        assert!(bench.committer.is_idle().await, "{topic}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_speaks_is_cut_and_takes_no_room_from_others() {
    let limits = Limits { half_open: 4, ..Limits::default() };
    let world = World::with(limits, |_door| {}).await;
    let begun = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        // The beginning of a record, and no more.
        stream.write_all(&[22, 3, 1]).await.unwrap();
        silent.push(stream);
    }
    let metrics = world.bench.shared.metrics();
    while metrics.accepted.get() < 4 {
        tokio::task::yield_now().await;
    }
    let mut fifth = TcpStream::connect(world.address).await.unwrap();
    let mut got = Vec::new();
    drop(timeout(PATIENCE, fifth.read_to_end(&mut got)).await);
    assert_eq!((got.len(), metrics.turned_away.get()), (0, 1));
    for mut stream in silent {
        drop(timeout(2 * CONNECT_DEADLINE, stream.read_to_end(&mut got)).await.unwrap());
    }
    let took = begun.elapsed();
    assert!(took <= CONNECT_DEADLINE + Duration::from_millis(100), "{took:?}");
    assert_eq!((got.len(), metrics.too_slow.get()), (0, 4));
}

/// A thousand vans that come back at once must not keep one that is here from its answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_do_not_stall_who_is_connected() {
    const COMERS: usize = 300;
    let world = Arc::new(World::new().await);
    let mut live = world.dial(world.of_van_a(), &TLS13).await.unwrap();
    live.write_all(&v3("van-a").bytes()).await.unwrap();
    let mut got = [0; 4];
    live.read_exact(&mut got).await.unwrap();
    let mut comers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let world = Arc::clone(&world);
        comers.spawn(async move {
            for _ in 0..COMERS / 8 {
                let shown = world.signed(&world.withdrawn, GOOD, CLIENT);
                assert!(world.knock(shown, &v3("gw-01234567890123ab")).await.is_err());
            }
        });
    }
    let mut waits = Vec::new();
    while !comers.is_empty() {
        let asked = Instant::now();
        live.write_all(&[0xc0, 0]).await.unwrap();
        let mut pong = [0; 2];
        live.read_exact(&mut pong).await.unwrap();
        waits.push(asked.elapsed());
        while let Some(joined) = comers.try_join_next() {
            joined.unwrap();
        }
    }
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100];
    let figures = format!("{COMERS} handshakes refused; {} answers, p99 {p99:?}", waits.len());
    io::Write::write_fmt(
        &mut io::stderr(),
        format_args!(
            "{figures}
"
        ),
    )
    .unwrap();
    assert!(p99 < Duration::from_secs(2), "{p99:?}");
}
