//! An existing broker between the senders and the gateway, through `rumqttc` and MQTT 5.
//!
//! Behind a broker the sender's PUBACK is the broker's: it says nothing about our disk
//! (spikes/MQTT.md section B, where the rules below were measured). What is promised here is only
//! our half: the broker is told that we have a message after its commit, never before, and never on
//! another connection than the one that brought it. Everything else comes again, and the store
//! knows it by its id.

mod consumer;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use rumqttc::{
    NetworkOptions, TlsConfiguration, TlsError, Transport,
    v5::{
        ConnectionError, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectProperties, Filter},
        },
    },
};
use smol_str::SmolStr;

use self::consumer::Consumer;
use super::{Admission, Identity, Inlet, Rights, mqtt::Counter};
use crate::{domain::Clock, supervise::Stop};

/// Messages that the broker may send before it hears of a commit. The broker's own
/// `max_inflight_messages` should not be lower.
const RECEIVE_MAXIMUM: u16 = 1000;

/// How long the broker keeps our place while we are away, in seconds: a week.
const SESSION_EXPIRY_SECONDS: u32 = 7 * 24 * 3600;

/// Largest message, as for our own listener. A larger one would be met again on every connection.
const PACKET_BYTES_MAX: u32 = 1024 * 1024;

/// Requests that wait for the connection: every acknowledgement that may be owed, and more, for
/// brokers were seen to exceed the receive maximum. Full: acknowledgements wait here, in order.
const REQUESTS: usize = 4096;

/// Pauses between connections, doubled from the first to the last, each shortened by chance.
const PAUSE_MIN: Duration = Duration::from_millis(300);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Sign of life to the broker.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What is subscribed, within the group that shares the messages.
const FILTERS: [&str; 4] =
    ["xz/1/+/+/reading", "xz/1/+/+/frame/+", "xz/1/+/+/card", "xz/1/+/state"];

/// Which broker, and who we are there.
#[derive(Clone)]
pub struct BrokerConfig {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our client id: the same after every start, for the broker keeps our place under it.
    pub client_id: String,
    /// User name and password, where it asks for them.
    pub credentials: Option<(String, String)>,
    /// TLS, where it speaks it.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The group of gateways that share the messages.
    pub group: String,
}

/// Without the password.
impl fmt::Debug for BrokerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// What is counted of a broker.
#[derive(Debug, Default)]
pub struct BrokerMetrics {
    /// 1 while connected and subscribed.
    pub connected: Counter,
    /// Connections made.
    pub connections: Counter,
    /// Connections lost or refused.
    pub failures: Counter,
    /// Of them, because we do not believe the certificate that the broker shows.
    pub certificates_refused: Counter,
    /// Subscriptions that the broker refused: nothing comes from it then.
    pub subscriptions_refused: Counter,
    /// Messages received.
    pub received: Counter,
    /// Of them, marked as sent before.
    pub redelivered: Counter,
    /// Of them, on topics that the contract does not have, kept as refused.
    pub topics_unknown: Counter,
    /// Messages that the broker was told we have.
    pub acknowledged: Counter,
    /// Messages committed after their connection was lost: they come again.
    pub stale: Counter,
    /// Times an acknowledgement had to wait for room among the requests.
    pub delayed: Counter,
}

/// What the consumer of a broker is wired to.
#[derive(Debug, Clone)]
pub struct BrokerWiring {
    /// Where deliveries go.
    pub inlet: Inlet,
    /// What makes items of messages.
    pub admission: Admission,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<BrokerMetrics>,
}

/// Takes messages from a broker until the process stops.
pub async fn consume(config: BrokerConfig, wiring: BrokerWiring, stop: Stop) {
    // Its senders were checked by the broker.
    let sender =
        Identity { name: SmolStr::new(&config.client_id), rights: Rights::Anyone, token: None };
    Consumer::new(config, wiring, sender).run(&stop).await;
}

impl BrokerConfig {
    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        options.set_clean_start(false).set_manual_acks(true).set_keep_alive(KEEP_ALIVE);
        // Acknowledgements are small; none should wait for the next.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options.set_connect_properties(ConnectProperties {
            session_expiry_interval: Some(SESSION_EXPIRY_SECONDS),
            receive_maximum: Some(RECEIVE_MAXIMUM),
            max_packet_size: Some(PACKET_BYTES_MAX),
            // With an alias, this client loses the topic of a message.
            topic_alias_max: None,
            ..ConnectProperties::new()
        });
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password);
        }
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(tls))));
        }
        // Nothing is published here, and the library keeps room for whatever it may: 13 MB by default.
        options.set_outgoing_inflight_upper_limit(1);
        options
    }

    fn filters(&self) -> Vec<Filter> {
        let group = &self.group;
        let shared = FILTERS.iter().map(|filter| format!("$share/{group}/{filter}"));
        shared.map(|filter| Filter::new(filter, QoS::AtLeastOnce)).collect()
    }
}

/// The pause after so many failures in a row, at least half of it, by chance.
fn pause(failures: u32, chance: u64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.min(8)).min(PAUSE_MAX);
    let percent = u32::try_from(50 + chance % 51).unwrap_or(100);
    (doubled * percent / 100).max(PAUSE_MIN)
}

/// A failure without its numbers: some tell the time, and are the same failure all the same.
fn words(error: &str) -> String {
    error.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// Whether a connection ended because we do not believe the certificate that the broker shows.
fn distrusts(error: &ConnectionError) -> bool {
    let ConnectionError::Tls(TlsError::Io(error)) = error else { return false };
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}
