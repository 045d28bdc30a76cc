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
    domain::{PersonEvent, Reading},
    store::{CardScan, Committed, Context, Outcome, Presence, Quarantined, Refused, Request},
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
    /// Something happened to a person that no device measured.
    Event(Box<PersonEvent>),
    /// Decoded, but of no use yet.
    Quarantined(Box<Quarantined>),
    /// The same, with neither number nor time of its sender: commit tells it from its like.
    Unnumbered(Box<Quarantined>),
    /// Undecodable.
    Refused(Refused),
    /// A card was held to a reader.
    Card(CardScan),
    /// A site came or went.
    Presence(Presence),
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

/// Nothing was done: another request was made under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another request was made under this key")]
pub struct KeyReused;

/// A delivery on its way to the writer.
#[derive(Debug)]
pub struct Delivery {
    /// Its items, in the order received.
    pub items: Vec<Item>,
    owed: Owed,
    /// Room that it takes until it is on disk.
    _room: OwnedSemaphorePermit,
}

/// What the sender waits for.
#[derive(Debug)]
enum Owed {
    Receipt(oneshot::Sender<Receipt>),
    /// It may ask again under its key.
    Answer(Request, oneshot::Sender<Result<Receipt, KeyReused>>),
}

impl Delivery {
    /// The request that it is, if that may come again: then it is taken once.
    #[must_use]
    pub const fn request(&self) -> Option<&Request> {
        match &self.owed {
            Owed::Receipt(_) => None,
            Owed::Answer(request, _) => Some(request),
        }
    }

    /// Lets the sender forget the delivery. Takes a receipt, which only a commit makes.
    pub fn acknowledge(self, receipt: Receipt) {
        // A sender that went away meanwhile will send again and meet its own copy.
        match self.owed {
            Owed::Receipt(reply) => drop(reply.send(receipt)),
            Owed::Answer(_, reply) => drop(reply.send(Ok(receipt))),
        }
    }

    /// Tells the sender that nothing was done; one without a key finds its wait broken off.
    pub fn refuse(self, why: KeyReused) {
        if let Owed::Answer(_, reply) = self.owed {
            drop(reply.send(Err(why)));
        }
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
        let (reply, pending) = oneshot::channel();
        self.send(items, bytes, Owed::Receipt(reply)).await?;
        Ok(Pending(pending))
    }

    /// Hands over a delivery that may come again, and waits for what it comes to: a repeat is told
    /// what the first came to, and nothing of it is taken.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer takes no more; [`KeyReused`] when another request was made
    /// under its key.
    pub async fn deliver_once(
        &self,
        request: Request,
        items: Vec<Item>,
        bytes: usize,
    ) -> Result<Result<Receipt, KeyReused>, NotCommitted> {
        let (reply, answer) = oneshot::channel();
        self.send(items, bytes, Owed::Answer(request, reply)).await?;
        answer.await.map_err(|_dropped| NotCommitted)
    }

    async fn send(&self, items: Vec<Item>, bytes: usize, owed: Owed) -> Result<(), NotCommitted> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, INLET_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(wanted).await;
        let room = room.map_err(|_closed| NotCommitted)?;
        let delivery = Delivery { items, owed, _room: room };
        self.work.send(Work::Deliver(delivery)).await.map_err(|_closed| NotCommitted)
    }

    /// Hands any other work to the writer.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer takes no more.
    pub async fn hand_over(&self, work: Work) -> Result<(), NotCommitted> {
        self.work.send(work).await.map_err(|_closed| NotCommitted)
    }

    /// Hands over any other work from a thread that may block.
    ///
    /// # Errors
    /// [`NotCommitted`] when the writer takes no more.
    pub fn hand_over_blocking(&self, work: Work) -> Result<(), NotCommitted> {
        self.work.blocking_send(work).map_err(|_closed| NotCommitted)
    }
}
