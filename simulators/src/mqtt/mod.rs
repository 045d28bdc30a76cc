//! Senders over MQTT: a box or a device that keeps what it has to say until the far end has it.
//!
//! The client library forgets what it was sending when the far end forgets the session; the
//! [`Outbox`] here does not. Promises: a letter stays until it is acknowledged; letters go out in
//! the order of offering, and again in that order after a lost session; a repetition within a
//! session is marked as one (DUP).

mod link;
mod outbox;

use std::{future::Future, pin::pin, time::Duration};

use fastrand::Rng;
use tokio::{sync::mpsc, time::sleep};

pub use link::{Access, Version};
pub use outbox::{Letter, Outbox};

use crate::ledger::Ledger;
use link::{Hand, Happening, Link, link};

/// Most letters of one sender. Full: devices wait, as one with a full memory does.
pub const OUTBOX_MAX: usize = 10_000;
/// Letters that wait to enter the outbox. Full: the device waits.
pub const MAILBOX: usize = 64;
/// Most messages on the way at once, of a small device.
pub const WINDOW: u16 = 20;

/// First and longest wait before connecting again (spikes/MQTT.md, part B).
const RECONNECT_FIRST: Duration = Duration::from_millis(300);
const RECONNECT_LONGEST: Duration = Duration::from_secs(5);

/// A connection of one sender.
struct Sender {
    access: Access,
    outbox: Outbox,
    ledger: Ledger,
    mail: mpsc::Receiver<Letter>,
    /// More mail may come.
    open: bool,
    live: bool,
    failures: u32,
    rng: Rng,
}

/// Carries letters until the mailbox is closed and everything is acknowledged, or until `stop`. What
/// is left comes back: it was not acknowledged.
pub async fn carry(
    access: Access,
    mail: mpsc::Receiver<Letter>,
    ledger: Ledger,
    stop: impl Future<Output = ()>,
) -> Outbox {
    let seed = access.client.bytes().map(u64::from).sum();
    let mut sender = Sender {
        access,
        outbox: Outbox::default(),
        ledger,
        mail,
        open: true,
        live: false,
        failures: 0,
        rng: Rng::with_seed(seed),
    };
    tokio::select! {
        () = stop => {}
        () = sender.run() => {}
    }
    sender.outbox
}

impl Sender {
    async fn run(&mut self) {
        let (hand, mut link) = link(&self.access);
        while self.open || !self.outbox.is_empty() {
            match self.next(&hand, &mut link).await {
                Some(Ok(happening)) => self.apply(happening),
                Some(Err(_why)) => self.fail(&mut link).await,
                None => {}
            }
        }
        hand.leave();
        // The good-bye goes out with the next turn of the event loop; after it the loop fails.
        while tokio::time::timeout(RECONNECT_FIRST, link.poll())
            .await
            .is_ok_and(|turn| turn.is_ok())
        {}
    }

    /// The next happening, taking in mail meanwhile; `None`: the mail is done. Waiting for the link
    /// is never broken off, because half a packet may be written.
    async fn next(&mut self, hand: &Hand, link: &mut Link) -> Option<Result<Happening, String>> {
        let mut happening = pin!(link.poll());
        loop {
            if self.live {
                self.hand_over(hand);
            }
            let room = self.open && self.outbox.len() < OUTBOX_MAX;
            tokio::select! {
                happening = &mut happening => return Some(happening),
                letter = self.mail.recv(), if room => match letter {
                    Some(letter) => self.outbox.put(letter),
                    None => {
                        self.open = false;
                        if self.outbox.is_empty() {
                            return None;
                        }
                    }
                },
            }
        }
    }

    fn hand_over(&mut self, hand: &Hand) {
        while let Some(letter) = self.outbox.hand_next(usize::from(self.access.window)) {
            if !hand.publish(letter) {
                // The client has more room than the window: only a client that ended takes nothing.
                self.live = false;
                return;
            }
        }
    }

    fn apply(&mut self, happening: Happening) {
        match happening {
            Happening::Connected { resumed } => {
                self.failures = 0;
                self.live = true;
                if !resumed {
                    self.outbox.start_over();
                }
            }
            Happening::Sent(packet_id) => {
                if let Some(entry) = self.outbox.sent(packet_id) {
                    self.ledger.sent(entry);
                }
            }
            Happening::Acknowledged(packet_id) => {
                if let Some(entry) = self.outbox.answered(packet_id) {
                    self.ledger.acknowledged(entry);
                }
            }
            Happening::Declined(packet_id) => {
                if let Some(entry) = self.outbox.answered(packet_id) {
                    self.ledger.declined(entry);
                }
            }
            Happening::Other => {}
        }
    }

    async fn fail(&mut self, link: &mut Link) {
        for leftover in link.leftovers() {
            self.apply(leftover);
        }
        self.live = false;
        link.mark_repeats();
        let doubled = RECONNECT_FIRST.saturating_mul(1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(RECONNECT_LONGEST).mul_f64(self.rng.f64().mul_add(0.4, 0.8));
        self.take_mail_for(wait).await;
    }

    async fn take_mail_for(&mut self, wait: Duration) {
        let mut over = pin!(sleep(wait));
        loop {
            let room = self.open && self.outbox.len() < OUTBOX_MAX;
            tokio::select! {
                () = &mut over => return,
                letter = self.mail.recv(), if room => match letter {
                    Some(letter) => self.outbox.put(letter),
                    None => self.open = false,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
