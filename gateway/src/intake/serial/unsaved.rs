//! What a line has handed to the writer and is not on disk yet.

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::LineWatch;
use crate::intake::{Inlet, Item, NotCommitted, Receipt};

/// Deliveries of one line that are not on disk yet. Full: the line is not read, and its bytes wait
/// in the kernel.
const UNSAVED_MAX: usize = 64;
/// How long the last deliveries are waited for when the process stops.
const LAST_RECEIPTS: Duration = Duration::from_secs(3);

/// Items of one delivery, and the bytes they were made of.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) bytes: usize,
    /// It is a read-out whose receipt the poller waits for.
    pub(super) read_out: bool,
}

struct Delivered {
    items: usize,
    read_out: bool,
    receipt: Pin<Box<dyn Future<Output = Result<Receipt, NotCommitted>> + Send>>,
}

/// Deliveries whose receipts are owed, oldest first: the writer answers in order.
pub(super) struct Unsaved {
    deliveries: VecDeque<Delivered>,
    watch: Arc<LineWatch>,
}

impl Unsaved {
    pub(super) fn new(watch: Arc<LineWatch>) -> Self {
        Self { deliveries: VecDeque::new(), watch }
    }

    pub(super) fn has_room(&self) -> bool {
        self.deliveries.len() < UNSAVED_MAX
    }

    /// Gives a batch to the writer, and waits where it has no room.
    pub(super) async fn hand_over(
        &mut self,
        batch: Batch,
        inlet: &Inlet,
    ) -> Result<(), NotCommitted> {
        let Batch { items, bytes, read_out } = batch;
        if items.is_empty() && !read_out {
            return Ok(());
        }
        let number = items.len();
        self.watch.handed_over(number);
        match inlet.deliver(items, bytes).await {
            Ok(pending) => {
                let receipt = Box::pin(pending.receipt());
                self.deliveries.push_back(Delivered { items: number, read_out, receipt });
                Ok(())
            }
            Err(NotCommitted) => {
                self.watch.saved(number);
                self.watch.lost(number);
                Err(NotCommitted)
            }
        }
    }

    /// The next receipt; whether it is that of a read-out. Never, where none is owed. May be called
    /// again after it was given up half way.
    pub(super) async fn first_receipt(&mut self) -> Result<bool, NotCommitted> {
        let Some(first) = self.deliveries.front_mut() else {
            return std::future::pending().await;
        };
        let _receipt = first.receipt.as_mut().await?;
        let read_out = first.read_out;
        self.watch.saved(first.items);
        self.deliveries.pop_front();
        Ok(read_out)
    }

    /// Waits for all receipts, but not for ever.
    pub(super) async fn last_receipts(&mut self) -> Result<(), NotCommitted> {
        let until = Instant::now() + LAST_RECEIPTS;
        while !self.deliveries.is_empty() {
            let receipt = timeout_at(until, self.first_receipt()).await;
            receipt.map_err(|_too_late| NotCommitted)??;
        }
        Ok(())
    }

    /// No receipt will come: how many items are lost.
    pub(super) fn give_up(&mut self) -> usize {
        let items = self.deliveries.drain(..).map(|delivered| delivered.items).sum();
        self.watch.saved(items);
        self.watch.lost(items);
        items
    }
}
