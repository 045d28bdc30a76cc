//! What is peculiar to readers of cards: they read a card as long as it lies there, and an identity
//! card tells more than anybody needs.

use smol_str::SmolStr;
use tokio::time::{Duration, Instant};

use super::SerialLine;
use crate::{
    domain::{Road, Timestamp},
    store::{Origin, Refused},
};

/// A card that is read again so soon was not taken away meanwhile: readers read several times a
/// second. Our choice.
const AGAIN: Duration = Duration::from_secs(2);
/// Time after which a card that still lies on the reader is told again; shorter than the shortest
/// session. Our choice.
const STILL_THERE: Duration = Duration::from_secs(30);
/// Header, length and state of an identity card reader's frame: all that is kept of a broken one.
const RESIDENT_ID_KEPT: usize = 10;

/// The card that was read last.
#[derive(Debug, Default)]
pub(super) struct LastCard(Option<(Vec<u8>, Instant, Instant)>);

impl LastCard {
    /// A reader reads a card again as long as it lies there. Within [`AGAIN`] that says nothing new,
    /// but that the card is still there is told every [`STILL_THERE`].
    pub(super) fn is_repeat(&mut self, line: &SerialLine, frame: &[u8], now: Instant) -> bool {
        if !line.format.is_of_cards() {
            return false;
        }
        if let Some((card, told_at, read_at)) = &mut self.0
            && card == frame
            && now.duration_since(*read_at) <= AGAIN
            && now.duration_since(*told_at) < STILL_THERE
        {
            *read_at = now;
            return true;
        }
        // The second character of a line's end is no other card.
        if frame.len() > 1 {
            self.0 = Some((frame.to_vec(), now, now));
        }
        false
    }
}

/// The line of a reader of identity cards.
pub(super) fn is_resident_id(line: &SerialLine) -> bool {
    line.format.name == firmware_protocols::resident_id::FORMAT.name
}

/// What is kept of bytes that mean nothing. A broken frame of an identity card still holds a name, an
/// address and a face: of it only what comes before those.
pub(super) fn refused(
    line: &SerialLine,
    mut raw: Vec<u8>,
    reason: String,
    received_at: Timestamp,
) -> Refused {
    if is_resident_id(line) {
        raw.truncate(RESIDENT_ID_KEPT);
    }
    let origin = Origin {
        road: Road::Serial,
        site: Some(line.site.clone()),
        device: Some(SmolStr::new(line.device.as_str())),
    };
    Refused { reason, raw, origin, received_at }
}
