//! A broker that shows a certificate: believed only by name, date and issuer.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

use super::*;
use crate::tls::tls_to_server;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Somebody who vouches for others.
fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for a name and its key, as `NAME.pem` and `NAME.key`.
fn write(folder: &Path, by: &Authority, name: &str, expired: bool) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, by).unwrap();
    let files = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&files.0, made.pem()).unwrap();
    std::fs::write(&files.1, key.serialize_pem()).unwrap();
    files
}

/// What the broker shows, and what it wants to see.
struct Shown<'a> {
    by: &'a Authority,
    name: &'a str,
    expired: bool,
    wants_ours: bool,
}

/// A broker with a second listener, for TLS; and that listener's port.
fn broker(shown: &Shown<'_>) -> Option<(Mosquitto, u16)> {
    let port = free_port();
    let broker = Mosquitto::start_with(|folder| {
        let (certificate, key) = write(folder, shown.by, shown.name, shown.expired);
        std::fs::write(folder.join("ca.pem"), shown.by.pem()).unwrap();
        let (certificate, key, ca) = (certificate.display(), key.display(), folder.display());
        let ours = shown.wants_ours;
        format!(
            "listener {port} 127.0.0.1\ncafile {ca}/ca.pem\ncertfile {certificate}\n\
             keyfile {key}\nrequire_certificate {ours}\n"
        )
    });
    broker.map(|broker| (broker, port))
}

/// What the gateway makes of files that an operator names.
fn believing(in_whom: &Authority, own: bool) -> Arc<rustls::ClientConfig> {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, in_whom.pem()).unwrap();
    let own = own.then(|| write(folder.path(), in_whom, "gateway", false));
    let own = own.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    tls_to_server(&ca, own).unwrap()
}

/// Keeps the log of this test's thread.
fn keep_log() -> (tempfile::NamedTempFile, tracing::subscriber::DefaultGuard) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let writer = Arc::new(log.reopen().unwrap());
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

/// A broker is never believed: one error says why, and it is tried again with pauses.
async fn check_refused(shown: Shown<'_>, believed: &Authority, why: &str) {
    let Some((broker, port)) = broker(&shown) else { return };
    publish_when_up(&broker).await;
    let (log, _kept) = keep_log();
    let begun = tokio::time::Instant::now();
    let bench = consumer_over(port, Some(believing(believed, false)));
    let metrics = Arc::clone(&bench.metrics);
    until("a third try", || metrics.failures.get() >= 3).await;
    assert!(begun.elapsed() >= PAUSE_MIN * 2, "no pause between the tries");
    bench.stop().await;
    assert_eq!(metrics.certificates_refused.get(), metrics.failures.get());
    assert_eq!((metrics.connections.get(), metrics.received.get()), (0, 0));
    let log = std::fs::read_to_string(log.path()).unwrap();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.len() == 1 && errors.iter().all(|line| line.contains(why)), "{log}");
}

/// The broker takes a message on its plain listener: it is up.
async fn publish_when_up(broker: &Mosquitto) {
    publish(broker.port, 0..1, 8).await;
}

/// Messages come over TLS, and the broker hears that they are committed.
async fn check_delivered(wants_ours: bool) {
    let by = authority("county");
    let shown = Shown { by: &by, name: "127.0.0.1", expired: false, wants_ours };
    let Some((broker, port)) = broker(&shown) else { return };
    publish_when_up(&broker).await;
    let mut bench = consumer_over(port, Some(believing(&by, wants_ours)));
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    publish(broker.port, 0..50, 8).await;
    let (deliveries, messages) = bench.take_messages(50).await;
    assert_eq!(messages.len(), 50);
    acknowledge(deliveries);
    until("acknowledged", || metrics.acknowledged.get() == 50).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_broker_with_the_right_certificate_delivers() {
    check_delivered(false).await;
}

#[tokio::test]
async fn a_broker_that_asks_for_our_certificate_gets_it() {
    check_delivered(true).await;
}

#[tokio::test]
async fn a_broker_that_asks_for_our_certificate_is_not_reached_without() {
    let by = authority("county");
    let shown = Shown { by: &by, name: "127.0.0.1", expired: false, wants_ours: true };
    let Some((broker, port)) = broker(&shown) else { return };
    publish_when_up(&broker).await;
    let bench = consumer_over(port, Some(believing(&by, false)));
    let metrics = Arc::clone(&bench.metrics);
    until("a second try", || metrics.failures.get() >= 2).await;
    bench.stop().await;
    assert_eq!((metrics.connections.get(), metrics.certificates_refused.get()), (0, 0));
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let by = authority("county");
    let shown = Shown { by: &by, name: "other.example", expired: false, wants_ours: false };
    check_refused(shown, &by, "certificate not valid for name").await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let by = authority("county");
    let shown = Shown { by: &by, name: "127.0.0.1", expired: true, wants_ours: false };
    check_refused(shown, &by, "certificate expired").await;
}

#[tokio::test]
async fn a_certificate_of_somebody_else_s_making_is_refused() {
    let (by, other) = (authority("stranger"), authority("county"));
    let shown = Shown { by: &by, name: "127.0.0.1", expired: false, wants_ours: false };
    check_refused(shown, &other, "UnknownIssuer").await;
}
