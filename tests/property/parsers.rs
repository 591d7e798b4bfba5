//! What comes from outside is bad until checked: real files with torn, doubled, flipped and strange parts are read or refused, and
//! nothing panics. What is read can be worked with.

use std::fs;
use std::path::Path;

use evenkeel::config::{KafkaClientSettings, Settings, parse_capacity_json};
use evenkeel::edge::metrics::read_page;
use evenkeel::goals::GoalSet;
use evenkeel::model::ClusterModel;
use evenkeel::observe::{LoadWindow, read_snapshot, write_snapshot};
use evenkeel::plan::{Plan, PlanFile};
use proptest::prelude::*;
use proptest::sample::Index;

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

/// The real files of a folder with this ending, harmed.
fn harmed(folder: &str, ending: &str) -> impl Strategy<Value = Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no file that ends with {ending}");
    let texts: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    (proptest::sample::select(texts), proptest::collection::vec(harm(), 1..6)).prop_map(
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_refused_or_can_be_worked_with(bytes in harmed("fixtures/snapshots", ".json")) {
        if let Ok((seen, _)) = read_snapshot(&bytes) {
            drop(ClusterModel::build(&seen));
            let written = write_snapshot(&seen);
            let (again, _) = read_snapshot(written.as_bytes()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.topics, seen.topics);
        }
    }

    #[test]
    fn a_page_of_metrics_is_refused_or_tells_amounts(bytes in harmed_page()) {
        if let Ok((metrics, _)) = read_page(&bytes) {
            let rates = metrics.topic_bytes_in_per_s.values().chain(metrics.bytes_in_per_s.iter());
            for rate in rates {
                prop_assert!(rate.get().is_finite() && rate.get() >= 0.0);
            }
        }
    }

    #[test]
    fn a_goal_set_is_refused_or_read(bytes in harmed("goals", ".toml")) {
        drop(GoalSet::parse(&text(&bytes)));
    }

    #[test]
    fn settings_are_refused_or_read(bytes in harmed("deploy", ".toml")) {
        drop(Settings::parse(&text(&bytes)));
    }

    #[test]
    fn client_properties_are_refused_or_read_and_show_no_secret(harms in proptest::collection::vec(harm(), 0..4)) {
        let mut bytes = b"security.protocol=SASL_SSL\nssl.ca.location=/ca.pem\nsasl.mechanism=SCRAM-SHA-512\n\
            sasl.username=me\nsasl.password=right-horse-battery\nretry.backoff.ms=100\n".to_vec();
        for harm in &harms {
            harm.apply(&mut bytes);
        }
        let told = match KafkaClientSettings::parse(&text(&bytes), Some("b:9092")) {
            Ok((settings, warnings)) => format!("{settings:?} {warnings:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!told.contains("right-horse-battery"), "{}", told);
    }

    #[test]
    fn capacities_windows_and_plans_are_refused_or_read(harms in proptest::collection::vec(harm(), 1..5), which in 0..4_usize) {
        let whole = [
            r#"{"brokerCapacities":[{"brokerId":"-1","capacity":{"DISK":{"/a":"100"},"CPU":{"num.cores":"8"},"NW_IN":"1","NW_OUT":"2"}}]}"#,
            r#"{"begun_at":"2026-11-23T00:00:00Z","looks":3,"topics":{"t":{"id":null,"rows":[[1.0,2.0,null,0.5]]}}}"#,
            r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2,3],"log_dirs":["any","any","any"]}]}"#,
            r#"{"format":"evenkeel-plan/1","id":"0","waves":[{"steps":[]}]}"#,
        ];
        let mut bytes = whole[which].as_bytes().to_vec();
        for harm in &harms {
            harm.apply(&mut bytes);
        }
        let text = text(&bytes);
        drop(parse_capacity_json(&text));
        drop(serde_json::from_str::<LoadWindow>(&text));
        drop(PlanFile::parse(&text));
        drop(Plan::from_json(&text));
    }
}
