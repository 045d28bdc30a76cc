//! A van that is known by its certificate: it hands up by MQTT over TLS, and one row of the registry puts
//! it out within seconds (ATTACKS A2).

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PublicKeyData, SignatureAlgorithm,
};
use serde_json::json;
use tempfile::tempdir;
use tokio::time::Instant;

use crate::{
    setup,
    uplink::{LINK, below, figure, register, who},
};

/// What ATTACKS A2 allows between the row and the end of the connection.
const PUT_OUT: Duration = Duration::from_secs(5);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "county");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A box's public key, as `roster key` prints it.
struct BoxKey(Vec<u8>);

impl PublicKeyData for BoxKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file
}

/// A centre that takes boxes by certificates of this authority.
fn with_tls(centre: Setup, by: &Authority, folder: &Path) -> Setup {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let shown = params.signed_by(&key, by).unwrap();
    let said = [
        ("LISTEN", "127.0.0.1:0".to_owned()),
        ("CERTIFICATE", write(folder, "centre.pem", &shown.pem()).display().to_string()),
        ("KEY", write(folder, "centre.key", &key.serialize_pem()).display().to_string()),
    ];
    let tls = said.into_iter().fold(centre, |centre, (key, value)| {
        centre.with(&format!("XUNZHEN__MQTT__TLS_{key}"), &value)
    });
    tls.with("XUNZHEN__MQTT__BOX_CA", &write(folder, "ca.pem", &by.pem()).display().to_string())
}

/// A van that shows a certificate of its own key.
fn certified(van: Setup, by: &Authority, key: &str, folder: &Path) -> Setup {
    let key = URL_SAFE_NO_PAD.decode(key.strip_prefix("ed25519:").unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let shown = params.signed_by(&BoxKey(key), by).unwrap();
    let certificate = write(folder, "van.pem", &shown.pem());
    van.with("XUNZHEN__UPLINK__TLS_CERTIFICATE", &certificate.display().to_string())
        .with("XUNZHEN__UPLINK__TLS_CA", &folder.join("ca.pem").display().to_string())
}

#[track_caller]
fn measure(van: &Gateway, seq: i64) {
    let reading = json!({
        "kind": "blood_pressure", "seq": seq, "epoch": 1, "measured_at": instant(now() - 600 + seq),
        "systolic": 128, "diastolic": 82, "unit": "mmHg", "person": "P000001", "device": "BPX",
        "site": "CN",
    });
    let told = van.post("/api/v1/readings", &format!("{seq}"), &reading).json();
    assert_eq!(told["items"][0]["status"], "stored", "{told}");
}

fn is(gateway: &Gateway, metric: &str, value: i64) -> Option<()> {
    (figure(gateway, metric) == Some(value)).then_some(())
}

/// Every line of the audit log on the disk.
fn audit(centre: &Setup) -> String {
    let folder = fs::read_dir(centre.folder().join("audit")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    files.map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
}

#[test]
fn a_van_hands_up_by_its_certificate_until_a_row_puts_it_out() {
    let folder = tempdir().unwrap();
    let scratch = folder.path();
    let county = authority();
    let centre_setup = with_tls(setup(&scratch.join("centre")), &county, scratch);
    let centre = centre_setup.start();
    let mqtts = centre.line["mqtts"].as_str().unwrap().replace("127.0.0.1", "localhost");
    let van = setup(&scratch.join("van"));
    let (name, key) = who(&van);
    register(&centre_setup, scratch, (&name, &key), "enabled");
    let van = below(van, &centre_setup, scratch, &format!("mqtts://{mqtts}"));
    let van = certified(van, &county, &key, scratch).start();
    measure(&van, 1);
    wait_for(LINK, "green", || is(&van, "xunzhen_uplink_green", 1));
    assert_eq!(figure(&centre, "xunzhen_mqtt_connected"), Some(1));
    assert_eq!(centre.list("/api/v1/readings?device=BPX").len(), 1);

    // Nothing moves on the connection when the row comes.
    register(&centre_setup, scratch, (&name, &key), "revoked");
    let begun = Instant::now();
    wait_for(PUT_OUT, "the end of its connection", || is(&centre, "xunzhen_mqtt_connected", 0));
    println!("put out {:?} after the row was entered", begun.elapsed());
    let of_box = format!("xunzhen_box_alarm{{box=\"{name}\"}}");
    wait_for(PATIENCE, "the centre's alarm", || is(&centre, &of_box, 1));
    measure(&van, 2);
    wait_for(LINK, "the van's alarm", || is(&van, "xunzhen_uplink_alarm", 1));
    let page = van.get("/lite?lang=en").body;
    assert!(page.contains("the box is registered as withdrawn"), "{page}");
    let told = format!("\"act\":\"TLS\",\"object\":\"revoked: {name}\"");
    // The van may have been answered before its connection was ended, and then comes again by itself.
    wait_for(LINK, "a line for the auditor", || audit(&centre_setup).contains(&told).then_some(()));
    assert!(figure(&centre, "xunzhen_mqtt_tls_refused_total") >= Some(1));
    assert_eq!(centre.list("/api/v1/readings?device=BPX").len(), 1, "nothing more was taken");

    // A row that was entered by mistake is mended by another one.
    register(&centre_setup, scratch, (&name, &key), "enabled");
    wait_for(LINK, "green again", || is(&van, "xunzhen_uplink_green", 1));
    assert_eq!(centre.list("/api/v1/readings?device=BPX").len(), 2);
    van.stop();
    centre.stop();
}

#[test]
fn a_box_that_is_withdrawn_is_answered_403_whatever_it_sends() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let (name, key) = who(&setup(&folder.path().join("van")));
    let token = ["token", "create", "--role", "device", "--device", &name];
    let token = centre_setup.run_well(&token);
    let bearer = format!("Bearer {}", token.trim());
    // The answer is an envelope: bytes, not text.
    let post = |centre: &Gateway| {
        let mut stream = TcpStream::connect(centre.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /api/v1/uplink HTTP/1.1\r\nhost: centre\r\nconnection: close\r\n\
             authorization: {bearer}\r\ncontent-length: 11\r\n\r\nno envelope"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let (status, signed) = (answer[9..12].to_vec(), answer.windows(4).any(|it| it == b"xzup"));
        assert!(signed, "{}", String::from_utf8_lossy(&answer));
        String::from_utf8(status).unwrap()
    };
    register(&centre_setup, folder.path(), (&name, &key), "enabled");
    assert_eq!(post(&centre), "200", "refused within a signed envelope");
    register(&centre_setup, folder.path(), (&name, &key), "revoked");
    assert_eq!(post(&centre), "403");
    wait_for(PATIENCE, "a line for the auditor", || {
        let of = ["\"denied\"", "POST /api/v1/uplink", "\"outcome\":403", &name];
        let lines = audit(&centre_setup);
        lines.lines().any(|line| of.iter().all(|part| line.contains(part))).then_some(())
    });
}

#[test]
fn a_listener_without_a_certificate_and_a_box_without_its_own_are_told_before_anything_starts() {
    let folder = tempdir().unwrap();
    let county = authority();
    let check = |setup: &Setup, expected: &str| {
        let data = folder.path().join("data").display().to_string();
        let ended = setup.clone().with("XUNZHEN__STORE__DIR", &data).run(&["check-config"]);
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(78), "{told}");
        assert!(told.contains(expected), "{told}");
    };
    let bare = || {
        setup(&folder.path().join("data"))
            .with("XUNZHEN__HTTP__LISTEN", "127.0.0.1:0")
            .with("XUNZHEN__MQTT__LISTEN", "127.0.0.1:0")
    };
    let alone = bare().with("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0");
    check(&alone, "mqtt.tls_certificate: missing");
    let no_ca =
        with_tls(bare(), &county, folder.path()).with("XUNZHEN__MQTT__BOX_CA", "/no/ca.pem");
    check(&no_ca, "mqtt.box_ca: /no/ca.pem is not readable");
    let key = folder.path().join("centre.pem").display().to_string();
    let wrong = with_tls(bare(), &county, folder.path()).with("XUNZHEN__MQTT__TLS_KEY", &key);
    check(&wrong, "mqtt.tls_certificate");
}
