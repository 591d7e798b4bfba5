//! Which room may import which. A room imports only rooms below it: data flows one way round.

use std::collections::BTreeSet;
use std::fs;

use crate::source::{Source, root, rust_files};

/// The rooms from the ground up, each with the rooms that it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("observe", &["base"]),
    ("model", &["base", "observe"]),
    ("goals", &["base", "config", "model"]),
    ("solve", &["base", "config", "model", "goals"]),
    ("plan", &["base", "observe", "model", "goals", "solve"]),
    ("execute", &["base", "config", "observe", "model", "plan"]),
    ("ask", &["base", "config", "observe", "model", "goals", "solve", "plan"]),
    ("report", &["base", "observe", "model", "goals", "solve", "plan", "execute", "ask"]),
    ("control", &["base", "config", "observe", "model", "goals", "solve", "plan", "execute", "report"]),
    (
        "edge",
        &[
            "base", "config", "observe", "model", "goals", "solve", "plan", "execute", "ask", "report",
            "control",
        ],
    ),
];

/// The tenants of the rim and which of the others each may use. The command line is where they are put together.
const RIM: &[(&str, &[&str])] = &[
    ("web_client", &[]),
    ("aws", &["web_client"]),
    ("pem", &[]),
    ("token", &["aws", "web_client", "pem"]),
    ("kafka", &["pem", "token"]),
    ("librdkafka", &["pem", "token"]),
    ("canary", &["kafka", "librdkafka"]),
    ("http", &[]),
    ("lease", &["kafka", "librdkafka"]),
    ("metrics", &["aws", "web_client", "librdkafka"]),
    ("sim", &[]),
    ("store", &[]),
    ("cli", &["canary", "http", "kafka", "lease", "metrics", "sim", "store"]),
];

/// What a pure room must not touch, and why.
const BANNED_BELOW_THE_RIM: &[(&str, &str)] = &[
    ("std::fs", "files belong to edge"),
    ("std::net", "sockets belong to edge"),
    ("std::env", "the environment belongs to edge"),
    ("std::process", "processes belong to edge"),
    ("std::thread", "threads belong to edge"),
    ("SystemTime", "the time comes in as a value"),
    ("Instant", "the time comes in as a value"),
    ("now_utc", "the time comes in as a value"),
    ("tokio", "async belongs to edge"),
    ("async fn", "async belongs to edge"),
    (".await", "async belongs to edge"),
    ("tracing", "rooms return facts, they do not log"),
    ("println!", "rooms return facts, they do not print"),
    ("eprintln!", "rooms return facts, they do not print"),
    ("thread_rng", "randomness comes in as a seed"),
    ("HashMap", "its order differs from run to run; use BTreeMap or dense arrays"),
    ("HashSet", "its order differs from run to run; use BTreeSet or dense arrays"),
];

/// Names after `crate::` on a line of code, also inside `use crate::{a, b}`.
fn imported(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        let list = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside);
        for part in list.unwrap_or(rest).split(',').take(if list.is_some() { usize::MAX } else { 1 }) {
            let name: String = part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.push(name);
        }
    }
    names
}

fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: `{room}` is not a room of the house: add it to the table", source.path)];
    };
    let mut wrong = Vec::new();
    for (line, code) in source.code() {
        for name in imported(code) {
            let is_room = ROOMS.iter().any(|(known, _)| *known == name);
            if is_room && name != room && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}:{line}: `{room}` must not import `{name}`", source.path));
            }
        }
    }
    wrong
}

#[test]
fn no_arrow_points_up() {
    let wrong: Vec<String> = rust_files(&["src"]).iter().flat_map(wrong_arrows).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_rooms_only_points_down() {
    for (position, (room, allowed)) in ROOMS.iter().enumerate() {
        for below in *allowed {
            assert!(
                ROOMS[..position].iter().any(|(name, _)| name == below),
                "`{room}` may import `{below}` above it"
            );
        }
    }
}

#[test]
fn every_folder_is_a_room_and_every_room_a_folder() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("src"))
        .expect("src can be read")
        .map(|entry| entry.expect("the entry can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let rooms: BTreeSet<String> = ROOMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, rooms);
}

#[test]
fn tenants_of_the_rim_do_not_import_one_another() {
    let mut wrong = Vec::new();
    for source in rust_files(&["src/edge"]) {
        let Some((tenant, _)) = source.path.trim_start_matches("src/edge/").split_once('/') else { continue };
        let Some((_, allowed)) = RIM.iter().find(|(name, _)| *name == tenant) else {
            wrong
                .push(format!("{}: `{tenant}` is not a tenant of the rim: add it to the table", source.path));
            continue;
        };
        for (line, code) in source.code() {
            for (other, _) in RIM {
                let imports = code.contains(&format!("edge::{other}")) && *other != tenant;
                if imports && !allowed.contains(other) {
                    wrong.push(format!("{}:{line}: `{tenant}` must not import `{other}`", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn rooms_below_the_rim_are_pure() {
    let mut wrong = Vec::new();
    for source in
        rust_files(&["src"]).iter().filter(|source| source.room().is_some_and(|room| room != "edge"))
    {
        for (line, code) in source.code() {
            for (word, why) in BANNED_BELOW_THE_RIM {
                if code.contains(word) {
                    wrong.push(format!("{}:{line}: `{word}`: {why}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_what_is_there() {
    assert_eq!(imported("use crate::model::{Broker, Sums};"), ["model"]);
    assert_eq!(imported("use crate::{base::Bytes, edge};"), ["base", "edge"]);
    assert_eq!(imported("let x = crate::edge::now();"), ["edge"]);
    assert!(imported("use super::Plan;").is_empty());
    let planted = Source { path: "src/model/x.rs".to_owned(), text: "use crate::edge::cli;\n".to_owned() };
    assert_eq!(wrong_arrows(&planted).len(), 1, "the rule must find an arrow that points up");
}
