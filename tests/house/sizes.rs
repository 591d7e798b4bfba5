//! How long a file may grow. Functions are measured by clippy (`too_many_lines`, 70).

use crate::source::rust_files;

const LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason. The list may only shrink.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

#[test]
fn files_stay_readable() {
    let mut wrong = Vec::new();
    for source in rust_files(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"]) {
        let lines = source.text.lines().count();
        let allowed =
            EXCEPTIONS.iter().find(|(path, ..)| *path == source.path).map_or(LINES_MAX, |(_, most, _)| *most);
        if lines > allowed {
            wrong.push(format!("{}: {lines} lines, {allowed} allowed: split it along a noun", source.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn exceptions_are_still_needed() {
    let files = rust_files(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"]);
    for (path, _, reason) in EXCEPTIONS {
        let source = files.iter().find(|source| source.path == *path);
        let lines = source.map_or(0, |source| source.text.lines().count());
        assert!(lines > LINES_MAX, "{path} ({reason}) has {lines} lines: take it off the list");
    }
}
