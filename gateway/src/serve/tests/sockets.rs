//! Over real sockets: TLS, HTTP/2, live streams, slow clients, and an orderly end.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http_body_util::Empty;
use hyper::{Request, body::Bytes};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

use super::{Gateway, gateway, live::Events, reading, stored};
use crate::{
    serve::{CONNECTIONS_MAX, Listener, serve_http},
    tls::tls_from_files,
};

async fn listen(gateway: &Gateway, tls: Option<Arc<rustls::ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = serve_http(
        Listener::Tcp(listener),
        (tls, CONNECTIONS_MAX),
        gateway.router.clone(),
        gateway.supervisor.clone(),
    );
    gateway.supervisor.spawn("http", served);
    address
}

fn get(path: &str, who: &str) -> Request<Empty<Bytes>> {
    Request::get(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {who}"))
        .body(Empty::new())
        .unwrap()
}

#[tokio::test]
async fn a_stream_is_resumed_over_a_new_connection_by_its_last_event_id() {
    let gateway = gateway();
    let address = listen(&gateway, None).await;
    let mut after = None;
    for round in 0..3_u64 {
        let socket = TokioIo::new(TcpStream::connect(&address).await.unwrap());
        let (mut client, connection) = hyper::client::conn::http1::handshake(socket).await.unwrap();
        gateway.supervisor.spawn("client", async { drop(connection.await) });
        let mut request = get("/api/v1/stream", "doctor");
        if let Some(after) = after {
            request.headers_mut().insert("last-event-id", i64::to_string(&after).parse().unwrap());
        }
        let response = client.send_request(request).await.unwrap();
        let mut events = Events::new(Body::new(response.into_body()));
        assert_eq!(events.next().await.unwrap().name, "hello");
        if round > 0 {
            // Committed while nobody was connected.
            let missed = events.until("reading").await;
            assert_eq!(missed.data["reading"]["seq"], 100 + round - 1);
        }
        let seq = gateway.world.commit(|rows| rows.store(stored(reading(1, 50 + round, 120))));
        let seen = events.until("reading").await;
        assert_eq!(seen.id, Some(seq.0));
        after = seen.id;
        drop((events, client));
        gateway.world.commit(|rows| rows.store(stored(reading(1, 100 + round, 120))));
    }
}

#[tokio::test]
async fn tls_from_files_speaks_http_2_and_nobody_else_s_certificate_passes() {
    let gateway = gateway();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = tls_from_files(&certificate, &key).unwrap();
    let address = listen(&gateway, Some(tls)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let connect = async |name: &'static str| {
        let socket = TcpStream::connect(&address).await.unwrap();
        connector.connect(ServerName::try_from(name).unwrap(), socket).await
    };
    assert!(connect("other.example").await.is_err(), "a wrong name is refused");
    let socket = connect("localhost").await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut client, connection) = handshake.await.unwrap();
    gateway.supervisor.spawn("client", async { drop(connection.await) });
    let request = Request::get("https://localhost/api/v1/me")
        .header("authorization", "Bearer doctor")
        .body(Empty::<Bytes>::new())
        .unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);

    let wrong = tls_from_files(&key, &key).unwrap_err().to_string();
    assert!(wrong.contains("holds no certificate"), "{wrong}");
    assert!(tls_from_files(&folder.path().join("none"), &key).is_err());
}

#[tokio::test]
async fn a_request_in_work_is_finished_when_the_process_stops() {
    let gateway = gateway();
    let address = listen(&gateway, None).await;
    gateway.writing.send_replace(false);
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"kind":"blood_pressure","device":"D9","site":"V1","systolic":120,"diastolic":80,"unit":"mmHg","seq":7,"epoch":1}"#;
    let request = format!(
        "POST /api/v1/readings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer device\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
        if gateway.world.rows().deliveries > 0 {
            panic!("the writer is closed");
        }
    }
    gateway.supervisor.stop();
    gateway.writing.send_replace(true);
    let mut answer = String::new();
    let read = socket.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("answered").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_its_head_is_cut() {
    let gateway = gateway();
    let address = listen(&gateway, None).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.unwrap();
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .expect("cut within a minute")
        .unwrap();
}
