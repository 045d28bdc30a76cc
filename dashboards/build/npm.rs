//! Runs npm in `<target>/dashboards-ui`, one folder for all profiles: one install, one bundle.
//!
//! Stamps beside the copy say which lock file was installed and which sources were bundled; a lock keeps two
//! builds from working there at once. Installs only what the lock file names, and runs no package's scripts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Fault, pack};

/// Everything the bundle is made of, relative to the crate.
pub(crate) const SOURCES: &[&str] =
    &["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "ui"];

/// Found by walking up from `OUT_DIR` (`<target>[/<triple>]/<profile>/build/<crate>/out`) to the folder that cargo
/// marks as its own; without the mark, the folder above the profile.
pub(crate) fn shared_folder(out: &Path) -> PathBuf {
    let marked = out.ancestors().filter(|folder| folder.join("CACHEDIR.TAG").is_file()).last();
    let above_profile = out.ancestors().nth(4);
    marked.or(above_profile).unwrap_or(out).join("dashboards-ui")
}

/// Answers the folder with the packed pages, up to date with `sources`.
pub(crate) fn build(sources: &Path, shared: &Path) -> Result<PathBuf, Fault> {
    fs::create_dir_all(shared)?;
    let lock = File::create(shared.join("lock"))?;
    lock.lock()?;
    let packed = shared.join("packed");
    let state = pack::hash_of(sources, SOURCES)?;
    if stamped(&shared.join("bundled"), &state) && packed.is_dir() {
        return Ok(packed);
    }
    // A half-finished build must not pass for the one that the stamp names.
    pack::remove(&shared.join("bundled"))?;
    let project = shared.join("project");
    refresh(sources, &project)?;
    install(&project, &shared.join("installed"))?;
    npm(&project, &["run", "--silent", "build"])?;
    pack::pack(&project.join("dist"), &packed)?;
    fs::write(shared.join("bundled"), state)?;
    Ok(packed)
}

fn stamped(stamp: &Path, state: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == state)
}

/// Lays the sources anew, so that a file which was deleted is gone here too; installed packages stay.
fn refresh(sources: &Path, project: &Path) -> Result<(), Fault> {
    fs::create_dir_all(project)?;
    for name in SOURCES {
        let target = project.join(name);
        pack::remove(&target)?;
        pack::copy_all(&sources.join(name), &target)?;
    }
    Ok(())
}

fn install(project: &Path, stamp: &Path) -> Result<(), Fault> {
    let state = pack::hash_of(project, &["package-lock.json"])?;
    if stamped(stamp, &state) && project.join("node_modules").is_dir() {
        return Ok(());
    }
    npm(
        project,
        &[
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=1",
        ],
    )?;
    fs::write(stamp, state)?;
    Ok(())
}

fn npm(project: &Path, arguments: &[&str]) -> Result<(), Fault> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(project)
        .output()
        .map_err(|cause| format!("npm cannot be started: {cause}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = [ran.stderr, ran.stdout].concat();
    let text = String::from_utf8_lossy(&said);
    let told: Vec<&str> = text.lines().filter(|line| telling(line)).take(8).collect();
    let reason = told.join("\n");
    Err(format!("npm {} ended with {}\n{reason}", arguments.join(" "), ran.status).into())
}

/// npm talks of its settings first; a reader wants the fault.
fn telling(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line != "npm error" && !line.starts_with("npm warn")
}
