//! What the listener counts. Nothing it refuses or drops goes uncounted.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only grows, or one that stands for now.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// One less, for numbers that stand for now.
    pub fn take_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The listener's numbers.
#[derive(Debug, Default)]
pub struct MqttMetrics {
    /// Clients connected and logged in, now.
    pub connected: Counter,
    /// Connections accepted from the network.
    pub accepted: Counter,
    /// Connections turned away before a byte was read: too many, or too fast.
    pub turned_away: Counter,
    /// Connections refused because no file was left for them.
    pub no_file: Counter,
    /// TLS handshakes that came to nothing: no certificate, a wrong one, a version, or no TLS.
    pub tls_refused: Counter,
    /// Connections that did not log in within the deadline.
    pub too_slow: Counter,
    /// CONNECT packets refused: malformed, wrong client id, or not supported.
    pub connects_refused: Counter,
    /// Log-ins refused.
    pub logins_refused: Counter,
    /// Connections closed because the client broke the protocol or a limit.
    pub violations: Counter,
    /// Connections closed because the client was silent for one and a half keep-alives.
    pub silent: Counter,
    /// Connections taken over by the same client.
    pub taken_over: Counter,
    /// Publishes received.
    pub publishes: Counter,
    /// Publishes outside the sender's rights, refused to the sender.
    pub publishes_denied: Counter,
    /// Publishes on topics that the contract does not have, kept as refused.
    pub topics_unknown: Counter,
    /// Repeated publishes that were answered from the first one's receipt.
    pub repeats: Counter,
    /// Publishes acknowledged, after their commit.
    pub acknowledged: Counter,
    /// Connections closed without acknowledging because the gateway does not commit.
    pub not_committed: Counter,
    /// Last wills that were committed.
    pub wills: Counter,
    /// Last wills that could not be handed to the writer.
    pub wills_lost: Counter,
    /// Filters refused in SUBSCRIBE.
    pub filters_denied: Counter,
    /// Alerts sent to doctors' clients.
    pub alerts_sent: Counter,
    /// Alerts that a doctor's client acknowledged.
    pub alerts_acknowledged: Counter,
    /// Alerts that a doctor's client answered with an error, or that its packet limit excludes.
    pub alerts_refused: Counter,
    /// Live values sent.
    pub live_sent: Counter,
    /// Live values not sent: too large, or their reader too slow.
    pub live_skipped: Counter,
}
