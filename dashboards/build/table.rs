//! Writes the Rust table of assets that `lib.rs` includes.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::{Fault, pack};

/// The page is served in two halves with the boot JSON between them.
const BOOT_MARK: &str = r#"<script type="application/json" id="boot">"#;
const INDEX: &str = "index.html";
const STYLE_HASHES: &str = "style-hashes.txt";
const ETAG_DIGITS: usize = 32;

pub(crate) fn write_empty(out: &Path) -> Result<(), Fault> {
    finish(out, "", "None", &[])
}

pub(crate) fn write(packed: &Path, out: &Path) -> Result<(), Fault> {
    let mut rows = String::new();
    for file in pack::files_below(packed)? {
        let name = file.to_string_lossy().replace('\\', "/");
        if name == STYLE_HASHES || [".br", ".gz"].iter().any(|suffix| name.ends_with(suffix)) {
            continue;
        }
        writeln!(rows, "{}", row(packed, &name)?)?;
    }
    let index =
        fs::read_to_string(packed.join(INDEX)).map_err(|cause| format!("{INDEX}: {cause}"))?;
    let at =
        index.find(BOOT_MARK).ok_or("index.html has no place for the boot JSON")? + BOOT_MARK.len();
    let (before, after) = index.split_at(at);
    let split = format!("Some(({before:?}, {after:?}))");
    let hashes = fs::read_to_string(packed.join(STYLE_HASHES))
        .map_err(|cause| format!("{STYLE_HASHES}: {cause}"))?;
    finish(
        out,
        &rows,
        &split,
        &hashes.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>(),
    )
}

fn row(packed: &Path, name: &str) -> Result<String, Fault> {
    let bytes = fs::read(packed.join(name))?;
    let hex = blake3::hash(&bytes).to_hex();
    let etag = format!("\"{}\"", hex.get(..ETAG_DIGITS).unwrap_or(&hex));
    let immutable = name.starts_with("assets/");
    let mime = mime(name);
    let raw = include(name);
    let small = |suffix: &str| {
        let path = format!("{name}.{suffix}");
        if packed.join(&path).is_file() {
            format!("Some({})", include(&path))
        } else {
            "None".to_owned()
        }
    };
    let (gzip, brotli) = (small("gz"), small("br"));
    Ok(format!(
        "Asset {{ path: {name:?}, mime: {mime:?}, etag: {etag:?}, raw: {raw}, gzip: {gzip}, brotli: {brotli}, immutable: {immutable} }},"
    ))
}

fn include(name: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/packed/\", {name:?}))")
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn finish(out: &Path, rows: &str, split: &str, hashes: &[&str]) -> Result<(), Fault> {
    let text = format!(
        "static ASSETS: &[Asset] = &[\n{rows}];\n\
         const INDEX: Option<(&str, &str)> = {split};\n\
         const STYLE_HASHES: &[&str] = &{hashes:?};\n"
    );
    fs::write(out.join("assets.rs"), text)?;
    Ok(())
}
