//! [`Lack`]: what a goal that is not met lacks, as numbers and in words.

use serde::Serialize;

use crate::base::{BrokerId, RackId};
use crate::goals::Missing;
use crate::model::Resource;

/// What a goal lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Lack {
    /// Loads or capacities that were not seen.
    NotKnown {
        /// What is missing.
        missing: String,
        /// The resource that it is about.
        resource: Option<Resource>,
        /// What is missing, by kind.
        #[serde(skip)]
        lacks: Missing,
    },
    /// What has to stand in a place is more than fits there.
    TooSmall {
        /// The rack; absent for the whole cluster.
        rack: Option<RackId>,
        /// The resource.
        resource: Resource,
        /// Brokers like those that are there which would have to join it.
        brokers_missing: u32,
        /// Capacity that would have to be added, in the resource's unit.
        capacity_missing: f64,
    },
    /// With a rack lost, the brokers of the others may carry less than they would have to.
    TooSmallWithoutRack {
        /// The rack whose loss is worst.
        rack: RackId,
        /// The resource.
        resource: Resource,
        /// Brokers like those that are there which would have to join the other racks.
        brokers_missing: u32,
        /// Capacity that would have to be added to the other racks, in the resource's unit.
        capacity_missing: f64,
    },
    /// The brokers on which topics may stand may carry less than these topics bring.
    TooSmallWhereAllowed {
        /// The brokers.
        brokers: usize,
        /// The resource.
        resource: Resource,
        /// What the topics bring.
        load: f64,
        /// What the brokers may carry.
        room: f64,
        /// Brokers like these that would have to be allowed, too.
        brokers_missing: u32,
        /// Capacity that would have to be added to these brokers, in the resource's unit.
        capacity_missing: f64,
    },
    /// Of a topic a rack has to hold more, or can hold less, than its brokers may.
    TopicUneven {
        /// The topic.
        topic: String,
        /// The rack.
        rack: RackId,
        /// Replicas that have to stand, or at most can stand, in the rack.
        replicas: u32,
        /// The brokers of the rack.
        brokers: u32,
        /// The most, or the least, that a broker may hold.
        bound: u32,
        /// Brokers that would have to join the rack (negative: the others); absent where no number would do.
        brokers_missing: Option<i32>,
    },
    /// A rack has to carry more, or can carry less, than its part of the cluster's mean.
    Uneven {
        /// The rack.
        rack: RackId,
        /// The resource.
        resource: Resource,
        /// How far the rack's own mean is from the mean of all, in percent; negative when below.
        percent: f64,
        /// Brokers that would have to join the rack (negative: the others), were they like those that are there.
        brokers_missing: i32,
        /// Capacity that would have to be added to the rack, where that would help and capacities are known.
        capacity_missing: Option<f64>,
    },
    /// One replica alone is more than a broker may carry.
    ReplicaTooLarge {
        /// The partition.
        partition: String,
        /// The resource.
        resource: Resource,
        /// What one replica of it weighs.
        load: f64,
        /// The most that any broker may carry.
        room: f64,
    },
    /// A topic has too few partitions for each broker to have its part.
    TopicTooSmall {
        /// The topic.
        topic: String,
        /// Whether it is about leaders; else about replicas.
        leaders: bool,
        /// Its partitions.
        partitions: u32,
        /// The brokers.
        brokers: u32,
        /// How many each is to have.
        least: u32,
        /// Partitions that would have to be added.
        partitions_missing: u32,
    },
    /// A partition has more replicas than there are brokers where it may stand.
    TooFewBrokers {
        /// The partition.
        partition: String,
        /// Its replication factor.
        replication_factor: usize,
        /// The brokers.
        brokers: usize,
    },
    /// Some brokers say no rack, so that each counts as a rack of its own.
    RackUnset {
        /// The brokers.
        brokers: Vec<BrokerId>,
    },
    /// Partitions that may not be touched now.
    Held {
        /// How many.
        partitions: usize,
    },
    /// None of the bounds that are reckoned here forbids it. They are reckoned in sum: for racks, for the cluster, and
    /// for the brokers where a topic may stand; not for log directories.
    NotForbidden,
}

impl Lack {
    /// Whether it follows from brokers and loads that no placement can meet the goal, and what would help is a number.
    pub fn is_in_numbers(&self) -> bool {
        !matches!(self, Self::NotKnown { .. } | Self::Held { .. } | Self::NotForbidden)
    }

    /// What is lacking, in words.
    pub fn reason(&self) -> String {
        match self {
            Self::NotKnown { missing, .. } => missing.clone(),
            Self::TooSmall { rack, resource, capacity_missing, .. } => {
                let (name, more) = (resource.name(), resource.show(*capacity_missing));
                match rack {
                    Some(rack) => format!(
                        "what has to stand in rack {rack} is more {name} than its brokers may carry, by {more} of capacity"
                    ),
                    None => format!(
                        "the brokers together may carry less {name} than there is, by {more} of capacity"
                    ),
                }
            }
            Self::TooSmallWithoutRack { rack, resource, capacity_missing, .. } => format!(
                "with rack {rack} lost the brokers of the other racks may carry less {} than there is, by {} of capacity",
                resource.name(),
                resource.show(*capacity_missing)
            ),
            Self::TooSmallWhereAllowed { brokers, resource, load, room, .. } => format!(
                "the {brokers} brokers where its topics may stand may carry {}, and the topics bring {}",
                resource.show_named(*room),
                resource.show(*load)
            ),
            Self::TopicUneven { .. } => self.reason_of_topic(),
            Self::Uneven { rack, resource, percent, .. } => {
                let name = resource.name();
                if *percent > 0.0 {
                    format!(
                        "its copies alone bring rack {rack} {percent:.1} % above the mean of {name}: it has too few brokers"
                    )
                } else {
                    let percent = percent.abs();
                    format!(
                        "all that may stand in rack {rack} leaves it {percent:.1} % below the mean of {name}: it has more brokers than its part"
                    )
                }
            }
            Self::ReplicaTooLarge { partition, resource, load, room } => format!(
                "one replica of {partition} has {}, and a broker may carry {}",
                resource.show_named(*load),
                resource.show(*room)
            ),
            Self::TopicTooSmall { topic, leaders, partitions, brokers, least, .. } => {
                let verb = if *leaders { "lead" } else { "hold" };
                let noun = if *partitions == 1 { "partition" } else { "partitions" };
                format!("topic {topic} has {partitions} {noun}: {brokers} brokers cannot each {verb} {least}")
            }
            Self::TooFewBrokers { partition, replication_factor, brokers } => {
                format!(
                    "{partition} has {replication_factor} replicas, and may stand on {brokers} brokers only"
                )
            }
            Self::RackUnset { brokers } => match brokers.as_slice() {
                [one] => format!("broker {one} has no rack, and counts as a rack of its own"),
                some => format!("brokers {} have no rack, and each counts as a rack of its own", list(some)),
            },
            Self::Held { partitions: 1 } => "1 partition may not be moved now".to_owned(),
            Self::Held { partitions } => format!("{partitions} partitions may not be moved now"),
            Self::NotForbidden => {
                "none of the bounds that follow from brokers, racks and loads forbids it".to_owned()
            }
        }
    }

    /// What would help, in words.
    pub fn mend(&self) -> String {
        let more = more_brokers;
        match self {
            Self::NotKnown { lacks, .. } => lacks.mend(),
            Self::TooSmall { rack, resource, brokers_missing, capacity_missing } => {
                let place = rack.as_ref().map_or("the cluster".to_owned(), |rack| format!("rack {rack}"));
                let brokers = more(*brokers_missing);
                if resource.is_count() {
                    return format!("{place} needs {brokers}, or fewer {}", resource.name());
                }
                format!("{place} needs {brokers}, or {} more {}", resource.show(*capacity_missing), resource.name())
            }
            Self::TooSmallWithoutRack { rack, resource, brokers_missing, capacity_missing } => {
                let brokers = more(*brokers_missing);
                let place = format!("the racks beside {rack} need {brokers}");
                if resource.is_count() {
                    return format!("{place}, or fewer {}", resource.name());
                }
                format!("{place}, or {} more {}", resource.show(*capacity_missing), resource.name())
            }
            Self::TooSmallWhereAllowed { resource, brokers_missing, capacity_missing, .. } => {
                let brokers = more(*brokers_missing);
                if resource.is_count() {
                    return format!("{brokers} where it may stand, or fewer {}", resource.name());
                }
                let more = resource.show(*capacity_missing);
                format!("{brokers} where it may stand, or {more} more {} there", resource.name())
            }
            Self::TopicUneven { .. } => self.mend_of_topic(),
            Self::Uneven { rack, resource, brokers_missing, capacity_missing, .. } => {
                let brokers = more(brokers_missing.unsigned_abs());
                if *brokers_missing < 0 {
                    return format!("{brokers} in the other racks, or fewer in rack {rack}, or a band per rack");
                }
                let capacity = capacity_missing
                    .map(|more| format!(", or {} more {} there", resource.show(more), resource.name()));
                format!("rack {rack} needs {brokers}{}", capacity.unwrap_or_default())
            }
            Self::ReplicaTooLarge { partition, .. } => {
                format!("more and smaller partitions than {partition}, or larger brokers")
            }
            Self::TopicTooSmall { topic, partitions_missing: 1, .. } => format!("topic {topic} needs 1 more partition"),
            Self::TopicTooSmall { topic, partitions_missing, .. } => {
                format!("topic {topic} needs {partitions_missing} more partitions")
            }
            Self::TooFewBrokers { replication_factor, brokers, .. } => {
                let missing = replication_factor.saturating_sub(*brokers);
                format!("{} where it may stand", more(u32::try_from(missing).unwrap_or(u32::MAX)))
            }
            Self::RackUnset { brokers } => match brokers.as_slice() {
                [one] => format!("set broker.rack on broker {one}"),
                some => format!("set broker.rack on brokers {}", list(some)),
            },
            Self::Held { .. } => "propose again when replicas have caught up and reassignments are done".to_owned(),
            Self::NotForbidden => {
                "goals of earlier tiers, excluded topics or the price stand in the way: a wider band, or another seed"
                    .to_owned()
            }
        }
    }

    fn reason_of_topic(&self) -> String {
        let Self::TopicUneven { topic, rack, replicas, brokers, bound, .. } = self else {
            return String::new();
        };
        let noun = if *brokers == 1 { "broker" } else { "brokers" };
        let (can, may) = if u64::from(*replicas) > u64::from(*brokers) * u64::from(*bound) {
            ("have to", "may")
        } else {
            ("can", "are to")
        };
        format!(
            "{replicas} replicas of topic {topic} {can} stand in rack {rack}, and its {brokers} {noun} {may} hold {bound} each"
        )
    }

    fn mend_of_topic(&self) -> String {
        let Self::TopicUneven { topic, rack, brokers_missing, .. } = self else { return String::new() };
        match *brokers_missing {
            None => format!("a wider band, or another number of partitions for topic {topic}"),
            Some(missing) if missing < 0 => {
                let brokers = more_brokers(missing.unsigned_abs());
                format!("{brokers} in the other racks, or fewer in rack {rack}, or a wider band")
            }
            Some(missing) => {
                format!("rack {rack} needs {}, or a wider band", more_brokers(missing.unsigned_abs()))
            }
        }
    }
}

fn more_brokers(brokers: u32) -> String {
    if brokers == 1 { "1 more broker".to_owned() } else { format!("{brokers} more brokers") }
}

fn list(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
