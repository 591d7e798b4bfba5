//! [`Standing`]: what the topic comes to, and how it goes together with what this machine has written down itself.

use std::collections::BTreeMap;

use super::holder::Beat;
use crate::control::{Entry, ExecutionId, Recollection, Record, Unfinished};
use crate::execute::Memory;

/// What the topic comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// What its entries come to.
    pub recollection: Recollection,
    /// The last sign of life of the last holder, if there ever was one; of the one before us where we took the lease.
    pub last: Option<Beat>,
    /// The ends of the executions that have ended, the latest ones, as entries for a journal that missed them. How each
    /// step ended is not in them.
    pub ended: BTreeMap<ExecutionId, Entry>,
}

impl Standing {
    pub(super) fn of(entries: Vec<Entry>, last: Option<Beat>) -> Self {
        let ended = entries.iter().filter_map(|entry| match &entry.record {
            Record::Ended { execution, .. } => Some((execution.clone(), entry.clone())),
            _ => None,
        });
        Self { ended: ended.collect(), last, recollection: Recollection::of(entries) }
    }

    /// What is unfinished, in the light of this machine's own journal too: the topic knows better how far an execution is,
    /// and which another machine has ended; one that it never heard of ran here while there was no lease.
    pub fn unfinished(&self, local: &Recollection) -> Vec<Unfinished> {
        let mut all: BTreeMap<&ExecutionId, &Unfinished> = local
            .unfinished()
            .filter(|here| !self.ended.contains_key(&here.execution))
            .map(|here| (&here.execution, here))
            .collect();
        all.extend(self.recollection.unfinished().map(|there| (&there.execution, there)));
        all.into_values().cloned().collect()
    }
}

/// The entries that tell an unfinished execution to a journal that has not heard of it, or not of all: written to both
/// before it is carried on, they make both the same.
pub fn retell(unfinished: &Unfinished) -> Vec<Entry> {
    let Unfinished { execution, began_at, plan, settings, by, memory } = unfinished;
    let began = Record::Began {
        execution: execution.clone(),
        plan: Box::new(plan.clone()),
        settings: Box::new(settings.clone()),
        by: by.clone(),
    };
    let facts = memory.facts_since(&Memory::default()).into_iter();
    let facts = facts.map(|fact| Record::Fact { execution: execution.clone(), fact });
    [began].into_iter().chain(facts).map(|record| Entry { at_ms: began_at.0, record }).collect()
}
