//! The source files of the project, with comments and text taken out where a rule is about code.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// Its path below the project's folder, with `/` between parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The room of `src` that the file belongs to; `None` for `lib.rs`, `main.rs` and files outside `src`.
    pub fn room(&self) -> Option<&str> {
        let (room, _) = self.path.strip_prefix("src/")?.split_once('/')?;
        Some(room)
    }

    /// The lines of code with their numbers: comment lines are left out, trailing comments cut off.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().filter_map(|(index, line)| {
            let code = line.split_once(" // ").map_or(line, |(code, _)| code);
            (!code.trim_start().starts_with("//")).then_some((index + 1, code))
        })
    }

    /// Whether the file only holds tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("_tests.rs") || self.path.ends_with("/tests.rs") || self.path.contains("/test_")
    }
}

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below these folders, in order of their paths.
pub fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty(), "no source files in {folders:?}: the rules would hold for nothing");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("the file can be read");
            let below =
                path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(Source { path: below, text });
        }
    }
}
