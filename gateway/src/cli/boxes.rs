//! Gateways below at the listener: its door with TLS, and who has to leave when a row says so.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
    time_provider::TimeProvider,
};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::{configure::in_full, pieces::Core};
use crate::{
    config::MqttTls,
    domain::Clock,
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

/// The listener's door with TLS.
pub(super) fn door(tls: &MqttTls, core: &Core) -> Result<TlsAcceptor, String> {
    made(tls, core.boxes.clone(), core.clock.clone())
}

/// What is wrong with what the door is made of.
pub(super) fn check(tls: &MqttTls, _folder: &Path) -> Option<String> {
    made(tls, BoxBook::default(), Clock::system()).err()
}

fn made(tls: &MqttTls, boxes: BoxBook, clock: Clock) -> Result<TlsAcceptor, String> {
    let own = own(tls)?;
    let authorities = authorities(tls)?;
    let door = TlsDoor {
        own,
        authorities,
        boxes,
        time: Arc::new(Time(clock)),
        old_gear: tls.old_gear,
        certificate_required: tls.certificate_required,
    };
    door.acceptor().map_err(|error| unusable("mqtt.tls_certificate", &error))
}

fn own(tls: &MqttTls) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let Some((certificate, key)) = &tls.own else { return Err(missing("mqtt.tls_certificate")) };
    tls::chain_and_key(certificate, key).map_err(|error| unusable("mqtt.tls_certificate", &error))
}

fn authorities(tls: &MqttTls) -> Result<Vec<CertificateDer<'static>>, String> {
    let Some(file) = &tls.box_ca else { return Err(missing("mqtt.box_ca")) };
    tls::certificates(file).map_err(|error| unusable("mqtt.box_ca", &error))
}

fn missing(key: &str) -> String {
    format!(
        "{key}: missing, and this gateway has no authority of its own / 未设置，且本网关没有自己的证书机构"
    )
}

fn unusable(key: &str, error: &TlsError) -> String {
    format!("{key}: {} / 证书不可用", in_full(error))
}

/// The time by which certificates are judged.
#[derive(Debug)]
struct Time(Clock);

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
