//! What comes from outside is bad until checked: real files with torn, doubled, flipped and strange parts are read or refused, and
//! nothing panics. What is read can be worked with. What is asserted is in `doors.rs`, which the fuzz targets share.

use std::fs;
use std::path::Path;

use evenkeel::observe::LoadWindow;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::doors;

/// What is put into files: numbers that are none, too large, or below zero, and what ends or opens something.
const STRANGE: [&str; 22] = [
    "-1",
    "-0.0",
    "NaN",
    "+Inf",
    "1e999",
    "1e-320",
    "18446744073709551616",
    "9223372036854775807",
    "null",
    "true",
    "\"\"",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\n",
    "\\",
    "=",
    "\u{0}",
    "ü\u{202e}",
];

/// One thing that is done to a file.
#[derive(Debug, Clone)]
enum Harm {
    Flip(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Put(Index, usize),
    /// In the place of a number.
    Number(Index, usize),
    End(Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        (index(), index()).prop_map(|(from, to)| Harm::Cut(from, to)),
        (index(), index()).prop_map(|(from, to)| Harm::Double(from, to)),
        (index(), 0..STRANGE.len()).prop_map(|(at, what)| Harm::Put(at, what)),
        (index(), 0..STRANGE.len()).prop_map(|(at, what)| Harm::Number(at, what)),
        index().prop_map(Harm::End),
    ]
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        let near = |from: &Index, to: &Index| {
            let from = from.index(length);
            (from, (from + 1 + to.index(40)).min(length))
        };
        match self {
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << (bit % 8),
            Self::Cut(from, to) => {
                let (from, to) = near(from, to);
                bytes.drain(from..to);
            }
            Self::Double(from, to) => {
                let (from, to) = near(from, to);
                let part = bytes[from..to].to_vec();
                bytes.splice(to..to, part);
            }
            Self::Put(at, what) => {
                let at = at.index(length);
                bytes.splice(at..at, STRANGE[*what].bytes());
            }
            Self::Number(at, what) => {
                let at = at.index(length);
                let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit).map(|next| at + next) else {
                    return;
                };
                let digits = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                bytes.splice(from..from + digits, STRANGE[*what].bytes());
            }
            Self::End(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no file that ends with {ending}");
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The real files of a folder with this ending, harmed.
fn harmed(folder: &str, ending: &str) -> impl Strategy<Value = Vec<u8>> {
    (proptest::sample::select(files(folder, ending)), proptest::collection::vec(harm(), 1..6)).prop_map(
        |(mut bytes, harms)| {
            for harm in &harms {
                harm.apply(&mut bytes);
            }
            bytes
        },
    )
}

/// Whole lines of a page, so that small pages are harmed where it counts.
fn harmed_page() -> impl Strategy<Value = Vec<u8>> {
    (harmed("fixtures/metrics", ".prom"), any::<Index>()).prop_map(|(bytes, at)| {
        let from = at.index(bytes.len().max(1));
        bytes[from.min(bytes.len())..(from + 4_000).min(bytes.len())].to_vec()
    })
}

type Door = fn(&[u8]);

/// What fuzzing begins with, and what once went wrong there, is replayed as it is.
#[test]
fn the_seeds_of_fuzzing_are_refused_or_can_be_worked_with() {
    let doors: [(&str, Door); 10] = [
        ("answer", doors::answer),
        ("capacities", doors::capacities),
        ("goals", doors::goals),
        ("plan", doors::plan),
        ("prometheus", doors::prometheus),
        ("properties", doors::properties),
        ("reporter", doors::reporter),
        ("scrape", doors::scrape),
        ("settings", doors::settings),
        ("snapshot", doors::snapshot),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in fs::read_dir(root.join("fuzz/seeds")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let (_, door) = doors.iter().find(|(door, _)| *door == name).unwrap();
        for seed in files(&format!("fuzz/seeds/{name}"), "") {
            door(&seed);
        }
    }
    for (door, folder, ending) in [
        (doors::scrape as Door, "fixtures/metrics", ".prom"),
        (doors::snapshot, "fixtures/snapshots", ".json"),
        (doors::goals, "goals", ".toml"),
        (doors::settings, "deploy", ".toml"),
    ] {
        for file in files(folder, ending) {
            door(&file);
        }
    }
}

/// A good one is read as one: the doors are open.
#[test]
fn the_seeds_of_answers_are_whole_answers() {
    for name in ["describe-topic-partitions-0", "metadata-9"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/answer").join(name);
        assert!(doors::is_whole_answer(&fs::read(path).unwrap()), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_refused_or_can_be_worked_with(bytes in harmed("fixtures/snapshots", ".json")) {
        doors::snapshot(&bytes);
    }

    #[test]
    fn a_page_of_metrics_is_refused_or_tells_amounts(bytes in harmed_page()) {
        doors::scrape(&bytes);
    }

    #[test]
    fn a_goal_set_is_refused_or_can_be_sought(bytes in harmed("goals", ".toml")) {
        doors::goals(&bytes);
    }

    #[test]
    fn settings_are_refused_or_read(bytes in harmed("deploy", ".toml")) {
        doors::settings(&bytes);
    }

    #[test]
    fn client_properties_are_refused_or_read_and_show_no_secret(bytes in harmed("fuzz/seeds/properties", "")) {
        doors::properties(&bytes);
    }

    #[test]
    fn capacities_are_refused_or_read(bytes in harmed("fuzz/seeds/capacities", "")) {
        doors::capacities(&bytes);
    }

    #[test]
    fn plans_are_refused_or_judged(bytes in harmed("fuzz/seeds/plan", "")) {
        doors::plan(&bytes);
    }

    #[test]
    fn answers_of_a_prometheus_server_tell_amounts_or_gaps(bytes in harmed("fuzz/seeds/prometheus", "")) {
        doors::prometheus(&bytes);
    }

    #[test]
    fn records_of_a_reporter_tell_amounts_or_gaps(bytes in harmed("fuzz/seeds/reporter", "")) {
        doors::reporter(&bytes);
    }

    #[test]
    fn answers_of_brokers_are_refused_or_read(bytes in harmed("fuzz/seeds/answer", "")) {
        doors::answer(&bytes);
    }

    #[test]
    fn windows_are_refused_or_read(harms in proptest::collection::vec(harm(), 1..5)) {
        let whole = r#"{"begun_at":"2026-11-23T00:00:00Z","looks":3,"topics":{"t":{"id":null,"rows":[[1.0,2.0,null,0.5]]}}}"#;
        let mut bytes = whole.as_bytes().to_vec();
        for harm in &harms {
            harm.apply(&mut bytes);
        }
        drop(serde_json::from_str::<LoadWindow>(&String::from_utf8_lossy(&bytes)));
    }
}
