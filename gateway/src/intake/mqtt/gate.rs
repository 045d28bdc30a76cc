//! Who may come in, before a byte is read: how many, and how fast from one address (ATTACKS A5).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::limits::{Limits, PEERS_MAX, SHORTAGE_TOLD_EVERY};

/// The door of the listener.
#[derive(Debug)]
pub(super) struct Gate {
    peers: Mutex<HashMap<IpAddr, Peer>>,
    sockets: Arc<Semaphore>,
    /// When it was last told that there are too few.
    shortage_told: Mutex<Option<Instant>>,
    half_open: Arc<Semaphore>,
    logged_in: Arc<Semaphore>,
    limits: Limits,
}

/// The pace of one address: the instant from which it owes nothing.
#[derive(Debug)]
struct Peer {
    settled_at: Instant,
    half_open: u32,
}

/// Room for a connection that has not logged in yet; given back when dropped.
#[derive(Debug)]
pub(super) struct HalfOpen {
    gate: Arc<Gate>,
    peer: Option<IpAddr>,
    _room: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            peers: Mutex::default(),
            sockets: Arc::new(Semaphore::new(limits.sockets)),
            shortage_told: Mutex::default(),
            half_open: Arc::new(Semaphore::new(limits.half_open)),
            logged_in: Arc::new(Semaphore::new(limits.connections)),
            limits,
        })
    }

    /// A file for a new connection, held as long as it lasts; `None`: they are all in use.
    pub(super) fn socket(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.sockets).try_acquire_owned().ok()
    }

    /// Whether it is to be told now that there are too few.
    pub(super) fn tells_shortage(&self) -> bool {
        let now = Instant::now();
        let mut told = self.shortage_told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|at| now.duration_since(at) >= SHORTAGE_TOLD_EVERY);
        if due {
            *told = Some(now);
        }
        due
    }

    /// Lets a new connection in, or `None` when there are too many, or they come too fast.
    pub(super) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<HalfOpen> {
        let room = Arc::clone(&self.half_open).try_acquire_owned().ok()?;
        let peer = (!from.is_loopback()).then(|| network(from));
        if let Some(peer) = peer {
            self.admit(peer)?;
        }
        Some(HalfOpen { gate: Arc::clone(self), peer, _room: room })
    }

    /// Room for a connection that logs in now, held as long as it lasts.
    pub(super) fn log_in(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.logged_in).try_acquire_owned().ok()
    }

    fn admit(&self, address: IpAddr) -> Option<()> {
        let now = Instant::now();
        let pace = Duration::from_secs(1) / self.limits.handshakes_per_second.max(1);
        let mut peers = self.peers();
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, peer| peer.half_open > 0 || peer.settled_at > now);
        }
        if peers.len() >= PEERS_MAX && !peers.contains_key(&address) {
            return None;
        }
        let peer = peers.entry(address).or_insert(Peer { settled_at: now, half_open: 0 });
        let settled_at = peer.settled_at.max(now) + pace;
        let too_fast = settled_at > now + pace * self.limits.handshake_burst.max(1);
        if too_fast || peer.half_open >= self.limits.half_open_per_peer {
            return None;
        }
        peer.settled_at = settled_at;
        peer.half_open += 1;
        Some(())
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<IpAddr, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let Some(address) = self.peer else { return };
        if let Some(peer) = self.gate.peers().get_mut(&address) {
            peer.half_open = peer.half_open.saturating_sub(1);
        }
    }
}

/// One household or one attacker has a whole /64 of version 6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        let limits = Limits {
            half_open: 20,
            connections: 1,
            half_open_per_peer: 8,
            handshakes_per_second: 10,
            handshake_burst: 4,
            ..Limits::default()
        };
        Gate::new(limits)
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_may_burst_and_then_keeps_its_pace() {
        let gate = gate();
        let burst = (0..6).filter(|_| gate.enter(peer(1)).is_some()).count();
        assert_eq!(burst, 4);
        assert!(gate.enter(peer(2)).is_some(), "another address does not wait for it");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(gate.enter(peer(1)).is_some());
        assert!(gate.enter(peer(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_holds_few_half_open_connections() {
        let gate = gate();
        let mut held = Vec::new();
        for _ in 0..20 {
            held.extend(gate.enter(peer(1)));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(held.len(), 8);
        drop(held);
        assert!(gate.enter(peer(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_so_many_and_no_more() {
        let gate = gate();
        let held: Vec<_> = (0..30).filter_map(|last| gate.enter(peer(last))).collect();
        assert_eq!(held.len(), 20);
        let first = gate.log_in();
        assert!(first.is_some() && gate.log_in().is_none());
        drop(first);
        assert!(gate.log_in().is_some());
    }

    #[test]
    fn an_address_of_version_6_counts_as_its_network() {
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let b: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        let c: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(network(a), network(b));
        assert_ne!(network(a), network(c));
    }
}
