//! Brokers that an operator has removed or demoted: remembered from the operation of a plan that was carried out in
//! full, and heeded by every plan that is made afterwards.

use std::collections::BTreeSet;

use super::args::WantedArgs;
use crate::base::BrokerId;
use crate::control::{Recollection, Record};
use crate::observe::Observation;
use crate::solve::{Operation, Request};

/// What is to be remembered once an operation (as a plan names it: `remove brokers 6, 7`) was carried out in full.
pub fn records(operation: &str) -> Vec<Record> {
    let named = |verb: &str| {
        let rest = operation.strip_prefix(verb)?;
        // Where log directories are demoted the brokers stand first, and directories are `ID:PATH`.
        let rest = rest.strip_prefix("brokers ").or_else(|| rest.strip_prefix("broker ")).unwrap_or(rest);
        let rest = rest.strip_suffix(" and rebalance").unwrap_or(rest);
        Some(rest.split(", ").filter_map(|id| id.parse().ok().map(BrokerId)).collect::<Vec<_>>())
    };
    let removed = |removed| move |broker| Record::Removed { broker, removed };
    let demoted = |demoted| move |broker| Record::Demoted { broker, demoted };
    if let Some(brokers) = named("remove ") {
        return brokers.into_iter().map(removed(true)).collect();
    }
    if let Some(brokers) = named("demote ") {
        return brokers.into_iter().map(demoted(true)).collect();
    }
    let welcome = named("add ").unwrap_or_default();
    let lead_again = welcome.clone().into_iter().map(demoted(false));
    welcome.into_iter().map(removed(false)).chain(lead_again).collect()
}

/// Has a plan keep off the brokers that were removed, and from making leaders of those that were demoted, unless the
/// operator names them. Returns what is said of it.
pub fn restrain(
    known: &Recollection,
    seen: &Observation,
    wanted: &mut WantedArgs,
    operation: &Operation,
) -> Vec<String> {
    let named: BTreeSet<BrokerId> = match operation {
        Operation::AddBrokers(ids) | Operation::RemoveBrokers(ids) => ids.iter().copied().collect(),
        Operation::Demote { brokers, .. } => brokers.iter().copied().collect(),
        _ => BTreeSet::new(),
    };
    let is_free = |id: &BrokerId| seen.brokers.contains_key(id) && !named.contains(id);
    let removed: Vec<BrokerId> =
        known.removed().filter(|id| is_free(id) && !wanted.onto.contains(id)).collect();
    let demoted: Vec<BrokerId> = known.demoted().filter(is_free).collect();
    let mut said = Vec::new();
    let mut say = |ids: &[BrokerId], was: &str, so: &str| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        if !ids.is_empty() {
            said.push(format!(
                "broker {} was {was}: {so} until `evenkeel add-broker` says otherwise",
                ids.join(", ")
            ));
        }
    };
    say(&removed, "removed", "nothing moves onto it");
    say(&demoted, "demoted", "it becomes the leader of nothing");
    wanted.not_onto.extend(removed);
    wanted.no_leaders_on.extend(demoted);
    said
}

/// What a daemon asks for: a level cluster, in which removed and demoted brokers stay what they are.
pub fn request(known: &Recollection, seen: &Observation) -> Request {
    let is_there = |id: &BrokerId| seen.brokers.contains_key(id);
    Request {
        not_onto: known.removed().filter(is_there).collect(),
        no_leaders_on: known.demoted().filter(is_there).collect(),
        ..Request::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::LogDirName;

    #[test]
    fn operations_are_read_from_the_words_of_their_plans() {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let removed = |broker, removed| Record::Removed { broker: BrokerId(broker), removed };
        let demoted = |broker, demoted| Record::Demoted { broker: BrokerId(broker), demoted };
        let text = Operation::RemoveBrokers(ids(&[6, 7])).to_string();
        assert_eq!(records(&text), [removed(6, true), removed(7, true)]);
        let text = Operation::RemoveBrokers(ids(&[6])).to_string() + " and rebalance";
        assert_eq!(records(&text), [removed(6, true)]);
        let text = Operation::AddBrokers(ids(&[6])).to_string();
        assert_eq!(records(&text), [removed(6, false), demoted(6, false)]);
        let log_dirs = vec![LogDirName { broker: BrokerId(8), path: "/data/1".to_owned() }];
        let text = Operation::Demote { brokers: ids(&[7]), log_dirs }.to_string();
        assert_eq!(records(&text), [demoted(7, true)]);
        let text = Operation::Demote { brokers: ids(&[7, 9]), log_dirs: Vec::new() }.to_string();
        assert_eq!(records(&text), [demoted(7, true), demoted(9, true)]);
        for other in [Operation::Rebalance, Operation::FixOffline, Operation::PreferredLeaders] {
            assert_eq!(records(&other.to_string()), []);
        }
    }
}
