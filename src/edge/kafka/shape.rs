//! Checks that an answer is of the shape that its kind and version have, before it is decoded.
//!
//! The codec makes room for as many elements as an array says it has, before it has seen one of them: five hostile
//! bytes would end the process for want of memory. Here every count and length is held against the bytes that
//! are there, without making room for anything. The shapes are those of Kafka's message definitions.

mod groups;
mod tries;

use kafka_protocol::messages::ApiKey;

use Kind::{Array, Fixed, MaybeStruct, Text};
use groups::{LIST_GROUPS, OFFSET_FETCH, SHARE_GROUP_OFFSETS};
use tries::{CREATE_PARTITIONS, END_TXN, FETCH, PRODUCE};

use super::error::RequestProblem;
use super::rights::{FETCH_NEWEST, PRODUCE_NEWEST};

/// What kind of thing a field is.
enum Kind {
    /// A fixed number of bytes.
    Fixed(usize),
    /// Text, or null; also bytes where they have 16-bit lengths' flexible form.
    Text,
    /// Bytes with a 32-bit length.
    Blob,
    /// A list of structures, or null.
    Array(&'static [Field]),
    /// A list of things that have no fields of their own, so many bytes each; none for text.
    List(usize),
    /// One structure, or null.
    MaybeStruct(&'static [Field]),
    /// What stands in the tagged field of this number at the structure's end; not among its fields. The codec reads it as
    /// what it should be, whatever size it is said to have.
    Tagged(u32, &'static [Field]),
}

/// A field, and the versions that have it.
struct Field {
    kind: Kind,
    since: i16,
    until: i16,
}

/// The shape of an answer.
struct Shape {
    /// The first version with compact lengths and tagged fields.
    flexible_since: i16,
    fields: &'static [Field],
    /// Structures that stand in tagged fields of the whole answer, by tag.
    tagged: &'static [(u32, &'static [Field])],
}

const fn always(kind: Kind) -> Field {
    since(0, kind)
}

const fn since(since: i16, kind: Kind) -> Field {
    Field { kind, since, until: i16::MAX }
}

const I8: Kind = Fixed(1);
const I16: Kind = Fixed(2);
const I32: Kind = Fixed(4);
const I64: Kind = Fixed(8);
const UUID: Kind = Fixed(16);
const BROKERS: Kind = Kind::List(4);

const METADATA: Shape = Shape {
    flexible_since: 9,
    fields: &[
        since(3, I32),
        always(Array(&[always(I32), always(Text), always(I32), since(1, Text)])),
        since(2, Text),
        since(1, I32),
        always(Array(&[
            always(I16),
            always(Text),
            since(10, UUID),
            since(1, I8),
            always(Array(&[
                always(I16),
                always(I32),
                always(I32),
                since(7, I32),
                always(BROKERS),
                always(BROKERS),
                since(5, BROKERS),
            ])),
            since(8, I32),
        ])),
        Field { kind: I32, since: 8, until: 10 },
        since(13, I16),
    ],
    tagged: &[],
};

const DESCRIBE_CLUSTER: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I32),
        always(I16),
        always(Text),
        since(1, I8),
        always(Text),
        always(I32),
        always(Array(&[always(I32), always(Text), always(I32), always(Text), since(2, I8)])),
        always(I32),
    ],
    tagged: &[],
};

const DESCRIBE_TOPIC_PARTITIONS: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I32),
        always(Array(&[
            always(I16),
            always(Text),
            always(UUID),
            always(I8),
            always(Array(&[
                always(I16),
                always(I32),
                always(I32),
                always(I32),
                always(BROKERS),
                always(BROKERS),
                always(BROKERS),
                always(BROKERS),
                always(BROKERS),
            ])),
            always(I32),
        ])),
        always(MaybeStruct(&[always(Text), always(I32)])),
    ],
    tagged: &[],
};

const DESCRIBE_LOG_DIRS: Shape = Shape {
    flexible_since: 2,
    fields: &[
        always(I32),
        since(3, I16),
        always(Array(&[
            always(I16),
            always(Text),
            always(Array(&[
                always(Text),
                always(Array(&[always(I32), always(I64), always(I64), always(I8)])),
            ])),
            since(4, I64),
            since(4, I64),
        ])),
    ],
    tagged: &[],
};

const ALTER_REPLICA_LOG_DIRS: Shape = Shape {
    flexible_since: 2,
    fields: &[always(I32), always(Array(&[always(Text), always(Array(&[always(I32), always(I16)]))]))],
    tagged: &[],
};

const LIST_REASSIGNMENTS: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I32),
        always(I16),
        always(Text),
        always(Array(&[
            always(Text),
            always(Array(&[always(I32), always(BROKERS), always(BROKERS), always(BROKERS)])),
        ])),
    ],
    tagged: &[],
};

const ALTER_REASSIGNMENTS: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I32),
        since(1, I8),
        always(I16),
        always(Text),
        always(Array(&[always(Text), always(Array(&[always(I32), always(I16), always(Text)]))])),
    ],
    tagged: &[],
};

const ELECT_LEADERS: Shape = Shape {
    flexible_since: 2,
    fields: &[
        always(I32),
        since(1, I16),
        always(Array(&[always(Text), always(Array(&[always(I32), always(I16), always(Text)]))])),
    ],
    tagged: &[],
};

const DESCRIBE_CONFIGS: Shape = Shape {
    flexible_since: 4,
    fields: &[
        always(I32),
        always(Array(&[
            always(I16),
            always(Text),
            always(I8),
            always(Text),
            always(Array(&[
                always(Text),
                always(Text),
                always(I8),
                always(I8),
                always(I8),
                always(Array(&[always(Text), always(Text), always(I8)])),
                since(3, I8),
                since(3, Text),
            ])),
        ])),
    ],
    tagged: &[],
};

const INCREMENTAL_ALTER_CONFIGS: Shape = Shape {
    flexible_since: 1,
    fields: &[always(I32), always(Array(&[always(I16), always(Text), always(I8), always(Text)]))],
    tagged: &[],
};

const LIST_OFFSETS: Shape = Shape {
    flexible_since: 6,
    fields: &[
        since(2, I32),
        always(Array(&[
            always(Text),
            always(Array(&[always(I32), always(I16), always(I64), always(I64), since(4, I32)])),
        ])),
    ],
    tagged: &[],
};

const CREATE_TOPICS: Shape = Shape {
    flexible_since: 5,
    fields: &[
        always(I32),
        always(Array(&[
            always(Text),
            since(7, UUID),
            always(I16),
            always(Text),
            since(5, I32),
            since(5, I16),
            since(5, Array(&[always(Text), always(Text), always(I8), always(I8), always(I8)])),
            since(5, Kind::Tagged(0, &[always(I16)])),
        ])),
    ],
    tagged: &[],
};

const DELETE_TOPICS: Shape = Shape {
    flexible_since: 4,
    fields: &[always(I32), always(Array(&[always(Text), since(6, UUID), always(I16), since(5, Text)]))],
    tagged: &[],
};

const API_VERSIONS: Shape = Shape {
    flexible_since: 3,
    fields: &[always(I16), always(Array(&[always(I16), always(I16), always(I16)])), since(1, I32)],
    tagged: &[
        (0, &[always(Array(&[always(Text), always(I16), always(I16)]))]),
        (1, &[always(I64)]),
        (3, &[always(I8)]),
        (2, &[always(Array(&[always(Text), always(I16), always(I16)]))]),
    ],
};

const SASL_HANDSHAKE: Shape =
    Shape { flexible_since: i16::MAX, fields: &[always(I16), always(Kind::List(0))], tagged: &[] };

const SASL_AUTHENTICATE: Shape = Shape {
    flexible_since: 2,
    fields: &[always(I16), always(Text), always(Kind::Blob), since(1, I64)],
    tagged: &[],
};

const QUORUM_REPLICAS: Kind =
    Array(&[always(I32), since(2, UUID), always(I64), since(1, I64), since(1, I64)]);

const DESCRIBE_QUORUM: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I16),
        since(2, Text),
        always(Array(&[
            always(Text),
            always(Array(&[
                always(I32),
                always(I16),
                since(2, Text),
                always(I32),
                always(I32),
                always(I64),
                always(QUORUM_REPLICAS),
                always(QUORUM_REPLICAS),
            ])),
        ])),
        since(2, Array(&[always(I32), always(Array(&[always(Text), always(Text), always(I16)]))])),
    ],
    tagged: &[],
};

fn shape_of(api: ApiKey) -> Option<&'static Shape> {
    Some(match api {
        ApiKey::ApiVersions => &API_VERSIONS,
        ApiKey::Metadata => &METADATA,
        ApiKey::DescribeCluster => &DESCRIBE_CLUSTER,
        ApiKey::DescribeTopicPartitions => &DESCRIBE_TOPIC_PARTITIONS,
        ApiKey::DescribeLogDirs => &DESCRIBE_LOG_DIRS,
        ApiKey::AlterReplicaLogDirs => &ALTER_REPLICA_LOG_DIRS,
        ApiKey::ListPartitionReassignments => &LIST_REASSIGNMENTS,
        ApiKey::AlterPartitionReassignments => &ALTER_REASSIGNMENTS,
        ApiKey::ElectLeaders => &ELECT_LEADERS,
        ApiKey::DescribeConfigs => &DESCRIBE_CONFIGS,
        ApiKey::IncrementalAlterConfigs => &INCREMENTAL_ALTER_CONFIGS,
        ApiKey::ListOffsets => &LIST_OFFSETS,
        ApiKey::ListGroups => &LIST_GROUPS,
        ApiKey::OffsetFetch => &OFFSET_FETCH,
        ApiKey::DescribeShareGroupOffsets => &SHARE_GROUP_OFFSETS,
        ApiKey::CreateTopics => &CREATE_TOPICS,
        ApiKey::DeleteTopics => &DELETE_TOPICS,
        ApiKey::SaslHandshake => &SASL_HANDSHAKE,
        ApiKey::SaslAuthenticate => &SASL_AUTHENTICATE,
        ApiKey::DescribeQuorum => &DESCRIBE_QUORUM,
        ApiKey::Fetch => &FETCH,
        ApiKey::Produce => &PRODUCE,
        ApiKey::EndTxn => &END_TXN,
        ApiKey::CreatePartitions => &CREATE_PARTITIONS,
        _ => return None,
    })
}

/// The last version whose shape is known; of most kinds those are all that the codec reads.
fn spoken_up_to(api: ApiKey) -> i16 {
    match api {
        ApiKey::Fetch => FETCH_NEWEST,
        ApiKey::Produce => PRODUCE_NEWEST,
        _ => i16::MAX,
    }
}

/// Checks the body of an answer. Bytes after its end are none of its concern.
pub(super) fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<(), RequestProblem> {
    let malformed = |problem: &str| RequestProblem::Malformed(problem.to_owned());
    let shape = shape_of(api).ok_or_else(|| malformed("its shape is not known"))?;
    if version > spoken_up_to(api) {
        return Err(malformed("it is of a version that was not asked for"));
    }
    let mut reader = Reader { left: body, version, flexible: version >= shape.flexible_since };
    reader.fields(shape.fields).and_then(|()| reader.tags(shape.tagged)).map_err(malformed)
}

const SHORT: &str = "it ends before all of it has come";
const COUNT: &str = "it announces more than it holds";
const LONG: &str = "a number in it is too long";

struct Reader<'a> {
    left: &'a [u8],
    version: i16,
    flexible: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], &'static str> {
        let (taken, left) = self.left.split_at_checked(bytes).ok_or(SHORT)?;
        self.left = left;
        Ok(taken)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.take(bytes).map(|_| ())
    }

    fn varint(&mut self) -> Result<usize, &'static str> {
        let mut value: u64 = 0;
        for place in 0..5 {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                let value = u32::try_from(value).map_err(|_| LONG)?;
                return usize::try_from(value).map_err(|_| COUNT);
            }
        }
        Err(LONG)
    }

    /// A length or count; none for null. `wide` lengths have 32 bits where they are not compact.
    fn count(&mut self, wide: bool) -> Result<Option<usize>, &'static str> {
        let count = if self.flexible {
            self.varint()?.checked_sub(1)
        } else {
            let value = if wide {
                i32::from_be_bytes(self.take(4)?.try_into().map_err(|_| SHORT)?)
            } else {
                i32::from(i16::from_be_bytes(self.take(2)?.try_into().map_err(|_| SHORT)?))
            };
            if value == -1 {
                None
            } else {
                Some(usize::try_from(value).map_err(|_| "a length in it is negative")?)
            }
        };
        // Every element takes a byte at least.
        if count.is_some_and(|count| count > self.left.len()) { Err(COUNT) } else { Ok(count) }
    }

    /// A structure: its fields, then its tagged fields.
    fn structure(&mut self, fields: &[Field]) -> Result<(), &'static str> {
        self.fields(fields)?;
        let known = fields.iter().filter(|field| (field.since..=field.until).contains(&self.version));
        let known = known.filter_map(|field| match field.kind {
            Kind::Tagged(tag, fields) => Some((tag, fields)),
            _ => None,
        });
        self.tags(&known.collect::<Vec<_>>())
    }

    fn fields(&mut self, fields: &[Field]) -> Result<(), &'static str> {
        for field in fields {
            if (field.since..=field.until).contains(&self.version) {
                self.field(&field.kind)?;
            }
        }
        Ok(())
    }

    fn field(&mut self, kind: &Kind) -> Result<(), &'static str> {
        match kind {
            Fixed(bytes) => self.skip(*bytes)?,
            Text | Kind::Blob => {
                let length = self.count(matches!(kind, Kind::Blob))?.unwrap_or(0);
                self.skip(length)?;
            }
            Array(fields) => {
                for _ in 0..self.count(true)?.unwrap_or(0) {
                    self.structure(fields)?;
                }
            }
            Kind::List(0) => {
                for _ in 0..self.count(true)?.unwrap_or(0) {
                    self.field(&Text)?;
                }
            }
            Kind::List(bytes) => {
                let count = self.count(true)?.unwrap_or(0);
                self.skip(count.checked_mul(*bytes).ok_or(COUNT)?)?;
            }
            Kind::Tagged(..) => {}
            // The codec takes all but 1 for absent, and Kafka all but what is below 0 for present.
            MaybeStruct(fields) => match i8::from_be_bytes([self.take(1)?[0]]) {
                1 => self.structure(fields)?,
                -1 => {}
                _ => return Err("it does not say whether a part of it is there"),
            },
        }
        Ok(())
    }

    fn tags(&mut self, known: &[(u32, &[Field])]) -> Result<(), &'static str> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            if i32::try_from(tag).is_err() {
                return Err("a tag in it is none");
            }
            let size = self.varint()?;
            let left = self.take(size)?;
            if let Some((_, fields)) = known.iter().find(|(known, _)| usize::try_from(*known) == Ok(tag)) {
                let mut inside = Reader { left, version: self.version, flexible: true };
                inside.fields(fields)?;
                if !inside.left.is_empty() {
                    return Err("a tagged field in it is larger than what it holds");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
