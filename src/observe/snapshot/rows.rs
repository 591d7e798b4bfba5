//! The rows of a snapshot file, key by key, as JSON has them. What they mean together is `check.rs`'s.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::{Bytes, BytesPerS, Cores, TimestampMs};
use crate::observe::{BrokerThrottle, CpuSharing, Gap, LoadBasis};

#[derive(Debug, Deserialize)]
pub(super) struct FileRow {
    pub format: String,
    #[serde(default)]
    pub cluster: Option<ClusterRow>,
    #[serde(default)]
    pub taken_at: Option<TimestampMs>,
    pub brokers: Vec<BrokerRow>,
    pub topics: Vec<TopicRow>,
    #[serde(default)]
    pub reassignments: Option<Vec<ReassignmentRow>>,
    #[serde(default)]
    pub gaps: Option<Vec<Gap>>,
    #[serde(default)]
    pub cpu_sharing: Option<CpuSharing>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ClusterRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<i32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BrokerRow {
    pub id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub alive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_cpu_cores: Option<CoreCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dirs: Option<Vec<LogDirRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<BrokerThrottle>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct CapacityRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<ByteCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_in_bytes_per_s: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_out_bytes_per_s: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<CoreCount>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogDirRow {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<ByteCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable_bytes: Option<ByteCount>,
    pub online: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TopicRow {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_insync_replicas: Option<u32>,
    pub internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<TopicThrottleRow>,
    // Written apart, one line for each.
    #[serde(skip_serializing)]
    pub partitions: Vec<PartitionRow>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TopicThrottleRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follower: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PartitionRow {
    pub id: i32,
    pub replicas: Vec<i32>,
    #[serde(default, skip_serializing_if = "LeaderRow::is_not_said")]
    pub leader: LeaderRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isr: Option<Vec<i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline: Option<Vec<i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<ByteCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub produce_bytes_per_s: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_bytes_per_s: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follower_consume_bytes_per_s: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_cpu_cores: Option<CoreCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follower_cpu_cores: Option<CoreCount>,
    #[serde(default, skip_serializing_if = "LoadBasis::is_empty")]
    pub load_basis: LoadBasis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_sizes_bytes: Option<Vec<Option<ByteCount>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_log_dirs: Option<Vec<Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<Vec<OnDiskRow>>,
}

/// A replica on a broker's disk that `replica_sizes_bytes` and `replica_log_dirs` cannot tell: of a broker that is
/// not in `replicas`, or with a move between log directories in flight.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OnDiskRow {
    pub broker: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<ByteCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future: Option<FutureRow>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FutureRow {
    pub log_dir: String,
    pub size_bytes: ByteCount,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReassignmentRow {
    pub topic: String,
    pub partition: i32,
    pub replicas: Vec<i32>,
    pub adding: Vec<i32>,
    pub removing: Vec<i32>,
}

/// Who leads: not saying it and saying that nobody does are two things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LeaderRow {
    #[default]
    NotSaid,
    Nobody,
    Is(i32),
}

impl LeaderRow {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_not_said(&self) -> bool {
        *self == Self::NotSaid
    }
}

impl Serialize for LeaderRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NotSaid | Self::Nobody => serializer.serialize_none(),
            Self::Is(id) => serializer.serialize_i32(*id),
        }
    }
}

impl<'de> Deserialize<'de> for LeaderRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Nobody, Self::Is))
    }
}

/// A time to the millisecond; the display form of the type ends at the second.
pub(super) fn exact_time(at: TimestampMs) -> Option<String> {
    let nanoseconds = i128::from(at.0) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?.format(&Rfc3339).ok()
}

/// A number that says how much of something there is: finite, not negative, and not beyond belief.
#[derive(Clone, Copy)]
struct AmountVisitor {
    what: &'static str,
    at_most: f64,
}

impl AmountVisitor {
    fn check<E: Error>(&self, amount: f64, seen: Unexpected) -> Result<f64, E> {
        if !amount.is_finite() || amount < 0.0 {
            return Err(E::invalid_value(seen, self));
        }
        if amount > self.at_most {
            return Err(E::custom(format!("{amount} {} is beyond belief", self.what)));
        }
        Ok(amount)
    }
}

impl Visitor<'_> for AmountVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of {} that is at least 0", self.what)
    }

    #[expect(clippy::cast_precision_loss, reason = "right to 1 in 2^53; what must be exact goes round this")]
    fn visit_u64<E: Error>(self, amount: u64) -> Result<f64, E> {
        self.check(amount as f64, Unexpected::Unsigned(amount))
    }

    #[expect(clippy::cast_precision_loss, reason = "only negative numbers come this way")]
    fn visit_i64<E: Error>(self, amount: i64) -> Result<f64, E> {
        self.check(amount as f64, Unexpected::Signed(amount))
    }

    fn visit_f64<E: Error>(self, amount: f64) -> Result<f64, E> {
        self.check(amount, Unexpected::Float(amount))
    }
}

/// An exabyte; the largest clusters hold a hundredth of that.
const MOST_BYTES: f64 = 1e18;
const BYTES: AmountVisitor = AmountVisitor { what: "bytes", at_most: MOST_BYTES };
/// A petabyte per second.
const RATE: AmountVisitor = AmountVisitor { what: "bytes per second", at_most: 1e15 };
const CORES: AmountVisitor = AmountVisitor { what: "cores", at_most: 1e6 };

/// A number of bytes; `2.5e12` is one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteCount(pub Bytes);

impl Serialize for ByteCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Exact;

        impl Visitor<'_> for Exact {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                BYTES.expecting(f)
            }

            fn visit_u64<E: Error>(self, amount: u64) -> Result<u64, E> {
                BYTES.visit_u64(amount).map(|_: f64| amount)
            }

            fn visit_i64<E: Error>(self, amount: i64) -> Result<u64, E> {
                BYTES.visit_i64(amount).map(|_: f64| amount.unsigned_abs())
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to lie in 0..=1e18"
            )]
            fn visit_f64<E: Error>(self, amount: f64) -> Result<u64, E> {
                BYTES.visit_f64(amount).map(|amount: f64| amount.round() as u64)
            }
        }

        deserializer.deserialize_any(Exact).map(|amount| Self(Bytes(amount)))
    }
}

/// A number of bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Rate(pub BytesPerS);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = deserializer.deserialize_any(RATE)?;
        BytesPerS::new(amount).map(Self).map_err(D::Error::custom)
    }
}

/// A number of cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct CoreCount(pub Cores);

impl<'de> Deserialize<'de> for CoreCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = deserializer.deserialize_any(CORES)?;
        Cores::new(amount).map(Self).map_err(D::Error::custom)
    }
}
