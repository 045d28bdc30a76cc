//! What every request shares: the store's reading side, the writer's inlet, and the deployment's
//! words.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use firmware_protocols::Decimal;
use smol_str::SmolStr;
use tokio::sync::{Semaphore, watch};

use super::oidc::Oidc;
use super::{
    accounts::{AccountRules, Accounts},
    api::enrol::Enrolments,
    bundle::Bundle,
    caller::Grant,
    indicators::Latest,
    live::Live,
    metrics::{Counter, Gauge, Registry},
    refusal::Refusal,
    sessions::Sessions,
    trail, wire,
};
use crate::{
    assess::{Contradiction, Looser, Pack, Tracking},
    audit::AuditLog,
    commit::Health,
    domain::{AlertLinks, Clock, Level, Person, Plan, Timestamp},
    enrol::Office,
    intake::{Inlet, Item},
    slip::Printers,
    store::{CommitSeq, Reader, StoreError},
    supervise::Supervisor,
    uplink::{GatewayKey, link::Upper},
};

/// Questions asked of the store at once; more wait. Each holds a blocking thread.
const READS_AT_ONCE: usize = 8;

/// Longest wait for a turn to ask the store.
const READ_WAIT_MAX: Duration = Duration::from_secs(10);

/// Bytes of posted bodies held in memory at once, in KiB; more wait their turn.
pub(super) const BODIES_KIB: u32 = 16 * 1024;

/// The rule pack in force, for pages.
#[derive(Debug, Clone, Default)]
pub struct PackSummary {
    /// Name and version.
    pub name: SmolStr,
    /// Names of its concepts for people: Chinese, English.
    pub concepts: BTreeMap<SmolStr, (String, String)>,
    /// Whether messages leave.
    pub sending: wire::SendingState,
}

/// What the deployment decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The identity provider where people may sign in as well.
    pub oidc: Option<Arc<Oidc>>,
    /// Program name, version and build, shown to browsers so that they reload after an upgrade.
    pub build: String,
    /// The place whose board this is, for titles, as `青石镇卫生院`.
    pub place_name: String,
    /// The data is made up: said on every page.
    pub demo: bool,
    /// `demo` and `--dev`: an operator has every right, and sessions do not idle out.
    pub open_house: bool,
    /// TLS ends here or at a proxy before us: cookies are marked `Secure`.
    pub secure: bool,
    /// The address by which browsers reach us, where it differs from the `Host` they send.
    pub public_url: Option<String>,
    /// How people sign in.
    pub accounts: AccountRules,
    /// First letters of case codes.
    pub case_prefix: SmolStr,
}

/// Who posted readings.
#[derive(Debug, Clone)]
pub struct PostedReadings {
    /// The body: one JSON object or an array.
    pub body: Bytes,
    /// When it came.
    pub received_at: Timestamp,
    /// The sender's token or session.
    pub sender: Grant,
    /// The sender's key: an unnumbered reading posted again under it is the same reading.
    pub idempotency_key: Option<SmolStr>,
}

/// Makes items of a posted body, exactly one for each element and in their order.
pub type Admit = Arc<dyn Fn(&PostedReadings) -> Vec<Item> + Send + Sync>;

/// A line by which a person's values are judged, as the rule pack states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBand {
    /// `systolic`, `diastolic`, `glucose_fasting` or `glucose_other`.
    pub measure: &'static str,
    /// From this value on.
    pub from: Decimal,
    /// At which level.
    pub level: Level,
    /// `mmHg` or `mmol/L`.
    pub unit: &'static str,
    /// What it is called, in Chinese.
    pub label_zh: String,
    /// The same in English.
    pub label_en: String,
    /// Its name in the rule pack's document.
    pub line: SmolStr,
    /// `home`, `clinic` or `any`.
    pub setting: &'static str,
}

/// What the registry says of a person.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The row in force.
    pub person: &'a Person,
    /// Rows that it superseded.
    pub earlier: &'a [Person],
    /// Their own plans, in the order in which they were entered.
    pub plans: &'a [Plan],
    /// When they were taken into care: silence counts from here while there is no value.
    pub enrolled_at: Option<Timestamp>,
}

/// What the lines say of a person, beside alerts.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The lines by which their values are judged.
    pub lines: Vec<LineBand>,
    /// Facts of theirs that contradict each other.
    pub contradictions: Vec<Contradiction>,
    /// How they stand in the cured cohort.
    pub tracking: Option<Tracking>,
}

/// What a row of a plan means for its person.
#[derive(Debug, Clone, Default)]
pub struct Weighed {
    /// Its numbers that would loosen a line.
    pub looser: Vec<Looser>,
    /// A target waits for a diagnosis that the person lacks.
    pub waits: bool,
}

/// The pack in force, asked about people.
pub trait Lines: Send + Sync {
    /// What the lines say of a person now; their last value counts for what is due next.
    fn seen(&self, known: Known<'_>, last_value: Option<Timestamp>, now: Timestamp) -> Seen;

    /// What a plan that comes now means for its person.
    fn weigh(&self, known: Known<'_>, plan: &Plan, now: Timestamp) -> Weighed;
}

/// What the lead hands over to serve pages and answers.
pub struct Parts {
    /// The reading side of the store.
    pub reader: Arc<dyn Reader>,
    /// The writer's door.
    pub inlet: Inlet,
    /// The time.
    pub clock: Clock,
    /// The newest committed position.
    pub committed: watch::Receiver<CommitSeq>,
    /// Ticks when a token ended.
    pub tokens_ended: watch::Receiver<CommitSeq>,
    /// Whether the writer takes what is posted.
    pub health: watch::Receiver<Health>,
    /// The rule pack, for pages.
    pub pack: watch::Receiver<PackSummary>,
    /// The rule pack in force, by which what people enter is checked.
    pub rules: watch::Receiver<Arc<Pack>>,
    /// The deployment's words.
    pub settings: Settings,
    /// The script pages.
    pub bundle: Bundle,
    /// Counters of the whole process.
    pub metrics: Registry,
    /// Makes items of a posted body.
    pub admit: Admit,
    /// Lines of a person.
    pub lines: Arc<dyn Lines>,
    /// Indicators as they were last counted.
    pub indicators: Latest,
    /// What this gateway signs with.
    pub key: Arc<GatewayKey>,
    /// The upper end of links to gateways below.
    pub upper: Arc<Upper>,
    /// Where they are enrolled.
    pub office: Arc<Office>,
    /// Makes and reads the links of messages.
    pub alert_links: AlertLinks,
    /// Where every request is recorded.
    pub audit: Arc<AuditLog>,
    /// Owner of every task.
    pub supervisor: Supervisor,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What every request shares.
pub struct Shared {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) inlet: Inlet,
    pub(super) clock: Clock,
    pub(super) tokens_ended: watch::Receiver<CommitSeq>,
    pub(super) health: watch::Receiver<Health>,
    pub(super) pack: watch::Receiver<PackSummary>,
    rules: watch::Receiver<Arc<Pack>>,
    pub(super) settings: Settings,
    pub(super) bundle: Bundle,
    pub(super) metrics: Registry,
    pub(super) admit: Admit,
    pub(super) lines: Arc<dyn Lines>,
    pub(super) indicators: Latest,
    pub(super) key: Arc<GatewayKey>,
    pub(super) upper: Arc<Upper>,
    pub(super) office: Arc<Office>,
    pub(super) enrolments: Enrolments,
    pub(super) alert_links: AlertLinks,
    pub(super) audit: Arc<AuditLog>,
    pub(super) supervisor: Supervisor,
    /// Printers of slips, once they are plugged in.
    pub(super) printers: OnceLock<Printers>,
    pub(super) sessions: Sessions,
    pub(super) accounts: Accounts,
    pub(super) live: Live,
    pub(super) bodies: Arc<Semaphore>,
    pub(super) counters: Counters,
    /// Rows of the registry are looked at and entered by one request at a time, so that none is
    /// weighed against rows that another is about to change.
    pub(super) entering: Semaphore,
    reads: Semaphore,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What this folder counts.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) answered: [Counter; 4],
    pub(super) glass: Counter,
    pub(super) streams: Gauge,
    pub(super) streams_cut: Counter,
    pub(super) streams_reset: Counter,
}

impl Counters {
    fn new(registry: &Registry) -> Self {
        let help = "Requests answered, by class of status.";
        let of = |class| registry.counter("xunzhen_http_requests_total", help, &[("class", class)]);
        Self {
            answered: [of("2xx"), of("3xx"), of("4xx"), of("5xx")],
            glass: registry.counter(
                "xunzhen_break_glass_total",
                "Times that somebody looked beyond their own people.",
                &[],
            ),
            streams: registry.gauge("xunzhen_live_streams", "Live streams open now.", &[]),
            streams_cut: registry.counter(
                "xunzhen_live_streams_cut_total",
                "Live streams closed because their reader was too slow.",
                &[],
            ),
            streams_reset: registry.counter(
                "xunzhen_live_streams_reset_total",
                "Live streams told to take a new snapshot.",
                &[],
            ),
        }
    }
}

impl Shared {
    /// Puts the parts together and starts the task that follows the log for live streams.
    #[must_use]
    pub fn start(parts: Parts) -> Arc<Self> {
        let idle_out = !parts.settings.open_house;
        let shared = Arc::new(Self {
            counters: Counters::new(&parts.metrics),
            sessions: Sessions::new(parts.clock.clone(), idle_out),
            accounts: Accounts::new(),
            live: Live::new(parts.committed),
            bodies: Arc::new(Semaphore::new(BODIES_KIB as usize)),
            entering: Semaphore::new(1),
            reads: Semaphore::new(READS_AT_ONCE),
            reader: parts.reader,
            inlet: parts.inlet,
            clock: parts.clock,
            tokens_ended: parts.tokens_ended,
            health: parts.health,
            pack: parts.pack,
            rules: parts.rules,
            settings: parts.settings,
            bundle: parts.bundle,
            metrics: parts.metrics,
            admit: parts.admit,
            lines: parts.lines,
            indicators: parts.indicators,
            key: parts.key,
            upper: parts.upper,
            office: parts.office,
            enrolments: Enrolments::default(),
            alert_links: parts.alert_links,
            audit: parts.audit,
            supervisor: parts.supervisor,
            printers: OnceLock::new(),
        });
        super::live::follow(&shared);
        shared
    }

    /// The rule pack in force.
    pub(super) fn rules(&self) -> Arc<Pack> {
        Arc::clone(&self.rules.borrow())
    }

    /// Makes one-time login links for this server.
    #[must_use]
    pub fn login_link(&self, grant: Grant, lifetime: crate::domain::Millis) -> String {
        format!("/login/{}", self.sessions.make_link(grant, lifetime))
    }

    /// Makes the address of an alert's page for one doctor, for messages.
    #[must_use]
    pub fn alert_links(&self) -> &AlertLinks {
        &self.alert_links
    }

    /// Asks the store on a blocking thread.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(READ_WAIT_MAX, self.reads.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Refusal::busy()) };
        let (shared, trail) = (Arc::clone(self), trail::current());
        let asked = move || trail::within(trail, || question(&shared));
        match tokio::task::spawn_blocking(asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Refusal::store(&error)),
            Err(error) => Err(Refusal::broken(&error)),
        }
    }

    /// Refuses while the writer takes nothing.
    pub(super) fn writable(&self) -> Result<(), Refusal> {
        match &*self.health.borrow() {
            Health::Ready => Ok(()),
            Health::Refusing { why } => Err(Refusal::not_committing(why)),
        }
    }
}
