//! Configuration: flags beat the environment, the environment beats the file, the file beats the
//! defaults. Every mistake is found before anything is started, and all are told at once.

mod keys;
mod kind;
mod lists;
mod read;
mod settings;
mod show;
mod together;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use read::{Problem, Sources, read};
pub use settings::Settings;
pub use show::{default_file, effective};
pub use together::is_known_secret;

use crate::{
    commit::Trust,
    domain::{BenchId, DeviceId, Millis, SiteId},
    secrets::Secret,
    slip::PrinterLine,
    uplink::PublicKey,
};

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Pages and API.
    pub http: Http,
    /// Who signs in, and how.
    pub accounts: Accounts,
    /// Where people may sign in as well.
    pub oidc: Option<Oidc>,
    /// The own listener.
    pub mqtt: Mqtt,
    /// An existing broker.
    pub broker: Option<Broker>,
    /// The gateway above.
    pub uplink: Option<Uplink>,
    /// A gateway below may be silent for so long before somebody is told.
    pub uplink_silent_after: Millis,
    /// The store.
    pub store: Store,
    /// Lines of the audit log are kept so many days.
    pub audit_keep_days: u64,
    /// Keys laid over the built-in rule pack.
    pub pack_file: Option<PathBuf>,
    /// A pack that runs beside it.
    pub shadow: Option<Shadow>,
    /// How the gateway's own clock comes to be believed.
    pub clock_trust: Trust,
    /// Webhooks may go to private addresses.
    pub notify_allow_private: bool,
    /// Nothing about somebody leaves before they agreed.
    pub notify_consent_required: bool,
    /// The time-series export.
    pub influx: Option<Influx>,
    /// Serial lines.
    pub serial: Vec<Serial>,
    /// Printers of slips.
    pub printers: Vec<PrinterLine>,
}

/// `[pack] shadow`.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// Keys laid over the built-in rule pack.
    pub pack_file: PathBuf,
    /// Whose readings it judges; empty: of all sites.
    pub sites: Vec<SiteId>,
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate chain and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How doctors reach the pages.
    pub public_url: Option<String>,
    /// A proxy before us says who asks.
    pub forwarded: bool,
}

/// `[accounts]`.
#[derive(Debug, Clone, Copy)]
pub struct Accounts {
    /// The operator is split into two.
    pub separate_powers: bool,
    /// Nobody signs in by a password alone.
    pub second_factor: bool,
}

/// `[oidc]`.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The provider, as it names itself.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// Where our secret there stands.
    pub client_secret_file: Option<PathBuf>,
    /// Whose value is an account's name.
    pub claim: String,
    /// Its word about a second factor spares ours.
    pub believes_second_factor: bool,
    /// Values of `acr` that say so.
    pub acr: Vec<String>,
    /// Who vouches for its address, where it is not the machine's usual authorities.
    pub tls_ca: Option<PathBuf>,
}

/// `[mqtt]`.
#[derive(Debug, Clone)]
pub struct Mqtt {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections_max: usize,
    /// Unacknowledged messages of one connection.
    pub in_flight_max: u16,
    /// Largest packet, in bytes.
    pub packet_max: u32,
    /// The listener with TLS.
    pub tls: Option<MqttTls>,
}

/// The part of `[mqtt]` that is about TLS.
#[derive(Debug, Clone)]
pub struct MqttTls {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate chain and key; absent: of our own authority.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Who vouches for boxes; absent: our own authority.
    pub box_ca: Option<PathBuf>,
    /// TLS 1.2 is taken as well.
    pub old_gear: bool,
    /// Nobody comes in without a certificate.
    pub certificate_required: bool,
}

/// `[broker]`.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to where it speaks TLS.
    pub tls: Option<BrokerTls>,
    /// Fixed for this instance.
    pub client_id: String,
    /// Log-in.
    pub login: Option<(String, Secret<String>)>,
}

/// TLS to the broker.
#[derive(Debug, Clone)]
pub struct BrokerTls {
    /// Whom alone we believe about the broker.
    pub ca: PathBuf,
    /// Our own certificate chain and key, where it asks for them.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// `[uplink]`.
#[derive(Debug, Clone)]
pub struct Uplink {
    /// As written.
    pub to: String,
    /// How it is spoken to.
    pub way: Way,
    /// Whom to believe, where an operator says it; `None`: what the box was enrolled with says it.
    pub by_hand: Option<ByHand>,
}

/// A gateway above that no enrolment tells of.
#[derive(Debug, Clone)]
pub struct ByHand {
    /// Whom alone we believe.
    pub parent_key: PublicKey,
    /// Where the token for this box stands.
    pub token_file: PathBuf,
    /// This box's certificate, of its own key.
    pub certificate: Option<PathBuf>,
    /// Who vouches for its address, where it is not the machine's usual authorities.
    pub tls_ca: Option<PathBuf>,
}

impl Uplink {
    /// The gateway above at an address, known by an enrolment.
    #[must_use]
    pub fn enrolled(to: &str) -> Self {
        Self { to: to.to_owned(), way: settings::way_to(to), by_hand: None }
    }
}

/// How the gateway above is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Its interface, at the address as written.
    Http,
    /// Its listener.
    Mqtt {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// It speaks TLS.
        tls: bool,
    },
}

/// `[store]`.
#[derive(Debug, Clone)]
pub struct Store {
    /// The folder.
    pub dir: PathBuf,
    /// Memory for database pages, in bytes.
    pub page_cache_bytes: u64,
    /// People whose state is kept in memory.
    pub people_cached: usize,
    /// Where the keys of identities lie.
    pub identity_key_file: Option<PathBuf>,
}

/// `[influx]`.
#[derive(Debug, Clone)]
pub struct Influx {
    /// The server.
    pub url: String,
    /// Organisation there.
    pub org: String,
    /// Bucket there.
    pub bucket: String,
    /// Token there.
    pub token: Secret<String>,
}

/// One `[[serial]]` line.
#[derive(Debug, Clone)]
pub struct Serial {
    /// The line.
    pub port: PathBuf,
    /// The wire format's name.
    pub format: String,
    /// The model, where the format needs it.
    pub model: Option<String>,
    /// The device's name.
    pub device: DeviceId,
    /// Where it stands.
    pub site: SiteId,
    /// The bench it stands at.
    pub bench: Option<BenchId>,
    /// Bits a second.
    pub baud: u32,
    /// How often a meter with a memory is read; `None`: as its format wants it.
    pub poll_every: Option<Duration>,
}
