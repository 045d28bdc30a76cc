//! Opening a port, away from the tasks that must not wait.

use std::{io, path::Path};

use tokio_serial::{ClearBuffer, SerialPort, SerialStream};

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The path cannot be given to the system.
    #[error("the path is not valid UTF-8")]
    Path,
    /// The system refused: no such device, held by another process, not a serial port.
    #[error("{0}")]
    Refused(#[from] tokio_serial::Error),
    /// The process is ending.
    #[error("the process is ending")]
    Ending,
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        Self::other(error)
    }
}

/// Opens a port for this process alone, 8N1, without flow control, and throws away what the driver
/// held from before: half a frame at best.
pub(super) async fn open(path: &Path, baud: u32) -> Result<SerialStream, OpenError> {
    let path = path.to_str().ok_or(OpenError::Path)?.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        tokio_serial::new(path, baud).exclusive(true).open_native()
    });
    let port = opening.await.map_err(|_ended| OpenError::Ending)??;
    let port = SerialStream::try_from(port)?;
    port.clear(ClearBuffer::Input)?;
    Ok(port)
}
