//! The gateway's own MQTT listener, 3.1.1 and 5.
//!
//! It promises what no broker at hand does: PUBACK means that the publish is committed and synced
//! (promise P1). Many publishes of a connection may be on their way; each read becomes one batch,
//! and the batches are acknowledged in the order in which they came. Back-pressure is a connection
//! that is not read.
//!
//! It is no broker: it retains nothing, queues nothing, relays nothing between clients, and has no
//! QoS 2. Doctors' clients read their alerts from the log; screens may watch live values.
//!
//! It must never acknowledge without a receipt, never drop what it decoded, never hold memory
//! without a bound, and never panic on any bytes.

mod alerts;
mod batch;
mod denied;
mod farewell;
mod gate;
mod handshake;
mod hello;
mod limits;
mod live;
mod metrics;
mod packet;
mod publish;
mod session;
mod shared;
mod strict;
mod subscribe;
#[cfg(test)]
mod tests;
mod tls;
mod uplink;
mod wire;

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

pub use self::{
    alerts::SUBSCRIPTIONS,
    limits::Limits,
    metrics::{Counter, MqttMetrics},
    shared::{
        AlertMessage, Alerts, AlertsAfter, Authenticate, CursorKeeper, Door, Exchange, KeepCursor,
        Kept, LastCommit, LoadCursor, Login, LoginError, Shared, Wiring,
    },
    tls::TlsDoor,
};
use self::{
    denied::{By, Denial, FORBIDDEN, UNKNOWN},
    gate::HalfOpen,
    handshake::{Joined, Turned, handshake},
    limits::{CONNECT_BYTES_MAX, CONNECT_DEADLINE, FAREWELL},
    session::Session,
    wire::Wire,
};
use crate::supervise::{Stop, Supervisor};

/// Pause after the system could not give a connection, as when files have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Accepts clients until the process stops. Each connection is a task of its own.
pub async fn listen(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    supervisor: Supervisor,
) {
    let stop = supervisor.stopping();
    let mut stopping = pin!(stop.wait());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.as_mut() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(client) => welcome(client, tls.clone(), &shared, &supervisor),
            Err(error) => {
                // One client's failure to connect is its own; a shortage of ours passes.
                shared.metrics().no_file.add_one();
                if shared.gate.tells_shortage() {
                    warn!(%error, "no mqtt connection could be accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn welcome(
    (stream, from): (TcpStream, SocketAddr),
    tls: Option<TlsAcceptor>,
    shared: &Arc<Shared>,
    supervisor: &Supervisor,
) {
    shared.metrics().accepted.add_one();
    let Some(file) = shared.gate.socket() else { return no_file(shared) };
    let Some(half_open) = shared.gate.enter(from.ip()) else {
        shared.metrics().turned_away.add_one();
        return;
    };
    let shared = Arc::clone(shared);
    let stop = supervisor.stopping();
    let entrance = Entrance { from: Some(from.ip()), half_open: Some(half_open), shared, stop };
    // Boxed, for a wrapped future would take its room twice over.
    let connection = Box::pin(async move {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "mqtt client left at once");
            return;
        }
        let deadline = Instant::now() + CONNECT_DEADLINE;
        match tls {
            None => entrance.serve((stream, Door::Plain), deadline).await,
            Some(tls) => Box::pin(entrance.serve_tls(tls, (stream, from), deadline)).await,
        }
        drop(file);
    });
    supervisor.spawn("mqtt connection", connection);
}

/// Those that are here keep theirs, and go on.
fn no_file(shared: &Shared) {
    shared.metrics().no_file.add_one();
    if shared.gate.tells_shortage() {
        warn!(
            connected = shared.metrics().connected.get(),
            refused = shared.metrics().no_file.get(),
            "no file is left for another mqtt connection: raise the limit of open files (LimitNOFILE= of the \
             service) / 可打开文件数已用尽，新的 MQTT 连接被拒绝：请调高 LimitNOFILE"
        );
    }
}

/// Serves one client over any stream of bytes, as that of a WebSocket.
pub async fn serve<S>(stream: S, from: Option<IpAddr>, shared: Arc<Shared>, stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + CONNECT_DEADLINE;
    Entrance { from, half_open: None, shared, stop }.serve((stream, Door::Plain), deadline).await;
}

/// What a connection needs before it has logged in.
struct Entrance {
    from: Option<IpAddr>,
    half_open: Option<HalfOpen>,
    shared: Arc<Shared>,
    stop: Stop,
}

impl Entrance {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        (stream, door): (S, Door),
        deadline: Instant,
    ) {
        let Self { from, half_open, shared, stop } = self;
        let mut wire = Wire::new(stream, CONNECT_BYTES_MAX);
        let joined = {
            let mut stopping = pin!(stop.wait());
            tokio::select! {
                biased;
                () = stopping.as_mut() => return,
                joined = timeout_at(deadline, handshake(&mut wire, &shared, (from, door))) => joined,
            }
        };
        drop(half_open);
        match joined {
            Ok(Ok(client)) => run(wire, client, shared, &stop).await,
            Ok(Err(turned)) => {
                turn_away(&turned, from, &shared);
                // A client that does not listen any more has nothing to lose.
                drop(timeout(FAREWELL, wire.close()).await);
            }
            Err(_elapsed) => shared.metrics().too_slow.add_one(),
        }
    }

    async fn serve_tls(
        self,
        tls: TlsAcceptor,
        (stream, from): (TcpStream, SocketAddr),
        deadline: Instant,
    ) {
        let shaken = {
            let mut stopping = pin!(self.stop.wait());
            let shaken = tls::shake_hands(&tls, (stream, from), &self.shared);
            tokio::select! {
                biased;
                () = stopping.as_mut() => return,
                shaken = timeout_at(deadline, shaken) => shaken,
            }
        };
        match shaken {
            Ok(Some(client)) => self.serve(client, deadline).await,
            Ok(None) => {}
            Err(_elapsed) => self.shared.metrics().too_slow.add_one(),
        }
    }
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    wire: Wire<S>,
    client: Box<Joined>,
    shared: Arc<Shared>,
    stop: &Stop,
) {
    shared.metrics().connected.add_one();
    let mut session = Session::new(wire, Arc::clone(&shared), client);
    let end = {
        let stopping = pin!(stop.wait());
        session.serve(stopping).await
    };
    Box::pin(session.finish(end, stop)).await;
    shared.metrics().connected.take_one();
}

fn turn_away(turned: &Turned, from: Option<IpAddr>, shared: &Shared) {
    let metrics = shared.metrics();
    let tell = |outcome, object: &str| {
        let by = By::Stranger(from);
        shared.tell(&Denial { act: "MQTT CONNECT", object, of: None, outcome, by });
    };
    match turned {
        Turned::Gone => debug!("an mqtt client left before it had connected"),
        Turned::Violation(reason) => {
            metrics.connects_refused.add_one();
            info!(reason, "mqtt connection refused");
        }
        Turned::Pretended(name, reason) => {
            metrics.connects_refused.add_one();
            info!(reason, "mqtt connection refused");
            tell(FORBIDDEN, name);
        }
        Turned::Login(claimed, error) => {
            metrics.logins_refused.add_one();
            info!(%error, "mqtt log-in refused");
            match error {
                LoginError::WrongCredentials => tell(UNKNOWN, claimed),
                LoginError::NotAuthorized => tell(FORBIDDEN, claimed),
                // Nobody was refused: they come again.
                LoginError::Unavailable => {}
            }
        }
    }
}
