//! `xunzhen rules`: a pack before it judges people: checked, signed, compared, tried beside another.

mod diff;
mod picture;
mod shadow;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::json;

use super::{Common, Failure, configure, pieces};
use crate::assess::{Norm, Pack, Problem};

/// Check, sign and compare rule packs
#[derive(Debug, Clone, Subcommand)]
pub(super) enum RulesCommand {
    /// Name everything that is wrong with a pack, and change nothing
    Check {
        /// A file, nbphs-3, guideline-2024 or primary-care-2025 [default: the pack in force]
        pack: Option<PathBuf>,
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the hash of a pack's content and the keys that sign it
    Sign {
        /// A file, nbphs-3, guideline-2024 or primary-care-2025 [default: the pack in force]
        pack: Option<PathBuf>,
        /// The doctor who has read every number and signs
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Compare two packs over the stored past: who would change, and how many alerts a doctor has
    Diff(diff::Diff),
    /// Report by site what the pack that runs beside the one in force would have done
    Shadow(shadow::Shadow),
}

/// `rules …`.
pub(super) fn run(
    command: &RulesCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        RulesCommand::Check { pack, json } => check(named(pack.as_ref(), common)?, *json, out),
        RulesCommand::Diff(command) => diff::run(command, common, out),
        RulesCommand::Shadow(command) => shadow::run(command, common, out),
        RulesCommand::Sign { pack, by } => sign(named(pack.as_ref(), common)?.as_deref(), by, out),
    }
}

/// The pack that was named, else the one that the configuration puts in force.
fn named(pack: Option<&PathBuf>, common: &Common) -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = pack {
        return Ok(Some(path.clone()));
    }
    Ok(configure::read(common, Vec::new())?.0.pack_file)
}

fn check(named: Option<PathBuf>, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let text = match &named {
        Some(path) => pieces::pack_text(path)?,
        None => "{}".into(),
    };
    let from = named.map_or_else(|| "built-in".to_owned(), |path| path.display().to_string());
    match Pack::laid_over(&text) {
        Ok(pack) => {
            let signed = pack.signed_by().filter(|_| pack.signed_hash().is_some());
            if as_json {
                let line = json!({
                    "pack": pack.name(), "version": pack.version(), "norm": pack.norm_profile(),
                    "hash": pack.hash(), "signed_by": signed, "problems": [],
                });
                writeln!(out, "{line}")?;
            } else {
                let signed = signed.map_or_else(
                    || "not signed / 未签署".to_owned(),
                    |name| format!("signed by {name} / 已由 {name} 签署"),
                );
                writeln!(out, "{from}: {} is sound / 规则包无误 ({signed})", pack.title())?;
            }
            Ok(())
        }
        Err(refusal) => {
            if as_json {
                let problems: Vec<_> = refusal.problems.iter().map(told).collect();
                writeln!(out, "{}", json!({ "problems": problems }))?;
            } else {
                writeln!(out, "{from}: {refusal}")?;
            }
            Err(Failure::AnsweredNo)
        }
    }
}

fn told(problem: &Problem) -> serde_json::Value {
    let (what_zh, remedy_zh) = problem.zh();
    json!({
        "at": problem.error.path(), "line": problem.line, "code": problem.error.code(),
        "en": problem.error.to_string(), "zh": what_zh,
        "do_en": problem.remedy(), "do_zh": remedy_zh,
    })
}

/// The hash is the content's: a signature in the file changes nothing of it.
fn sign(named: Option<&Path>, by: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let pack = pieces::pack(named, Pack::laid_over)?;
    let keys = json!({ "signed_by": by, "signed_hash": pack.hash() });
    writeln!(out, "{keys}")?;
    let mut err = std::io::stderr().lock();
    writeln!(
        err,
        "{}: put these two keys into the pack's file; any later change ends the signature.\n\
         把这两个键写入规则包文件；之后任何改动都会使签署失效。",
        pack.title()
    )?;
    if named.is_none_or(|path| path.to_str().and_then(Norm::named).is_some()) {
        writeln!(err, "this pack is built in: it needs a file of its own first / 请先另存为文件")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a text as a file; the answer, and whether it was yes.
    fn checked(text: &str, as_json: bool) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack.json");
        std::fs::write(&path, text).unwrap();
        let mut out = Vec::new();
        let sound = match check(Some(path), as_json, &mut out) {
            Ok(()) => true,
            Err(Failure::AnsweredNo) => false,
            Err(other) => panic!("{other}"),
        };
        (String::from_utf8(out).unwrap(), sound)
    }

    #[test]
    fn a_problem_is_told_with_its_line_its_place_and_what_to_do_in_two_languages() {
        let (told, sound) =
            checked("{\n\"lines\": {\n\"bp_emergency\": {\"sbp_ge\": 190}}}", false);
        assert!(!sound);
        for part in [
            "line 3: /lines/bp_emergency/sbp_ge: 190 loosens the emergency floor 180",
            "they may only be tightened",
            "190 放宽了急症底线 180",
            "只能收紧",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_program_gets_the_same_as_json() {
        let (told, sound) = checked(r#"{"colour": 1, "version": "9"}"#, true);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let codes: Vec<_> =
            told["problems"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
        assert!(!sound && codes == ["unknown_key"], "{told}");
        let (told, sound) = checked(r#"{"version": "9"}"#, true);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert!(sound && told["version"] == "9" && told["signed_by"].is_null(), "{told}");
    }

    #[test]
    fn what_sign_prints_signs_the_pack_and_only_as_it_is() {
        let mut out = Vec::new();
        sign(Some(Path::new("nbphs-3")), "Dr. Wang", &mut out).unwrap();
        let keys: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let mut pack: serde_json::Value = serde_json::from_str(Norm::Nbphs3.text()).unwrap();
        pack.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let read = |pack: &serde_json::Value| Pack::laid_over(&pack.to_string()).unwrap();
        assert!(read(&pack).signed_hash().is_some());
        pack["lines"]["bp_control_office"]["C0"]["65to79"] = json!([140, 90]);
        assert_eq!(read(&pack).signed_hash(), None);
        let gate =
            |pack: &Pack| crate::notify::Gate::of(false, pack.signed_by(), pack.signed_hash());
        assert!(!gate(&read(&pack)).is_open());
    }
}
