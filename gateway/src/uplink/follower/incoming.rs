//! A roster that comes piece by piece: kept in a file until it is whole, then taken as any other is.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use tokio::time::{Duration, Instant};
use tracing::{info, warn};

use crate::{
    intake::Inlet,
    store::Reader,
    uplink::{
        PublicKey,
        batch::{Hash, RosterPart},
        roster::{Opened, take},
    },
};

/// Within the data folder. What a process before this one fetched is fetched again.
const FILE: &str = "roster-incoming";

/// Largest package, in bytes: a county of a million people has some 600 MB.
const PACKAGE_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// After a package that could not be taken, so long: the line is not filled with it again and again.
const REST: Duration = Duration::from_secs(600);

/// What is being fetched.
#[derive(Debug)]
pub(in crate::uplink) struct Incoming {
    path: PathBuf,
    package: Option<Hash>,
    have: u64,
    not_before: Option<Instant>,
}

impl Incoming {
    pub(in crate::uplink) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), package: None, have: 0, not_before: None }
    }

    /// Whether a roster is wished for now.
    pub(in crate::uplink) fn wishes(&self) -> bool {
        self.not_before.is_none_or(|at| at <= Instant::now())
    }

    /// The package under way and how much of it is here, for the next question.
    pub(in crate::uplink) const fn state(&self) -> (Option<Hash>, u64) {
        (self.package, self.have)
    }

    /// Keeps a piece, and takes the package once it is whole. Whether it was. Blocks.
    pub(in crate::uplink) fn keep(
        &mut self,
        part: &RosterPart,
        trusted: PublicKey,
        (reader, inlet): (&dyn Reader, &Inlet),
    ) -> io::Result<bool> {
        let goes_on = self.package == Some(part.package) && part.at == self.have;
        if !goes_on && part.at != 0 || part.bytes > PACKAGE_MAX {
            warn!(at = part.at, have = self.have, "a piece of a roster does not fit; asking anew");
            self.forget()?;
            return Ok(false);
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(part.at == 0).mode(0o600);
        let mut file = options.open(&self.path)?;
        file.seek(SeekFrom::Start(part.at))?;
        file.write_all(&part.piece)?;
        let length = u64::try_from(part.piece.len()).unwrap_or(u64::MAX);
        (self.package, self.have) = (Some(part.package), part.at.saturating_add(length));
        if self.have < part.bytes {
            return Ok(false);
        }
        let taken = enter(&self.path, part.package, trusted, (reader, inlet));
        self.forget()?;
        let taken = taken?;
        self.not_before = (!taken).then(|| Instant::now() + REST);
        Ok(taken)
    }

    fn forget(&mut self) -> io::Result<()> {
        (self.package, self.have) = (None, 0);
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn enter(
    path: &Path,
    package: Hash,
    trusted: PublicKey,
    (reader, inlet): (&dyn Reader, &Inlet),
) -> io::Result<bool> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    if *hasher.finalize().as_bytes() != package.0 {
        warn!("a roster is not what was announced; asking anew");
        return Ok(false);
    }
    let told = Opened::open(BufReader::new(File::open(path)?), &[trusted])
        .map_err(|error| error.to_string())
        .and_then(|mut opened| take(&mut opened, reader, inlet).map_err(|error| error.to_string()));
    match told {
        Ok(taken) => {
            info!(rows = taken.rows, new = taken.new, "took a roster from the gateway above");
            Ok(true)
        }
        Err(why) => {
            warn!(%why, "a roster of the gateway above was not taken");
            Ok(false)
        }
    }
}
