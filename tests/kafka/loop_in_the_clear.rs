//! The whole loop without TLS.

use crate::support::lab::Lab;
use crate::{is_full_proof, on_each_version, story};

/// With certificates, where it is told on every version, the loop is the same but for the connection.
#[test]
fn the_whole_loop_in_the_clear() {
    if is_full_proof() {
        on_each_version(|version| story::tell(Lab::builder(version).start()));
    }
}
