//! The gateway's pieces, put together once for every command that needs them.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use smol_str::SmolStr;
use tokio::sync::watch;

use super::Failure;
use crate::{
    admit,
    assess::{Norm, Pack, Refusal},
    audit::{self, AuditLog},
    commit::{self, WriterHandle},
    config::Config,
    domain::{AlertLinks, Clock},
    enrol::{Office, TimeFloor},
    intake::{BoxBook, DeviceBook},
    notify::Gate,
    serve::{self, wire::SendingState},
    store::{Reader, Store, sqlite},
    supervise::Supervisor,
    uplink::{
        GatewayKey,
        link::{self, Upper},
    },
};

/// The text of a pack: that of a norm by its name, else a file's.
pub(super) fn pack_text(named: &Path) -> Result<Cow<'static, str>, Failure> {
    if let Some(norm) = named.to_str().and_then(Norm::named) {
        return Ok(norm.text().into());
    }
    let text = std::fs::read_to_string(named).map_err(|error| {
        Failure::Configuration(format!(
            "cannot read the rule pack {}: {error} / 规则包不可读",
            named.display()
        ))
    })?;
    Ok(text.into())
}

/// The rule pack: the built-in one, with the keys of a norm or a file laid over it, as `read` takes
/// them.
pub(super) fn pack(
    named: Option<&Path>,
    read: impl FnOnce(&str) -> Result<Pack, Refusal>,
) -> Result<Pack, Failure> {
    let Some(path) = named else { return Pack::built_in().map_err(|error| Failure::of(&error)) };
    read(&pack_text(path)?).map_err(|refusal| {
        let path = path.display();
        Failure::Configuration(format!("the rule pack {path} is refused / 规则包被拒绝: {refusal}"))
    })
}

/// Store, pack and writer: what every way of running the gateway has.
pub(super) struct Core {
    /// The rule pack in force at the start.
    pub(super) pack: Arc<Pack>,
    /// The reading side of the store.
    pub(super) reader: Arc<dyn Reader>,
    /// The writer.
    pub(super) writer: WriterHandle,
    /// Models and sites of devices.
    pub(super) book: DeviceBook,
    /// Keys of boxes.
    pub(super) boxes: BoxBook,
    /// The time.
    pub(super) clock: Clock,
    /// The time by which certificates are judged.
    pub(super) time_floor: Arc<TimeFloor>,
    /// Whether messages may leave.
    pub(super) gate: watch::Sender<Gate>,
    /// What is counted, for `/metrics`.
    pub(super) metrics: serve::metrics::Registry,
    /// Signs the links in messages, and reads them.
    pub(super) links: AlertLinks,
    /// What this gateway signs with.
    pub(super) key: Arc<GatewayKey>,
    /// The upper end of links to gateways below.
    pub(super) upper: Arc<Upper>,
    /// Where gateways below are enrolled.
    pub(super) office: Arc<Office>,
    /// Where every request is recorded.
    pub(super) audit: Arc<AuditLog>,
    /// `demo` and `--dev`.
    pub(super) practice: bool,
    /// The operator is split into two.
    pub(super) separate_powers: bool,
}

/// Where the keys of identities lie.
pub(super) fn key_file(config: &Config) -> Result<sqlite::KeyFile, Failure> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let named = config.store.identity_key_file.as_deref();
    Ok(sqlite::KeyFile::of(named, credentials.as_deref(), &config.store.dir)?)
}

/// The keys of identities, made with a new store.
pub(super) fn key_ring(config: &Config) -> Result<sqlite::KeyRing, Failure> {
    let sealed_under = sqlite::sealed_under(&config.store.dir)?;
    let file = key_file(config)?;
    if let sqlite::KeyFile::Beside(path) = &file {
        sqlite::make_folder(&config.store.dir)?;
        tracing::warn!(
            file = %path.display(),
            "the identity keys lie with the data: whoever takes the folder reads every name; a van must \
             not be run so: name [store] identity_key_file or a systemd credential"
        );
    }
    Ok(sqlite::KeyRing::open(file, &sealed_under)?)
}

/// Opens the store, and starts the writer and the device book.
pub(super) fn core(
    config: &Config,
    (practice, pace): (bool, commit::Pace),
    supervisor: &Supervisor,
) -> Result<Core, Failure> {
    let pack = Arc::new(pack(config.pack_file.as_deref(), Pack::laid_over)?);
    let mut options = sqlite::Options::new(&config.store.dir);
    options.page_cache_bytes = config.store.page_cache_bytes;
    options.ring = key_ring(config)?;
    let store: Box<dyn Store> = Box::new(sqlite::SqliteStore::open(options)?);
    let reader = store.reader();
    let clock = Clock::system();
    let settings = commit::Settings {
        pack,
        people_cached: config.store.people_cached,
        clock: clock.clone(),
        trust: config.clock_trust,
        pace,
        silent_after: config.uplink_silent_after,
    };
    let writer = commit::start(store, settings, supervisor)?;
    let pack = Arc::clone(&writer.pack.borrow());
    let book = DeviceBook::default();
    book.load(reader.as_ref())?;
    let following =
        book.clone().follow(Arc::clone(&reader), writer.registered.clone(), supervisor.stopping());
    supervisor.spawn("device book", following);
    let time_floor = Arc::new(TimeFloor::open(&config.store.dir, clock.clone())?);
    supervisor.spawn("time floor", Arc::clone(&time_floor).follow(supervisor.stopping()));
    let boxes = BoxBook::default();
    boxes.load(reader.as_ref())?;
    let gate = watch::Sender::new(gate_of(practice, &pack));
    let metrics = serve::metrics::Registry::default();
    let links = serve::open_links(&config.store.dir)?;
    let key = Arc::new(GatewayKey::open(&config.store.dir)?);
    let settings = audit::Settings {
        data: config.store.dir.clone(),
        keep_days: config.audit_keep_days,
        clock: clock.clone(),
        key: Arc::clone(&key),
        configuration: digest(config, &pack),
    };
    let audit = audit::start(settings, supervisor)?;
    let shown = config.http.tls.as_ref().map(|(certificate, _)| certificate.clone());
    let office = Office::open(&config.store.dir, Arc::clone(&time_floor), shown);
    let upper = Upper::new(link::Parts {
        reader: Arc::clone(&reader),
        inlet: writer.inlet.clone(),
        key: Arc::clone(&key),
        clock: clock.clone(),
        registered: writer.registered.clone(),
        status: Arc::default(),
        office: Some(Arc::clone(&office)),
    });
    super::figures::of_neighbours(&metrics, (Arc::clone(upper.status()), Arc::clone(&reader)));
    let separate_powers = config.accounts.separate_powers;
    Ok(Core {
        pack,
        reader,
        writer,
        book,
        boxes,
        clock,
        time_floor,
        gate,
        metrics,
        links,
        key,
        upper,
        office,
        audit,
        practice,
        separate_powers,
    })
}

/// Tells one configuration and pack from another, without telling what they say.
fn digest(config: &Config, pack: &Pack) -> SmolStr {
    let text = format!("{config:?} {:?}", pack.signed_hash());
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

/// What pages and the API share.
pub(super) fn shared(
    core: &Core,
    config: &Config,
    demo: bool,
    indicators: serve::Latest,
    supervisor: &Supervisor,
) -> Result<Arc<serve::Shared>, Failure> {
    Ok(serve::Shared::start(serve::Parts {
        reader: Arc::clone(&core.reader),
        inlet: core.writer.inlet.clone(),
        clock: core.clock.clone(),
        committed: core.writer.committed.clone(),
        tokens_ended: core.writer.tokens_ended.clone(),
        health: core.writer.health.clone(),
        pack: summaries(core, supervisor),
        rules: core.writer.pack.clone(),
        settings: serve::Settings {
            oidc: super::configure::oidc(config).map_err(Failure::Failed)?,
            build: concat!("xunzhen ", env!("CARGO_PKG_VERSION")).to_owned(),
            place_name: if demo { simulators::world::TOWNSHIP.to_owned() } else { String::new() },
            demo,
            open_house: core.practice,
            secure: config.http.tls.is_some() || behind_tls(config),
            public_url: config.http.public_url.clone(),
            accounts: serve::AccountRules {
                separate_powers: config.accounts.separate_powers,
                second_factor: config.accounts.second_factor,
                forwarded: config.http.forwarded,
            },
            case_prefix: super::wiring::CASE_PREFIX.into(),
        },
        bundle: serve::Bundle::embedded(),
        metrics: core.metrics.clone(),
        admit: Arc::new(|posted| {
            let key = posted.idempotency_key.as_deref();
            admit::posted(&posted.body, posted.received_at, key)
        }),
        lines: Arc::new(super::bands::PackLines(core.writer.pack.clone())),
        indicators,
        key: Arc::clone(&core.key),
        upper: Arc::clone(&core.upper),
        office: Arc::clone(&core.office),
        alert_links: core.links.clone(),
        audit: Arc::clone(&core.audit),
        supervisor: supervisor.clone(),
    }))
}

/// Whether browsers reach us by TLS that a proxy before us ends.
fn behind_tls(config: &Config) -> bool {
    config.http.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
}

/// Starts the count of indicators.
pub(super) fn indicators(core: &Core, supervisor: &Supervisor) -> serve::Latest {
    let (latest, counted) = watch::channel(None);
    let (reader, pack) = (Arc::clone(&core.reader), core.writer.pack.clone());
    let stop = supervisor.stopping();
    let following = serve::follow_indicators(reader, pack, core.clock.clone(), latest, stop);
    supervisor.spawn("indicators", following);
    counted
}

/// Whether messages may leave by a pack.
fn gate_of(practice: bool, pack: &Pack) -> Gate {
    Gate::of(practice, pack.signed_by(), pack.signed_hash())
}

/// What pages say of the pack in force, and whether messages leave by it, as long as packs come.
fn summaries(core: &Core, supervisor: &Supervisor) -> watch::Receiver<serve::PackSummary> {
    let (mut packs, gates) = (core.writer.pack.clone(), core.gate.clone());
    let (practice, stop) = (core.practice, supervisor.stopping());
    let (told, summaries) = watch::channel(summary(&packs.borrow_and_update(), practice));
    supervisor.spawn("rule pack in force", async move {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                changed = packs.changed() => if changed.is_err() { return },
            }
            let pack = Arc::clone(&packs.borrow_and_update());
            gates.send_replace(gate_of(practice, &pack));
            told.send_replace(summary(&pack, practice));
        }
    });
    summaries
}

fn summary(pack: &Pack, practice: bool) -> serve::PackSummary {
    let concepts = crate::assess::Concept::ALL.iter().filter_map(|concept| {
        let rule = pack.rule(*concept)?;
        Some((concept.as_str().into(), (rule.zh.to_string(), rule.en.to_string())))
    });
    // No line opens them, and no pack names them.
    let of_nobody = (
        crate::domain::UNATTRIBUTED_EMERGENCY.into(),
        ("无主危急值".to_owned(), "Emergency value of nobody".to_owned()),
    );
    let of_site = (
        crate::domain::BOX_SILENT.into(),
        ("网关久未上传".to_owned(), "Gateway has not uploaded".to_owned()),
    );
    let concepts = concepts.chain([of_nobody, of_site]).collect();
    let gate = gate_of(practice, pack);
    let said = |text: &'static str| (!text.is_empty()).then(|| text.to_owned());
    let sending = SendingState {
        enabled: gate.is_open(),
        why_zh: said(gate.why_zh()),
        why_en: said(gate.why_en()),
    };
    serve::PackSummary { name: pack.title().clone(), concepts, sending }
}

/// The operator's door over a store that no server holds.
pub(super) fn admin_here(config: &Config, supervisor: &Supervisor) -> Result<Router, Failure> {
    let core = core(config, (false, commit::Pace::REAL), supervisor)?;
    // No page is asked for here, so nothing is counted for one.
    let (_, uncounted) = watch::channel(None);
    Ok(serve::admin_router(shared(&core, config, false, uncounted, supervisor)?))
}
