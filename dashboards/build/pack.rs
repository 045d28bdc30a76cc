//! Files: hashing, copying, and compressing a finished `dist` folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

use crate::Fault;

/// Brotli's best; the pages are packed once and sent for ever.
const BROTLI_QUALITY: i32 = 11;
const BROTLI_WINDOW_BITS: i32 = 22;

/// All files below `root`, relative to it, in one order on every machine.
pub(crate) fn files_below(root: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// One hash over names and contents; a moved or emptied file changes it.
pub(crate) fn hash_of(root: &Path, names: &[&str]) -> Result<String, Fault> {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        let path = root.join(name);
        if path.is_dir() {
            for file in files_below(&path)? {
                feed(&mut hasher, &Path::new(name).join(&file), &fs::read(path.join(&file))?);
            }
        } else {
            let bytes = fs::read(&path).map_err(|cause| format!("{}: {cause}", path.display()))?;
            feed(&mut hasher, Path::new(name), &bytes);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn feed(hasher: &mut blake3::Hasher, name: &Path, bytes: &[u8]) {
    let name = name.to_string_lossy();
    for part in [name.as_bytes(), bytes] {
        hasher.update(format!("{}:", part.len()).as_bytes());
        hasher.update(part);
    }
}

pub(crate) fn remove(path: &Path) -> Result<(), Fault> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.is_file() {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Copies a file, or a folder with all below it.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Result<(), Fault> {
    if from.is_file() {
        fs::copy(from, to)?;
        return Ok(());
    }
    remove(to)?;
    for file in files_below(from)? {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::copy(from.join(&file), target)?;
    }
    Ok(())
}

/// Lays `dist` into `packed` with a `.br` and a `.gz` beside each file that they make smaller.
pub(crate) fn pack(dist: &Path, packed: &Path) -> Result<(), Fault> {
    copy_all(dist, packed)?;
    for file in files_below(packed)? {
        let raw = fs::read(packed.join(&file))?;
        for (suffix, small) in [("br", brotli(&raw)?), ("gz", gzip(&raw)?)] {
            if small.len() < raw.len() {
                fs::write(packed.join(format!("{}.{suffix}", file.display())), small)?;
            }
        }
    }
    Ok(())
}

fn brotli(raw: &[u8]) -> Result<Vec<u8>, Fault> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        ..Default::default()
    };
    let mut small = Vec::new();
    brotli::BrotliCompress(&mut &*raw, &mut small, &parameters)?;
    Ok(small)
}

fn gzip(raw: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(raw)?;
    Ok(encoder.finish()?)
}
