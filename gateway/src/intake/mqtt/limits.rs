//! Every number of the listener, in one place.

use std::time::Duration;

/// Longest wait for the TLS handshake, the CONNECT packet and the log-in together (ATTACKS A5).
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Largest CONNECT packet, in bytes (ATTACKS 2.3, limits before authentication).
pub(super) const CONNECT_BYTES_MAX: usize = 4 * 1024;

/// Most user properties of one packet (ATTACKS A7).
pub(super) const USER_PROPERTIES_MAX: usize = 16;

/// Longest client id, in bytes; MQTT 3.1.1 asks for at least 23.
pub(super) const CLIENT_ID_MAX: usize = 128;

/// Most filters of one SUBSCRIBE.
pub(super) const FILTERS_MAX: usize = 16;

/// Live filters of one connection.
pub(super) const LIVE_FILTERS_MAX: usize = 8;

/// Bytes read at once, and so the size of a batch.
pub(super) const READ_BYTES_MAX: usize = 64 * 1024;

/// Batches of one connection that wait for their commit. Full: the connection is not read.
pub(super) const BATCHES_IN_FLIGHT_MAX: usize = 64;

/// Bytes that wait until the client reads them. Full: the connection is not read, so a client that
/// never reads its answers holds at most this much.
pub(super) const OUTBOX_BYTES_MAX: usize = 64 * 1024;

/// Publishes of a connection that are remembered after their acknowledgement, to know a repeat.
pub(super) const RECENT_MAX: usize = 32;

/// Alerts sent to a doctor's client and not yet acknowledged by it.
pub(super) const ALERTS_IN_FLIGHT_MAX: usize = 16;

/// Live values that wait for slow readers, together. Full: the oldest is dropped for them and
/// counted.
pub(super) const LIVE_DEPTH: usize = 256;

/// Largest payload shown live; arrays beyond are counted and not shown.
pub(super) const LIVE_BYTES_MAX: usize = 4 * 1024;

/// A client that sends this much has been heard, even in the middle of a packet; less does not
/// count, so one byte a minute keeps no connection open.
pub(super) const HEARD_BYTES: usize = 1024;

/// Keep-alive imposed on a version 5 client that asks for none, or for more.
pub(super) const KEEP_ALIVE_MAX: Duration = Duration::from_secs(3600);

/// A 3.1.1 client without keep-alive that was silent for so long is gone.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(36 * 3600);

/// Time for the last bytes to a client whose connection ends.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Time to hand over what was read of a client that lost its rights, after its connection was closed
/// (ATTACKS A2: all of it within 5 s).
pub(super) const EXPELLED_REST: Duration = Duration::from_secs(2);

/// Time for commits under way when the process stops (DESIGN section 9: SIGTERM within 10 s).
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// Longest delay of a last will that is honoured.
pub(super) const WILL_DELAY_MAX: Duration = Duration::from_secs(300);

/// Senders whose pace is remembered. Full of busy ones: strangers are turned away, and counted.
pub(super) const PEERS_MAX: usize = 8192;

/// How often it is told at most that there are no files for connections.
pub(super) const SHORTAGE_TOLD_EVERY: Duration = Duration::from_secs(60);

/// What a deployment may set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest packet after CONNECT, in bytes, at most 1 MiB.
    pub packet_bytes: usize,
    /// QoS 1 publishes of one connection that wait for their commit (ATTACKS 2.3: at most 100).
    pub in_flight: u16,
    /// Connections at all, in whatever state: each is a file.
    pub sockets: usize,
    /// Connections that have logged in.
    pub connections: usize,
    /// Connections that have not logged in yet.
    pub half_open: usize,
    /// The same from one address; addresses of this machine are exempt, for a local proxy speaks
    /// for many.
    pub half_open_per_peer: u32,
    /// New connections a second from one address (ATTACKS 2.3); loopback is exempt.
    pub handshakes_per_second: u32,
    /// As many at once, when a van's devices come back together.
    pub handshake_burst: u32,
}

impl Limits {
    /// Largest `packet_bytes`.
    pub const PACKET_BYTES_MAX: usize = 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet_bytes: 64 * 1024,
            in_flight: 100,
            sockets: 22_000,
            connections: 10_000,
            half_open: 12_000,
            half_open_per_peer: 64,
            handshakes_per_second: 10,
            handshake_burst: 100,
        }
    }
}
