//! The exact answer on tiny clusters, by a mixed-integer program: how level can disks be at all?

#![expect(clippy::cast_precision_loss, reason = "a handful of brokers and replicas")]

use evenkeel::goals::GoalSet;
use evenkeel::model::{ClusterModel, Resource, Sums};
use evenkeel::solve::{Request, solve};
use good_lp::{Expression, Solution as _, SolverModel, constraint, microlp, variable, variables};
use proptest::prelude::*;

use crate::clusters::live_cluster;

/// Whether any placement has every disk within the band, one replica of a partition to a broker and racks as evenly
/// used as they can be.
fn can_be_level(model: &ClusterModel, band: f64) -> bool {
    let mut vars = variables!();
    let brokers = model.brokers.len();
    let racks = model.brokers_per_rack(|_| true);
    let capacity: Vec<f64> =
        model.brokers.iter().map(|broker| broker.capacity[Resource::Disk.index()].unwrap()).collect();
    let total: f64 = model
        .partition_ords()
        .map(|p| model.partitions[p.index()].size_bytes * model.placement.replicas(p).len() as f64)
        .sum();
    let unit = (total / brokers as f64).max(1.0);
    let mut load = vec![Expression::from(0.0); brokers];
    let mut constraints = Vec::new();
    for partition in model.partition_ords() {
        let size = model.partitions[partition.index()].size_bytes / unit;
        let replicas = model.placement.replicas(partition).len();
        let on: Vec<_> = (0..brokers).map(|_| vars.add(variable().binary())).collect();
        constraints.push(constraint!(on.iter().sum::<Expression>() == replicas as f64));
        for rack in 0..racks.len() {
            let in_rack: Expression = model
                .broker_ords()
                .filter(|b| model.rack_of(*b).index() == rack)
                .map(|b| on[b.index()])
                .sum();
            // Equal racks that divide the replicas: the one shape whose evenest spread is a plain number.
            assert_eq!(replicas % racks.len(), 0);
            constraints.push(constraint!(in_rack == replicas as f64 / racks.len() as f64));
        }
        for (load, on) in load.iter_mut().zip(&on) {
            *load += *on * size;
        }
    }
    let whole: f64 = capacity.iter().sum();
    for (load, capacity) in load.into_iter().zip(&capacity) {
        let mean = total / unit * capacity / whole;
        let limit = 0.8 * capacity / unit;
        constraints.push(constraint!(load.clone() <= limit.min(mean * (1.0 + band))));
        constraints.push(constraint!(load >= mean * (1.0 - band)));
    }
    let mut program = vars.minimise(0.0).using(microlp);
    for constraint in constraints {
        program = program.with(constraint);
    }
    program.solve().is_ok_and(|solution| solution.eval(0.0).abs() < 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Where a placement with a hair to spare exists, the solver finds one within the band.
    #[test]
    fn disks_are_level_wherever_they_can_be(recipe in live_cluster()) {
        let mut recipe = recipe;
        // Two racks of two, two replicas each: small enough for the exact answer in a blink.
        recipe.racks = vec![2, 2];
        recipe.brokers = vec![(1, true); 4];
        recipe.topics.truncate(2);
        for (replication_factor, seeds) in &mut recipe.topics {
            *replication_factor = 2;
            seeds.truncate(7);
        }
        let model = ClusterModel::build(&recipe.observation()).unwrap();
        let goals = GoalSet::shipped("disk-only").unwrap();
        if can_be_level(&model, 0.095) {
            let solution = solve(&model, &goals, &Request::default()).unwrap();
            let sums = Sums::new(&model, &solution.target);
            let disks: Vec<f64> = model.broker_ords().map(|b| sums.get(b, Resource::Disk)).collect();
            prop_assert_eq!(solution.verdicts[2].1.is_met(), Some(true), "{:?}", disks);
        }
    }
}
