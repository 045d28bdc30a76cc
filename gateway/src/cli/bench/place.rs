//! The folder a benchmark works in, and a gateway that runs there.

use std::path::{Path, PathBuf};

use super::Ground;
use crate::{
    cli::{
        Common, Failure, LogFormat, configure,
        serve::{Mode, Running, start},
    },
    config::Config,
    store::sqlite::{self, SqliteStore},
    supervise::{Stop, Supervisor},
};

/// A folder, and whether it goes with the benchmark.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    temporary: bool,
}

impl Place {
    /// The folder that was asked for, or a temporary one.
    pub(super) fn of(ground: &Ground) -> Result<Self, Failure> {
        ground.dir.as_deref().map_or_else(Self::temporary, Self::of_folder)
    }

    /// A folder that is kept.
    pub(super) fn of_folder(dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), temporary: false })
    }

    /// A folder of this process.
    pub(super) fn temporary() -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("xunzhen-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir, temporary: true })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store's folder.
    pub(super) fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// Opens the store as the gateway would.
    pub(super) fn open(&self) -> Result<SqliteStore, Failure> {
        let dir = self.store();
        sqlite::make_folder(&dir)?;
        let file = sqlite::KeyFile::of(None, None, &dir)?;
        let ring = sqlite::KeyRing::open(file, &sqlite::sealed_under(&dir)?)?;
        Ok(SqliteStore::open(sqlite::Options { ring, ..sqlite::Options::new(dir) })?)
    }

    /// The configuration of a gateway here: all defaults, on free ports of this machine.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let common = Common { config: None, log_format: LogFormat::Auto };
        let flags = vec![
            ("store.dir", self.store().display().to_string()),
            ("http.listen", "127.0.0.1:0".to_owned()),
            ("mqtt.listen", "127.0.0.1:0".to_owned()),
        ];
        Ok(configure::read(&common, flags)?.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(%error, path = %self.dir.display(), "the benchmark's folder stays");
        }
    }
}

/// A whole gateway on its own runtime: listener, writer, pages, notifier, rollups.
pub(super) struct Gateway {
    pub(super) running: Running,
    supervisor: Supervisor,
    runtime: tokio::runtime::Runtime,
}

impl Gateway {
    /// Starts it; on return it takes readings.
    pub(super) fn start(config: &Config) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("gateway")
            .enable_all()
            .build()?;
        let supervisor = Supervisor::new();
        let mode = Mode::Demo(Vec::new());
        let running = runtime.block_on(start(config, mode, &supervisor))?;
        Ok(Self { running, supervisor, runtime })
    }

    /// A task of the benchmark beside it, which ends with it.
    pub(super) fn spawn(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let _entered = self.runtime.enter();
        self.supervisor.spawn(name, future);
    }

    /// What tells that it should stop.
    pub(super) fn stopping(&self) -> Stop {
        self.supervisor.stopping()
    }

    /// Stops it in order.
    pub(super) fn stop(self) -> Result<(), Failure> {
        self.supervisor.stop();
        self.runtime.block_on(self.supervisor.wait()).map_err(Failure::Failed)
    }
}
