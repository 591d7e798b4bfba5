//! Tests of goal files: what is read, and what is refused with which words.

use super::*;
use crate::base::BrokerId;
use crate::goals::{
    Attribute, Balance, Brokers, Capacity, Counted, Demand, Leadership, Leads, Least, Limit, Minimum, Per,
    Placement, Rule, Scope, Side, Spread, Survive, Tier, Topics,
};
use crate::model::Resource;

const HEAD: &str = "format = \"evenkeel-goals/1\"\nname = \"x\"\n";

/// The rule of this goal, whose name and tier are added.
fn rule(text: &str) -> Rule {
    let text = format!("{HEAD}[[goal]]\nname = \"g\"\ntier = 1\n{text}");
    let mut set = GoalSet::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    set.goals.remove(0).rule
}

fn topics(only: &[&str], except: &[&str]) -> Topics {
    let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Topics { only: patterns(only), except: patterns(except) }
}

/// The error of a file with this goal, as `line: problem | hint`.
fn refusal(goal: &str) -> String {
    match GoalSet::parse(&format!("{HEAD}[[goal]]\n{goal}")) {
        Err(GoalError::Malformed(error)) => {
            format!("{}: {} | {}", error.line, error.problem, error.hint.unwrap_or_default())
        }
        other => panic!("should be refused: {other:?}"),
    }
}

#[test]
fn shipped_sets_are_sound() {
    for name in GoalSet::shipped_names() {
        let set = GoalSet::shipped(name).unwrap();
        assert_eq!(set.name, name);
        assert!(!set.description.is_empty());
    }
    assert_eq!(GoalSet::shipped("default").unwrap().goals.len(), 12);
    assert_eq!(GoalSet::shipped("cruise-control").unwrap().goals.len(), 16);
    let error = GoalSet::shipped("disk_only").unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `disk-only`?"));
}

#[test]
fn cruise_controls_goals_have_their_names_order_and_effective_bands() {
    let set = GoalSet::shipped("cruise-control").unwrap();
    let names: Vec<&str> = set.goals.iter().map(|goal| goal.name.trim_end_matches("Goal")).collect();
    assert_eq!(
        names,
        [
            "RackAware",
            "MinTopicLeadersPerBroker",
            "ReplicaCapacity",
            "DiskCapacity",
            "NetworkInboundCapacity",
            "NetworkOutboundCapacity",
            "CpuCapacity",
            "ReplicaDistribution",
            "PotentialNwOut",
            "DiskUsageDistribution",
            "NetworkInboundUsageDistribution",
            "NetworkOutboundUsageDistribution",
            "CpuUsageDistribution",
            "TopicReplicaDistribution",
            "LeaderReplicaDistribution",
            "LeaderBytesInDistribution",
        ]
    );
    assert!(set.goals[..7].iter().all(|goal| goal.tier == Tier::Must));
    let tiers: Vec<Tier> = set.goals[7..].iter().map(|goal| goal.tier).collect();
    assert_eq!(tiers, (1..=9).map(Tier::Want).collect::<Vec<_>>());
    assert!(set.balances().all(|(_, rule)| (rule.aim - 1.0).abs() < 1e-9), "the margin is in the bands");
}

#[test]
fn a_goal_is_read_whole() {
    let text = format!(
        "{HEAD}[[goal]]\nname = \"d\"\nrule = \"balance\"\nresource = \"disk\"\nband = 0.2\ntier = 3\nweight = 2\n"
    );
    let set = GoalSet::parse(&text).unwrap();
    let rule = Rule::Balance(Balance::of(Resource::Disk, 0.2));
    assert_eq!(set.goals, [Goal { name: "d".into(), tier: Tier::Want(3), weight: 2.0, rule }]);
}

#[test]
fn every_key_of_capacity_is_read() {
    assert_eq!(
        rule(
            "rule = \"capacity\"\nresource = \"network-out\"\nmax-share = 0.8\nscope = \"host\"\nsurvive = \"any one rack\"\n"
        ),
        Rule::Capacity(Capacity {
            resource: Resource::NetworkOut,
            limit: Limit::Share(0.8),
            scope: Scope::Host,
            survive: Some(Survive::AnyOneRack)
        })
    );
    let Rule::Capacity(read) =
        rule("rule = \"capacity\"\nresource = \"replicas\"\nmax-count-by-cores = [[2, 1000], [8, 2000.5]]\n")
    else {
        panic!("a capacity");
    };
    assert_eq!(read.limit, Limit::CountByCores(vec![(2.0, 1000.0), (8.0, 2000.5)]));
    assert_eq!((read.scope, read.survive), (Scope::Broker, None));
}

#[test]
fn every_key_of_balance_is_read() {
    let text = "rule = \"balance\"\nresource = \"replicas\"\nband = 1.8\naim = 1\nper = \"topic\"\nside = \"above\"\n\
                min-gap = 2\nmax-gap = 40\ntopics = [\"a\", \"b.*\"]\nexcept-topics = \"bb\"\n";
    let expected = Balance {
        aim: 1.0,
        per: Per::Topic,
        side: Side::Above,
        min_gap: Some(2.0),
        max_gap: Some(40.0),
        topics: topics(&["a", "b.*"], &["bb"]),
        ..Balance::of(Resource::Replicas, 1.8)
    };
    assert_eq!(rule(text), Rule::Balance(expected));
    let text =
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nscope = \"log-dir\"\nfloor-share = 0.2\n";
    let expected =
        Balance { scope: Scope::LogDir, floor_share: Some(0.2), ..Balance::of(Resource::Disk, 0.1) };
    assert_eq!(rule(text), Rule::Balance(expected));
}

#[test]
fn every_key_of_the_rules_about_topics_is_read() {
    assert_eq!(
        rule("rule = \"spread\"\nover = \"host\"\nexcept-topics = [\"x\"]\n"),
        Rule::Spread(Spread { over: Attribute::Host, topics: topics(&[], &["x"]) })
    );
    assert_eq!(
        rule("rule = \"minimum\"\ntopics = \"t\"\nof = \"leaders\"\nleast = 2\n"),
        Rule::Minimum(Minimum { topics: topics(&["t"], &[]), of: Counted::Leaders, least: Least::Count(2) })
    );
    assert_eq!(
        rule("rule = \"minimum\"\ntopics = []\nof = \"replicas\"\nleast = \"even-share\"\n"),
        Rule::Minimum(Minimum { topics: Topics::none(), of: Counted::Replicas, least: Least::EvenShare })
    );
    let both = Brokers { ids: vec![BrokerId(1), BrokerId(2)], racks: vec!["az-a".into()] };
    let rack = Brokers { ids: Vec::new(), racks: vec!["az-b".into()] };
    let named = "brokers = [1, 2]\nracks = [\"az-a\"]\n";
    let place = |demand| Rule::Placement(Placement { topics: Topics::default(), demand });
    let placement = |text: &str| rule(&format!("rule = \"placement\"\n{text}"));
    assert_eq!(placement(&format!("demand = \"on\"\n{named}")), place(Demand::On(both.clone())));
    assert_eq!(placement(&format!("demand = \"off\"\n{named}")), place(Demand::Off(both.clone())));
    assert_eq!(placement("demand = \"hold\"\n"), place(Demand::Hold));
    assert_eq!(
        placement(
            "demand = \"within-one-of\"\nsets = [{ brokers = [1, 2], racks = [\"az-a\"] }, { racks = [\"az-b\"] }]\n"
        ),
        place(Demand::WithinOneOf(vec![both.clone(), rack.clone()]))
    );
    let lead = |by| Rule::Leadership(Leadership { topics: Topics::default(), by });
    let leadership = |text: &str| rule(&format!("rule = \"leadership\"\n{text}"));
    assert_eq!(leadership("by = \"first-replica\"\n"), lead(Leads::FirstReplica));
    assert_eq!(leadership("by = \"on\"\nracks = [\"az-b\"]\n"), lead(Leads::On(rack)));
    assert_eq!(leadership(&format!("by = \"off\"\n{named}")), lead(Leads::Off(both)));
}

#[test]
fn no_topic_and_all_topics() {
    let none = Topics::none();
    assert!(none.is_none() && !none.is_all() && !none.matches(&"anything".into()));
    assert!(Topics::default().is_all() && Topics::default().matches(&"anything".into()));
    assert_eq!(none.in_words().as_deref(), Some("no topic"));
    assert_eq!(topics(&["a", "b"], &["c"]).in_words().as_deref(), Some("topics `a`, `b` except `c`"));
    assert_eq!(topics(&[], &["c"]).in_words().as_deref(), Some("all topics except `c`"));
}

#[test]
fn unknown_names_get_the_nearest_known_one_and_the_line() {
    let wrong = refusal("name = \"d\"\nrule = \"balanse\"\ntier = 1\n");
    assert_eq!(wrong, "5: unknown value `balanse` | did you mean `balance`?");
    let wrong = refusal("name = \"d\"\nrule = \"balance\"\ntier = 1\nresource = \"dsk\"\nband = 0.1\n");
    assert_eq!(wrong, "7: unknown value `dsk` | did you mean `disk`?");
    let wrong =
        refusal("name = \"d\"\nrule = \"capacity\"\ntier = 1\nresource = \"disk\"\nmax-shares = 0.1\n");
    assert_eq!(wrong, "8: unknown key `max-shares` | did you mean `max-share`?");
    let set = "name = \"d\"\nrule = \"placement\"\ntier = 1\ndemand = \"within-one-of\"\nsets = [{ broker = [1] }]\n";
    assert_eq!(refusal(set), "8: unknown key `broker` | did you mean `brokers`?");
    let survive =
        "name = \"d\"\nrule = \"capacity\"\ntier = 1\nresource = \"disk\"\nsurvive = \"any rack\"\n";
    assert_eq!(refusal(survive), "8: unknown value `any rack` | did you mean `any one rack`?");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let disk = "name = \"d\"\ntier = 1\nresource = \"disk\"\n";
    for (goal, part) in [
        ("rule = \"balance\"\nband = nan\n", "`band` is NaN"),
        ("rule = \"balance\"\nband = -0.1\n", "`band` is -0.1"),
        ("rule = \"balance\"\n", "lacks the key `band`"),
        ("rule = \"balance\"\nband = 0.1\nmax-share = 0.5\n", "does not take `max-share`"),
        ("rule = \"capacity\"\nmax-share = 80\n", "`max-share` is 80"),
        ("rule = \"capacity\"\nmax-share = 0.8\nmax-count = 5\n", "both `max-share` and `max-count`"),
        ("rule = \"capacity\"\n", "the limit is missing"),
        ("rule = \"balance\"\nband = 0.1\nweight = 0\n", "`weight` is 0"),
    ] {
        let wrong = refusal(&format!("{disk}{goal}"));
        assert!(wrong.contains(part), "{wrong}");
    }
    assert!(refusal("name = \"d\"\ntier = 0\nrule = \"spread\"\nover = \"rack\"\n").contains("no tier 0"));
    let obeyed = refusal("name = \"d\\u001b[2J\"\ntier = \"m\\u0007\"\nrule = \"spread\"\nover = \"rack\"\n");
    assert_eq!(
        obeyed,
        "4: the name `d\\u{1b}[2J` has letters in it that cannot be shown | a name is one line of plain text"
    );
    let obeyed = refusal("name = \"d\"\ntier = \"m\\u0007\"\nrule = \"spread\"\nover = \"rack\"\n");
    assert!(obeyed.contains("no tier `m\\u{7}`"), "{obeyed}");
    assert!(
        refusal("name = \"d\"\ntier = \"may\"\nrule = \"spread\"\nover = \"rack\"\n")
            .contains("no tier `may`")
    );
    let one = "name = \"d\"\ntier = 1\nrule = \"spread\"\nover = \"rack\"\n";
    assert!(refusal(&format!("{one}[[goal]]\n{one}")).starts_with("9: a second goal is named `d`"));
}

/// Goals that cannot be, each with the start of what is said: line 4 is `name`, 5 `tier`, 6 the first line here.
const NONSENSE: [(&str, &str); 29] = [
    (
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nper = \"topic\"",
        "9: disk is not levelled by topic",
    ),
    (
        "rule = \"balance\"\nresource = \"leaders\"\nband = 1\nper = \"topic\"\nscope = \"host\"",
        "10: topics are levelled",
    ),
    (
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\ntopics = \"a\"",
        "9: what brokers carry is of all topics",
    ),
    (
        "rule = \"balance\"\nresource = \"cpu\"\nband = 0.1\nscope = \"log-dir\"",
        "9: log directories have no cpu",
    ),
    (
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nscope = \"log-dir\"\nper = \"rack\"",
        "10: log directories",
    ),
    (
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nscope = \"rack\"\nper = \"rack\"",
        "10: a rack cannot",
    ),
    ("rule = \"balance\"\nresource = \"disk\"\nband = 1.8", "8: `band` is 1.8"),
    (
        "rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nmin-gap = 5\nmax-gap = 4",
        "10: `max-gap` 4 is less",
    ),
    ("rule = \"balance\"\nresource = \"disk\"\nband = 0.1\nmin-gap = -1", "9: `min-gap` is -1"),
    (
        "rule = \"balance\"\nresource = \"leaders\"\nband = 0.1\nfloor-share = 0.1",
        "9: a count has no capacity",
    ),
    ("rule = \"capacity\"\nresource = \"replicas\"\nmax-share = 0.1", "8: a count has no capacity"),
    (
        "rule = \"capacity\"\nresource = \"disk\"\nmax-share = 0.8\nscope = \"log-dir\"\nsurvive = \"any one rack\"",
        "10: a log",
    ),
    (
        "rule = \"capacity\"\nresource = \"cpu\"\nmax-share = 0.8\nscope = \"log-dir\"",
        "9: log directories have no cpu",
    ),
    (
        "rule = \"capacity\"\nresource = \"replicas\"\nmax-count-by-cores = []",
        "8: `max-count-by-cores` has no rows",
    ),
    (
        "rule = \"capacity\"\nresource = \"replicas\"\nmax-count-by-cores = [[4, 1], [4, 2]]",
        "8: the row of 4 cores",
    ),
    (
        "rule = \"capacity\"\nresource = \"replicas\"\nmax-count-by-cores = [[-4, 1]]",
        "8: the row [-4, 1] cannot be",
    ),
    ("rule = \"minimum\"\nof = \"leaders\"\nleast = 1", "6: goal `g` lacks the key `topics`"),
    ("rule = \"minimum\"\ntopics = \"a\"\nof = \"leaders\"\nleast = 0", "9: `least` is 0"),
    ("rule = \"minimum\"\ntopics = \"a\"\nof = \"leaders\"\nleast = \"even\"", "9: `least` is `even`"),
    (
        "rule = \"minimum\"\ntopics = [\"a\", \"(\"]\nof = \"leaders\"\nleast = 1",
        "7: `(` is not a regular expression",
    ),
    (
        "rule = \"minimum\"\ntopics = 3\nof = \"leaders\"\nleast = 1",
        "7: invalid type: integer `3`, expected a pattern",
    ),
    ("rule = \"placement\"\ndemand = \"on\"", "7: no broker is named"),
    ("rule = \"placement\"\ndemand = \"on\"\nbrokers = [-1]", "8: -1 is not a broker id"),
    (
        "rule = \"placement\"\ndemand = \"off\"\nsets = [{ brokers = [1] }]",
        "8: only \"within-one-of\" has sets",
    ),
    ("rule = \"placement\"\ndemand = \"within-one-of\"\nbrokers = [1]", "8: \"within-one-of\" takes `sets`"),
    ("rule = \"placement\"\ndemand = \"within-one-of\"\nsets = [{}]", "8: no broker is named"),
    ("rule = \"placement\"\ndemand = \"hold\"\nracks = [\"a\"]", "8: what is held stands"),
    ("rule = \"leadership\"\nby = \"first-replica\"\nbrokers = [1]", "8: the first replica is wherever"),
    (
        "rule = \"leadership\"\nby = \"off\"\nsets = [{ brokers = [1] }]",
        "8: the rule of goal `g` does not take `sets`",
    ),
];

#[test]
fn nonsense_is_refused_with_line_and_mend() {
    for (goal, said) in NONSENSE {
        let wrong = refusal(&format!("name = \"g\"\ntier = 1\n{goal}\n"));
        assert!(wrong.starts_with(said), "{goal}\n{wrong}");
        // What toml itself says about types is its own mend.
        assert!(!wrong.ends_with("| ") || said.contains("expected"), "no mend: {wrong}");
    }
}

#[test]
fn the_head_is_checked() {
    let error = GoalSet::parse("format = \"evenkeel-goals/2\"\nname = \"x\"\n").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert!(GoalSet::parse(HEAD).unwrap_err().to_string().contains("no goals"));
}
