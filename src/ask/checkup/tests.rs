//! Checkups of facts put together by hand.

use super::*;
use crate::base::BrokerId;
use crate::config::LeaseMode;
use crate::goals::GoalSet;

const NOW: TimestampMs = TimestampMs(1_790_000_000_000);
const DAY_MS: u64 = 86_400_000;

fn knock(came_of: Result<Greeting, Refusal>) -> Knock {
    Knock { address: "b1:9094".to_owned(), broker: None, took_ms: 3, came_of: Some(came_of) }
}

fn refusal(stage: Stage) -> Refusal {
    Refusal { stage, message: "it failed".to_owned(), hint: "mend it".to_owned() }
}

fn need(purpose: Purpose, on: On, operation: &'static str, granted: Granted) -> Need {
    Need { purpose, on, operation, granted }
}

fn needs(granted: &Granted) -> Vec<Need> {
    let own = || On::Topic("__evenkeel".to_owned());
    let of = |purpose, on, operation| need(purpose, on, operation, granted.clone());
    vec![
        of(Purpose::Look, On::Cluster, "Describe"),
        of(Purpose::Look, On::Cluster, "DescribeConfigs"),
        of(Purpose::Look, On::EveryTopic, "Describe"),
        of(Purpose::Look, On::EveryTopic, "DescribeConfigs"),
        of(Purpose::Execute, On::Cluster, "Alter"),
        of(Purpose::Execute, On::Cluster, "AlterConfigs"),
        of(Purpose::Execute, On::EveryTopic, "AlterConfigs"),
        of(Purpose::Lease, own(), "Create"),
        of(Purpose::Lease, own(), "Write"),
        of(Purpose::Lease, On::TransactionalId("evenkeel-x".to_owned()), "Write"),
    ]
}

fn facts(goals: &GoalSet) -> Facts<'_> {
    let at_broker = Knock { broker: Some(BrokerId(1)), ..knock(Ok(Greeting::default())) };
    Facts {
        cluster: "b1:9094".to_owned(),
        now: NOW,
        mode: Mode::Propose,
        way: Way::default(),
        bootstrap: vec![knock(Ok(Greeting::default()))],
        brokers: Some(vec![at_broker]),
        rights: needs(&Granted::Yes),
        grants: Grants {
            bootstrap: "b1:9094".to_owned(),
            principal: Some("o'hara".to_owned()),
            by_iam: false,
        },
        endpoints: None,
        look: None,
        goals,
        lease: LeaseMode::Auto,
        lease_trouble: None,
        wants_canary: false,
    }
}

fn goals() -> GoalSet {
    GoalSet::shipped("default").expect("it is shipped")
}

fn step<'a>(checkup: &'a Checkup, name: &str) -> &'a Step {
    checkup.steps.iter().find(|step| step.name == name).expect("a step of this name")
}

#[test]
fn what_comes_after_a_step_that_failed_is_not_tried() {
    let goals = goals();
    for (stage, name) in [
        (Stage::Connection, "connection"),
        (Stage::Tls, "tls"),
        (Stage::Sasl, "sasl"),
        (Stage::Protocol, "connection"),
    ] {
        let mut facts = facts(&goals);
        facts.way =
            Way { tls: true, own_certificate: None, sasl: Some(("PLAIN".to_owned(), "u".to_owned())) };
        facts.bootstrap = vec![knock(Err(refusal(stage)))];
        facts.brokers = None;
        facts.rights.clear();
        let checkup = check_up(&facts, Acls::Missing);
        let failed: Vec<&str> = checkup
            .steps
            .iter()
            .filter(|step| step.verdict == StepVerdict::Fails)
            .map(|step| step.name)
            .collect();
        assert_eq!(failed, [name], "{stage:?}");
        for later in ["brokers", "versions", "rights to execute", "topics", "capacities", "lease"] {
            assert_eq!(step(&checkup, later).verdict, StepVerdict::NotTried, "{stage:?}: {later}");
        }
        assert_eq!(checkup.conclusion.state, State::OutOfReach);
        assert!(checkup.conclusion.words.contains("mend it"), "{}", checkup.conclusion.words);
    }
}

#[test]
fn the_commands_are_the_least_that_will_do() {
    let goals = goals();
    let mut facts = facts(&goals);
    facts.rights = needs(&Granted::No);
    facts.mode = Mode::Act;
    let checkup = check_up(&facts, Acls::Missing);
    assert_eq!(checkup.conclusion.state, State::Denied);
    let lead = r"kafka-acls --bootstrap-server b1:9094 --add --allow-principal 'User:o'\''hara'";
    let look = step(&checkup, "rights for a dry run");
    assert_eq!(
        look.mend,
        [
            format!("{lead} --operation Describe --operation DescribeConfigs --cluster"),
            format!("{lead} --operation Describe --operation DescribeConfigs --topic '*'"),
        ]
    );
    // Alter brings Describe along, and AlterConfigs DescribeConfigs.
    let execute = step(&checkup, "rights to execute");
    assert_eq!(
        execute.mend,
        [
            format!("{lead} --operation Alter --operation AlterConfigs --cluster"),
            format!("{lead} --operation Describe --operation AlterConfigs --topic '*'"),
        ]
    );
    let lease = step(&checkup, "lease");
    assert_eq!(lease.verdict, StepVerdict::Warning, "`auto` can do without");
    assert_eq!(
        lease.mend,
        [
            format!("{lead} --operation Create --operation Write --topic '__evenkeel'"),
            format!("{lead} --operation Write --transactional-id 'evenkeel-x'"),
        ]
    );
}

#[test]
fn only_what_is_missing_is_listed_unless_all_is_asked_for() {
    let goals = goals();
    let mut facts = facts(&goals);
    facts.rights[4].granted = Granted::No;
    let missing = check_up(&facts, Acls::Missing);
    assert_eq!(missing.conclusion.state, State::Ready, "a dry run does without");
    let execute = step(&missing, "rights to execute");
    assert_eq!((execute.verdict, execute.mend.len()), (StepVerdict::Warning, 1));
    assert!(execute.mend[0].ends_with("--operation Alter --cluster"), "{:?}", execute.mend);
    let all = check_up(&facts, Acls::All);
    assert_eq!(step(&all, "rights to execute").mend.len(), 2);
    assert_eq!(step(&all, "rights for a dry run").mend.len(), 2);
    facts.mode = Mode::Act;
    let act = check_up(&facts, Acls::Missing);
    assert_eq!((act.conclusion.state, act.conclusion.ready), (State::Denied, false));
    // Whose certificate decides, the brokers alone know.
    facts.grants.principal = None;
    let named = check_up(&facts, Acls::Missing);
    let mend = &step(&named, "rights to execute").mend;
    assert!(mend[0].contains("PRINCIPAL is") && mend[1].contains("'User:PRINCIPAL'"), "{mend:?}");
}

#[test]
fn where_iam_grants_rights_the_policy_is_told() {
    let goals = goals();
    let mut facts = facts(&goals);
    facts.grants.by_iam = true;
    facts.rights = needs(&Granted::No);
    let checkup = check_up(&facts, Acls::Missing);
    let look = &step(&checkup, "rights for a dry run").mend;
    assert_eq!(look.len(), 1);
    assert!(!look[0].contains("kafka-acls"), "{look:?}");
    assert!(look[0].ends_with(
        "kafka-cluster:DescribeCluster, kafka-cluster:DescribeClusterDynamicConfiguration, kafka-cluster:DescribeTopic, kafka-cluster:DescribeTopicDynamicConfiguration"
    ));
    assert!(step(&checkup, "lease").mend[0].contains("kafka-cluster:WriteDataIdempotently"));
}

#[test]
fn certificates_are_watched() {
    let goals = goals();
    let certificate = |until| Certificate {
        subject: "CN=b1".to_owned(),
        issuer: "CN=ca".to_owned(),
        from: TimestampMs(0),
        until: TimestampMs(until),
    };
    let checkup = |until, own| {
        let mut facts = facts(&goals);
        facts.way.tls = true;
        facts.way.own_certificate = Some(certificate(own));
        let tls = Some(("TLS 1.3".to_owned(), certificate(until)));
        facts.bootstrap = vec![knock(Ok(Greeting { tls, ..Greeting::default() }))];
        check_up(&facts, Acls::Missing)
    };
    let far = NOW.0 + 400 * DAY_MS;
    assert_eq!(step(&checkup(far, far), "tls").verdict, StepVerdict::Ok);
    let soon = checkup(NOW.0 + 29 * DAY_MS, far);
    let tls = step(&soon, "tls");
    assert_eq!(tls.verdict, StepVerdict::Warning);
    assert!(tls.seen[0].contains("29 days from now") && tls.mend[0].contains("b1:9094"), "{tls:?}");
    let ended = checkup(far, NOW.0 - 1);
    assert_eq!(step(&ended, "tls").verdict, StepVerdict::Fails);
}

#[test]
fn loads_that_come_from_other_sources_than_endpoints_are_told_by_the_look() {
    let goals = goals();
    let mut observation = crate::observe::Observation::default();
    let metrics = |seen: &crate::observe::Observation| {
        let facts = Facts { endpoints: Some(Vec::new()), look: Some(Ok(seen)), ..facts(&goals) };
        let checkup = check_up(&facts, Acls::Missing);
        let metrics = step(&checkup, "metrics");
        (metrics.verdict, metrics.seen.clone())
    };
    let (verdict, said) = metrics(&observation);
    assert_eq!((verdict, said.len()), (StepVerdict::Ok, 1), "{said:?}");
    let gap = |id: i32| crate::observe::Gap {
        kind: crate::observe::GapKind::CpuLoad,
        subject: format!("broker {id}"),
        reason: "http://p: nothing is told of it".to_owned(),
    };
    observation.gaps = (1..=8).map(gap).collect();
    let (verdict, said) = metrics(&observation);
    assert_eq!(verdict, StepVerdict::Warning);
    assert_eq!(said[0], "cpu-load of broker 1: http://p: nothing is told of it");
    assert_eq!(said[6], "and 2 more like that");
}

#[test]
fn clocks_are_told_where_pages_are_dated_and_nowhere_else() {
    let goals = goals();
    let mut facts = facts(&goals);
    let endpoint = |id, ahead| Endpoint {
        broker: BrokerId(id),
        url: "http://b:1/".to_owned(),
        took_ms: 1,
        came_of: Ok(PageSeen { clock_ahead_ms: Some(ahead), ..PageSeen::default() }),
    };
    assert_eq!(step(&check_up(&facts, Acls::Missing), "clocks").verdict, StepVerdict::NotNeeded);
    facts.endpoints = Some(vec![endpoint(1, (-700, 500)), endpoint(2, (-61_000, -59_500))]);
    let checkup = check_up(&facts, Acls::Missing);
    let clocks = step(&checkup, "clocks");
    assert_eq!(clocks.verdict, StepVerdict::Warning);
    assert_eq!(clocks.seen[0], "broker 2: its clock is at least 59 s behind ours");
}

#[test]
fn loads_say_what_they_rest_on_and_where_the_parts_do_not_add_up() {
    use crate::observe::{AddsUp, Basis, CpuSharing, NoFit, Observation, Partition, SharedBy};
    let goals = goals();
    let mut observation = Observation::default();
    let steps = |seen: &Observation| {
        let facts = Facts { look: Some(Ok(seen)), ..facts(&goals) };
        check_up(&facts, Acls::Missing).steps
    };
    assert!(steps(&observation).iter().all(|step| step.name != "loads"), "nobody told any");
    let mut partition = Partition::default();
    partition.load.basis.produce = Some(Basis::SharedByLogs);
    partition.load.basis.cpu = Some(Basis::StaticWeights);
    observation.topics.entry("t".into()).or_default().partitions = vec![partition];
    let row = |id: i32, parts_cores| AddsUp {
        broker: BrokerId(id),
        measured_cores: 2.0,
        parts_cores,
        other_cores: 0.0,
        copies_cores: 0.0,
    };
    let sharing = |brokers| CpuSharing { by: SharedBy::StaticWeights { why: NoFit::OneLook }, brokers };
    observation.cpu_sharing = Some(sharing(vec![row(1, 2.0), row(2, 1.99)]));
    let told = steps(&observation);
    let loads = told.iter().find(|step| step.name == "loads").expect("it is told");
    assert_eq!(loads.verdict, StepVerdict::Ok, "{loads:?}");
    assert!(loads.seen[0].starts_with("written: its topic's") && loads.seen[0].ends_with("(1 partitions)"));
    assert!(loads.seen[2].contains("one look tells no weights"), "{loads:?}");
    observation.cpu_sharing = Some(sharing(vec![row(1, 2.0), row(2, 2.5)]));
    let told = steps(&observation);
    let loads = told.iter().find(|step| step.name == "loads").expect("it is told");
    assert_eq!(loads.verdict, StepVerdict::Warning);
    let off = "broker 2: its parts add up to 0.50 cores more than the 2.00 cores that were measured (25 %)";
    assert!(loads.seen.iter().any(|line| line == off), "{loads:?}");
}

#[test]
fn a_limit_by_cores_that_are_not_known_has_a_mend() {
    let goals = GoalSet::shipped("msk").expect("it is shipped");
    let mut observation = crate::observe::Observation::default();
    observation.brokers.entry(BrokerId(1)).or_default().alive = true;
    let facts = Facts { look: Some(Ok(&observation)), ..facts(&goals) };
    let told = check_up(&facts, Acls::Missing).goals;
    let row = told.iter().find(|goal| goal.words.contains("number of cores")).expect("MSK has such a limit");
    assert!(!row.ready && row.mend.contains("cpu-cores = 8"), "{row:?}");
}

#[test]
fn the_right_to_see_what_is_read_is_asked_for_and_in_nobodys_way() {
    let goals = goals();
    let mut facts = facts(&goals);
    facts.rights.push(need(Purpose::Reads, On::EveryGroup, "Describe", Granted::No));
    let checkup = check_up(&facts, Acls::Missing);
    let reads = step(&checkup, "what is read");
    assert_eq!(reads.verdict, StepVerdict::Warning);
    assert!(reads.mend[0].ends_with("--operation Describe --group '*'"), "{:?}", reads.mend);
    assert!(reads.seen.iter().any(|line| line.contains("network out")), "{:?}", reads.seen);
    assert!(checkup.conclusion.ready, "{:?}", checkup.conclusion);
    facts.grants.by_iam = true;
    let checkup = check_up(&facts, Acls::Missing);
    assert!(step(&checkup, "what is read").mend[0].contains("kafka-cluster:DescribeGroup"));
}
