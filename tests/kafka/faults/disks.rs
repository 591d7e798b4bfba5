//! Disks fail and fill while replicas move.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{SMALL, hurry, sibling, start_moving};
use crate::story::on;
use crate::support::lab::{Lab, Seen, SeenPartition, Volume};

/// The broker that gives all it has to [`SMALL`].
const EMPTIED: &str = "3";

/// A log directory of the broker that takes what the other gives cannot be written any more; after its mend and a
/// restart of the broker all goes on.
pub fn a_log_directory_fails(lab: &mut Lab) {
    let taker = SMALL;
    let running = start_moving(lab, &["remove-broker", EMPTIED], "300kB");
    let fault = lab.fail_log_dir(taker);
    let failed = Instant::now();
    let lost = |seen: &Seen| {
        let has = |partition: &&SeenPartition| {
            partition.replicas.contains(&taker) && !partition.isr.contains(&taker)
        };
        seen.partitions.values().filter(|partition| partition.replicas.len() == 3).any(|one| has(&one))
    };
    lab.wait_until("replicas of the directory are offline", Duration::from_secs(90), lost);
    eprintln!("faults: the directory went offline after {:.1?}", failed.elapsed());
    assert!(lab.running().contains(&taker), "the broker should live on with its other directory");
    sleep(Duration::from_secs(4));
    drop(fault);
    lab.stop(taker);
    lab.start_broker(taker);
    lab.wait_until("its replicas are in sync", Duration::from_secs(120), Seen::in_sync_but_for_moves);
    hurry(lab, running).expect_code(0).expect_says("paused").expect_says("going on");
    let left = lab.look().partitions.into_iter().filter(|(_, one)| one.replicas.contains(&sibling(SMALL)));
    assert_eq!(left.count(), 0, "broker {EMPTIED} is not empty");
    fill_again(lab);
}

/// Clients fill a volume onto which replicas move: these make way before it is full.
pub fn a_small_volume_fills(lab: &mut Lab) {
    on(lab, &["remove-broker", EMPTIED, "--execute", "--yes", "--throttle", "20MB"]).expect_code(0);
    lab.add_topic("heavy", &vec![vec![1, 2, sibling(SMALL)]; 4], 7_000_000);
    lab.add_topic("greedy", &[vec![4, 5, SMALL]], 15_000);
    // Racks being kept, all that the other broker of its rack has must go there; so slowly that none of it is there before
    // the volume is full.
    let mut running = start_moving(lab, &["remove-broker", EMPTIED], "40kB");
    let fullest = |lab: &Lab| lab.volumes(SMALL).iter().map(Volume::share).fold(0.0, f64::max);
    let moving = onto_small(&lab.look()).len();
    let until = Instant::now() + Duration::from_secs(120);
    while !onto_small(&lab.look()).is_empty() {
        let volumes = lab.volumes(SMALL);
        assert!(fullest(lab) < 0.97 && Instant::now() < until, "still moving: {volumes:?}");
        assert!(!running.has_ended(), "it ended before the volume was full\n{}", running.wait());
        // Slower when it is nearly full, so that it is the limit that is met and not the end of the volume.
        let nearly = fullest(lab) > 0.7;
        lab.fill("greedy", 0, if nearly { 100_000 } else { 1_000_000 });
        sleep(Duration::from_millis(if nearly { 300 } else { 0 }));
    }
    let volumes = lab.volumes(SMALL);
    eprintln!("faults: {moving} moves made way at {:.3}: {volumes:?}", fullest(lab));
    // Room again: what was only held back goes on.
    lab.delete_topic("greedy");
    let screen = hurry(lab, running).expect_code(1);
    screen.expect_says("has no room for it any more").expect_says("in part");
    lab.delete_topic("heavy");
    fill_again(lab);
}

/// A broker that was removed takes nothing until it is added again.
fn fill_again(lab: &Lab) {
    on(lab, &["add-broker", EMPTIED, "--execute", "--yes", "--throttle", "20MB"]).expect_code(0);
}

fn onto_small(seen: &Seen) -> Vec<(String, i32)> {
    let mut moving = seen.moving();
    moving.retain(|key| seen.partitions[key].replicas.contains(&SMALL));
    moving
}
