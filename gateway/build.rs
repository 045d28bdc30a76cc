//! Packs the program, and makes the table of readings: of every character its pinyin without tones, the
//! likeliest first.
//!
//! Two files: `readings.bin`, a number of two bytes a character, the low one first, and `readings.rs`, which characters stand where and
//! what the numbers mean; 0 is a character without a reading.

use std::{
    collections::BTreeMap, env, error::Error, fmt::Write as _, fs, path::PathBuf, process::Command,
};

use pinyin::ToPinyinMulti;

/// A run of characters without readings that is as long as this ends a range.
const GAP: u32 = 64;

/// The readings that a character may have, each once, the likeliest first, with blanks between.
fn readings(character: char) -> String {
    let mut all: Vec<String> = Vec::new();
    for reading in character.to_pinyin_multi().into_iter().flatten() {
        let reading = reading.plain().replace('ü', "v").replace('ê', "e");
        if !all.contains(&reading) {
            all.push(reading);
        }
    }
    all.join(" ")
}

/// Set it to build, where glibc is newer, a program that starts with glibc before 2.36 (2022): it is
/// 0.8 MB larger.
const OLD_GLIBC: &str = "XUNZHEN_OLD_GLIBC";

/// The first glibc that reads packed relocations (its release notes, "DT_RELR").
const PACKED_SINCE: (u32, u32) = (2, 36);

/// Whether the program will start here with packed relocations: it is built for this machine, whose
/// glibc is new enough.
fn may_pack() -> bool {
    let here = env::var_os("HOST") == env::var_os("TARGET") && env::var_os(OLD_GLIBC).is_none();
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = asked.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned());
    let version = said.unwrap_or_default();
    let mut numbers = version.trim().trim_start_matches("glibc ").split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    here && (major, minor) >= PACKED_SINCE
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={OLD_GLIBC}");
    let target = env::var("CARGO_CFG_TARGET_ENV")?;
    if target == "gnu" && may_pack() {
        // Where the program's own addresses stand is packed: a bit each, not 24 bytes.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    table()
}

/// Writes the table.
fn table() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut numbers: BTreeMap<String, u16> = BTreeMap::from([(String::new(), 0)]);
    let mut meanings = vec![String::new()];
    let (mut table, mut ranges): (Vec<u16>, Vec<(u32, usize)>) = (Vec::new(), Vec::new());
    let mut empty = GAP;
    for character in ('\u{3007}'..='\u{3ffff}').filter(|it| !it.is_ascii()) {
        let said = readings(character);
        if said.is_empty() {
            empty = empty.saturating_add(1);
            continue;
        }
        if empty >= GAP {
            ranges.push((u32::from(character), table.len()));
        } else {
            table.extend((0..empty).map(|_| 0));
        }
        empty = 0;
        let next = u16::try_from(meanings.len())?;
        let number = *numbers.entry(said.clone()).or_insert_with(|| {
            meanings.push(said);
            next
        });
        table.push(number);
    }
    let mut code = String::new();
    writeln!(code, "const RANGES: [(u32, usize); {}] = {ranges:?};", ranges.len())?;
    writeln!(code, "static MEANINGS: [&str; {}] = {meanings:?};", meanings.len())?;
    fs::write(out.join("readings.rs"), code)?;
    let bytes: Vec<u8> = table.into_iter().flat_map(u16::to_le_bytes).collect();
    fs::write(out.join("readings.bin"), bytes)?;
    Ok(())
}
