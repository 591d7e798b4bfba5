//! From rows to an [`Observation`]: what a snapshot must hold so that the rest of the house can trust it.

use std::collections::BTreeMap;

use super::SnapshotError;
use super::rows::{
    BrokerRow, ByteCount, CapacityRow, FileRow, LeaderRow, LogDirRow, OnDiskRow, PartitionRow,
    ReassignmentRow, TopicRow,
};
use crate::base::{BrokerId, Bytes, RackId, TopicName, TopicPartition};
use crate::observe::{
    Capacity, Gap, GapKind, LogDir, Observation, Partition, PartitionLoad, Reassignment, Replica, SeenBroker,
    SeenTopic, ThrottledReplicas, TopicThrottle,
};

type Checked<T> = Result<T, SnapshotError>;
type Brokers = BTreeMap<BrokerId, SeenBroker>;

fn wrong<T>(place: impl Into<String>, problem: impl Into<String>) -> Checked<T> {
    Err(SnapshotError::at(place, problem))
}

pub(super) fn observation(row: FileRow) -> Checked<Observation> {
    let cluster = row.cluster.unwrap_or_default();
    let brokers = brokers(row.brokers)?;
    let topics = topics(&brokers, row.topics)?;
    let reassignments = reassignments(&brokers, &topics, row.reassignments.unwrap_or_default())?;
    let mut observation = Observation {
        taken_at: row.taken_at.unwrap_or_default(),
        cluster_id: cluster.id,
        kafka_version: cluster.kafka_version,
        controller: cluster.controller.map(BrokerId),
        brokers,
        topics,
        reassignments,
        gaps: row.gaps.unwrap_or_default(),
        cpu_sharing: row.cpu_sharing,
        canary: None,
    };
    if observation.cpu_sharing.as_ref().is_some_and(|sharing| !sharing.is_sound()) {
        return wrong("cpu_sharing".to_owned(), "a number of it is negative or no number".to_owned());
    }
    let rows = observation.cpu_sharing.iter().flat_map(|sharing| &sharing.brokers);
    if let Some(stranger) = rows.map(|row| row.broker).find(|id| !observation.brokers.contains_key(id)) {
        return wrong("cpu_sharing.brokers".to_owned(), format!("broker {stranger} is not in brokers"));
    }
    add_gaps(&mut observation);
    Ok(observation)
}

fn brokers(rows: Vec<BrokerRow>) -> Checked<Brokers> {
    let mut brokers = Brokers::new();
    for (index, row) in rows.into_iter().enumerate() {
        let place = || format!("brokers[{index}]");
        let id = BrokerId(row.id);
        if row.id < 0 {
            return wrong(format!("{}.id", place()), format!("{id} is negative"));
        }
        let log_dirs = log_dirs(&place, row.log_dirs.unwrap_or_default())?;
        let broker = SeenBroker {
            rack: row.rack.filter(|rack| !rack.is_empty()).map(RackId::from),
            host: row.host,
            port: row.port,
            alive: row.alive.unwrap_or(true),
            capacity: capacity(row.capacity.unwrap_or_default(), &log_dirs),
            log_dirs,
            other_cpu_cores: row.other_cpu_cores.map(|cores| cores.0),
            throttle: row.throttle.unwrap_or_default(),
            ..SeenBroker::default()
        };
        if brokers.insert(id, broker).is_some() {
            return wrong(format!("{}.id", place()), format!("broker {id} is there twice"));
        }
    }
    Ok(brokers)
}

fn log_dirs(place: &dyn Fn() -> String, rows: Vec<LogDirRow>) -> Checked<Vec<LogDir>> {
    let mut log_dirs: Vec<LogDir> = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        if log_dirs.iter().any(|dir| dir.path == row.path) {
            let place = format!("{}.log_dirs[{index}].path", place());
            return wrong(place, format!("`{}` is there twice", row.path.escape_debug()));
        }
        log_dirs.push(LogDir {
            path: row.path,
            total_bytes: row.total_bytes.map(|count| count.0),
            usable_bytes: row.usable_bytes.map(|count| count.0),
            online: row.online.unwrap_or(true),
        });
    }
    Ok(log_dirs)
}

/// Where the disk is not said, it is the sum of the online volumes, if each of them says its size.
fn capacity(row: CapacityRow, log_dirs: &[LogDir]) -> Capacity {
    let sum = || -> Option<Bytes> {
        let sizes = log_dirs.iter().filter(|dir| dir.online).map(|dir| dir.total_bytes);
        if log_dirs.is_empty() { None } else { sizes.sum() }
    };
    Capacity {
        disk_bytes: row.disk_bytes.map(|count| count.0).or_else(sum),
        network_in_bytes_per_s: row.network_in_bytes_per_s.map(|rate| rate.0),
        network_out_bytes_per_s: row.network_out_bytes_per_s.map(|rate| rate.0),
        cpu_cores: row.cpu_cores.map(|cores| cores.0),
    }
}

/// Kafka's rule for topic names. Others cannot exist, and would reach terminals and file names.
fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(legal)
}

fn topics(brokers: &Brokers, rows: Vec<TopicRow>) -> Checked<BTreeMap<TopicName, SeenTopic>> {
    let mut topics = BTreeMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let place = format!("topics[{index}]");
        if !is_topic_name(&row.name) {
            let shown: String = row.name.escape_debug().take(300).collect();
            return wrong(format!("{place}.name"), format!("`{shown}` cannot be the name of a topic"));
        }
        let name = TopicName::from(row.name.as_str());
        if topics.contains_key(&name) {
            return wrong(format!("{place}.name"), format!("topic `{name}` is there twice"));
        }
        topics.insert(name, topic(brokers, &place, row)?);
    }
    Ok(topics)
}

fn topic(brokers: &Brokers, place: &str, row: TopicRow) -> Checked<SeenTopic> {
    let id = match row.id {
        None => None,
        Some(text) => match uuid::Uuid::parse_str(&text) {
            Ok(id) => Some(id),
            Err(error) => return wrong(format!("{place}.id"), error.to_string()),
        },
    };
    if row.min_insync_replicas == Some(0) {
        return wrong(format!("{place}.min_insync_replicas"), "is 0; the least that Kafka knows is 1");
    }
    let throttle = row.throttle.map_or_else(TopicThrottle::default, |throttle| TopicThrottle {
        leader: throttle.leader.as_deref().and_then(ThrottledReplicas::parse),
        follower: throttle.follower.as_deref().and_then(ThrottledReplicas::parse),
    });
    let mut partitions = Vec::with_capacity(row.partitions.len());
    for (index, row) in row.partitions.into_iter().enumerate() {
        let at = PartitionPlace { topic: place, index };
        partitions.push((index, partition(brokers, &at, row)?));
    }
    Ok(SeenTopic {
        id,
        min_insync_replicas: row.min_insync_replicas,
        internal: row.internal.unwrap_or(false),
        partitions: in_order(place, partitions)?,
        throttle,
    })
}

/// Partitions may come in any order, but 0 to n must all be there, once.
fn in_order(place: &str, mut partitions: Vec<(usize, Partition)>) -> Checked<Vec<Partition>> {
    partitions.sort_by_key(|(index, partition)| (partition.id, *index));
    for pair in partitions.windows(2) {
        if pair[0].1.id == pair[1].1.id {
            let place = format!("{place}.partitions[{}].id", pair[1].0);
            return wrong(place, format!("partition {} is there twice", pair[1].1.id));
        }
    }
    let hole = partitions.iter().zip(0i32..).find(|((_, partition), expected)| partition.id != *expected);
    if let Some(((_, partition), expected)) = hole {
        let problem = format!("partition {expected} is missing, though partition {} is there", partition.id);
        return wrong(format!("{place}.partitions"), problem);
    }
    Ok(partitions.into_iter().map(|(_, partition)| partition).collect())
}

/// Where a partition stands in the file; made into text only when there is something to say.
struct PartitionPlace<'a> {
    topic: &'a str,
    index: usize,
}

impl PartitionPlace<'_> {
    fn wrong<T>(&self, key: &str, problem: impl Into<String>) -> Checked<T> {
        wrong(format!("{}.partitions[{}].{key}", self.topic, self.index), problem)
    }

    fn same_length(&self, key: &str, replicas: usize, entries: usize) -> Checked<()> {
        if replicas == entries {
            return Ok(());
        }
        self.wrong(key, format!("has {entries} entries for {replicas} replicas"))
    }
}

fn partition(brokers: &Brokers, at: &PartitionPlace<'_>, row: PartitionRow) -> Checked<Partition> {
    if row.id < 0 {
        return at.wrong("id", format!("{} is negative", row.id));
    }
    if row.replicas.is_empty() {
        return at.wrong("replicas", "is empty; a partition has at least one replica");
    }
    let replicas = distinct(at, "replicas", row.replicas)?;
    if let Some((position, stranger)) =
        replicas.iter().enumerate().find(|(_, broker)| !brokers.contains_key(broker))
    {
        return at.wrong(&format!("replicas[{position}]"), format!("broker {stranger} is not in brokers"));
    }
    let on_disk =
        on_disk(brokers, at, &replicas, row.replica_sizes_bytes, row.replica_log_dirs, row.on_disk)?;
    let offline = match row.offline {
        Some(offline) => among(at, "offline", offline, &replicas)?,
        None => default_offline(brokers, &replicas, &on_disk),
    };
    let isr = if let Some(isr) = row.isr {
        among(at, "isr", isr, &replicas)?
    } else {
        let serves = |broker: &&BrokerId| brokers[*broker].alive && !offline.contains(broker);
        replicas.iter().filter(serves).copied().collect()
    };
    let leader = match row.leader {
        LeaderRow::NotSaid => replicas.iter().copied().find(|broker| isr.contains(broker)),
        LeaderRow::Nobody => None,
        LeaderRow::Is(leader) => {
            if !replicas.contains(&BrokerId(leader)) {
                return at.wrong("leader", format!("broker {leader} is not in replicas"));
            }
            Some(BrokerId(leader))
        }
    };
    let mut partition = Partition {
        id: row.id,
        replicas,
        leader,
        isr,
        offline,
        on_disk,
        size_bytes: None,
        load: PartitionLoad {
            produce_bytes_per_s: row.produce_bytes_per_s.map(|rate| rate.0),
            consume_bytes_per_s: row.consume_bytes_per_s.map(|rate| rate.0),
            follower_consume_bytes_per_s: row.follower_consume_bytes_per_s.map(|rate| rate.0),
            leader_cpu_cores: row.leader_cpu_cores.map(|cores| cores.0),
            follower_cpu_cores: row.follower_cpu_cores.map(|cores| cores.0),
            basis: row.load_basis,
        },
    };
    let size = row.size_bytes.map(|count| count.0);
    // The writer adds the size of a full replica for readers who do not look further; here it says nothing new.
    let repeats = size == partition.full_size_bytes()
        && partition.replicas.iter().all(|broker| partition.size_on(*broker).is_some());
    partition.size_bytes = size.filter(|_| !repeats);
    Ok(partition)
}

fn distinct(at: &PartitionPlace<'_>, key: &str, ids: Vec<i32>) -> Checked<Vec<BrokerId>> {
    let brokers: Vec<BrokerId> = ids.into_iter().map(BrokerId).collect();
    let mut sorted = brokers.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(brokers),
        Some(pair) => {
            let twice = pair[0];
            let position = brokers.iter().rposition(|broker| *broker == twice).unwrap_or_default();
            at.wrong(&format!("{key}[{position}]"), format!("broker {twice} is there twice"))
        }
    }
}

fn among(at: &PartitionPlace<'_>, key: &str, ids: Vec<i32>, replicas: &[BrokerId]) -> Checked<Vec<BrokerId>> {
    let brokers = distinct(at, key, ids)?;
    match brokers.iter().enumerate().find(|(_, broker)| !replicas.contains(broker)) {
        None => Ok(brokers),
        Some((position, broker)) => {
            at.wrong(&format!("{key}[{position}]"), format!("broker {broker} is not in replicas"))
        }
    }
}

fn on_disk(
    brokers: &Brokers,
    at: &PartitionPlace<'_>,
    replicas: &[BrokerId],
    sizes: Option<Vec<Option<ByteCount>>>,
    log_dirs: Option<Vec<Option<String>>>,
    more: Option<Vec<OnDiskRow>>,
) -> Checked<BTreeMap<BrokerId, Replica>> {
    let mut on_disk: BTreeMap<BrokerId, Replica> = BTreeMap::new();
    if let Some(sizes) = sizes {
        at.same_length("replica_sizes_bytes", replicas.len(), sizes.len())?;
        for (broker, size) in replicas.iter().zip(sizes) {
            if let Some(size) = size {
                on_disk.entry(*broker).or_default().size_bytes = Some(size.0);
            }
        }
    }
    if let Some(log_dirs) = log_dirs {
        at.same_length("replica_log_dirs", replicas.len(), log_dirs.len())?;
        for (broker, log_dir) in replicas.iter().zip(log_dirs) {
            if let Some(log_dir) = log_dir {
                on_disk.entry(*broker).or_default().log_dir = Some(log_dir);
            }
        }
    }
    let mut seen = Vec::new();
    for (position, row) in more.unwrap_or_default().into_iter().enumerate() {
        let broker = BrokerId(row.broker);
        let key = format!("on_disk[{position}].broker");
        if !brokers.contains_key(&broker) {
            return at.wrong(&key, format!("broker {broker} is not in brokers"));
        }
        if seen.contains(&broker) {
            return at.wrong(&key, format!("broker {broker} is there twice"));
        }
        seen.push(broker);
        let replica = Replica {
            size_bytes: row.size_bytes.map(|count| count.0),
            log_dir: row.log_dir,
            future: row.future.map(|future| (future.log_dir, future.size_bytes.0)),
        };
        on_disk.insert(broker, replica);
    }
    Ok(on_disk)
}

/// The replicas that cannot serve, where the file does not say: those on dead brokers and offline log directories.
pub(super) fn default_offline(
    brokers: &Brokers,
    replicas: &[BrokerId],
    on_disk: &BTreeMap<BrokerId, Replica>,
) -> Vec<BrokerId> {
    let is_offline = |id: &&BrokerId| {
        let Some(broker) = brokers.get(*id) else { return true };
        let log_dir = on_disk.get(*id).and_then(|replica| replica.log_dir.as_deref());
        let dead_dir =
            log_dir.is_some_and(|path| broker.log_dirs.iter().any(|dir| dir.path == path && !dir.online));
        !broker.alive || dead_dir
    };
    replicas.iter().filter(is_offline).copied().collect()
}

fn reassignments(
    brokers: &Brokers,
    topics: &BTreeMap<TopicName, SeenTopic>,
    rows: Vec<ReassignmentRow>,
) -> Checked<BTreeMap<TopicPartition, Reassignment>> {
    let mut reassignments = BTreeMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let place = format!("reassignments[{index}]");
        let which = TopicPartition::new(row.topic, row.partition);
        let count = topics.get(&which.topic).map_or(0, |topic| topic.partitions.len());
        if !usize::try_from(which.partition).is_ok_and(|partition| partition < count) {
            let shown = which.to_string().escape_debug().take(300).collect::<String>();
            return wrong(place, format!("partition `{shown}` is not in topics"));
        }
        for (key, ids) in [("replicas", &row.replicas), ("adding", &row.adding), ("removing", &row.removing)]
        {
            let stranger = ids.iter().enumerate().find(|(_, id)| !brokers.contains_key(&BrokerId(**id)));
            if let Some((position, id)) = stranger {
                return wrong(format!("{place}.{key}[{position}]"), format!("broker {id} is not in brokers"));
            }
        }
        let list = |ids: Vec<i32>| ids.into_iter().map(BrokerId).collect();
        let row = Reassignment {
            replicas: list(row.replicas),
            adding: list(row.adding),
            removing: list(row.removing),
        };
        if reassignments.insert(which.clone(), row).is_some() {
            return wrong(place, format!("partition `{which}` is there twice"));
        }
    }
    Ok(reassignments)
}

/// Says what the file leaves out, unless it says so itself.
fn add_gaps(observation: &mut Observation) {
    let without_min_isr =
        observation.topics.values().filter(|topic| topic.min_insync_replicas.is_none()).count();
    let lacks = |is_missing: fn(&PartitionLoad) -> bool| {
        observation.partitions().filter(|(_, _, partition)| is_missing(&partition.load)).count()
    };
    let without_network =
        lacks(|load| load.produce_bytes_per_s.is_none() || load.consume_bytes_per_s.is_none());
    let without_cpu = lacks(|load| load.leader_cpu_cores.is_none() || load.follower_cpu_cores.is_none());
    let told = [
        (GapKind::TopicConfig, without_min_isr, "topics", "min.insync.replicas"),
        (GapKind::NetworkLoad, without_network, "partitions", "bytes produced and consumed per second"),
        (GapKind::CpuLoad, without_cpu, "partitions", "cores of leader and followers"),
    ];
    for (kind, count, of, what) in told {
        if count > 0 && !observation.has_gap(kind) {
            let reason = format!("the snapshot does not tell the {what} of {count} {of}");
            observation.gaps.push(Gap { kind, subject: String::new(), reason });
        }
    }
}
