//! Builds the script pages and embeds them.
//!
//! `DASHBOARDS_UI` says how: `auto` (default) builds them and, where npm cannot, warns and embeds nothing;
//! `require` fails instead; `skip` embeds nothing at once; a path takes a finished `dist` folder.
//! It must never write into the source tree, and never make an unchanged build run again.

#[path = "build/npm.rs"]
mod npm;
#[path = "build/pack.rs"]
mod pack;
#[path = "build/table.rs"]
mod table;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

/// What this crate's build may fail with: the text is for a person, nobody matches on it.
type Fault = Box<dyn Error>;

enum Wish {
    Auto,
    Require,
    Skip,
    Dist(PathBuf),
}

impl Wish {
    fn from_environment() -> Self {
        match env::var("DASHBOARDS_UI").as_deref() {
            Err(_) | Ok("" | "auto") => Self::Auto,
            Ok("require") => Self::Require,
            Ok("skip") => Self::Skip,
            Ok(path) => Self::Dist(PathBuf::from(path)),
        }
    }
}

fn main() -> Result<(), Fault> {
    let sources = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed=DASHBOARDS_UI");
    for watched in ["build.rs", "build"].iter().chain(npm::SOURCES) {
        println!("cargo::rerun-if-changed={watched}");
    }
    match Wish::from_environment() {
        Wish::Skip => table::write_empty(&out),
        Wish::Dist(dist) => {
            println!("cargo::rerun-if-changed={}", dist.display());
            pack::pack(&dist, &out.join("packed"))?;
            table::write(&out.join("packed"), &out)
        }
        Wish::Require => embed(&sources, &out),
        Wish::Auto => embed(&sources, &out).or_else(|fault| {
            warn_plainly(fault.as_ref());
            table::write_empty(&out)
        }),
    }
}

/// Builds in the folder that all profiles share, then copies the packed pages to this profile's own folder.
fn embed(sources: &Path, out: &Path) -> Result<(), Fault> {
    let shared = npm::shared_folder(out);
    let packed = npm::build(sources, &shared)?;
    let own = out.join("packed");
    pack::copy_all(&packed, &own)?;
    table::write(&own, out)
}

fn warn_plainly(fault: &dyn Error) {
    let reason = fault.to_string().replace('\n', " | ");
    println!(
        "cargo::warning=the script pages were not built, the server-rendered pages take their place: {reason} \
         (DASHBOARDS_UI=require makes this an error and tries again)"
    );
}
