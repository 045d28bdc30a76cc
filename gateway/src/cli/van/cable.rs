//! The cable between van and centre: bytes pass while it is plugged in. While it is pulled nothing
//! passes and nothing answers, as on a wire that hangs loose; what was sent into it goes on when it is
//! plugged in again, as TCP sends it again. Neither gateway knows of it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, watch},
    time::sleep,
};

use crate::supervise::{Stop, Supervisor};

/// Connections through the cable at once; one van has one or two. Full: further ones wait.
const CONNECTIONS: usize = 16;

/// Bytes carried at once.
const CHUNK: usize = 16 * 1024;

/// Pause after the system refuses to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A cable. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Cable {
    address: SocketAddr,
    plugged: watch::Sender<bool>,
    carried: Arc<AtomicU64>,
}

impl Cable {
    /// Lays one that leads to an address, plugged in.
    pub(super) async fn lay(to: SocketAddr, supervisor: &Supervisor) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let cable = Self { address, plugged: watch::Sender::new(true), carried: Arc::default() };
        let (end, all) = (cable.clone(), supervisor.clone());
        supervisor.spawn("cable", async move { end.listen(listener, to, all).await });
        Ok(cable)
    }

    /// Where the van connects.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pulls it, or plugs it in; says whether that changed anything.
    pub(super) fn plug(&self, plugged: bool) -> bool {
        self.plugged.send_if_modified(|is| std::mem::replace(is, plugged) != plugged)
    }

    /// Whether it is plugged in.
    pub(super) fn is_plugged(&self) -> bool {
        *self.plugged.borrow()
    }

    /// Bytes that passed, both ways together.
    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    async fn listen(self, listener: TcpListener, to: SocketAddr, supervisor: Supervisor) {
        let (stop, room) = (supervisor.stopping(), Arc::new(Semaphore::new(CONNECTIONS)));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.wait() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((below, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (cable, stop) = (self.clone(), stop.clone());
            supervisor.spawn("cable connection", async move {
                cable.carry(below, to, stop).await;
                drop(place);
            });
        }
    }

    /// One connection, until either end of it is gone: what fails here, the van's uplink tells.
    async fn carry(&self, below: TcpStream, to: SocketAddr, stop: Stop) {
        let carried = async {
            self.wait().await;
            let Ok(above) = TcpStream::connect(to).await else { return };
            let ((below_out, below_in), (above_out, above_in)) =
                (below.into_split(), above.into_split());
            tokio::select! {
                _ended = self.pump(below_out, above_in) => {}
                _ended = self.pump(above_out, below_in) => {}
            }
        };
        tokio::select! {
            () = stop.wait() => {}
            () = carried => {}
        }
    }

    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = from.read(&mut chunk).await?;
            let Some(bytes @ [_, ..]) = chunk.get(..length) else { return Ok(()) };
            self.wait().await;
            to.write_all(bytes).await?;
            self.carried.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Waits until it is plugged in.
    async fn wait(&self) {
        // An error means that the cable is gone, which we hold ourselves.
        drop(self.plugged.subscribe().wait_for(|plugged| *plugged).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cable to a listener that answers with what it is told.
    async fn to_an_echo(supervisor: &Supervisor) -> Cable {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let cable = Cable::lay(listener.local_addr().unwrap(), supervisor).await.unwrap();
        let stop = supervisor.stopping();
        supervisor.spawn("echo", async move {
            let mut all = Vec::new();
            loop {
                let (mut stream, _) = tokio::select! {
                    () = stop.wait() => return,
                    accepted = listener.accept() => accepted.unwrap(),
                };
                let mut byte = [0];
                if stream.read(&mut byte).await.is_ok() {
                    stream.write_all(&byte).await.unwrap();
                }
                all.push(stream);
            }
        });
        cable
    }

    #[tokio::test]
    async fn a_pulled_cable_is_silent_and_goes_on_with_what_was_sent() {
        let supervisor = Supervisor::new();
        let cable = to_an_echo(&supervisor).await;
        assert!(cable.plug(false) && !cable.plug(false), "the second time changes nothing");
        let mut line = TcpStream::connect(cable.address()).await.unwrap();
        line.write_all(b"x").await.unwrap();
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(200), line.read(&mut byte)).await;
        assert!(early.is_err() && cable.carried() == 0, "nothing passes: {early:?}");
        cable.plug(true);
        line.read_exact(&mut byte).await.unwrap();
        assert_eq!((byte, cable.carried()), (*b"x", 2));
        supervisor.stop();
        supervisor.wait().await.unwrap();
    }
}
