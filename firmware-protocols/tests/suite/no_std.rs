//! The crate is for bridges without an operating system: nothing but `core` outside tests.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn only_core_outside_tests() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in ["std::", "alloc::", "extern crate", "unsafe "] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
        assert!(code.lines().count() < 400, "{} is too long", path.display());
    }
}
