//! Gateways below at the listener: its door with TLS, and who has to leave when a row says so.

use std::{sync::Arc, time::Duration};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::{configure::in_full, pieces::Core};
use crate::{
    config::{Config, MqttTls},
    domain::{Clock, Timestamp},
    enrol::{Authority, AuthorityError, SERVER_DAYS, Span, TimeFloor},
    intake::{
        BoxBook,
        mqtt::{self, TlsDoor},
    },
    supervise::{Stop, Supervisor},
    tls::{self, TlsError},
};

/// Pause before rows that could not be read are asked for again; they must end connections within 5 s
/// (ATTACKS A2).
const AGAIN: Duration = Duration::from_millis(500);

/// What a deployment says of the door, and where its own authority would lie.
pub(super) struct Said<'a> {
    pub(super) tls: &'a MqttTls,
    pub(super) config: &'a Config,
    pub(super) now: Timestamp,
}

/// The listener's door with TLS.
pub(super) fn door(said: &Said<'_>, core: &Core) -> Result<TlsAcceptor, String> {
    made(said, core.boxes.clone(), Arc::new(Time(Arc::clone(&core.time_floor))))
}

/// What is wrong with what the door is made of.
pub(super) fn check(config: &Config) -> Option<String> {
    let (tls, now) = (config.mqtt.tls.as_ref()?, Clock::system().now());
    let said = Said { tls, config, now };
    made(&said, BoxBook::default(), Arc::new(DefaultTimeProvider)).err()
}

fn made(
    said: &Said<'_>,
    boxes: BoxBook,
    time: Arc<dyn TimeProvider>,
) -> Result<TlsAcceptor, String> {
    let tls = said.tls;
    // What deployments bring themselves needs no authority of our own.
    let authority = if tls.own.is_some() && tls.box_ca.is_some() {
        None
    } else {
        Authority::found(&said.config.store.dir, said.now).map_err(|error| without(&error))?
    };
    let own = match (&tls.own, &authority) {
        (Some((certificate, key)), _) => tls::chain_and_key(certificate, key)
            .map_err(|error| unusable("mqtt.tls_certificate", &error))?,
        (None, Some(authority)) => of_our_own(said, authority)?,
        (None, None) => return Err(missing("mqtt.tls_certificate")),
    };
    let authorities = match (&tls.box_ca, authority) {
        (Some(file), _) => {
            tls::certificates(file).map_err(|error| unusable("mqtt.box_ca", &error))?
        }
        (None, Some(authority)) => vec![authority.certificate().clone()],
        (None, None) => return Err(missing("mqtt.box_ca")),
    };
    let (old_gear, certificate_required) = (tls.old_gear, tls.certificate_required);
    let door = TlsDoor { own, authorities, boxes, time, old_gear, certificate_required };
    door.acceptor().map_err(|error| unusable("mqtt.tls_certificate", &error))
}

type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate of our own authority, made at each start.
fn of_our_own(said: &Said<'_>, authority: &Authority) -> Result<Shown, String> {
    let broken = |why: String| format!("mqtt.tls_listen: {why} / 无法签发证书");
    let span = Span::of_days(SERVER_DAYS, said.now);
    let made = authority.for_server(&names(said), span).map_err(|error| broken(in_full(&error)))?;
    let chain = CertificateDer::pem_slice_iter(made.chain.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(made.key.expose().as_bytes());
    match (chain, key) {
        (Ok(chain), Ok(key)) => Ok((chain, key)),
        (Err(error), _) | (_, Err(error)) => Err(broken(error.to_string())),
    }
}

/// What this gateway is called by those who connect: as its pages are, as its machine is, and the
/// addresses that it listens on.
fn names(said: &Said<'_>) -> Vec<String> {
    let url = said.config.http.public_url.as_deref().and_then(|url| url.split_once("://"));
    let host = url.map(|(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let listen = [said.tls.listen, said.config.http.listen].map(|listen| listen.ip());
    let addresses = listen.into_iter().filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    let named = [host.unwrap_or_default(), machine.trim(), "localhost"].map(str::to_owned);
    let mut names: Vec<_> = named.into_iter().chain(addresses).collect();
    // What no certificate can name is no name.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    names.retain(|name| !name.is_empty() && name.bytes().all(plain));
    names.dedup();
    names
}

/// The door cannot be opened without the authority, and another one would be believed by no box.
fn without(error: &AuthorityError) -> String {
    format!(
        "mqtt.tls_listen: {}; bring enrol-ca-key and enrol-ca.pem back from where they were kept, or take \
         both away and enrol every box again / 证书机构文件已损坏：请恢复 enrol-ca-key 和 enrol-ca.pem，\
         或删除二者并重新注册所有网关",
        in_full(error)
    )
}

fn missing(key: &str) -> String {
    format!(
        "{key}: missing, and this gateway has no authority of its own / 未设置，且本网关没有自己的证书机构"
    )
}

fn unusable(key: &str, error: &TlsError) -> String {
    format!("{key}: {} / 证书不可用", in_full(error))
}

/// The time by which certificates are judged: nobody sets it back.
#[derive(Debug)]
struct Time(Arc<TimeFloor>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = u64::try_from(self.0.now().as_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since)))
    }
}

/// Follows the rows of boxes: whose rights changed has its connections ended, whoever was withdrawn has
/// nothing left here.
pub(super) fn follow(core: &Arc<Core>, listener: Arc<mqtt::Shared>, supervisor: &Supervisor) {
    let following = run(Arc::clone(core), listener, supervisor.stopping());
    supervisor.spawn("boxes", following);
}

async fn run(core: Arc<Core>, listener: Arc<mqtt::Shared>, stop: Stop) {
    let mut registered = core.writer.registered.clone();
    loop {
        tokio::select! {
            () = stop.wait() => return,
            changed = registered.changed() => if changed.is_err() { return },
        }
        while !look(&core, &listener).await {
            tokio::select! {
                () = stop.wait() => return,
                () = sleep(AGAIN) => {}
            }
        }
    }
}

/// Reads the rows; `false`: they could not be read.
async fn look(core: &Arc<Core>, listener: &mqtt::Shared) -> bool {
    let reading = Arc::clone(core);
    let read = spawn_blocking(move || reading.boxes.load(reading.reader.as_ref())).await;
    let changed = match read {
        Ok(Ok(changed)) => changed,
        Ok(Err(error)) => {
            warn!(%error, "rows of boxes could not be read");
            return false;
        }
        Err(error) => {
            warn!(%error, "rows of boxes could not be read");
            return false;
        }
    };
    for of in changed {
        let closed = listener.expel(of.name.as_str());
        if of.revoked {
            core.upper.withdraw(&of.name);
        }
        info!(gateway = %of.name, revoked = of.revoked, closed, "rights of a gateway below changed");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, read};

    fn config(folder: &std::path::Path, url: &str) -> Config {
        let flags = vec![
            ("store.dir", folder.display().to_string()),
            ("mqtt.tls_listen", "127.0.0.1:0".to_owned()),
            ("http.public_url", url.to_owned()),
        ];
        read(&Sources { flags, ..Sources::default() }).unwrap().0
    }

    #[test]
    fn a_gateway_with_an_authority_of_its_own_needs_no_files_for_its_door() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "https://centre.example");
        let told = check(&config).unwrap();
        assert!(told.starts_with("mqtt.tls_certificate: missing"), "{told}");
        Authority::open(folder.path(), Clock::system().now()).unwrap();
        assert_eq!(check(&config), None);
    }

    /// Whether the door's own certificate is for this host, where the pages are at that address.
    #[track_caller]
    fn check_named(url: &str, host: &str, named: bool) {
        let config = config(std::path::Path::new("/nowhere"), url);
        let tls = config.mqtt.tls.as_ref().unwrap();
        let names = names(&Said { tls, config: &config, now: Clock::system().now() });
        assert_eq!(names.iter().any(|name| name == host), named, "{names:?}");
    }

    #[test]
    fn its_certificate_is_for_whatever_this_gateway_is_called() {
        check_named("https://centre.example", "centre.example", true);
        check_named("https://centre.example:8443/x", "centre.example", true);
        check_named("https://centre.example", "127.0.0.1", true);
        check_named("https://centre.example", "localhost", true);
        check_named("https://[::1]:8443", "[", false);
    }
}
