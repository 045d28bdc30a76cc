//! How a command reaches the store: through the running server's local socket when one holds the
//! folder, else by opening the store itself. Both ways run the same code, the admin router.

use std::{path::Path, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Method, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, runtime::Runtime};
use tower::ServiceExt;

use super::{Common, Failure, configure, pieces};
use crate::supervise::Supervisor;

/// The server's local socket within the data folder.
pub(super) const SOCKET: &str = "xunzhen.sock";

/// Longest wait for one answer: a backup of a large store takes its time.
const ANSWER_WAIT: Duration = Duration::from_secs(3600);

/// A way to the store.
pub(super) struct Admin {
    runtime: Runtime,
    target: Target,
}

enum Target {
    /// A server runs.
    Socket(http1::SendRequest<Body>),
    /// None does: the store is open here.
    Here(Router, Supervisor),
}

impl Admin {
    /// Finds the way to the store that the configuration and `--data-dir` name.
    pub(super) fn connect(common: &Common, data_dir: Option<&Path>) -> Result<Self, Failure> {
        let flags = data_dir.map(|dir| ("store.dir", dir.display().to_string()));
        let (config, _) = configure::read(common, flags.into_iter().collect())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let socket = config.store.dir.join(SOCKET);
        let target = runtime.block_on(async {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                let (sender, connection) = http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(|error| Failure::of(&error))?;
                spawn_connection(connection);
                return Ok(Target::Socket(sender));
            }
            let supervisor = Supervisor::new();
            let router = pieces::admin_here(&config, &supervisor)?;
            Ok::<_, Failure>(Target::Here(router, supervisor))
        })?;
        Ok(Self { runtime, target })
    }

    /// One request; an answer that is no success is a failure with the answer's words.
    pub(super) fn call(
        &mut self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> Result<Value, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(body.into())
            .map_err(|error| Failure::of(&error))?;
        let target = &mut self.target;
        let (status, bytes) = self.runtime.block_on(async {
            tokio::time::timeout(ANSWER_WAIT, send(target, request))
                .await
                .map_err(|_elapsed| Failure::Failed("the server did not answer".to_owned()))?
        })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !(200..300).contains(&status) {
            let said: Option<Value> = serde_json::from_str(&text).ok();
            let told = |name: &str| said.as_ref().and_then(|said| said.get(name)?.as_str());
            return Err(Failure::Failed(match (told("message"), told("detail")) {
                (Some(message), Some(detail)) => format!("{message}: {detail}"),
                (Some(message), None) => message.to_owned(),
                (None, _) => text,
            }));
        }
        serde_json::from_str(&text).map_err(|error| Failure::of(&error))
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Target::Here(_, supervisor) = &self.target {
            supervisor.stop();
            // What was asked is committed already; this only lets the writer close its file.
            drop(self.runtime.block_on(supervisor.wait()));
        }
    }
}

async fn send(target: &mut Target, request: Request<Body>) -> Result<(u16, Bytes), Failure> {
    match target {
        Target::Socket(sender) => {
            // The connection may still be busy with the end of the answer before.
            sender.ready().await.map_err(|error| Failure::of(&error))?;
            let answer = sender.send_request(request).await.map_err(|error| Failure::of(&error))?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|error| Failure::of(&error))?;
            Ok((status, body.to_bytes()))
        }
        Target::Here(router, _) => {
            let Ok(answer) = router.clone().oneshot(request).await;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|error| Failure::of(&error))?;
            Ok((status, body.to_bytes()))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a command's own connection, outside the supervisor")]
fn spawn_connection(connection: http1::Connection<TokioIo<UnixStream>, Body>) {
    tokio::spawn(async move {
        // Its end is the end of the answer that waits for it, which says so itself.
        drop(connection.await);
    });
}
