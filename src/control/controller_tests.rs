//! What the daemon does, look by look.

use std::time::Duration;

use super::{Controller, ControllerSettings, Decision, HeldBack, Proposal, ProposeError};
use crate::base::{BrokerId, Bytes, TimestampMs};
use crate::config::Mode;
use crate::execute::{End, Outcome};
use crate::goals::Verdict;
use crate::model::{ClusterModel, ModelError};
use crate::observe::{Gap, GapKind, Observation, Partition, SeenBroker, SeenTopic};
use crate::plan::{Judgement, Plan, Price, bare_plan};
use crate::solve::Solution;

fn seen() -> Observation {
    let mut seen = Observation::default();
    for id in [1, 2] {
        let broker = SeenBroker { alive: true, ..SeenBroker::default() };
        seen.brokers.insert(BrokerId(id), broker);
    }
    let on = vec![BrokerId(1)];
    let partition =
        Partition { replicas: on.clone(), isr: on, leader: Some(BrokerId(1)), ..Partition::default() };
    seen.topics.insert("t".into(), SeenTopic { partitions: vec![partition], ..SeenTopic::default() });
    seen
}

/// A proposal that copies `bytes` and meets a goal that was not met; an empty one where `bytes` is 0.
fn proposal(bytes: u64) -> Result<Proposal, ProposeError> {
    let model = ClusterModel::build(&seen())?;
    let plan = Plan {
        operation: String::new(),
        is_empty: bytes == 0,
        price: Price { bytes: Bytes(bytes), ..Price::default() },
        ..bare_plan(Vec::new())
    };
    let verdict = (Verdict::Violated { count: 1, worst: Vec::new() }, Verdict::Met);
    let solution = Solution {
        target: model.placement.clone(),
        verdicts: vec![verdict],
        out_of_reach: vec![false],
        changes: Vec::new(),
        log_dir_moves: Vec::new(),
        refusals: Vec::new(),
    };
    Ok(Proposal { model, solution, plan, judgement: Judgement::default() })
}

fn controller(mode: Mode) -> Controller {
    Controller::new(ControllerSettings { mode, ..ControllerSettings::default() })
}

const NOW: TimestampMs = TimestampMs(10_000_000);

#[test]
fn nothing_happens_without_leave() {
    let unasked = || panic!("watching asks for no plan");
    assert_eq!(controller(Mode::Watch).tick(NOW, &seen(), unasked), Decision::Watch);
    let Decision::Propose { held_back, .. } = controller(Mode::Propose).tick(NOW, &seen(), || proposal(5))
    else {
        panic!("proposed")
    };
    assert_eq!(held_back, [HeldBack::Mode]);
    let Decision::Propose { held_back, .. } = controller(Mode::Ask).tick(NOW, &seen(), || proposal(5)) else {
        panic!("proposed")
    };
    assert_eq!(held_back, [HeldBack::Leave]);
    assert!(matches!(controller(Mode::Act).tick(NOW, &seen(), || proposal(5)), Decision::Act(_)));
    assert!(matches!(controller(Mode::Act).tick(NOW, &seen(), || proposal(0)), Decision::Level(_)));
    let error = || Err(ProposeError::Model(ModelError::NoBrokers));
    assert!(matches!(controller(Mode::Act).tick(NOW, &seen(), error), Decision::NoProposal(_)));
}

#[test]
fn a_part_is_never_taken_for_the_whole() {
    let mut part = seen();
    let reason = "the list may be incomplete".to_owned();
    part.gaps.push(Gap { kind: GapKind::Topics, subject: String::new(), reason });
    let Decision::Propose { held_back, .. } = controller(Mode::Act).tick(NOW, &part, || proposal(0)) else {
        panic!("neither level nor to be acted on")
    };
    assert!(matches!(held_back[..], [HeldBack::IncompleteView(_)]), "{held_back:?}");
    part.gaps[0].kind = GapKind::CpuLoad;
    assert!(matches!(controller(Mode::Act).tick(NOW, &part, || proposal(5)), Decision::Act(_)));
}

#[test]
fn trouble_holds_it_back() {
    let held_back = |change: &dyn Fn(&mut Observation), bytes_most: Option<Bytes>| {
        let mut seen = seen();
        change(&mut seen);
        let settings = ControllerSettings { mode: Mode::Act, bytes_most, ..ControllerSettings::default() };
        match Controller::new(settings).tick(NOW, &seen, || proposal(5)) {
            Decision::Propose { held_back, .. } => held_back,
            other => panic!("{other:?}"),
        }
    };
    let down = held_back(&|seen| seen.brokers.get_mut(&BrokerId(2)).expect("2").alive = false, None);
    assert_eq!(down, [HeldBack::BrokersDown(vec![BrokerId(2)])]);
    let someone_moves = |seen: &mut Observation| {
        let running = crate::observe::Reassignment::default();
        seen.reassignments.insert("t-0".parse().expect("t-0"), running);
    };
    let busy = held_back(&someone_moves, None);
    assert_eq!(busy, [HeldBack::ReassignmentsRunning(1)]);
    let much = held_back(&|_| {}, Some(Bytes(4)));
    assert_eq!(much, [HeldBack::TooManyBytes { bytes: Bytes(5), most: Bytes(4) }]);
    for reason in [&down, &busy, &much] {
        assert!(!reason[0].to_string().is_empty());
    }
}

#[test]
fn it_rests_after_an_execution_and_longer_after_a_failure() {
    let mut controller = controller(Mode::Act);
    assert_eq!(controller.wait(NOW), Duration::ZERO);
    assert!(matches!(controller.tick(NOW, &seen(), || proposal(5)), Decision::Act(_)));
    assert_eq!(controller.wait(NOW.after(Duration::from_secs(60))), Duration::from_secs(240));
    let outcome = |end| Outcome {
        end,
        steps: Vec::new(),
        bytes_copied: Bytes::ZERO,
        took: Duration::ZERO,
        left: Vec::new(),
    };
    let mut acts_after = |end, seconds| {
        controller.executed(NOW, &outcome(end));
        let later = NOW.after(Duration::from_secs(seconds));
        assert_eq!(controller.wait(later), Duration::ZERO, "the placement changed: look at once");
        matches!(controller.tick(later, &seen(), || proposal(5)), Decision::Act(_))
    };
    assert!(!acts_after(End::Done, 599));
    assert!(acts_after(End::Done, 600));
    let failed = || End::Failed { reason: String::new() };
    assert!(!acts_after(failed(), 1_199));
    assert!(!acts_after(failed(), 1_201), "and longer after the next");
    assert!(acts_after(End::Done, 600));
}
