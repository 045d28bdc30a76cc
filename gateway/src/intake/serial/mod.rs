//! Serial lines: cuffs and meters that are wired to this machine, or come to it over a Bluetooth
//! bridge that looks like a wire.
//!
//! Promises: a frame goes to the writer as soon as its last byte is here, and is counted as not yet
//! saved until its receipt comes; bytes that are no frame are kept too, with the reason; a meter
//! with a memory is read whole, oldest record first, as one delivery; its memory is cleared only
//! where the configuration asks for it, and only after the receipt. A line that hangs up is closed
//! at once and opened again under the same name. Nothing is dropped: when the writer is behind, the
//! line is not read.
//!
//! Never: start a cuff, switch a device off, read faster than the line's own speed.

mod cards;
mod figures;
mod line;
mod pace;
mod poll;
mod port;
mod sort;
mod unsaved;

use std::{path::PathBuf, sync::Arc, time::Duration};

use firmware_protocols::{DateTime, Format, taidoc::session::Record};
use smol_str::SmolStr;

pub use figures::{LineFigures, LineState, LineWatch};
use line::LineTask;
pub use pace::reopen_delay;

use super::{Inlet, Item};
use crate::{
    domain::{BenchId, Clock, DeviceId, SiteId, Timestamp},
    supervise::Supervisor,
};

/// One configured line (DESIGN section 9, `[[serial]]`).
#[derive(Debug, Clone)]
pub struct SerialLine {
    /// Its path, best one under `/dev/serial/by-id`, which stays the same over replugging.
    pub port: PathBuf,
    /// What the device speaks; anything else on the line is noise.
    pub format: &'static Format,
    /// The model, where the format needs one to read values.
    pub model: Option<SmolStr>,
    /// The device's name.
    pub device: DeviceId,
    /// Where it stands.
    pub site: SiteId,
    /// At which bench, if it is shared.
    pub bench: Option<BenchId>,
    /// Bits per second; 8 data bits, no parity, 1 stop bit.
    pub baud: u32,
    /// How long things may take.
    pub timing: Timing,
    /// Whether the device's memory is cleared after everything read from it is on disk.
    pub clear_memory: bool,
}

/// How long things on a line may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A frame is broken off when its next byte does not come within this time. Longer than the
    /// 16 ms latency timer of USB converters and than the gap between two Bluetooth notifications
    /// of one frame; shorter than a person between two measurements. Our choice.
    pub idle_gap: Duration,
    /// A device that has said nothing of use for so long is called silent. Our choice.
    pub silent_after: Duration,
    /// A meter with a memory is read again after so long: a TaiDoc meter that is connected again
    /// sooner never switches itself off (FORMATS section 4).
    pub poll_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle_gap: Duration::from_millis(250),
            silent_after: Duration::from_secs(1800),
            poll_every: Duration::from_secs(240),
        }
    }
}

impl SerialLine {
    /// A line with the usual settings for its format.
    #[must_use]
    pub fn new(port: PathBuf, format: &'static Format, device: DeviceId, site: SiteId) -> Self {
        Self {
            port,
            format,
            model: None,
            device,
            site,
            bench: None,
            baud: default_baud(format.name),
            timing: Timing::default(),
            clear_memory: false,
        }
    }

    /// Whether the device has a memory that the gateway reads: it never speaks unasked.
    #[must_use]
    pub fn is_polled(&self) -> bool {
        poll::is_polled(self)
    }
}

/// Bits per second where the configuration names none: TaiDoc 19200 (FORMATS section 4), identity
/// card readers 115200 (the module's description). The others
/// come over Bluetooth bridges, which are set to 9600 when new; our choice.
#[must_use]
pub fn default_baud(format: &str) -> u32 {
    match format {
        "taidoc-51" => 19_200,
        "resident-id" => 115_200,
        _ => 9600,
    }
}

/// What a line brought, for admission.
#[derive(Debug, Clone)]
pub struct SerialArrival {
    /// Which line.
    pub line: Arc<SerialLine>,
    /// When its last byte came.
    pub received_at: Timestamp,
    /// What came.
    pub arrived: Arrived,
}

/// What came over a line and has a meaning.
#[derive(Debug, Clone)]
pub enum Arrived {
    /// A whole frame of the line's format whose checksum is right.
    Frame(Vec<u8>),
    /// Bytes that are in no frame of the line's format. Admission answers with nothing where they
    /// mean nothing to it, and they are refused.
    Left(Vec<u8>),
    /// Everything a meter's memory holds.
    ReadOut(ReadOut),
}

/// One reading of a meter's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOut {
    /// The model number that the meter gave, in BCD.
    pub model_bcd: Option<u16>,
    /// The meter's clock when it was read; `None` where it showed an impossible date.
    pub clock: Option<DateTime>,
    /// When the gateway read that clock.
    pub clock_read_at: Option<Timestamp>,
    /// Its records, oldest first.
    pub records: Vec<Record>,
}

/// Makes items of what came: pure, and never loses anything. A frame without a reading (an
/// acknowledgement, a cuff that inflates) makes none.
pub type Admit = Arc<dyn Fn(SerialArrival) -> Vec<Item> + Send + Sync>;

/// Starts lines.
#[derive(Clone)]
pub struct SerialIntake {
    /// Where deliveries go.
    pub inlet: Inlet,
    /// What makes items of frames.
    pub admit: Admit,
    /// The time.
    pub clock: Clock,
    /// Who owns the tasks.
    pub supervisor: Supervisor,
}

impl std::fmt::Debug for SerialIntake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SerialIntake").field("inlet", &self.inlet).finish_non_exhaustive()
    }
}

impl SerialIntake {
    /// Starts the task of one line. What the line does can be watched from outside. A format that
    /// no serial line carries gives `None`.
    #[must_use]
    pub fn start(&self, line: SerialLine) -> Option<Arc<LineWatch>> {
        let task = LineTask::new(self.clone(), line)?;
        let watch = task.watch();
        self.supervisor.spawn("serial line", task.run(self.supervisor.stopping()));
        Some(watch)
    }
}

#[cfg(test)]
mod tests;
