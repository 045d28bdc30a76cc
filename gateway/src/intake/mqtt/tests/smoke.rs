//! Real clients over loopback: `rumqttc` in both versions, TLS, and many idle connections.

use rumqttc::{Event as Event3, Packet as Packet3, v5 as rumqttc5};

use std::io::Write as _;

use super::*;

async fn listening(bench: &Bench, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listen = listen(listener, tls, Arc::clone(&bench.shared), bench.supervisor.clone());
    bench.supervisor.spawn("listener", listen);
    address
}

#[tokio::test]
async fn rumqttc_of_version_3_publishes_and_is_acknowledged() {
    let bench = bench();
    let address = listening(&bench, None).await;
    let shared = Arc::clone(&bench.shared);
    bench.supervisor.spawn("committer", bench.committer.run());
    let mut options = rumqttc::MqttOptions::new("smoke", "127.0.0.1", address.port());
    options.set_credentials("cuff", "t").set_inflight(100);
    let (client, mut events) = rumqttc::AsyncClient::new(options, 200);
    for number in 0..200 {
        let payload = format!("{{\"seq\":{number}}}");
        client.publish(READING, rumqttc::QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    let mut acknowledged = 0;
    while acknowledged < 200 {
        let event = timeout(PATIENCE, events.poll()).await.unwrap().unwrap();
        acknowledged += u32::from(matches!(event, Event3::Incoming(Packet3::PubAck(_))));
    }
    assert_eq!(shared.metrics().acknowledged.get(), 200);
    client.disconnect().await.unwrap();
}

#[tokio::test]
async fn rumqttc_of_version_5_reads_a_doctors_alerts() {
    use rumqttc5::mqttbytes::{QoS, v5::Packet};
    let bench = bench();
    let address = listening(&bench, None).await;
    let mut options = rumqttc5::MqttOptions::new("phone", "127.0.0.1", address.port());
    options.set_credentials("DR1", "t").set_clean_start(false);
    options.set_session_expiry_interval(Some(3600));
    let (client, mut events) = rumqttc5::AsyncClient::new(options, 10);
    client.subscribe("xz/1/doctor/DR1/alert", QoS::AtLeastOnce).await.unwrap();
    let mut got = Vec::new();
    while got.len() < 3 {
        match timeout(PATIENCE, events.poll()).await.unwrap().unwrap() {
            rumqttc5::Event::Incoming(Packet::SubAck(_)) => (2..5).for_each(|seq| bench.alert(seq)),
            rumqttc5::Event::Incoming(Packet::Publish(publish)) => got.push(publish.payload),
            rumqttc5::Event::Incoming(_) | rumqttc5::Event::Outgoing(_) => {}
        }
    }
    assert_eq!(got, [&b"{\"alert\":2}"[..], b"{\"alert\":3}", b"{\"alert\":4}"]);
    let begun = Instant::now();
    while bench.cursor("mqtt/DR1/phone") != Some(4) {
        assert!(begun.elapsed() < PATIENCE, "the cursor did not move");
        drop(timeout(Duration::from_millis(10), events.poll()).await);
    }
}

#[tokio::test]
async fn a_client_comes_in_over_tls_and_a_stranger_to_tls_does_not() {
    let mut bench = bench();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let address = listening(&bench, Some(TlsAcceptor::from(Arc::new(server)))).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let sent = [v3("a").bytes(), publish(4, QOS1, READING, 7, b"1")].concat();
    stream.write_all(&sent).await.unwrap();
    acknowledge(bench.committer.take().await);
    let mut got = [0; 8];
    timeout(PATIENCE, stream.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, [0x20, 2, 0, 0, 0x40, 2, 0, 7]);
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(&v3("a").bytes()).await.unwrap();
    let mut rest = Vec::new();
    drop(timeout(PATIENCE, plain.read_to_end(&mut rest)).await.unwrap());
    assert_ne!(rest.first(), Some(&0x20), "no CONNACK without TLS");
}

/// Resident memory of this process, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Set for the process that measures.
const ALONE: &str = "XUNZHEN_TEST_ALONE";

/// The goal is 4 KiB a connection (DESIGN section 10), here in a build that is not optimized. The
/// clients' ends are plain descriptors, and the process has nothing else to do, so what is measured
/// is ours.
#[test]
fn an_idle_connection_costs_little() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(ALONE).is_some() {
        runtime().block_on(measure_idle_connections());
        return;
    }
    let test = "intake::mqtt::tests::smoke::an_idle_connection_costs_little";
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", test, "--nocapture"]).env(ALONE, "1");
    assert!(alone.status().unwrap().success());
}

async fn measure_idle_connections() {
    const CLIENTS: u64 = 1000;
    let mut bench = bench();
    let address = listening(&bench, None).await;
    let mut idle = Vec::new();
    let mut before = 0;
    for number in 0..CLIENTS + 50 {
        if number == 50 {
            before = resident_kib();
        }
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let sent = [v3("").keep_alive(600).bytes(), publish(4, QOS1, READING, 7, &[b'x'; 300])];
        stream.write_all(&sent.concat()).unwrap();
        acknowledge(bench.committer.take().await);
        let acknowledged = &bench.shared.metrics().acknowledged;
        while acknowledged.get() <= number {
            tokio::task::yield_now().await;
        }
        idle.push(stream);
    }
    let each = (resident_kib().saturating_sub(before)) * 1024 / CLIENTS;
    writeln!(std::io::stderr(), "{each} bytes for an idle connection that has published").unwrap();
    assert!(each < 4 * 1024 + 512, "{each} bytes");
    assert_eq!(bench.shared.metrics().connected.get(), CLIENTS + 50);
}
