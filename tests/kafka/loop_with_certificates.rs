//! The whole loop with mutual TLS; a certificate of a stranger gets nowhere.

use crate::story::State;
use crate::support::cli::evenkeel;
use crate::support::lab::{Lab, Security, Who};
use crate::{on_each_version, story};

#[test]
fn the_whole_loop_with_client_certificates() {
    on_each_version(|version| {
        let lab = Lab::builder(version).security(Security::MutualTls).start();
        lab.create_topic("small", &[vec![1, 2, 3]]);
        let before = State::of(&lab);
        let mut words = vec!["rebalance".to_owned(), "--execute".to_owned(), "--yes".to_owned()];
        words.extend(lab.cluster_words(Who::Stranger));
        evenkeel(&words).expect_code(4).expect_says("certificate");
        before.expect_unchanged(&lab);
        story::tell(lab);
    });
}
