//! A delivery: what came by some road, already admitted, whose sender still waits for its
//! acknowledgement.
//!
//! A sender may forget a delivery only after [`Receipt`], and a receipt holds the store's proof.
//! Back-pressure is a withheld acknowledgement: [`Inlet::deliver`] waits for room, and nothing is
//! dropped.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    commit::Work,
    domain::{Reading, ReadingId},
    store::{CardScan, Committed, Context, Presence, Quarantined, Refused},
};

/// Deliveries and acts that wait for the writer. Full: sources stop reading, senders keep theirs.
pub const INLET_DEPTH: usize = 1024;

/// Bytes of deliveries that wait for the writer, counted as received. Full: sources stop reading.
pub const INLET_BYTES: u32 = 16 * 1024 * 1024;

/// One admitted item of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A measurement with its device, site and times; whose it is, commit decides.
    Reading(Box<Reading>),
    /// Circumstances of a measurement that comes, or came, apart from it.
    Context(Box<Context>),
    /// Decoded, but of no use yet.
    Quarantined(Box<Quarantined>),
    /// Undecodable.
    Refused(Refused),
    /// A card was held to a reader.
    Card(CardScan),
    /// A site came or went.
    Presence(Presence),
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Stored, and seen by the lines.
    Stored,
    /// Stored on the person, outside the pack's validity.
    Rejected,
    /// Known already, with the same content.
    Duplicate,
    /// Kept until somebody decides.
    Quarantined,
    /// Kept, undecodable.
    Refused,
}

impl Status {
    /// The status's code on the wire (DESIGN section 9, HTTP).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Refused => "refused",
        }
    }
}

/// What became of one item, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The reading's id, where it has one.
    pub id: Option<ReadingId>,
    /// What became of it.
    pub status: Status,
    /// Why, where it was not simply stored.
    pub reason: Option<String>,
}

/// The delivery is on disk. Only now may its sender forget it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The store's proof.
    pub proof: Committed,
    /// What became of each item, in the order of the delivery.
    pub outcomes: Vec<Outcome>,
}

/// The delivery is not on disk, and the writer no longer takes any: close the connection, so that
/// the sender keeps it and tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway is not committing")]
pub struct NotCommitted;

/// A delivery on its way to the writer.
#[derive(Debug)]
pub struct Delivery {
    /// Its items, in the order received.
    pub items: Vec<Item>,
    reply: oneshot::Sender<Receipt>,
    /// Room that it takes until it is on disk.
    _room: OwnedSemaphorePermit,
}

impl Delivery {
    /// Lets the sender forget the delivery. Takes a receipt, which only a commit makes.
    pub fn acknowledge(self, receipt: Receipt) {
        // A sender that went away meanwhile will send again and meet its own copy.
        drop(self.reply.send(receipt));
    }
}

/// The acknowledgement that is still owed for a delivery.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Receipt>);

impl Pending {
    /// Waits until the delivery is on disk.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer gave up: the delivery must not be acknowledged.
    pub async fn receipt(self) -> Result<Receipt, NotCommitted> {
        self.0.await.map_err(|_dropped| NotCommitted)
    }
}

/// The same wait, for sources that wait for more than one thing.
impl Future for Pending {
    type Output = Result<Receipt, NotCommitted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_dropped| NotCommitted)
    }
}

/// Where sources hand over what they received. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inlet {
    work: mpsc::Sender<Work>,
    room: Arc<Semaphore>,
}

impl Inlet {
    /// The inlet of a writer that takes its work from `work`.
    #[must_use]
    pub fn new(work: mpsc::Sender<Work>) -> Self {
        Self { work, room: Arc::new(Semaphore::new(INLET_BYTES as usize)) }
    }

    /// Hands a delivery of so many received bytes to the writer, and waits for room where there is
    /// none. Deliveries of one caller are committed in the order in which it hands them over.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer takes no more.
    pub async fn deliver(&self, items: Vec<Item>, bytes: usize) -> Result<Pending, NotCommitted> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, INLET_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(wanted).await;
        let room = room.map_err(|_closed| NotCommitted)?;
        let (reply, pending) = oneshot::channel();
        let delivery = Delivery { items, reply, _room: room };
        self.work.send(Work::Deliver(delivery)).await.map_err(|_closed| NotCommitted)?;
        Ok(Pending(pending))
    }

    /// Hands any other work to the writer.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer takes no more.
    pub async fn hand_over(&self, work: Work) -> Result<(), NotCommitted> {
        self.work.send(work).await.map_err(|_closed| NotCommitted)
    }
}
