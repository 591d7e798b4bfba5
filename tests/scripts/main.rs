//! Commands in, screens out: each file of `cases/` is a session with the real binary, written as a person would see it.
//!
//! `$ evenkeel ...` runs the command; what follows is its stdout, its stderr with `! ` in front, and `[exit N]` when it
//! is not 0. `> FILE` opens a file that the lines `| text` below it fill. Lines of `#` say what is shown. Each session
//! has a folder of its own, with the repository's `fixtures`, `goals` and `deploy` in it. Times that depend on the
//! machine do not appear in these sessions. `EVENKEEL_SCRIPTS=update` writes what was seen into the files.

mod check;
mod executions;
mod lacking;
mod leave;
mod live;
mod measures;
mod pages;
mod scene;
#[path = "../support/words.rs"]
mod words;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use self::words::words;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs one command line in `folder` and renders what it said.
fn screen(folder: &Path, line: &str) -> String {
    let words = words(line);
    assert_eq!(words.first().map(String::as_str), Some("evenkeel"), "only evenkeel can be run: {line}");
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .env("EVENKEEL_STATE_DIR", folder.join("state"))
        .output()
        .expect("the binary can be started");
    let mut screen = without_ids(&String::from_utf8(output.stdout).expect("stdout is UTF-8"));
    if !screen.is_empty() && !screen.ends_with('\n') {
        screen.push('\n');
    }
    for line in String::from_utf8(output.stderr).expect("stderr is UTF-8").lines() {
        writeln!(screen, "! {}", without_ids(line)).expect("a string takes all");
    }
    match output.status.code() {
        Some(0) => screen,
        code => {
            screen + &format!("[exit {}]\n", code.map_or("by a signal".to_owned(), |code| code.to_string()))
        }
    }
}

/// Puts `PLAN-ID` for the ids of plans: they change with every word of a plan, and say nothing to a reader.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .map(|part| {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_id(word) { part.replace(word, "PLAN-ID") } else { part.to_owned() }
        })
        .collect()
}

/// Plays a session and renders it anew: commands, comments and files as they stand, screens as they are now.
fn play(script: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for name in ["fixtures", "goals", "deploy"] {
        std::os::unix::fs::symlink(Path::new(ROOT).join(name), folder.path().join(name))
            .expect("a link can be made");
    }
    let mut seen = String::new();
    let mut file = None;
    // What is no command, file or comment is a screen of an earlier time.
    for line in script.lines().filter(|line| line.starts_with(['$', '>', '|', '#'])) {
        writeln!(seen, "{line}").expect("a string takes all");
        if let Some(command) = line.strip_prefix("$ ") {
            writeln!(seen, "{}", screen(folder.path(), command)).expect("a string takes all");
        } else if let Some(name) = line.strip_prefix("> ") {
            fs::write(folder.path().join(name), "").expect("the file can be written");
            file = Some(folder.path().join(name));
        } else if let Some(text) = line.strip_prefix('|') {
            let path = file.as_ref().expect("`|` follows `> FILE`");
            let before = fs::read_to_string(path).expect("the file can be read");
            let text = text.strip_prefix(' ').unwrap_or(text);
            fs::write(path, format!("{before}{text}\n")).expect("the file can be written");
        }
    }
    format!("{}\n", seen.trim_end())
}

#[test]
fn sessions_look_as_written() {
    let update = std::env::var_os("EVENKEEL_SCRIPTS").is_some_and(|value| value == "update");
    let mut paths: Vec<_> = fs::read_dir(Path::new(ROOT).join("tests/scripts/cases"))
        .expect("the folder can be read")
        .map(|entry| entry.expect("the entry can be read").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no session was found");
    let mut wrong = Vec::new();
    for path in paths {
        let written = fs::read_to_string(&path).expect("the session can be read");
        let seen = play(&written);
        if update {
            fs::write(&path, seen).expect("the session can be written");
        } else if seen != written {
            wrong.push(difference(&path, &written, &seen));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n(EVENKEEL_SCRIPTS=update writes what was seen)", wrong.join("\n"));
}

/// The first lines that differ, with the command they belong to.
fn difference(path: &Path, written: &str, seen: &str) -> String {
    let same = written.lines().zip(seen.lines()).take_while(|(left, right)| left == right).count();
    let command =
        written.lines().take(same + 1).filter(|line| line.starts_with("$ ")).last().unwrap_or_default();
    let rest = |text: &str| {
        text.lines().skip(same).take(10).flat_map(|line| ["    ", line, "\n"]).collect::<String>()
    };
    format!("{}: {command}\n  written:\n{}  seen:\n{}", path.display(), rest(written), rest(seen))
}
