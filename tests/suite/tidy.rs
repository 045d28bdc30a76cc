//! The tree keeps its own rules (STYLE "The tidy test checks").

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::setup;

/// Lines of a file before its tests.
const LINES_MAX: usize = 400;

/// What a visitor sees at the top, beside files that begin with a dot (DESIGN section 3).
const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "dashboards",
    "firmware-protocols",
    "gateway",
    "simulators",
    "target",
    "tests",
];

const CRATES: [&str; 5] = ["dashboards", "firmware-protocols", "gateway", "simulators", "tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files of a folder and of its folders, without what tools make.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["target", "node_modules", "dist", ".git"].contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    let named = found.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(&path).unwrap_or_default())
    };
    named.map(read).collect()
}

#[test]
fn the_top_level_is_the_house_and_nothing_else() {
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || TOP.contains(&name.as_str()), "{name} at the top");
    }
}

#[test]
fn every_crate_opts_into_the_lints() {
    for name in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name}");
    }
}

/// Dependencies that a crate uses without naming them: a feature, a build that links them.
const UNNAMED: [&str; 1] = ["rustls"];

#[test]
fn every_dependency_is_used() {
    for name in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let mut files_of = Vec::new();
        files(&root().join(name), &mut files_of);
        let code: String = files_of
            .iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        let mut section = "";
        for line in manifest.lines() {
            section = line.strip_prefix('[').map_or(section, |rest| rest.trim_end_matches(']'));
            let Some((dependency, _)) = line.split_once(" = ") else { continue };
            if section.ends_with("dependencies") && !UNNAMED.contains(&dependency) {
                let word = dependency.replace('-', "_");
                let used =
                    code.contains(&format!("{word}::")) || code.contains(&format!("use {word}"));
                assert!(used, "{name} never uses {dependency}");
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for (name, text) in sources(".rs") {
        let tests = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
        let lines = text.get(..tests).unwrap_or_default().lines().count();
        let is_test = name.ends_with("tests.rs")
            || ["/tests/", "/conformance/"].iter().any(|folder| name.contains(folder));
        assert!(is_test || lines < LINES_MAX, "{name} has {lines} lines before its tests");
    }
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    // Put together here, so that this file does not find itself.
    let bare = ["#[", "allow("].concat();
    for (name, text) in sources(".rs") {
        let silent = text.lines().find(|line| line.trim_start().starts_with(&bare));
        assert!(silent.is_none(), "{name}: {silent:?}");
    }
}

/// Numbers of warning lines live in the pack; a constant of assess or care names its source.
#[test]
fn no_clinical_constant_stands_without_its_source() {
    const SOURCES: [&str; 7] =
        ["DESIGN", "LINES", "SCENARIOS", "GUARANTEES", "ATTACKS", "section", "pack"];
    for (name, text) in sources(".rs") {
        let stage = ["gateway/src/assess/", "gateway/src/care/"];
        let clinical =
            stage.iter().any(|stage| name.starts_with(stage)) && !name.contains("/tests/");
        let tests = text.find("\n#[cfg(test)]").unwrap_or(text.len());
        let lines: Vec<&str> = text.get(..tests).unwrap_or_default().lines().collect();
        for (place, line) in lines.iter().enumerate().filter(|_| clinical) {
            let declares = ["const ", "pub const ", "pub(super) const ", "pub(crate) const "]
                .iter()
                .any(|word| line.starts_with(word));
            let value = line.split_once('=').map_or("", |(_, value)| value);
            let number =
                value.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).any(
                    |word| word.len() > 1 && word.starts_with(|first: char| first.is_ascii_digit()),
                );
            if !declares || !number || line.contains("const fn") {
                continue;
            }
            let before = lines[..place].iter().rev().take_while(|line| {
                let line = line.trim_start();
                line.starts_with("///") || line.starts_with("//") || line.starts_with("const")
            });
            let said = before.copied().collect::<String>() + line;
            let cited = SOURCES.iter().any(|source| said.contains(source));
            assert!(cited, "{name}:{}: {line}", place + 1);
        }
    }
}

/// A fresh clone has nothing beside it, and stands on any machine.
#[test]
fn nothing_names_a_place_outside_the_tree() {
    let mut found = Vec::new();
    files(&root(), &mut found);
    // Put together here, so that this file does not find itself.
    let outside = [["..", "/shared"].concat(), ["/wo", "rk/"].concat()];
    for path in found {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for place in &outside {
            assert!(!text.contains(place) || name == ".ci/run", "{name} names {place}");
        }
    }
}

#[test]
fn the_default_configuration_lists_every_key_and_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let output = setup(folder.path()).run(&["config", "default"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let keys = fs::read_to_string(root().join("gateway/src/config/keys.rs")).unwrap();
    let named = keys
        .split("key(\n        (\"")
        .chain(keys.split("key((\""))
        .filter_map(|rest| rest.split_once("\", \""))
        .filter(|(section, _)| section.chars().all(|letter| letter.is_ascii_lowercase()));
    let mut count = 0;
    for (section, rest) in named {
        let name = rest.split('"').next().unwrap();
        assert!(text.contains(&format!("[{section}]")) || section == "serial", "[{section}]");
        assert!(text.contains(&format!("{name} =")), "{section}.{name} in:\n{text}");
        count += 1;
    }
    assert!(count > 15, "the table of keys was not understood: {count}");
    let file = folder.path().join("xunzhen.toml");
    fs::write(&file, &text).unwrap();
    let file = file.display().to_string();
    let output = setup(folder.path()).run(&["check-config", "--config", &file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
