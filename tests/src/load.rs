//! Devices that publish as fast as they are acknowledged, repeat themselves, and after every cut
//! send again what was not acknowledged.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;

use crate::{
    ledger::{Account, Ledger, SITE, World, device},
    mqtt::{self, Connection},
};

/// Messages of one connection that wait for their acknowledgement.
const WINDOW: usize = 40;

/// Readings of one message, where it is an array.
const ARRAY: u64 = 5;

/// What a run of all devices looks like from outside while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    /// No new messages; what is on its way is still waited for.
    pub stop: AtomicBool,
    /// From here on an acknowledgement proves nothing: the power is being cut. A file system that is
    /// cut while it syncs may say that it synced (1 of 25 cuts on Linux 6.18, with nothing but
    /// `write` and `fsync`); a machine without power would not have said anything.
    pub cut: AtomicBool,
    /// Readings acknowledged in this run.
    pub acknowledged: AtomicUsize,
}

impl Progress {
    /// Something of this run was acknowledged.
    #[must_use]
    pub fn begun(&self) -> Option<()> {
        (self.acknowledged.load(Ordering::Relaxed) > 0).then_some(())
    }
}

/// Runs every device on a connection of its own until the gateway goes away, or until `watch`
/// returns and all is acknowledged. Returns whether every connection ended in order.
///
/// # Panics
/// When a sending thread panics.
pub fn run(ledger: &mut Ledger, address: SocketAddr, watch: impl FnOnce(&Progress)) -> bool {
    let progress = Progress::default();
    let world = ledger.world;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..)
            .zip(&mut ledger.accounts)
            .map(|(number, account)| {
                let progress = &progress;
                let sender = Sender { world, number, account, progress };
                scope.spawn(move || sender.run(address))
            })
            .collect();
        watch(&progress);
        progress.stop.store(true, Ordering::Relaxed);
        // All are joined before any is asked.
        let ends: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        ends.iter().all(Result::is_ok)
    })
}

struct Sender<'a> {
    world: World,
    number: u32,
    account: &'a mut Account,
    progress: &'a Progress,
}

impl Sender<'_> {
    fn run(mut self, address: SocketAddr) -> io::Result<()> {
        let mut connection = Connection::open(address, &device(self.number))?;
        let mut random = fastrand::Rng::with_seed(self.world.seed ^ self.account.next);
        let mut again: Vec<u64> = self.account.open.iter().copied().collect();
        let mut under_way: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        loop {
            let mut bytes = Vec::new();
            let more =
                |again: &[u64]| !again.is_empty() || !self.progress.stop.load(Ordering::Relaxed);
            while under_way.len() < WINDOW && more(&again) {
                let numbers = self.choose(&mut random, &mut again);
                let id = connection.next_id();
                bytes.extend(self.message(id, &numbers));
                under_way.insert(id, numbers);
            }
            connection.send(&bytes)?;
            if under_way.is_empty() {
                return Ok(());
            }
            let answer = connection.read()?;
            if self.progress.cut.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if let Some(id) = answer.acknowledged() {
                self.acknowledge(under_way.remove(&id).unwrap_or_default());
            }
        }
    }

    /// What to send next: what is owed, an old one once more, one new one, or several.
    fn choose(&mut self, random: &mut fastrand::Rng, again: &mut Vec<u64>) -> Vec<u64> {
        if let Some(owed) = again.pop() {
            return vec![owed];
        }
        if self.account.next > 0 && random.u32(..10) == 0 {
            return vec![random.u64(..self.account.next)];
        }
        let many = if random.u32(..10) == 0 { ARRAY } else { 1 };
        let from = self.account.next;
        self.account.next += many;
        let numbers: Vec<u64> = (from..from + many).collect();
        self.account.open.extend(&numbers);
        numbers
    }

    fn message(&mut self, id: u16, numbers: &[u64]) -> Vec<u8> {
        let topic = format!("xz/1/{SITE}/{}/reading", device(self.number));
        let mut payloads: Vec<Value> =
            numbers.iter().map(|number| self.world.payload(self.number, *number)).collect();
        let payload = if payloads.len() == 1 { payloads.remove(0) } else { Value::Array(payloads) };
        self.account.messages += 1;
        mqtt::publish(&topic, id, payload.to_string().as_bytes(), false)
    }

    fn acknowledge(&mut self, numbers: Vec<u64>) {
        for number in numbers {
            self.account.open.remove(&number);
            if self.account.acknowledged.insert(number) {
                self.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
