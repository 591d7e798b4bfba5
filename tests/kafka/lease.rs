//! The lease on real brokers that deny by default: one boot, and the stories one after another on it.
//!
//! Holders that are killed or suspended are processes of their own: this test binary, told by the environment to be one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use evenkeel::base::{BrokerId, TimestampMs};
use evenkeel::config::{KafkaClientSettings, LeaseTopic};
use evenkeel::control::{
    Charge, Entry, ExecutionId, Journal, JournalError, Recollection, Record, Scope, World, drive, propose,
};
use evenkeel::edge::lease::{Holder, Lease, LeaseError, TopicJournal, Wake, open};
use evenkeel::edge::sim::{SimSpec, SimWorld};
use evenkeel::execute::{ExecuteSettings, Execution, Memory, OperatorRequest};
use evenkeel::goals::GoalSet;
use evenkeel::plan::{Plan, PlanLimits};
use evenkeel::solve::Request;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::support::lab::{CLUSTER_ID, Lab, Security, Seen, Who};

const NEWEST: &str = "4.4.0";
const TOPIC: &str = "__evenkeel";
/// Tells a copy of this binary that it is a holder, and how to reach the cluster.
const ROLE: &str = "EVENKEEL_TEST_LEASE_HOLDER";

#[test]
fn of_two_only_one_acts_and_the_other_carries_on() {
    let mut lab = Lab::builder(NEWEST).brokers(3).security(Security::ScramOverTls).acls().start();
    let place = Place::of(&lab);
    rights_are_named_and_enough(&lab, &place);
    let story = Story::tell();
    what_one_leaves_another_finds(&place, &story);
    the_one_that_was_overtaken_writes_nothing_more(&lab, &place, &story);
    a_living_holder_is_not_pushed_aside(&place);
    a_suspended_holder_loses_before_its_next_command(&place);
    the_dead_are_succeeded_within_half_a_minute(&place);
    one_that_lets_go_is_succeeded_at_once(&place);
    a_broker_that_dies_costs_nobody_the_lease(&mut lab, &place);
}

/// Where the cluster is, and how to get in.
struct Place {
    text: String,
    bootstrap: String,
}

impl Place {
    fn of(lab: &Lab) -> Self {
        let settings: BTreeMap<_, _> = lab.client_settings(Who::Evenkeel);
        let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self { text: lines.join("\n"), bootstrap: lab.bootstrap() }
    }

    fn open(&self, name: &str) -> Result<Lease, LeaseError> {
        let (settings, _) =
            KafkaClientSettings::parse(&self.text, Some(&self.bootstrap)).expect("right settings");
        open(&settings, &LeaseTopic::default(), Holder::this_process(name))
    }

    fn lease(&self, name: &str) -> Lease {
        self.open(name).unwrap_or_else(|error| panic!("{name}: {error}\n{}", error.hint()))
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    eprintln!("lease: {what} took {:.2?}", began.elapsed());
    (done, began.elapsed())
}

fn rights_are_named_and_enough(lab: &Lab, place: &Place) {
    let Err(error) = place.open("poor") else { panic!("a topic was made without a right to") };
    eprintln!("{error}\n{}", error.hint());
    assert!(matches!(error, LeaseError::Denied { .. }) && error.is_for_want_of_means(), "{error:?}");
    assert!(!format!("{error} {}", error.hint()).contains("horse"), "the password is told");
    let commands: Vec<&str> = error.hint().lines().filter(|line| line.starts_with("kafka-acls")).collect();
    assert_eq!(commands.len(), 2, "one for the topic, one for the transactional id");
    // The first right alone is not enough, and what is missing then is told the same way.
    grant(lab, commands[0]);
    let (half, _) = timed("opening a lease whose topic is to be made", || place.lease("poor"));
    let Err(error) = half.take() else { panic!("a lease without a right to its id") };
    eprintln!("{error}");
    assert!(error.hint().contains("--transactional-id 'evenkeel-"), "{error:?}");
    grant(lab, commands[1]);
    let (taken, _) = timed("the first taking", || place.lease("rich").take());
    let (journal, standing) = taken.unwrap_or_else(|error| panic!("{error}\n{}", error.hint()));
    assert_eq!((standing.recollection, standing.last), (Recollection::default(), None));
    journal.release().expect("released");
}

/// Runs a command of the hint, as an operator would who copies it.
fn grant(lab: &Lab, command: &str) {
    let words: Vec<String> = command.split_whitespace().map(|word| word.replace('\'', "")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(words[..2], ["kafka-acls", "--bootstrap-server"]);
    lab.kafka_tool("kafka-acls", &words[3..]);
}

/// All that an execution writes down, append by append.
struct Story {
    id: ExecutionId,
    appends: Vec<Vec<Entry>>,
}

struct Noting(Vec<Vec<Entry>>);

impl Journal for Noting {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.0.push(entries.to_vec());
        Ok(())
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        Ok(Vec::new())
    }
}

impl Story {
    /// An execution on the simulated cluster, whose plan is far larger than one record may be.
    fn tell() -> Self {
        let mut world = SimWorld::new(&SimSpec::small(7)).expect("a small cluster");
        let seen = world.observe(&Scope::Full).expect("a look");
        let goals = GoalSet::shipped("default").expect("the default goals");
        let proposal =
            propose(&seen, &goals, &Request::default(), &PlanLimits::default()).expect("a proposal");
        let id = ExecutionId::new(world.now(), proposal.plan.id);
        let settings = ExecuteSettings::default();
        let mut execution =
            Execution::new(&proposal.plan, settings.clone(), world.now(), &seen).expect("the plan fits");
        let mut noting = Noting(Vec::new());
        let journal = &mut noting;
        let charge =
            Charge { execution: &mut execution, id: id.clone(), journal, recorded: Memory::default() };
        let outcome = drive(&mut world, charge, &mut |_| {});
        eprintln!("lease: the story: {outcome}, {} appends", noting.0.len());
        assert!(noting.0.len() > 10, "that is no story");
        // A plan's file tells the time to the second.
        let observed_at = TimestampMs(proposal.plan.observed_at.0 / 1_000 * 1_000);
        let plan = Box::new(Plan { operation: noise(1_500_000), observed_at, ..proposal.plan });
        let began = Record::Began {
            execution: id.clone(),
            plan,
            settings: Box::new(settings),
            by: "the test".to_owned(),
        };
        let mut appends = vec![vec![Entry { at_ms: seen.taken_at.0, record: began }]];
        appends.extend(noting.0);
        Self { id, appends }
    }

    /// The first half, whose end finds it on its way.
    fn first_half(&self) -> &[Vec<Entry>] {
        &self.appends[..self.appends.len() / 2]
    }

    fn second_half(&self) -> &[Vec<Entry>] {
        &self.appends[self.appends.len() / 2..]
    }

    fn at_half(&self) -> Recollection {
        Recollection::of(self.first_half().iter().flatten().cloned())
    }
}

/// Text that does not get smaller when it is packed.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(b' ' + u8::try_from((state >> 33) % 94).expect("below 94")));
    }
    text
}

fn append_all(journal: &mut TopicJournal, appends: &[Vec<Entry>]) {
    let mut slowest = Duration::ZERO;
    for entries in appends {
        let began = Instant::now();
        journal.append(entries).unwrap_or_else(|error| panic!("{error}"));
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("lease: {} appends, the slowest {slowest:.2?}", appends.len());
}

fn what_one_leaves_another_finds(place: &Place, story: &Story) {
    let (taken, took) =
        timed("taking a lease that was let go", || place.lease("first").take_if_free(|_, _| {}));
    let (mut first, _) = taken.unwrap_or_else(|error| panic!("{error}"));
    assert!(took < Duration::from_secs(8), "a lease that was let go is not listened for");
    append_all(&mut first, story.first_half());
    let (onlooker, _) = timed("opening a lease", || place.lease("onlooker"));
    let (standing, _) = timed("a look", || onlooker.look().expect("a look"));
    assert!(standing.recollection == story.at_half(), "what was written is not what is read");
    let last = standing.last.expect("a sign of life");
    assert!(last.holder.name == "first" && last.holder.pid == std::process::id() && !last.released, "{last}");

    let (taken, took) = timed("taking over", || place.lease("second").take());
    let (second, standing) = taken.unwrap_or_else(|error| panic!("{error}"));
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(standing.recollection == story.at_half(), "something of what the first wrote is missing");
    assert_eq!(standing.last.map(|beat| beat.session), Some(last.session), "whom it was taken from");
    let (told, _) = timed("finding out", || first.permit().holds());
    expect_fenced(first.append(&story.second_half()[0]), "`second`");
    // Within three seconds of a commit it is not asked again; the commit that comes next tells.
    if told.is_err() {
        expect_fenced(told, "`second`");
    }
    expect_fenced(first.permit().holds(), "`second`");
    let standing = place.lease("onlooker").look().expect("a look");
    assert!(standing.recollection == story.at_half(), "what the first wrote after it was overtaken is there");
    drop(first);
    second.release().expect("released");
}

fn expect_fenced(told: Result<(), JournalError>, by: &str) {
    match told {
        Err(JournalError::Fenced(who)) => {
            eprintln!("lease: fenced by {who}");
            assert!(who.contains(by), "{who}");
        }
        other => panic!("not fenced: {other:?}"),
    }
}

fn the_one_that_was_overtaken_writes_nothing_more(lab: &Lab, place: &Place, story: &Story) {
    let (mut third, standing) = place.lease("third").take().unwrap_or_else(|error| panic!("{error}"));
    assert!(standing.recollection == story.at_half(), "what was left half done is not whole");
    append_all(&mut third, story.second_half());
    let handle = third.handle();
    let standing = place.lease("onlooker").look().expect("a look");
    assert_eq!(standing.recollection.unfinished().count(), 0);
    assert_eq!(standing.ended.keys().collect::<Vec<_>>(), [&story.id]);
    assert!(raw_keys(lab).iter().any(|key| key.ends_with("/began")), "tidied up with the next sign of life");
    handle.release().expect("released");
    let told = third.permit().holds();
    assert!(matches!(told, Err(JournalError::Unwritable(_))), "let go, and not taken away: {told:?}");
    let about = format!("/{}/", story.id);
    let left: Vec<String> = raw_keys(lab).into_iter().filter(|key| key.contains(&about)).collect();
    assert_eq!(left, [format!("entry/{}/ended", story.id)]);
}

/// The keys that have a value in the topic, with other eyes than the lease's.
fn raw_keys(lab: &Lab) -> BTreeSet<String> {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", lab.internal_bootstrap()).set("group.id", "eyes");
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&from).expect("assigned");
    let mut keys = BTreeSet::new();
    loop {
        match consumer.poll(Duration::from_secs(20)).expect("an end within 20 s") {
            Ok(message) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                if message.payload().is_some() {
                    keys.insert(key)
                } else {
                    keys.remove(&key)
                };
            }
            Err(KafkaError::PartitionEOF(_)) => return keys,
            Err(error) => eprintln!("lease: the other eyes: {error}"),
        }
    }
}

fn a_living_holder_is_not_pushed_aside(place: &Place) {
    let (mut holder, _) =
        place.lease("living").take_if_free(|_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    let (refused, took) = timed("refusing", || place.lease("polite").take_if_free(|_, _| {}));
    let Err(error) = refused else { panic!("a living holder was pushed aside") };
    eprintln!("{error}; {}", error.hint());
    assert!(matches!(&error, LeaseError::Held { holder } if holder.contains("`living`")), "{error:?}");
    assert!(took < Duration::from_secs(12), "took {took:?}");
    holder.append(&[]).expect("nothing is always durable");
    holder.permit().holds().expect("still the holder's");
    holder.release().expect("released");
}

/// A holder in a process of its own.
struct Other {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Other {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "lease::a_holder_in_a_process_of_its_own", "--nocapture"])
            .env(ROLE, format!("{}\n{}", place.bootstrap, place.text))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary starts");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (send, lines) = channel();
        // Ends with the process.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let other = Self { child, stdin, lines };
        other.expect("taken");
        other
    }

    fn expect(&self, word: &str) -> String {
        let until = Instant::now() + Duration::from_secs(40);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("`{word}` was never said"));
            if line.starts_with(word) {
                return line;
            }
        }
    }

    fn ask(&mut self) {
        writeln!(self.stdin, "mine?").expect("the process reads");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if self.child.kill().is_err() || self.child.wait().is_err() {
            eprintln!("lease: a holder's process could not be ended");
        }
    }
}

/// No test by itself: what [`Other`] runs. It takes the lease, and says whether it has it when it is asked.
#[test]
fn a_holder_in_a_process_of_its_own() {
    let Ok(text) = std::env::var(ROLE) else { return };
    let (bootstrap, text) = text.split_once('\n').expect("two parts");
    let place = Place { text: text.to_owned(), bootstrap: bootstrap.to_owned() };
    let (journal, _) = place.lease("other").take().unwrap_or_else(|error| panic!("{error}"));
    println!("\ntaken");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        assert_eq!(line, "mine?");
        match journal.permit().holds() {
            Ok(()) => println!("mine"),
            Err(error) => println!("lost: {error}"),
        }
    }
}

fn a_suspended_holder_loses_before_its_next_command(place: &Place) {
    let mut other = Other::start(place);
    other.ask();
    other.expect("mine");
    other.signal("-STOP");
    // Within the time that a commit counts as proof, suspension and all.
    let (taken, _) = timed("taking over from one that is suspended", || place.lease("heir").take());
    let (heir, _) = taken.unwrap_or_else(|error| panic!("{error}"));
    std::thread::sleep(Duration::from_secs(3));
    other.ask();
    other.signal("-CONT");
    let (told, _) = timed("finding out after the suspension", || other.expect("lost"));
    eprintln!("{told}");
    assert!(told.contains("another evenkeel") && told.contains("`heir`"), "{told}");
    heir.permit().holds().expect("the heir has it");
    heir.release().expect("released");
}

fn the_dead_are_succeeded_within_half_a_minute(place: &Place) {
    let other = Other::start(place);
    let mut standby = place.lease("standby").standby().expect("a standby");
    let began = Instant::now();
    let wake = standby.wait(&|| began.elapsed() > Duration::from_secs(12)).expect("a wait");
    assert_eq!(wake, Wake::Stopped, "a living holder keeps a standby waiting");
    let heir = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let wake = standby.wait(&|| false).expect("a wait");
            eprintln!("lease: the standby woke: {wake:?}");
            assert_eq!(wake, Wake::Silent);
            place.lease("standby").take().unwrap_or_else(|error| panic!("{error}"))
        });
        std::thread::sleep(Duration::from_secs(2));
        other.signal("-KILL");
        let (heir, took) = timed("from the death to the lease in other hands", || waiting.join());
        assert!(took < Duration::from_secs(30), "took {took:?}");
        heir.expect("the standby's thread ended well").0
    });
    heir.release().expect("released");
}

fn one_that_lets_go_is_succeeded_at_once(place: &Place) {
    let (holder, _) =
        place.lease("leaving").take_if_free(|_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    let mut standby = place.lease("standby").standby().expect("a standby");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| standby.wait(&|| false).expect("a wait"));
        std::thread::sleep(Duration::from_secs(7));
        assert!(!waiting.is_finished(), "the holder lives");
        holder.release().expect("released");
        let (wake, took) = timed("noticing that the holder has let go", || waiting.join());
        assert_eq!(wake.expect("the standby's thread ended well"), Wake::Free);
        assert!(took < Duration::from_secs(4), "took {took:?}");
    });
}

/// The brokers that lead the topic and the transactions of the lease, in turn. The holder may have to wait, but keeps the
/// lease, and a standby does not wake.
fn a_broker_that_dies_costs_nobody_the_lease(lab: &mut Lab, place: &Place) {
    let (mut holder, _) =
        place.lease("steadfast").take_if_free(|_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    let mut standby = place.lease("standby").standby().expect("a standby");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| standby.wait(&|| over.load(Ordering::SeqCst)).expect("a wait"));
        for (topic, partition) in [(TOPIC, 0), ("__transaction_state", transactions_of(CLUSTER_ID))] {
            let leader = lab.look().partitions[&(topic.to_owned(), partition)].leader;
            eprintln!("lease: broker {leader}, which leads {topic}-{partition}, dies");
            lab.kill(leader);
            write_for(&mut holder, Duration::from_secs(20));
            lab.start_broker(leader);
            lab.wait_until("all replicas are in sync", Duration::from_secs(60), Seen::all_in_sync);
        }
        over.store(true, Ordering::SeqCst);
        assert_eq!(waiting.join().expect("the standby's thread ended well"), Wake::Stopped);
    });
    holder.permit().holds().expect("still the holder's");
    holder.release().expect("released");
}

/// Writes again and again; what could not be written for now must be writable at the end.
fn write_for(holder: &mut TopicJournal, time: Duration) {
    let began = Instant::now();
    let (mut written, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    loop {
        let entry = Entry { at_ms: written, record: Record::Removed { broker: BrokerId(9), removed: true } };
        let tried = Instant::now();
        let told = holder.append(&[entry]);
        slowest = slowest.max(tried.elapsed());
        match &told {
            Ok(()) => written += 1,
            Err(JournalError::Unwritable(why)) => {
                eprintln!("lease: not written for now: {why}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
        if began.elapsed() > time && told.is_ok() {
            break;
        }
        assert!(began.elapsed() < time * 3, "nothing can be written any more");
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!("lease: {written} written, {refused} refused for now, the slowest took {slowest:.2?}");
}

/// The partition of `__transaction_state` that a cluster's lease belongs to, of the lab's three: Java's hash of the id.
fn transactions_of(cluster: &str) -> i32 {
    let step = |hash: i32, letter: u8| hash.wrapping_mul(31).wrapping_add(i32::from(letter));
    let hash = format!("evenkeel-{cluster}").bytes().fold(0, step);
    (hash & i32::MAX) % 3
}
