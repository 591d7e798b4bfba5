//! Things that must not be left behind.

use std::fs;
use std::process::Command;

use crate::source::{root, rust_files};

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = rust_files(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:#?}");
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Put together here, so that this file does not find itself.
    let banned = [
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["dbg", "!("].concat(),
        ["FIX", "ME"].concat(),
        ["#[ig", "nore"].concat(),
        ["#[should_", "panic"].concat(),
        ["#[al", "low("].concat(),
        ["#![al", "low("].concat(),
    ];
    let mut wrong = Vec::new();
    for source in rust_files(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"]) {
        for (line, text) in source.text.lines().enumerate() {
            for word in banned.iter().filter(|word| text.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {word}", source.path, line + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn production_code_does_not_unwrap() {
    let mut wrong = Vec::new();
    for source in rust_files(&["src"]).iter().filter(|source| !source.is_test()) {
        for (line, code) in source.code().take_while(|(_, code)| !code.contains("#[cfg(test)]")) {
            if code.contains(".unwrap()") {
                wrong.push(format!("{}:{line}", source.path));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "say why it cannot fail with `expect`, or return an error:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_committed_file_names_a_path_of_a_machine() {
    let listed =
        Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output().expect("git runs");
    assert!(
        listed.status.success(),
        "git could not list the files: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let banned = [
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        ["shared/be", "nch"].concat(),
    ];
    let mut wrong = Vec::new();
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        wrong.extend(
            banned.iter().filter(|word| text.contains(word.as_str())).map(|word| format!("{name}: {word}")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Each fuzz target calls the door of its name, and is named in the manifest: else it would be built by nobody.
#[test]
fn every_fuzz_target_is_one_door() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("it can be read");
    let doors = fs::read_to_string(root().join("tests/property/doors.rs")).expect("it can be read");
    let replays = fs::read_to_string(root().join("tests/property/parsers.rs")).expect("it can be read");
    for target in rust_files(&["fuzz/fuzz_targets"]) {
        let name = target.path.trim_start_matches("fuzz/fuzz_targets/").trim_end_matches(".rs");
        assert!(target.text.contains(&format!("evenkeel_fuzz::doors::{name}(bytes)")), "{name}");
        assert!(doors.contains(&format!("pub fn {name}(bytes: &[u8])")), "{name}");
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        assert!(replays.contains(&format!("(\"{name}\", doors::{name})")), "{name}");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let read = |path| fs::read_to_string(root().join(path)).expect("it can be read");
    let manifests = read("Cargo.toml") + "\n" + &read("fuzz/Cargo.toml");
    let mut in_dependencies = false;
    let mut explained = false;
    let mut silent = Vec::new();
    for line in manifests.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
            explained = false;
        } else if in_dependencies && line.starts_with('#') {
            explained = true;
        } else if in_dependencies && line.contains('=') && !explained {
            silent.push(line.to_owned());
        } else if line.trim().is_empty() {
            explained = false;
        }
    }
    assert!(silent.is_empty(), "no line of why stands above these: {silent:#?}");
}
