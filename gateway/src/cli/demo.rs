//! `xunzhen demo`: a synthetic township at work, on this machine, in a temporary folder.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use simulators::world::{Door, World};

use super::{
    Common, Failure, LogFormat, configure,
    serve::{Mode, start, stop_on_signal},
    table::Kind,
    van,
};
use crate::{
    config::{Config, Serial},
    supervise::Supervisor,
};

/// The day that is shown when nobody asks for another.
const SEED: u64 = 20_261_121;

/// Show the gateway at work: a synthetic township with simulated devices
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Demo {
    /// Minutes into which a day is compressed
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Where the pages answer on 127.0.0.1; 0 picks a free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Which day: the same seed leads to the same day
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// End with the day instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
    /// A van and its centre instead, with a cable between them to be pulled in the page; with --once
    /// the whole story of a pulled cable is told and checked
    #[arg(long)]
    van: bool,
    /// Removes this folder once the standard input has ended
    #[arg(long, value_name = "DIR", hide = true)]
    sweep: Option<PathBuf>,
}

/// `demo`.
pub(super) fn run(command: &Demo, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(folder) = &command.sweep {
        return van::sweep(folder);
    }
    if command.van {
        let Demo { minutes, port, seed, once, .. } = *command;
        return van::run(&van::Asked { minutes, port, seed, once }, out);
    }
    let folder = Folder::make()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(show(command, &folder.0, out))
}

async fn show(command: &Demo, folder: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let mut world = World::plan(command.seed, command.minutes);
    let lines = folder.join("lines");
    fs::create_dir_all(&lines)?;
    let plugged = world.plug(&lines)?;
    let mut config = config(command, folder)?;
    for plan in plugged {
        config.serial.push(Serial {
            port: plan.port,
            format: plan.format.to_owned(),
            model: plan.model.map(str::to_owned),
            device: plan.device.parse().map_err(|error| Failure::of(&error))?,
            site: plan.site.parse().map_err(|error| Failure::of(&error))?,
            bench: plan.bench.and_then(|bench| bench.parse().ok()),
            baud: plan.baud,
            poll_every: Some(plan.poll_every),
        });
    }
    let supervisor = Supervisor::new();
    let rows = rows(&world)?;
    let running = start(&config, Mode::Demo(rows), &supervisor).await?;
    stop_on_signal(&supervisor)?;
    tell(command, &running.link, &running.ready, out)?;
    let (stop, over) = (supervisor.stopping(), world.over());
    let door = Door { mqtt: running.mqtt, password: None };
    let (told, report) = tokio::sync::oneshot::channel();
    let ending = supervisor.stopping();
    supervisor.spawn("simulated township", async move {
        // Nobody waits for the report of a day that was broken off.
        let report = world.run(door, async move { ending.wait().await }).await;
        told.send(report).unwrap_or_default();
    });
    if command.once {
        let (mut over, all) = (over, supervisor.clone());
        supervisor.spawn("end of the day", async move {
            tokio::select! {
                () = over.wait() => tokio::time::sleep(LAST_DELIVERIES).await,
                () = stop.wait() => {}
            }
            all.stop();
        });
    }
    let ended = supervisor.wait().await.map_err(Failure::Failed);
    if let Ok(report) = report.await {
        writeln!(out, "seed {} / 种子 {}: {:?}", report.seed, report.seed, report.totals)?;
    }
    ended
}

/// Time for the last deliveries of a day before a demonstration that ends with it.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);

fn config(command: &Demo, folder: &Path) -> Result<Config, Failure> {
    let common = Common { config: None, log_format: LogFormat::Auto };
    let flags = vec![
        ("store.dir", folder.join("store").display().to_string()),
        ("http.listen", format!("127.0.0.1:{}", command.port)),
        ("mqtt.listen", "127.0.0.1:0".to_owned()),
    ];
    let (mut config, _) = configure::read(&common, flags)?;
    config.serial.clear();
    Ok(config)
}

/// The township's registry, through the same reading of CSV as an import.
fn rows(world: &World) -> Result<Vec<crate::domain::Registered>, Failure> {
    let kinds = [
        (Kind::Sites, "sites"),
        (Kind::Doctors, "doctors"),
        (Kind::Households, "households"),
        (Kind::People, "people"),
        (Kind::Devices, "devices"),
        (Kind::Cards, "cards"),
    ];
    let mut rows = Vec::new();
    for (kind, name) in kinds {
        rows.extend(van::rows(kind, &world.registry().csv(name).unwrap_or_default())?);
    }
    Ok(rows)
}

fn tell(
    command: &Demo,
    link: &str,
    ready: &serde_json::Value,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    writeln!(out, "{ready}")?;
    writeln!(out)?;
    writeln!(
        out,
        "  巡诊演示 Xunzhen demo · 一天压缩为 {0} 分钟 / a day in {0} minutes",
        command.minutes
    )?;
    writeln!(out, "  打开网页 open the page:  {link}")?;
    writeln!(out, "  结束 end: Ctrl-C")?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// A temporary folder that goes with the demonstration.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let name = format!("xunzhen-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the demonstration's folder stays");
        }
    }
}
