//! A serial line without a wire: a pseudo terminal whose far end is opened like any port.
//!
//! The device writes on the near end. The far end has a stable name, a symbolic link like those
//! under `/dev/serial/by-id`, and can be unplugged and plugged in again.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags, fcntl_setfl, open},
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr},
};
use tokio::{io::unix::AsyncFd, time::timeout};

/// How long a host may leave a full line unread before the device gives up a frame, as a device with
/// no memory does.
pub const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// How often a waiting device looks whether a new host may open the line: a host that was killed
/// leaves its claim behind while the device holds the line.
const RECLAIM_EVERY: Duration = Duration::from_millis(200);

/// The near end of a line, where the device is.
#[derive(Debug)]
pub struct PtyLine {
    near: AsyncFd<OwnedFd>,
    /// Held open so that what the device says is kept until a host opens the line, and so that a
    /// host that goes away is not seen as the end of the line.
    far: OwnedFd,
    link: PathBuf,
}

impl PtyLine {
    /// A new line whose far end is found under `link`; whatever link was there is replaced.
    ///
    /// # Errors
    /// What the system said.
    pub fn plug(link: &Path) -> io::Result<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let name = ptsname(&near, Vec::new())?;
        fcntl_setfl(&near, OFlags::RDWR | OFlags::NONBLOCK)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let far = open(name.as_c_str(), flags, Mode::empty())?;
        let mut settings = tcgetattr(&far)?;
        settings.make_raw();
        tcsetattr(&far, OptionalActions::Now, &settings)?;
        let path = PathBuf::from(name.to_string_lossy().into_owned());
        replace_link(&path, link)?;
        Ok(Self { near: watched(near)?, far, link: link.to_owned() })
    }

    /// The stable name of the far end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Pulls the plug: the host's port hangs up, and the name is gone.
    ///
    /// # Errors
    /// What the system said about the link.
    pub fn unplug(self) -> io::Result<()> {
        std::fs::remove_file(&self.link)
    }

    /// Sends bytes as one piece.
    ///
    /// # Errors
    /// `TimedOut` when the host leaves the line unread for [`WRITE_LIMIT`].
    pub async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        ioctl_tiocnxcl(self.far.as_fd())?;
        let sending = self.write_all(bytes);
        timeout(WRITE_LIMIT, sending).await.unwrap_or_else(|_elapsed| Err(timed_out()))
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.near.writable().await?;
            let written = ready.try_io(|near| Ok(rustix::io::write(near.get_ref(), bytes)?));
            if let Ok(written) = written {
                bytes = bytes.get(written?..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Waits for bytes of the host.
    ///
    /// # Errors
    /// What the system said.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            ioctl_tiocnxcl(self.far.as_fd())?;
            if let Ok(received) = timeout(RECLAIM_EVERY, self.read(buffer)).await {
                return received;
            }
        }
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.near.readable().await?;
            let read = ready.try_io(|near| match rustix::io::read(near.get_ref(), &mut *buffer) {
                // No host has the line open.
                Err(Errno::IO) => Err(io::ErrorKind::WouldBlock.into()),
                read => Ok(read?),
            });
            if let Ok(read) = read {
                return read;
            }
        }
    }
}

#[expect(deprecated, reason = "its successor is unsafe; an OwnedFd keeps its descriptor valid")]
fn watched(near: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(near)
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the host does not read the line")
}

fn replace_link(target: &Path, link: &Path) -> io::Result<()> {
    match std::fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::os::unix::fs::symlink(target, link)
}
