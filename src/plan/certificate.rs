//! The certificate of a plan: made from what its steps reach, and checked against a snapshot without solver or planner.

use crate::base::{BrokerId, Bytes};
use crate::goals::GoalSet;
use crate::model::{Assignment, Broken, ClusterModel, Promise, Resource, Sums};
use crate::observe::Observation;
use crate::solve::{Certificate, Reached, Request, TimeBound, check_gap, gap_percent};

use super::{MoveStep, Plan, Step};

/// Certifies what a plan reaches; its goals and its forecast have to be known already.
pub(super) fn certify(
    model: &ClusterModel,
    goals: &GoalSet,
    request: &Request,
    plan: &Plan,
    (placement, sums): (&Assignment, &Sums),
) -> Certificate {
    let met: Vec<Option<bool>> = plan.goals.iter().map(|goal| goal.met_after).collect();
    let moved = plan.price.bytes;
    let mut certificate =
        Certificate::new(model, goals, request, Reached { placement, sums, met: &met, moved });
    certificate.time = time(model, plan);
    certificate
}

/// What the busiest broker receives or sends, and how long that takes at the throttle.
fn time(model: &ClusterModel, plan: &Plan) -> Option<TimeBound> {
    let (mut taken, mut given) =
        (vec![Bytes::ZERO; model.brokers.len()], vec![Bytes::ZERO; model.brokers.len()]);
    for step in plan.steps().filter_map(Step::as_move) {
        for broker in step.added().filter_map(|id| model.broker(id)) {
            taken[broker.index()] = taken[broker.index()] + step.size_bytes;
            let leader = model.partition(&step.partition).and_then(|name| model.placement.leader(name));
            if let Some(leader) = leader {
                given[leader.index()] = given[leader.index()] + step.size_bytes;
            }
        }
    }
    let all = [(taken, true), (given, false)];
    let busy = all.iter().flat_map(|(bytes, receives)| {
        bytes.iter().enumerate().map(move |(at, bytes)| (*bytes, at, *receives))
    });
    let (bytes, at, receives) =
        busy.max_by_key(|(bytes, at, receives)| (*bytes, usize::MAX - at, *receives))?;
    if bytes == Bytes::ZERO {
        return None;
    }
    let throttle = Bytes(plan.limits.throttle_bytes_per_s.max(1)).as_f64();
    let least_s = (bytes.as_f64() / throttle * 1e3).round() / 1e3;
    let forecast_s = plan.price.forecast_s;
    let gap_percent = gap_percent(forecast_s, least_s);
    Some(TimeBound { forecast_s, least_s, gap_percent, broker: model.brokers[at].id, receives, bytes })
}

/// What came of checking a certificate.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum CertificateCheck {
    /// Every bound was computed again and is right.
    Holds,
    /// It was not checked, and why.
    NotChecked(&'static str),
    /// It does not hold.
    Broken(Broken),
}

/// Checks the certificate of a plan against the snapshot that the plan was made from, by computing every bound again.
pub fn check_certificate(observation: &Observation, plan: &Plan) -> CertificateCheck {
    let Some(certificate) = &plan.certificate else {
        return CertificateCheck::NotChecked(
            "the plan has no certificate: nothing is said of how good it is",
        );
    };
    let model = match ClusterModel::build(observation) {
        Ok(model) if model.id == plan.based_on => model,
        _ => {
            return CertificateCheck::NotChecked(
                "the certificate is about the snapshot that the plan was made from, and this is another: not checked",
            );
        }
    };
    let load = |broker: BrokerId, resource: Resource| {
        let at = plan.brokers.binary_search_by_key(&broker, |row| row.broker).ok()?;
        plan.brokers[at].after.get(resource.name()).copied()
    };
    let found = certificate.recheck(&model, load).and_then(|()| fits(&model, plan, certificate));
    match found {
        Ok(()) => CertificateCheck::Holds,
        Err(detail) => CertificateCheck::Broken(Broken::new(
            Promise::CertificateHolds,
            format!("plan {}", plan.id),
            detail,
        )),
    }
}

/// Whether a certificate says of the plan's cost what its steps say.
fn fits(model: &ClusterModel, plan: &Plan, certificate: &Certificate) -> Result<(), String> {
    let moved: Bytes = plan.steps().filter_map(Step::as_move).map(MoveStep::bytes).sum();
    if let Some(bytes) = &certificate.bytes
        && bytes.moved != moved
    {
        return Err(format!("the steps move {moved}, and it says {}", bytes.moved));
    }
    if plan.price.bytes_lower_bound != certificate.bytes.as_ref().map(|bytes| bytes.least) {
        return Err("the price of the plan names another bound".to_owned());
    }
    match (time(model, plan), &certificate.time) {
        (None, None) => Ok(()),
        (Some(right), Some(stated))
            if (right.least_s - stated.least_s).abs() <= 1e-3 + 1e-9 * right.least_s =>
        {
            check_gap("time", stated.gap_percent, right.gap_percent)
        }
        (right, stated) => {
            let show = |time: Option<&TimeBound>| time.map_or(0.0, |time| time.least_s);
            let (right, stated) = (show(right.as_ref()), show(stated.as_ref()));
            Err(format!("its moves take at least {right:.3} s, and it says {stated:.3} s"))
        }
    }
}
