//! Disks fail and fill while replicas move.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{SMALL, hurry, sibling, start_moving};
use crate::support::lab::{Lab, Seen, Volume};

/// A log directory of the broker that takes what the other gives cannot be written any more; after its mend and a
/// restart of the broker all goes on.
pub fn a_log_directory_fails(lab: &mut Lab) {
    let taker = sibling(SMALL);
    let running = start_moving(lab, &["remove-broker", "6"], "300kB");
    let fault = lab.fail_log_dir(taker);
    let failed = Instant::now();
    let lost = |seen: &Seen| {
        let has = |partition: &&crate::support::lab::SeenPartition| {
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
    let left = lab.look().partitions.into_iter().filter(|(_, one)| one.replicas.contains(&SMALL));
    assert_eq!(left.count(), 0, "broker {SMALL} is not empty");
}

/// Clients fill a volume onto which replicas move: these make way before it is full.
pub fn a_small_volume_fills(lab: &mut Lab) {
    lab.add_topic("greedy", &[vec![4, 5, SMALL]], 15_000);
    let running = start_moving(lab, &["add-broker", "6", "--exclude-topic", "greedy"], "60kB");
    lab.wait_until("something moves onto the small volume", Duration::from_secs(60), |seen| {
        !onto_small(seen).is_empty()
    });
    let fullest = |lab: &Lab| lab.volumes(SMALL).into_iter().map(|volume| volume.share()).fold(0.0, f64::max);
    let moving = onto_small(&lab.look());
    let until = Instant::now() + Duration::from_secs(120);
    while !onto_small(&lab.look()).is_empty() {
        assert!(fullest(lab) < 0.97 && Instant::now() < until, "still moving: {:?}", lab.volumes(SMALL));
        // Slower when it is nearly full, so that it is the limit that is met and not the end of the volume.
        if fullest(lab) < 0.89 {
            lab.fill("greedy", 0, 1_000_000);
        } else {
            lab.fill("greedy", 0, 100_000);
            sleep(Duration::from_millis(500));
        }
    }
    let volumes: Vec<Volume> = lab.volumes(SMALL);
    eprintln!("faults: {} moves made way at {volumes:?}", moving.len());
    assert!(fullest(lab) < 0.97, "{volumes:?}");
    // Room again: the rest goes on.
    lab.delete_topic("greedy");
    let screen = hurry(lab, running).expect_code(1);
    screen.expect_says("no room").expect_says("in part");
}

fn onto_small(seen: &Seen) -> Vec<(String, i32)> {
    let mut moving = seen.moving();
    moving.retain(|key| seen.partitions[key].replicas.contains(&SMALL));
    moving
}
