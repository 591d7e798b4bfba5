//! Ctrl-C and SIGTERM: counted, so that the second is harder than the first.

use std::sync::OnceLock;

use super::Failure;
use crate::edge::kafka::StopFlag;

static STOP: OnceLock<StopFlag> = OnceLock::new();

/// The count of this process. Until [`listen`] is called Ctrl-C ends the process at once, as is right while nothing is
/// being changed.
pub fn flag() -> StopFlag {
    STOP.get_or_init(StopFlag::default).clone()
}

/// Takes over Ctrl-C and SIGTERM from now on; `first` says what the first one does. The second hurries, and the
/// fourth leaves at once: by then a person wants out, whatever is left behind.
///
/// # Errors
/// The operating system refuses the handler.
pub fn listen(first: &'static str) -> Result<(), Failure> {
    static LISTENING: OnceLock<()> = OnceLock::new();
    if LISTENING.set(()).is_err() {
        return Ok(());
    }
    let stop = flag();
    let heard = move || {
        stop.request();
        match stop.count() {
            1 => eprintln!("\n{first}"),
            2 => eprintln!(
                "\nhurrying: cancels and throttle removals go out at once, hardly anything is waited for"
            ),
            3 => eprintln!("\nonce more leaves at once, with whatever is still in flight and set"),
            _ => std::process::exit(130),
        }
    };
    ctrlc::set_handler(heard).map_err(|error| Failure::failed(format!("cannot listen for Ctrl-C: {error}")))
}
