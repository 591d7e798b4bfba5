//! Rights: which are needed to look and to act, which are granted, and the commands that grant the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Granted, Grants, Need, On, Purpose};
use super::{Step, StepVerdict};
use crate::config::{LeaseMode, Mode};

/// Which rights are listed as commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Acls {
    /// Those that are missing.
    #[default]
    Missing,
    /// All that are needed, granted or not.
    All,
}

/// Whether a mode carries anything out.
pub(super) fn acts(mode: Mode) -> bool {
    matches!(mode, Mode::Ask | Mode::Act)
}

/// The rights that are refused, of those that serve any of `purposes`.
pub(super) fn missing<'a>(facts: &'a Facts, purposes: &'a [Purpose]) -> impl Iterator<Item = &'a Need> {
    facts.rights.iter().filter(move |need| purposes.contains(&need.purpose) && need.granted == Granted::No)
}

/// The rights to look and to propose.
pub(super) fn looking(facts: &Facts, acls: Acls) -> Step {
    step("rights for a dry run", facts, &[Purpose::Look], acls)
}

/// The rights to carry out; those to look are among them.
pub(super) fn executing(facts: &Facts, acls: Acls) -> Step {
    let mut step = step("rights to execute", facts, &[Purpose::Look, Purpose::Execute], acls);
    // Where nothing is carried out anyway, it is no fault that nothing could be.
    if step.verdict == StepVerdict::Fails && !acts(facts.mode) {
        step.verdict = StepVerdict::Warning;
    }
    step
}

fn step(name: &'static str, facts: &Facts, purposes: &[Purpose], acls: Acls) -> Step {
    let mut step = Step::new(name);
    let needs: Vec<&Need> = facts.rights.iter().filter(|need| purposes.contains(&need.purpose)).collect();
    if needs.is_empty() {
        return Step::not_tried(name);
    }
    see(&mut step, &needs);
    if missing(facts, purposes).next().is_some() {
        step.verdict = StepVerdict::Fails;
    }
    add_commands(&mut step, facts, purposes, acls);
    step
}

/// What is granted, refused and not known.
fn see(step: &mut Step, needs: &[&Need]) {
    let told = |granted: &dyn Fn(&Granted) -> bool| -> Vec<String> {
        needs.iter().filter(|need| granted(&need.granted)).map(|need| words(need)).collect()
    };
    let (yes, no) = (told(&|granted| *granted == Granted::Yes), told(&|granted| *granted == Granted::No));
    if !yes.is_empty() {
        step.see(format!("granted: {}", yes.join(", ")));
    }
    if !no.is_empty() {
        step.see(format!("missing: {}", no.join(", ")));
    }
    for need in needs {
        if let Granted::Unknown(why) = &need.granted {
            step.see(format!("{}: cannot be found out: {why}", words(need)));
            step.find(StepVerdict::Warning, "");
        }
    }
}

fn words(need: &Need) -> String {
    let on = match &need.on {
        On::Cluster => "the cluster".to_owned(),
        On::EveryTopic => "every topic".to_owned(),
        On::Topic(name) => format!("topic {name}"),
        On::TransactionalId(id) => format!("transactional id {id}"),
        On::EveryGroup => "every group".to_owned(),
    };
    format!("{} on {on}", need.operation)
}

fn add_commands(step: &mut Step, facts: &Facts, purposes: &[Purpose], acls: Acls) {
    let grants = &facts.grants;
    if grants.by_iam {
        step.mend.extend(match acls {
            Acls::All => policy(needed(facts, purposes)),
            Acls::Missing => policy(missing(facts, purposes)),
        });
        return;
    }
    let listed = match acls {
        Acls::All => commands(grants, needed(facts, purposes)),
        Acls::Missing => commands(grants, missing(facts, purposes)),
    };
    if !listed.is_empty() && grants.principal.is_none() {
        step.mend.push(match &facts.way.own_certificate {
            Some(own) => format!(
                "PRINCIPAL is what the brokers make of our certificate, {}: all of that name, unless their `ssl.principal.mapping.rules` say otherwise",
                own.subject
            ),
            None => "PRINCIPAL is what the brokers make of who we are; without TLS and login it is ANONYMOUS".to_owned(),
        });
    }
    step.mend.extend(listed);
}

fn needed<'a>(facts: &'a Facts, purposes: &'a [Purpose]) -> impl Iterator<Item = &'a Need> {
    facts.rights.iter().filter(move |need| purposes.contains(&need.purpose))
}

/// The commands that grant these rights, one for each resource. What Kafka counts as granted along with another right is
/// not granted twice: whoever may alter may describe.
fn commands<'a>(grants: &Grants, needs: impl Iterator<Item = &'a Need>) -> Vec<String> {
    let mut by_resource: BTreeMap<&On, Vec<&'static str>> = BTreeMap::new();
    for need in needs {
        let operations = by_resource.entry(&need.on).or_default();
        if !operations.contains(&need.operation) {
            operations.push(need.operation);
        }
    }
    let command = |(on, operations): (&On, Vec<&'static str>)| {
        let least = operations.iter().filter(|one| !implied(one, &operations));
        let flags = least.fold(String::new(), |flags, operation| flags + " --operation " + operation);
        let resource = match on {
            On::Cluster => "--cluster".to_owned(),
            On::EveryTopic => "--topic '*'".to_owned(),
            On::Topic(name) => format!("--topic {}", quoted(name)),
            On::TransactionalId(id) => format!("--transactional-id {}", quoted(id)),
            On::EveryGroup => "--group '*'".to_owned(),
        };
        let principal = grants.principal.as_deref().unwrap_or("PRINCIPAL");
        let principal = quoted(&format!("User:{principal}"));
        let bootstrap = &grants.bootstrap;
        format!(
            "kafka-acls --bootstrap-server {bootstrap} --add --allow-principal {principal}{flags} {resource}"
        )
    };
    by_resource.into_iter().map(command).collect()
}

/// What the IAM policy has to allow for these rights: there Kafka's ACLs count for nothing.
fn policy<'a>(needs: impl Iterator<Item = &'a Need>) -> Option<String> {
    let mut actions: BTreeSet<&'static str> = BTreeSet::new();
    for need in needs {
        actions.extend(iam_actions(&need.on, need.operation));
    }
    if actions.is_empty() {
        return None;
    }
    let actions: Vec<String> = actions.into_iter().map(|action| format!("kafka-cluster:{action}")).collect();
    Some(format!(
        "let the IAM policy of this identity allow, besides kafka-cluster:Connect, on the cluster, its topics, groups and transactional ids: {}",
        actions.join(", ")
    ))
}

/// AWS's names for Kafka's operations (its table of actions for Amazon MSK).
fn iam_actions(on: &On, operation: &str) -> &'static [&'static str] {
    match (on, operation) {
        (On::Cluster, "Describe") => &["DescribeCluster"],
        (On::Cluster, "DescribeConfigs") => &["DescribeClusterDynamicConfiguration"],
        (On::Cluster, "Alter") => &["AlterCluster", "DescribeCluster"],
        (On::Cluster, _) => &["AlterClusterDynamicConfiguration", "DescribeClusterDynamicConfiguration"],
        (On::TransactionalId(_), _) => {
            &["AlterTransactionalId", "DescribeTransactionalId", "WriteDataIdempotently"]
        }
        (On::EveryGroup, _) => &["DescribeGroup"],
        (On::EveryTopic | On::Topic(_), "Describe") => &["DescribeTopic"],
        (On::EveryTopic | On::Topic(_), "DescribeConfigs") => &["DescribeTopicDynamicConfiguration"],
        (On::EveryTopic | On::Topic(_), "Create") => &["CreateTopic", "DescribeTopic"],
        (On::EveryTopic | On::Topic(_), "Read") => &["DescribeTopic", "ReadData"],
        (On::EveryTopic | On::Topic(_), "Write") => &["DescribeTopic", "WriteData"],
        (On::EveryTopic | On::Topic(_), "Alter") => &["AlterTopic", "DescribeTopic"],
        (On::EveryTopic | On::Topic(_), _) => {
            &["AlterTopicDynamicConfiguration", "DescribeTopicDynamicConfiguration"]
        }
    }
}

/// Kafka's own rule (`AclOperation`): Read, Write, Delete and Alter bring Describe along, `AlterConfigs` brings
/// `DescribeConfigs`.
fn implied(operation: &str, by: &[&str]) -> bool {
    match operation {
        "Describe" => by.iter().any(|other| matches!(*other, "Read" | "Write" | "Delete" | "Alter")),
        "DescribeConfigs" => by.contains(&"AlterConfigs"),
        _ => false,
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether Kafka itself can decide which of two evenkeels acts.
pub(super) fn lease(facts: &Facts, acls: Acls) -> Step {
    const NAME: &str = "lease";
    if facts.lease == LeaseMode::Off {
        return Step::not_needed(
            NAME,
            "turned off (`lease = \"off\"`): the lock on the state directory has to do",
        );
    }
    let mut step = step(NAME, facts, &[Purpose::Lease], acls);
    if let Some(trouble) = &facts.lease_trouble {
        step.see(trouble.clone());
        step.verdict = StepVerdict::Fails;
    }
    if step.verdict == StepVerdict::Fails && (facts.lease == LeaseMode::Auto || !acts(facts.mode)) {
        step.verdict = StepVerdict::Warning;
        step.see("without it the lock on the state directory has to do, which other machines do not see");
    }
    step
}

/// Whether the canary can measure.
pub(super) fn canary(facts: &Facts, acls: Acls) -> Step {
    const NAME: &str = "canary";
    if !facts.wants_canary {
        return Step::not_needed(NAME, "no latency objective is set, and nothing else asks for it");
    }
    let mut step = step(NAME, facts, &[Purpose::Canary], acls);
    if step.verdict == StepVerdict::Fails {
        step.verdict = StepVerdict::Warning;
        step.see("without it the pace goes by the brokers' metrics alone, where there are some");
    }
    step
}

/// Whether groups may be asked what they read. It is never in the way: without it goals on what is read wait.
pub(super) fn reads(facts: &Facts, acls: Acls) -> Step {
    const NAME: &str = "what is read";
    let mut step = step(NAME, facts, &[Purpose::Reads], acls);
    if step.verdict != StepVerdict::Fails {
        return step;
    }
    step.verdict = StepVerdict::Warning;
    step.see(if facts.endpoints.is_some() {
        "without it what metrics tell of a topic is shared out over its partitions by what is written to each"
    } else {
        "without it, and without metrics, what clients read is not known, and goals on network out wait"
    });
    step
}
