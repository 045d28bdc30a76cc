//! What all connections share: the wiring to the rest of the gateway, and who is connected.

use std::{
    collections::{BTreeSet, HashMap, hash_map},
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use smol_str::SmolStr;
use tokio::sync::{broadcast, oneshot, watch};

use super::{
    gate::Gate,
    limits::{LIVE_DEPTH, Limits},
    live::LiveValue,
    metrics::MqttMetrics,
};
use crate::{
    audit::Refusals,
    domain::{BoxId, Clock, DoctorId},
    intake::{Admission, Identity, Inlet, NotCommitted},
    store::{CommitSeq, Reader, StoreError, view::Delivered},
    uplink::PublicKey,
};

/// What a client says of itself in CONNECT.
#[derive(Clone)]
pub struct Login {
    /// Its client id.
    pub client_id: String,
    /// The name of a device, a box or a doctor.
    pub user: Option<String>,
    /// A token.
    pub password: Option<Vec<u8>>,
    /// Where it connects from, where the stream has such a thing.
    pub from: Option<IpAddr>,
    /// Over which door it came.
    pub door: Door,
}

/// Over which door a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Without TLS.
    Plain,
    /// With TLS, and with the key that it proved to have, if it showed a certificate.
    Tls(Option<PublicKey>),
}

/// Without the password, so that no log can hold one.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why a log-in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The name or the token is wrong.
    #[error("user name or token is wrong")]
    WrongCredentials,
    /// The token is right, but not for this.
    #[error("the token does not allow this")]
    NotAuthorized,
    /// It cannot be checked now.
    #[error("log-ins cannot be checked now")]
    Unavailable,
}

/// Checks a log-in.
pub type Authenticate =
    Arc<dyn Fn(Login) -> BoxFuture<'static, Result<Identity, LoginError>> + Send + Sync>;

/// Asks the log for the alerts of a doctor after a position, at most so many. May block.
pub type AlertsAfter =
    Arc<dyn Fn(&DoctorId, CommitSeq, usize) -> Result<Vec<Delivered>, StoreError> + Send + Sync>;

/// Asks the log for its last position. May block.
pub type LastCommit = Arc<dyn Fn() -> Result<CommitSeq, StoreError> + Send + Sync>;

/// Writes an alert for a doctor, without personal data (DESIGN section 9, MQTT).
pub type AlertMessage = Arc<dyn Fn(&DoctorId, &Delivered) -> Vec<u8> + Send + Sync>;

/// Finds a cursor by its name.
pub type LoadCursor = Arc<dyn Fn(&str) -> Result<Option<CommitSeq>, StoreError> + Send + Sync>;

/// The end of keeping a cursor.
pub type Kept = BoxFuture<'static, Result<(), NotCommitted>>;

/// Keeps a cursor under a name, or forgets it.
pub type KeepCursor = Arc<dyn Fn(String, Option<CommitSeq>) -> Kept + Send + Sync>;

/// Keeps how far each durable subscriber is, under the name of a follower.
#[derive(Clone)]
pub struct CursorKeeper {
    /// How far the follower is; `None` if nothing is kept under the name. May block.
    pub load: LoadCursor,
    /// Keeps a position, or forgets it.
    pub keep: KeepCursor,
}

/// Where doctors' clients get their alerts from.
#[derive(Clone)]
pub struct Alerts {
    /// The alerts of one doctor.
    pub after: AlertsAfter,
    /// The log's end.
    pub last: LastCommit,
    /// Ticks on every commit.
    pub commits: watch::Receiver<CommitSeq>,
    /// What the client gets.
    pub message: AlertMessage,
    /// How far each is.
    pub cursors: CursorKeeper,
}

impl fmt::Debug for CursorKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKeeper")
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alerts")
    }
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Alerts from a store's reading side.
    #[must_use]
    pub fn from_reader(
        reader: Arc<dyn Reader>,
        commits: watch::Receiver<CommitSeq>,
        message: AlertMessage,
        cursors: CursorKeeper,
    ) -> Self {
        let last = Arc::clone(&reader);
        Self {
            after: Arc::new(move |doctor, after, limit| reader.delivered_to(doctor, after, limit)),
            last: Arc::new(move || last.last()),
            commits,
            message,
            cursors,
        }
    }
}

/// Answers an envelope of the box that logged in: envelopes, after the commit of what they answer.
/// Nothing: it cannot be answered now.
pub type Exchange = Arc<dyn Fn(BoxId, Bytes) -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

/// What the listener is wired to.
#[derive(Clone)]
pub struct Wiring {
    /// Where deliveries go.
    pub inlet: Inlet,
    /// What makes items of messages.
    pub admission: Admission,
    /// What checks log-ins.
    pub authenticate: Authenticate,
    /// Where alerts come from.
    pub alerts: Alerts,
    /// What answers gateways below, where there is anything.
    pub uplink: Option<Exchange>,
    /// Where the auditor is told who was refused.
    pub refusals: Option<Arc<Refusals>>,
    /// The time.
    pub clock: Clock,
    /// What a deployment may set.
    pub limits: Limits,
}

/// The state that every connection shares.
pub struct Shared {
    pub(super) wiring: Wiring,
    pub(super) gate: Arc<Gate>,
    pub(super) live: broadcast::Sender<Arc<LiveValue>>,
    metrics: MqttMetrics,
    clients: Mutex<Clients>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Clients {
    seats: HashMap<SmolStr, Seat>,
    next: u64,
    /// How often anybody was expelled.
    expulsions: u64,
}

/// Why there is no place for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Somebody else has the client id.
    Taken,
    /// Rights changed since it was asked for its own.
    Changed,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    owner: SmolStr,
    token: Option<[u8; 32]>,
    kick: oneshot::Sender<Kick>,
}

/// A connection must end, because of another one or of a decision.
#[derive(Debug)]
pub(super) enum Kick {
    /// The same client connected again, and waits until this one has ended.
    TakenOver {
        /// Dropped at the end.
        _gone: oneshot::Sender<()>,
    },
    /// The identity lost its rights.
    Expelled {
        /// What it left here for its return goes too.
        forget: bool,
    },
}

/// A connected client's place under its client id; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    client_id: SmolStr,
    number: u64,
    /// Told when the connection must end.
    pub(super) kicked: oneshot::Receiver<Kick>,
}

impl Shared {
    /// The shared state of a listener.
    #[must_use]
    pub fn new(mut wiring: Wiring) -> Arc<Self> {
        let limits = &mut wiring.limits;
        limits.packet_bytes = limits.packet_bytes.clamp(1024, Limits::PACKET_BYTES_MAX);
        limits.in_flight = limits.in_flight.max(1);
        Arc::new(Self {
            gate: Gate::new(wiring.limits),
            wiring,
            live: broadcast::channel(LIVE_DEPTH).0,
            metrics: MqttMetrics::default(),
            clients: Mutex::default(),
        })
    }

    /// What was counted.
    #[must_use]
    pub const fn metrics(&self) -> &MqttMetrics {
        &self.metrics
    }

    /// Ends every connection of an identity whose rights were taken away or changed, and says how
    /// many there were. It may log in again with the rights that it then has: who asked for them
    /// before does not get in by them.
    pub fn expel(&self, name: &str) -> usize {
        let mut clients = self.clients();
        clients.expulsions += 1;
        let gone = clients.seats.extract_if(|_, seat| seat.owner == name);
        gone.filter_map(|(_, seat)| seat.kick.send(Kick::Expelled { forget: false }).ok()).count()
    }

    /// The tokens by which somebody is here. Whoever is on the way in by one that was asked for before
    /// does not get in: ask what became of them only now.
    pub fn tokens(&self) -> Vec<[u8; 32]> {
        let mut clients = self.clients();
        clients.expulsions += 1;
        let tokens: BTreeSet<_> = clients.seats.values().filter_map(|seat| seat.token).collect();
        tokens.into_iter().collect()
    }

    /// Ends every connection that came by a token which ended, and says how many there were. `forget`:
    /// what they left here for their return goes too.
    pub fn expel_by(&self, token: &[u8; 32], forget: bool) -> usize {
        let mut clients = self.clients();
        clients.expulsions += 1;
        let gone = clients.seats.extract_if(|_, seat| seat.token.as_ref() == Some(token));
        gone.filter_map(|(_, seat)| seat.kick.send(Kick::Expelled { forget }).ok()).count()
    }

    /// How often anybody was expelled so far: asked before somebody's rights are.
    pub(super) fn expulsions(&self) -> u64 {
        self.clients().expulsions
    }

    /// Takes the place of a client id, unless anybody was expelled since `expulsions`. Where the same
    /// identity held it, the connection that did is told to end, and the receiver resolves when it has.
    pub(super) fn take_place(
        self: &Arc<Self>,
        client_id: &str,
        (owner, token): (&SmolStr, Option<[u8; 32]>),
        expulsions: u64,
    ) -> Result<(Place, Option<oneshot::Receiver<()>>), NoPlace> {
        let mut clients = self.clients();
        if clients.expulsions != expulsions {
            return Err(NoPlace::Changed);
        }
        clients.next += 1;
        let number = clients.next;
        let (kick, kicked) = oneshot::channel();
        let seat = Seat { number, owner: owner.clone(), token, kick };
        let client_id = SmolStr::new(client_id);
        let before = match clients.seats.entry(client_id.clone()) {
            hash_map::Entry::Occupied(entry) if entry.get().owner != *owner => {
                return Err(NoPlace::Taken);
            }
            hash_map::Entry::Occupied(mut entry) => Some(entry.insert(seat)),
            hash_map::Entry::Vacant(entry) => {
                entry.insert(seat);
                None
            }
        };
        drop(clients);
        let place = Place { shared: Arc::clone(self), client_id, number, kicked };
        let ended = before.and_then(|seat| {
            let (gone, ended) = oneshot::channel();
            // One that has just ended on its own needs no wait.
            seat.kick.send(Kick::TakenOver { _gone: gone }).is_ok().then_some(ended)
        });
        Ok((place, ended))
    }

    /// A number that no other connection of this process has.
    pub(super) fn unused_number(&self) -> u64 {
        let mut clients = self.clients();
        clients.next += 1;
        clients.next
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.shared.clients();
        if clients.seats.get(&self.client_id).is_some_and(|seat| seat.number == self.number) {
            clients.seats.remove(&self.client_id);
        }
    }
}
