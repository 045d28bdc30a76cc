//! `xunzhen serve`: the whole gateway, from the first listener to the last follower.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::{oneshot, watch},
};
use tracing::info;

use super::{
    Common, Failure, admin, boxes, configure, dev, figures,
    files::{self, Files},
    pieces,
    pieces::Core,
    tokens, uplink, wiring,
};
use crate::{
    audit,
    commit::Pace,
    config::Config,
    domain::{Millis, Registered},
    intake::mqtt,
    notify::{Links, Notifier, NotifyConfig},
    serve,
    slip::Printers,
    store::{CommitSeq, Reader, Role},
    supervise::Supervisor,
    tls,
};

/// How long the link printed at start may be used.
const LOGIN_LINK_LIFETIME: Millis = Millis::hours(12);

/// Run the gateway
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Serve {
    /// Where everything is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where pages and the API answer; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where devices publish; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<String>,
    /// For trying out: loopback only, unregistered devices welcome, one hundred people, a token
    #[arg(long)]
    dev: bool,
    /// End in order when the standard input ends: whoever started this is gone
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// `serve`.
pub(super) fn run(command: &Serve, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    let dir = command.data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
    let http = command.http.clone().map(|listen| ("http.listen", listen));
    let mqtt = command.mqtt.clone().map(|listen| ("mqtt.listen", listen));
    let flags = dir.into_iter().chain(http).chain(mqtt).collect();
    let (config, _) = configure::read(common, flags)?;
    let problems = configure::formats(&config);
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems.join("\n")));
    }
    if command.dev {
        let tls = config.mqtt.tls.as_ref().map(|tls| ("mqtts", tls.listen));
        let plain = [("http", config.http.listen), ("mqtt", config.mqtt.listen)];
        for (name, listen) in plain.into_iter().chain(tls) {
            if !listen.ip().is_loopback() {
                return Err(Failure::Usage(format!(
                    "--dev listens on loopback only, not on {listen}; say --{name} 127.0.0.1:0"
                )));
            }
        }
    }
    files::raise(config.mqtt.connections_max);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let supervisor = Supervisor::new();
        if command.until_stdin_closes {
            stop_with_stdin(&supervisor);
        }
        let mode = if command.dev { Mode::Dev } else { Mode::Serve };
        let running = start(&config, mode, &supervisor).await?;
        stop_on_signal(&supervisor)?;
        writeln!(out, "{}", running.ready)?;
        out.flush()?;
        supervisor.wait().await.map_err(Failure::Failed)
    });
    // A question to the store that hangs with its disk must not hold the process.
    runtime.shutdown_background();
    ended
}

/// How the gateway is run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mode {
    /// For its users.
    Serve,
    /// For trying out.
    Dev,
    /// As a show, of these people, doctors and devices.
    Demo(Vec<Registered>),
}

/// A gateway that runs.
pub(super) struct Running {
    /// The line that says so.
    pub(super) ready: serde_json::Value,
    /// Where devices publish.
    pub(super) mqtt: SocketAddr,
    /// The one-time link's address.
    pub(super) link: String,
    /// The reading side of its store.
    pub(super) reader: Arc<dyn Reader>,
    /// Where its log ends.
    pub(super) committed: watch::Receiver<CommitSeq>,
}

/// Starts everything. On return it takes readings and answers.
pub(super) async fn start(
    config: &Config,
    mode: Mode,
    supervisor: &Supervisor,
) -> Result<Running, Failure> {
    // The first provider of the process stays; a second start keeps it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let practice = mode != Mode::Serve;
    let demo = matches!(mode, Mode::Demo(_));
    // What is tried by hand, or a day that passes within minutes, would wait for its own cuff.
    let pace = if practice { Pace::COMPRESSED } else { Pace::REAL };
    let core = Arc::new(pieces::core(config, (practice, pace), supervisor)?);
    let indicators = pieces::indicators(&core, supervisor);
    let shared = pieces::shared(&core, config, demo, indicators, supervisor)?;
    let mut token = None;
    match mode {
        Mode::Serve => {}
        Mode::Dev => {
            dev::seed(&core).await?;
            token = Some(dev::token(&shared).await?);
        }
        Mode::Demo(rows) => {
            register(&core, rows, "demo").await?;
        }
    }
    serve_socket(config, &shared, supervisor)?;
    let http = serve_pages(config, &shared, supervisor).await?;
    let links = links(config, &core, http);
    let (mqtt, mqtts) = serve_mqtt(config, &core, &links, supervisor).await?;
    shared.plug(Printers::start(&config.printers, supervisor));
    wiring::serial(config, &core, supervisor)?;
    wiring::broker(config, &core, supervisor)?;
    wiring::export(config, &core, supervisor)?;
    uplink::start(config, &core, supervisor)?;
    wiring::shadow(config, &core, supervisor)?;
    notify(config, &core, links, supervisor)?;
    let scheme = if config.http.tls.is_some() { "https" } else { "http" };
    let path = shared.login_link(serve::Grant::of_role(Role::Operator), LOGIN_LINK_LIFETIME);
    let link = format!("{scheme}://{http}{path}");
    let mut ready = json!({
        "event": "ready", "http": http.to_string(), "mqtt": mqtt.to_string(), "login": link,
        "version": env!("CARGO_PKG_VERSION"), "script_pages": dashboards::built(),
    });
    let mqtts = mqtts.map(|mqtts| ("mqtts", mqtts.to_string()));
    let more = mqtts.into_iter().chain(token.map(|token| ("token", token)));
    if let Some(line) = ready.as_object_mut() {
        line.extend(more.map(|(name, said)| (name.to_owned(), said.into())));
    }
    info!(%http, %mqtt, "ready");
    let (reader, committed) = (Arc::clone(&core.reader), core.writer.committed.clone());
    Ok(Running { ready, mqtt, link, reader, committed })
}

/// The operator's door, for the command line on this machine.
fn serve_socket(
    config: &Config,
    shared: &Arc<serve::Shared>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let path = config.store.dir.join(admin::SOCKET);
    // We hold the folder's lock, so whoever made this socket is gone.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Failure::of(&error));
    }
    let listener = bind_private(&path)?;
    let router = serve::admin_router(Arc::clone(shared));
    let serving = serve::serve_http(
        serve::Listener::Unix(listener),
        (None, files::DOOR_MAX),
        router,
        supervisor.clone(),
    );
    supervisor.spawn("operator's door", serving);
    Ok(())
}

/// A socket that only its owner may open. Its folder is the owner's alone already.
fn bind_private(path: &Path) -> Result<UnixListener, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve_pages(
    config: &Config,
    shared: &Arc<serve::Shared>,
    supervisor: &Supervisor,
) -> Result<SocketAddr, Failure> {
    let tls = match &config.http.tls {
        Some((certificate, key)) => {
            Some(tls::tls_from_files(certificate, key).map_err(|error| Failure::of(&error))?)
        }
        None => None,
    };
    let listener = bind("http.listen", config.http.listen).await?;
    let address = listener.local_addr()?;
    let router = serve::router(Arc::clone(shared));
    let serving = serve::serve_http(
        serve::Listener::Tcp(listener),
        (tls, Files::now().pages),
        router,
        supervisor.clone(),
    );
    supervisor.spawn("pages", serving);
    Ok(address)
}

async fn serve_mqtt(
    config: &Config,
    core: &Arc<Core>,
    links: &Links,
    supervisor: &Supervisor,
) -> Result<(SocketAddr, Option<SocketAddr>), Failure> {
    let listener = bind("mqtt.listen", config.mqtt.listen).await?;
    let address = listener.local_addr()?;
    let refusals = audit::record_refusals(Arc::clone(&core.audit), supervisor);
    let shared = mqtt::Shared::new(wiring::mqtt(config, core, (links, &refusals)));
    figures::of_mqtt(&core.metrics, Arc::clone(&shared));
    boxes::follow(core, Arc::clone(&shared), supervisor);
    tokens::follow(core, Arc::clone(&shared), supervisor);
    let mut with_tls = None;
    if let Some(tls) = &config.mqtt.tls {
        let said = boxes::Said { tls, config, now: core.time_floor.now() };
        let door = boxes::door(&said, core).map_err(Failure::Configuration)?;
        let listener = bind("mqtt.tls_listen", tls.listen).await?;
        with_tls = Some(listener.local_addr()?);
        let shared = Arc::clone(&shared);
        supervisor.spawn("mqtts", mqtt::listen(listener, Some(door), shared, supervisor.clone()));
    }
    supervisor.spawn("mqtt", mqtt::listen(listener, None, shared, supervisor.clone()));
    Ok((address, with_tls))
}

async fn bind(key: &str, listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| {
        Failure::Failed(format!("{key}: cannot listen on {listen}: {error} / 端口不可用"))
    })
}

/// The links of messages: under the configured address, else the one that the pages listen on.
fn links(config: &Config, core: &Core, http: SocketAddr) -> Links {
    let scheme = if config.http.tls.is_some() { "https" } else { "http" };
    let url = config.http.public_url.clone().unwrap_or_else(|| format!("{scheme}://{http}"));
    Links::new(&url, core.links.clone())
}

fn notify(
    config: &Config,
    core: &Arc<Core>,
    links: Links,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let settings = NotifyConfig {
        consent_required: config.notify_consent_required,
        allow_private: config.notify_allow_private || core.practice,
        ..NotifyConfig::new(links, wiring::CASE_PREFIX)
    };
    let notifier =
        Notifier::new(wiring::notify(core), settings).map_err(|error| Failure::of(&error))?;
    figures::of_notify(&core.metrics, notifier.board());
    supervisor.spawn("notify", notifier.run(supervisor.stopping()));
    Ok(())
}

/// Lets a signal end the process in order: none is missed that comes after the return.
pub(super) fn stop_on_signal(supervisor: &Supervisor) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, asked) = (supervisor.stopping(), supervisor.clone());
    supervisor.spawn("signals", async move {
        tokio::select! {
            _ = terminate.recv() => info!("asked to stop"),
            _ = interrupt.recv() => info!("asked to stop"),
            () = stop.wait() => {}
        }
        asked.stop();
    });
    Ok(())
}

/// Ends the process in order when the standard input does: it closes with whoever holds it, however
/// that ended.
fn stop_with_stdin(supervisor: &Supervisor) {
    let all = supervisor.clone();
    std::thread::spawn(move || {
        // What cannot be read has ended too.
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        all.stop();
    });
}

/// Hands rows to the writer and waits until they are on disk.
pub(super) async fn register(
    core: &Core,
    rows: Vec<Registered>,
    author: &'static str,
) -> Result<usize, Failure> {
    let (reply, told) = oneshot::channel();
    let rows = crate::commit::Registering { rows, author: author.into(), reply };
    let handed = core.writer.inlet.hand_over(crate::commit::Work::Register(rows)).await;
    handed.map_err(|error| Failure::of(&error))?;
    let (_, entered) = told.await.map_err(|error| Failure::of(&error))?;
    Ok(entered)
}
