//! `xunzhen demo --van`: a van and its centre, two real gateways of this program joined by a cable that
//! can be pulled. Each is a process of its own, so that it can be killed; the demonstration starts it
//! again. It only asks and shows: what is judged, carried and signed, the two do as everywhere.

mod ask;
mod cable;
mod go;
mod page;
mod parts;
mod prepare;
mod round;
mod side;
mod stage;
mod story;

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Child,
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use simulators::world::van::VanBench;
use tokio::{
    net::{TcpListener, UnixStream},
    time::{Instant, sleep},
};

use self::{
    ask::Asker,
    cable::Cable,
    side::{Side, Which},
    stage::{Props, Stage},
};
use super::{Failure, admin::SOCKET, serve::stop_on_signal};
use crate::{
    serve::{CONNECTIONS_MAX, Listener, serve_http},
    supervise::Supervisor,
};

pub(super) use prepare::rows;

/// People who come in a day that runs by itself.
const VISITS_A_DAY: u32 = 40;

/// How the folder of a demonstration begins: nothing else is ever swept away.
const FOLDER: &str = "xunzhen-demo-van-";

/// Longest wait of the sweeper for gateways that are just ending.
const SWEEP: Duration = Duration::from_secs(20);

/// What was asked for.
pub(super) struct Asked {
    pub(super) minutes: u32,
    pub(super) port: u16,
    pub(super) seed: u64,
    pub(super) once: bool,
}

/// `demo --van`.
pub(super) fn run(asked: &Asked, out: &mut dyn Write) -> Result<(), Failure> {
    let folder = Folder::make()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let supervisor = Supervisor::new();
        stop_on_signal(&supervisor)?;
        let told = show(asked, &folder.path, (&supervisor, out)).await;
        supervisor.stop();
        let ended = supervisor.wait().await.map_err(Failure::Failed);
        told.and(ended)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn show(
    asked: &Asked,
    folder: &Path,
    (supervisor, out): (&Supervisor, &mut dyn Write),
) -> Result<(), Failure> {
    let port = asked.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Failure::Failed(format!("--port {port}: {error}; 0 picks a free one / 端口不可用"))
    })?;
    let stop = supervisor.stopping();
    let staged = stage(asked, folder, supervisor);
    let stage = tokio::select! {
        () = stop.wait() => return Ok(()),
        stage = staged => stage?,
    };
    let address = listener.local_addr()?;
    let router = page::router(Arc::clone(&stage));
    let serving =
        serve_http(Listener::Tcp(listener), (None, CONNECTIONS_MAX), router, supervisor.clone());
    supervisor.spawn("page of the demonstration", serving);
    ready(address, &stage, folder, out)?;
    if !asked.once {
        stop.wait().await;
        return Ok(());
    }
    tokio::select! {
        () = stop.wait() => Ok(()),
        told = story::tell(&stage, asked.seed, out) => told,
    }
}

/// Sets everything up, from the first store to the first person.
async fn stage(
    asked: &Asked,
    folder: &Path,
    supervisor: &Supervisor,
) -> Result<Arc<Stage>, Failure> {
    let lines = folder.join("lines");
    fs::create_dir(&lines)?;
    let bench = VanBench::set_up(asked.seed, &lines)?;
    let [van, centre] = [Which::Van, Which::Centre].map(|which| Side::of(which, folder));
    let beliefs = prepare::stores(&bench, folder, [&van, &centre]).await?;
    prepare::configure_centre(&centre, folder)?;
    centre.keep(supervisor);
    let cable = Cable::lay(centre.ready().await?, supervisor).await?;
    prepare::configure_van(&van, folder, (bench.lines(), cable.address(), &beliefs))?;
    van.keep(supervisor);
    van.ready().await?;
    let name = |person: &simulators::world::Person| (person.id.clone(), person.name.clone());
    let props = Props {
        sides: [van.clone(), centre.clone()],
        cable,
        names: bench.people().iter().map(name).collect(),
        client: ask::client()?,
        auto: !asked.once,
    };
    let person = props.names.keys().next().cloned().unwrap_or_default();
    let (stage, queue) = Stage::new(props);
    let stage = Arc::new(stage);
    for (side, seen) in [(van, &stage.van_seen), (centre, &stage.centre_seen)] {
        let asker = Asker::new(side, person.clone())?;
        supervisor.spawn("asking", asker.run(Arc::clone(seen), supervisor.stopping()));
    }
    supervisor.spawn("steps", Arc::clone(&stage).follow(supervisor.stopping()));
    let every = Duration::from_secs(60).saturating_mul(asked.minutes) / VISITS_A_DAY;
    let sitting = Arc::clone(&stage).sit(bench, queue, (every, supervisor.stopping()));
    supervisor.spawn("bench", sitting);
    Ok(stage)
}

/// Says where everything is, for a program in the first line and for people below it.
fn ready(
    address: SocketAddr,
    stage: &Stage,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let page = format!("http://{address}/demo");
    let side = |side: &Side| {
        let run = side.run();
        json!({"pid": run.pid, "http": run.http.map(|http| http.to_string()), "data": side.data})
    };
    let (van, centre) = (&stage.van, &stage.centre);
    let line = json!({"event": "ready", "page": page, "http": address.to_string(),
        "van": side(van), "centre": side(centre), "folder": folder});
    writeln!(out, "{line}\n")?;
    let program = std::env::current_exe()?.display().to_string();
    let (data, name) = (van.data.display(), stage.names.values().next());
    let name = name.map_or("王", String::as_str);
    let tampered = folder.join("tampered.jsonl");
    let tampered = tampered.display();
    let text = [
        "  巡诊车与中心 Xunzhen, van and centre: two gateways, one cable".to_owned(),
        format!("  打开网页 open the page:   {page}"),
        "  结束 end:                 Ctrl-C".to_owned(),
        String::new(),
        "  另开终端可试 in another terminal (a killed side is started again; the page says its pid):"
            .to_owned(),
        format!("    kill -9 {}    # van    kill -9 {}    # centre", pid(van), pid(centre)),
        format!("    grep -rac {name} {data}    # 0: no name lies open in the van's store"),
        format!("    strings -a {data}/* | less"),
        format!("    {program} verify-audit --data-dir {data}"),
        "    # and with one byte changed:".to_owned(),
        format!("    sed 2s/a/b/ {data}/audit/audit-000000000000.jsonl > {tampered}"),
        format!("    {program} verify-audit {tampered}"),
        format!("    tail -f {} {}", van.log.display(), centre.log.display()),
        String::new(),
    ];
    for line in text {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

fn pid(side: &Side) -> u32 {
    side.run().pid.unwrap_or_default()
}

/// A temporary folder that goes with the demonstration, however that ends.
struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("{FOLDER}{}", std::process::id()));
        fs::create_dir(&path)?;
        let sweeper = side::sweeper(&path)?;
        Ok(Self { path, sweeper })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The sweeper begins when its standard input ends.
        drop(self.sweeper.stdin.take());
        if let Err(error) = self.sweeper.wait() {
            tracing::warn!(%error, path = %self.path.display(), "the demonstration's folder stays");
        }
    }
}

/// `demo --sweep`: waits until the demonstration is gone, and removes what it left.
pub(super) fn sweep(folder: &Path) -> Result<(), Failure> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.starts_with(FOLDER) || folder.parent() != Some(&std::env::temp_dir()) {
        let told = format!("{} is no folder of a demonstration", folder.display());
        return Err(Failure::Usage(told));
    }
    // It ends when the demonstration does, and says nothing before.
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        while begun.elapsed() < SWEEP && somebody_answers(folder).await {
            sleep(Duration::from_millis(100)).await;
        }
    });
    Ok(fs::remove_dir_all(folder)?)
}

/// Whether one of the two gateways still runs.
async fn somebody_answers(folder: &Path) -> bool {
    for which in Which::ALL {
        let socket = folder.join(which.as_str()).join(SOCKET);
        if UnixStream::connect(socket).await.is_ok() {
            return true;
        }
    }
    false
}
