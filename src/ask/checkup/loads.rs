//! What the loads of partitions rest on, and whether the parts of processor time add up.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::{Step, StepVerdict};
use crate::observe::{AddsUp, Basis, CpuSharing, LoadBasis, Observation, SharedBy};

/// Brokers that are named before they are only counted.
const NAMED_MAX: usize = 6;

type OfLoad = (&'static str, fn(&LoadBasis) -> Option<Basis>);

/// How far loads can be trusted; nothing where none are known, or whoever told them did not say.
pub(super) fn loads(facts: &Facts) -> Option<Step> {
    let Some(Ok(seen)) = &facts.look else { return None };
    let mut step = Step::new("loads");
    let kinds: [OfLoad; 3] = [
        ("written", |basis| basis.produce),
        ("read", |basis| basis.consume),
        ("processor", |basis| basis.cpu),
    ];
    for (name, of) in kinds {
        let mut counts: BTreeMap<Basis, usize> = BTreeMap::new();
        let known = seen.partitions().filter_map(|(_, _, partition)| of(&partition.load.basis));
        known.for_each(|basis| *counts.entry(basis).or_default() += 1);
        let words: Vec<String> = counts
            .iter()
            .map(|(basis, count)| format!("{} ({count} partitions)", basis.in_words()))
            .collect();
        if !words.is_empty() {
            step.see(format!("{name}: {}", words.join("; ")));
        }
    }
    if let Some(sharing) = &seen.cpu_sharing {
        processor(&mut step, sharing, seen);
    }
    (!step.seen.is_empty()).then_some(step)
}

fn processor(step: &mut Step, sharing: &CpuSharing, seen: &Observation) {
    step.see(match &sharing.by {
        SharedBy::Fit(fit) => format!("fitted weights: {fit}"),
        SharedBy::StaticWeights { why } => format!("no fitted weights: {why}"),
    });
    let off: Vec<String> = sharing.brokers.iter().filter_map(AddsUp::misses).collect();
    for words in off.iter().take(NAMED_MAX) {
        step.see(words.clone());
        step.find(StepVerdict::Warning, "");
    }
    if off.len() > NAMED_MAX {
        step.see(format!("and {} more like that", off.len() - NAMED_MAX));
    }
    let alive = seen.alive().count();
    if off.is_empty() {
        let brokers = sharing.brokers.len();
        step.see(format!(
            "the parts of {brokers} of {alive} brokers add up to what was measured, within 1 %"
        ));
    }
    let copies: f64 = sharing.brokers.iter().map(|row| row.copies_cores).sum();
    if copies > 0.0 {
        step.see(format!("copies that are being made take {copies:.2} cores, which are put on no partition"));
    }
}
