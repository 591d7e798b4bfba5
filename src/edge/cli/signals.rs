//! Ctrl-C and SIGTERM: counted, so that the second is harder than the first. A daemon leaves on the first SIGTERM.

use std::sync::OnceLock;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Failure;
use crate::edge::kafka::StopFlag;

static STOP: OnceLock<StopFlag> = OnceLock::new();

/// How long a daemon that leaves may still wait for answers of the cluster. Supervisors kill after ten seconds and more;
/// that would do no harm, and is not waited for.
const LEAVE_WITHIN: Duration = Duration::from_secs(8);

/// What the first SIGTERM means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Termination {
    /// The same as Ctrl-C.
    Stops,
    /// This process ends, and what it carries out is left to the next one: a daemon is restarted and upgraded so.
    Leaves,
}

/// The count of this process. Until [`listen`] is called Ctrl-C ends the process at once, as is right while nothing is
/// being changed.
pub fn flag() -> StopFlag {
    STOP.get_or_init(StopFlag::default).clone()
}

/// Takes over Ctrl-C, SIGTERM and the end of the terminal from now on; `first` says what the first one does. The second
/// hurries, and the fourth leaves at once: by then a person wants out, whatever is left behind.
///
/// # Errors
/// The operating system refuses the handler.
pub fn listen(first: &'static str, termination: Termination) -> Result<(), Failure> {
    static LISTENING: OnceLock<()> = OnceLock::new();
    if LISTENING.set(()).is_err() {
        return Ok(());
    }
    let refused = |error| Failure::failed(format!("cannot listen for Ctrl-C: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(refused)?;
    let stop = flag();
    let hear = move || {
        for signal in signals.forever() {
            let leaves = signal == SIGTERM && termination == Termination::Leaves;
            if leaves && stop.count() == 0 && !stop.is_leaving() {
                eprintln!(
                    "leaving: what runs stays as it is, throttles stand, and the next start carries it on"
                );
                stop.leave();
                std::thread::spawn(|| {
                    std::thread::sleep(LEAVE_WITHIN);
                    // Everything that was begun is written down, so this is as good an end as any other.
                    std::process::exit(0);
                });
            } else {
                stop.request();
                tell(stop.count(), first);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(hear).map(drop).map_err(refused)
}

fn tell(count: u32, first: &str) {
    match count {
        1 => eprintln!("\n{first}"),
        2 => {
            eprintln!(
                "\nhurrying: cancels and throttle removals go out at once, hardly anything is waited for"
            );
        }
        3 => eprintln!("\nonce more leaves at once, with whatever is still in flight and set"),
        _ => std::process::exit(130),
    }
}
