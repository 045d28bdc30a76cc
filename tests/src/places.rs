//! Disks that can be filled, cut from the power, and thrown away: ext4 on a loop device, in mounts
//! that only the test sees and that end with it.

use std::{
    env,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use crate::{patience::wait_at_most, skip};

/// Says to the inner run of a test that it has mounts of its own.
const INNER: &str = "XUNZHEN_OWN_MOUNTS";

/// Says to an inner run which seed is its own.
const SEED: &str = "XUNZHEN_INNER_SEED";

/// Says to an inner run that it has a network of its own.
const OWN_NET: &str = "XUNZHEN_OWN_NET";

/// Longest time of an inner run of one seed.
const INNER_MAX: Duration = Duration::from_secs(1800);

/// Runs a test in mounts of its own: the test's program starts itself anew under `unshare`, for
/// this one test. Where that cannot be done here, the test is skipped.
///
/// # Panics
/// When the inner run fails.
#[track_caller]
pub fn in_own_mounts(test: &str, programs: &[&str], body: impl FnOnce()) {
    if env::var_os(INNER).is_some() {
        return body();
    }
    let needed = [&["unshare", "mount", "umount", "mkfs.ext4", "losetup"], programs].concat();
    if !skip::has(test, &needed) {
        return;
    }
    if let Err(why) = can_mount() {
        return skip::skip(test, &why);
    }
    let status = inner(test, &[]).status().unwrap();
    assert!(status.success(), "{test} failed in its own mounts: {status}");
}

/// The same for each of several seeds, some at once, each in mounts and, where the kernel allows it, in a
/// network of its own. The body is told its seed and whether the network is its own.
///
/// # Panics
/// When the inner run of a seed fails; it says which ones, after all of them ran.
#[track_caller]
pub fn in_own_places(
    test: &str,
    programs: &[&str],
    (seeds, at_once): (Range<u64>, usize),
    body: impl FnOnce(u64, bool),
) {
    if let Some(seed) = env::var(SEED).ok().and_then(|seed| seed.parse().ok()) {
        return body(seed, env::var_os(OWN_NET).is_some());
    }
    let needed = [&["unshare", "mount", "umount", "mkfs.ext4", "losetup"], programs].concat();
    if !skip::has(test, &needed) {
        return;
    }
    if let Err(why) = can_mount() {
        return skip::skip(test, &why);
    }
    let own = Command::new("unshare").args(["--net", "true"]).status();
    // With processes of its own: none outlives the run that started it, however that ends.
    let alone = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let net: &[&str] = if own.is_ok_and(|status| status.success()) { &["--net"] } else { &[] };
    let (mut running, mut failed): (Vec<(u64, Child)>, Vec<u64>) = (Vec::new(), Vec::new());
    for seed in seeds {
        while running.len() >= at_once {
            reap(&mut running, &mut failed);
        }
        let mut inner = inner(test, &[&alone, net].concat());
        inner.env(SEED, seed.to_string());
        if !net.is_empty() {
            inner.env(OWN_NET, "1");
        }
        running.push((seed, inner.spawn().unwrap()));
    }
    while !running.is_empty() {
        reap(&mut running, &mut failed);
    }
    assert!(failed.is_empty(), "{test} failed with the seeds {failed:?}");
}

/// Waits until an inner run ends.
fn reap(running: &mut Vec<(u64, Child)>, failed: &mut Vec<u64>) {
    let ended = |(_, child): &mut (u64, Child)| child.try_wait().unwrap();
    let found = wait_at_most(INNER_MAX, || {
        running.iter_mut().enumerate().find_map(|(at, one)| Some((at, ended(one)?)))
    });
    let (at, well) = found.map_or((0, false), |(at, status)| (at, status.success()));
    let (seed, mut child) = running.remove(at);
    if !well {
        drop(child.kill());
        drop(child.wait());
        failed.push(seed);
    }
}

/// This program once more, for one test, in mounts of its own and what else is asked for.
fn inner(test: &str, more: &[&str]) -> Command {
    let program = env::current_exe().unwrap();
    let mut inner = Command::new("unshare");
    inner.args(["--mount", "--propagation", "private"]).args(more).arg(program);
    inner.args(["--exact", test, "--nocapture"]).env(INNER, "1");
    inner
}

/// Tries what every such test needs: root, a loop device, an ext4 that can be mounted.
fn can_mount() -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("probe");
    File::create(&image).unwrap().set_len(8 * 1024 * 1024).unwrap();
    let script = "mkfs.ext4 -q -F \"$0\" && mount -o loop \"$0\" \"$1\" && umount \"$1\"";
    let place = folder.path().join("at");
    std::fs::create_dir(&place).unwrap();
    let mut probe = Command::new("unshare");
    probe.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let output = probe.arg(&image).arg(&place).stdin(Stdio::null()).output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("needs root and a loop device: {}", why.trim()))
    }
}

/// A disk of its own with ext4.
#[derive(Debug)]
pub struct Disk {
    folder: tempfile::TempDir,
    place: PathBuf,
}

impl Disk {
    /// Makes one of so many MiB, and mounts it.
    ///
    /// # Panics
    /// When that cannot be done.
    #[must_use]
    #[track_caller]
    pub fn new(mebibytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        File::create(&image).unwrap().set_len(mebibytes * 1024 * 1024).unwrap();
        tool("mkfs.ext4", &["-q", "-F", "-m", "0", &image.display().to_string()]);
        let place = folder.path().join("disk");
        std::fs::create_dir(&place).unwrap();
        let disk = Self { folder, place };
        disk.mount();
        disk
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// A folder beside it, on a disk that keeps its power.
    #[must_use]
    pub fn beside(&self) -> &Path {
        self.folder.path()
    }

    /// Mounts it; the file system repairs itself from its journal as after any cut.
    ///
    /// # Panics
    /// When that cannot be done.
    #[track_caller]
    pub fn mount(&self) {
        let image = self.folder.path().join("image").display().to_string();
        tool("mount", &["-o", "loop", &image, &self.place.display().to_string()]);
    }

    /// Cuts the power: from now on nothing reaches the disk, and what was not synced is gone.
    ///
    /// # Panics
    /// When the file system does not know how.
    #[track_caller]
    pub fn cut(&self) {
        tool("xfs_io", &["-x", "-c", "shutdown", &self.place.display().to_string()]);
    }

    /// Unmounts it. Whoever has files open there must be gone.
    ///
    /// # Panics
    /// When somebody is not.
    #[track_caller]
    pub fn unmount(&self) {
        tool("umount", &[&self.place.display().to_string()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that the loop device ends with its last user; it may be unmounted already.
        let mut unmount = Command::new("umount");
        drop(unmount.arg("-l").arg(&self.place).stderr(Stdio::null()).status());
    }
}

/// Runs a program of the system, which must go well.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn tool(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}: {why}", output.status);
    output
}
