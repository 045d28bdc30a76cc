//! Connections: accepted, bounded, and drained when the process stops.

use std::{io, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::prompt::Prompt;
use crate::supervise::{Stop, Supervisor};

/// Connections open at once, where there are files for them. Full: new ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 2_048;

/// A client that has not sent a whole request head by then is cut (ATTACKS A5).
const HEAD_MAX: Duration = Duration::from_secs(10);

/// A TLS client that has not shaken hands by then is cut.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Requests in work are finished within this time when the process stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Requests of one HTTP/2 connection at once.
const STREAMS_PER_CONNECTION: u32 = 64;

/// Pause after the system refuses to accept, as without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// The network.
    Tcp(TcpListener),
    /// A socket file of this machine.
    Unix(UnixListener),
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Connection = Pin<Box<dyn Io>>;

/// From which address a request came; a socket file has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer(pub(super) Option<IpAddr>);

impl Listener {
    async fn accept(&self) -> io::Result<(Connection, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // A live event must not wait for more bytes to fill a packet.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "a connection keeps its delay");
                }
                Ok((Box::pin(stream), Peer(Some(address.ip()))))
            }
            Self::Unix(listener) => Ok((Box::pin(listener.accept().await?.0), Peer(None))),
        }
    }
}

/// Serves a router to so many connections at once until the process stops, then lets requests in work end, at most 5 s.
pub async fn serve_http(
    listener: Listener,
    (tls, connections): (Option<Arc<ServerConfig>>, usize),
    router: Router,
    supervisor: Supervisor,
) {
    let stop = supervisor.stopping();
    let room = Arc::new(Semaphore::new(connections));
    let tls = tls.map(TlsAcceptor::from);
    loop {
        let accepted = tokio::select! {
            () = stop.wait() => break,
            accepted = next(&listener, &room) => accepted,
        };
        let ((connection, peer), place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        supervisor.spawn("http connection", async move {
            serve((connection, peer), tls, router, stop).await;
            drop(place);
        });
    }
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN_MAX, room.acquire_many(all)).await.is_err() {
        warn!("some http connections did not end in time");
    }
}

async fn next(
    listener: &Listener,
    room: &Arc<Semaphore>,
) -> io::Result<((Connection, Peer), tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?, place))
}

async fn serve(
    (connection, peer): (Connection, Peer),
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: Stop,
) {
    let connection = match tls {
        None => connection,
        Some(tls) => match shake_hands(&tls, connection, &stop).await {
            Some(connection) => connection,
            None => return,
        },
    };
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_PER_CONNECTION);
    builder.http2().keep_alive_interval(Some(Duration::from_secs(20)));
    let connection = Prompt::new(connection, HEAD_MAX);
    let served = builder.serve_connection(TokioIo::new(connection), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = stop.wait() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN_MAX, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%error, "an http connection broke");
    }
}

async fn shake_hands(tls: &TlsAcceptor, connection: Connection, stop: &Stop) -> Option<Connection> {
    let shaken = tokio::time::timeout(HANDSHAKE_MAX, tls.accept(connection));
    let shaken = tokio::select! {
        shaken = shaken => shaken,
        () = stop.wait() => return None,
    };
    match shaken {
        Ok(Ok(connection)) => Some(Box::pin(connection)),
        Ok(Err(error)) => {
            debug!(%error, "a TLS connection was refused");
            None
        }
        Err(_elapsed) => None,
    }
}
