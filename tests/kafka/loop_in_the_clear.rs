//! The whole loop without TLS.

use crate::support::lab::Lab;
use crate::{on_each_version, story};

#[test]
fn the_whole_loop_in_the_clear() {
    on_each_version(|version| story::tell(Lab::builder(version).start()));
}
