//! The whole loop without TLS.

use crate::support::lab::Lab;
use crate::{on_the_newest_at_least, story};

#[test]
fn the_whole_loop_in_the_clear() {
    on_the_newest_at_least(|version| story::tell(Lab::builder(version).start()));
}
