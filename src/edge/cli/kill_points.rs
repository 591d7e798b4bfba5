//! Lets this process die, by SIGKILL, at a point that the environment names: `EVENKEEL_KILL_AT=after-send:reassign#2`
//! dies there the second time that it comes there. For tests on real brokers, and so in debug builds only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::control::{Fate, Journal, KillPoint, SharedFate, World, mortal};

/// The variable that names the point.
const VARIABLE: &str = "EVENKEEL_KILL_AT";

struct Sentence {
    point: KillPoint,
    time: u32,
    counts: BTreeMap<KillPoint, u32>,
}

impl Fate for Sentence {
    fn reached(&mut self, point: KillPoint) -> bool {
        let count = self.counts.entry(point).or_default();
        *count += 1;
        if point == self.point && *count == self.time {
            eprintln!("{VARIABLE}: dying at {point}");
            kill_this_process();
        }
        false
    }

    fn is_dead(&self) -> bool {
        false
    }
}

/// SIGKILL, as the kernel or an impatient supervisor sends it: nothing of the program runs after it.
fn kill_this_process() -> ! {
    let pid = std::process::id().to_string();
    let sent = std::process::Command::new("kill").args(["-KILL", &pid]).status();
    // It is on its way, unless there is no such command.
    if sent.is_ok_and(|status| status.success()) {
        std::thread::sleep(std::time::Duration::from_secs(10));
    }
    std::process::abort()
}

/// Makes a process of a world and a journal that dies where the environment says so.
pub fn wrap(world: Box<dyn World>, journal: Box<dyn Journal>) -> (Box<dyn World>, Box<dyn Journal>) {
    let named = std::env::var(VARIABLE).ok().filter(|_| cfg!(debug_assertions));
    let Some(named) = named else { return (world, journal) };
    let (point, time) = named.split_once('#').unwrap_or((&named, "1"));
    let sentence = match (point.parse::<KillPoint>(), time.parse::<u32>()) {
        (Ok(point), Ok(time)) => Sentence { point, time, counts: BTreeMap::new() },
        (Err(problem), _) => give_up(&problem),
        (_, Err(_)) => give_up(&format!("`{time}` is not a number")),
    };
    let fate: SharedFate = Rc::new(RefCell::new(sentence));
    let (world, journal) = mortal(world, journal, &fate);
    (Box::new(world), Box::new(journal))
}

/// A test that names what is not there has tested nothing.
fn give_up(problem: &str) -> ! {
    eprintln!("{VARIABLE}: {problem}");
    std::process::exit(2)
}
