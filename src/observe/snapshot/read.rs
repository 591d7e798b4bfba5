//! From bytes to checked rows: unpacking, parsing, and saying where an error or an unknown key is.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_ignored::Path;

use super::check::observation;
use super::rows::FileRow;
use super::{FORMAT, SnapshotError};
use crate::base::one_line;
use crate::observe::Observation;

/// The most bytes of JSON that are read. A cluster of 2.8 million replicas takes a quarter of this.
const LIMIT_BYTES: u64 = 1 << 30;

/// How many kinds of unknown keys are told apart in the warnings.
const KINDS_TOLD: usize = 20;

/// Reads a snapshot, gzipped or not. Also returns warnings: unknown keys, one warning for each kind of them.
///
/// # Errors
/// The bytes are not a snapshot of this format; the error names the place.
pub fn read_snapshot(bytes: &[u8]) -> Result<(Observation, Vec<String>), SnapshotError> {
    read_within(bytes, LIMIT_BYTES)
}

pub(super) fn read_within(
    bytes: &[u8],
    limit_bytes: u64,
) -> Result<(Observation, Vec<String>), SnapshotError> {
    let unpacked;
    let json = if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked = unpack(bytes, limit_bytes)?;
        unpacked.as_slice()
    } else {
        bytes
    };
    if json.len() as u64 > limit_bytes {
        return Err(SnapshotError::TooLarge { limit_bytes });
    }
    // A byte order mark, as some editors leave one.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let mut unknown = UnknownKeys::default();
    let row = parse(json, &mut unknown).ok_or_else(|| explain(json))?;
    if row.format != FORMAT {
        return Err(SnapshotError::OtherFormat(one_line(&row.format, 100)));
    }
    Ok((observation(row)?, unknown.warnings()))
}

fn unpack(bytes: &[u8], limit_bytes: u64) -> Result<Vec<u8>, SnapshotError> {
    let mut json = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limit_bytes + 1)
        .read_to_end(&mut json)
        .map_err(|error| SnapshotError::Gzip(error.to_string()))?;
    Ok(json)
}

fn parse(json: &[u8], unknown: &mut UnknownKeys) -> Option<FileRow> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let row = serde_ignored::deserialize(&mut reader, |path| unknown.note(&path)).ok()?;
    reader.end().ok()?;
    Some(row)
}

/// Why the text cannot be parsed. Parses it once more and keeps track of the place, which costs time that good files
/// need not spend.
fn explain(json: &[u8]) -> SnapshotError {
    #[derive(Deserialize)]
    struct Peek {
        format: String,
    }

    if let Ok(peek) = serde_json::from_slice::<Peek>(json)
        && peek.format != FORMAT
    {
        return SnapshotError::OtherFormat(one_line(&peek.format, 100));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, FileRow>(&mut reader) {
        Ok(_) => SnapshotError::at("the end", "something follows the snapshot"),
        Err(error) => {
            let path = error.path().to_string();
            let place = if path == "." { "the snapshot".to_owned() } else { path };
            SnapshotError::at(place, error.inner().to_string())
        }
    }
}

/// Unknown keys by kind: `brokers[].note` with the first place and how many there are.
#[derive(Default)]
struct UnknownKeys {
    kinds: BTreeMap<String, (String, usize)>,
    of_more_kinds: usize,
}

impl UnknownKeys {
    fn note(&mut self, path: &Path<'_>) {
        let kind = render(path, false);
        if let Some((_, count)) = self.kinds.get_mut(&kind) {
            *count += 1;
        } else if self.kinds.len() < KINDS_TOLD {
            self.kinds.insert(kind, (render(path, true), 1));
        } else {
            self.of_more_kinds += 1;
        }
    }

    fn warnings(self) -> Vec<String> {
        let told = self.kinds.into_values().map(|(first, count)| {
            let more = if count > 1 { format!(" (and {} more like it)", count - 1) } else { String::new() };
            format!("{first}{more}: unknown key, ignored{}", nearest(&first))
        });
        let rest = (self.of_more_kinds > 0)
            .then(|| format!("the snapshot: {} unknown keys of other kinds, ignored", self.of_more_kinds));
        told.chain(rest).collect()
    }
}

fn render(path: &Path<'_>, with_indices: bool) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } if with_indices => format!("{}[{index}]", render(parent, true)),
        Path::Seq { parent, .. } => format!("{}[]", render(parent, with_indices)),
        Path::Map { parent, key } => {
            let parent = render(parent, with_indices);
            let dot = if parent.is_empty() { "" } else { "." };
            let key: String = key.escape_debug().take(100).collect();
            format!("{parent}{dot}{key}")
        }
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            render(parent, with_indices)
        }
    }
}

const KNOWN_KEYS: &[&str] = &[
    "adding",
    "alive",
    "brokers",
    "capacity",
    "cluster",
    "consume_bytes_per_s",
    "controller",
    "cpu_cores",
    "cpu_sharing",
    "disk_bytes",
    "follower_consume_bytes_per_s",
    "follower_cpu_cores",
    "format",
    "gaps",
    "host",
    "id",
    "internal",
    "isr",
    "kafka_version",
    "leader",
    "leader_cpu_cores",
    "load_basis",
    "log_dirs",
    "min_insync_replicas",
    "name",
    "network_in_bytes_per_s",
    "network_out_bytes_per_s",
    "offline",
    "on_disk",
    "other_cpu_cores",
    "online",
    "partitions",
    "path",
    "port",
    "produce_bytes_per_s",
    "rack",
    "reassignments",
    "removing",
    "replica_log_dirs",
    "replica_sizes_bytes",
    "replicas",
    "size_bytes",
    "taken_at",
    "throttle",
    "topics",
    "total_bytes",
    "usable_bytes",
];

/// A hint for a misspelt key; an optional one would else be missed without a word.
fn nearest(place: &str) -> String {
    let key = place.rsplit('.').next().unwrap_or(place);
    let alike = |known: &&str| (strsim::jaro_winkler(key, known) * 1000.0).round();
    KNOWN_KEYS
        .iter()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
        .filter(|known| alike(known) >= 900.0 && **known != key)
        .map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}
