//! [`Board`]: where the daemon's clusters post what they come by, for whoever scrapes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::session;
use crate::ask::Outlook;
use crate::base::BrokerId;
use crate::control::{Happening, Scope, World, WorldError, all_but_looking};
use crate::edge::http::Told;
use crate::execute::Outcome;
use crate::observe::{Absences, Observation, Peak};
use crate::plan::Plan;
use crate::report::{ClusterGauges, Proposed, Trouble, exposition};

/// What is known of every cluster of a daemon.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Post>>>);

/// What is known of one.
#[derive(Debug, Default)]
struct Post {
    gauges: ClusterGauges,
    standing: Standing,
}

/// How the looks at a cluster go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    /// It was not seen yet.
    #[default]
    Unseen,
    /// It was seen last time.
    Seen,
    /// The last round of looking and acting failed.
    Failing,
    /// Nobody looks after it any more.
    GivenUp,
}

impl Board {
    /// A corner for one more cluster.
    pub fn corner(&self, name: &str, mode: &'static str) -> Corner {
        let post = Post { gauges: ClusterGauges::new(mode), standing: Standing::Unseen };
        self.lock().insert(name.to_owned(), post);
        Corner { name: name.to_owned(), board: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Post>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line for each cluster that stands so.
    fn lines(&self, words: fn(Standing) -> Option<&'static str>) -> Vec<String> {
        let posts = self.lock();
        let told = posts.iter().filter_map(|(name, post)| Some(format!("{name}: {}", words(post.standing)?)));
        told.collect()
    }
}

impl Told for Board {
    fn metrics(&self) -> String {
        // Copied first: a slow scrape must not keep a cluster's thread waiting.
        let clusters: BTreeMap<String, ClusterGauges> =
            self.lock().iter().map(|(name, post)| (name.clone(), post.gauges.clone())).collect();
        exposition(&clusters, env!("CARGO_PKG_VERSION"), session::now())
    }

    fn ailments(&self) -> Vec<String> {
        self.lines(|standing| match standing {
            Standing::GivenUp => Some("nobody looks after it any more; the log says why"),
            Standing::Unseen | Standing::Seen | Standing::Failing => None,
        })
    }

    fn troubles(&self) -> Vec<String> {
        self.lines(|standing| match standing {
            Standing::Unseen => Some("not seen yet"),
            Standing::Failing => Some("the last look failed; the log says why"),
            Standing::Seen | Standing::GivenUp => None,
        })
    }
}

/// Where one cluster's thread posts what it comes by.
#[derive(Debug, Clone)]
pub struct Corner {
    name: String,
    board: Board,
}

impl Corner {
    fn with(&self, work: impl FnOnce(&mut Post)) {
        if let Some(post) = self.board.lock().get_mut(&self.name) {
            work(post);
        }
    }

    /// Posts the mode that the settings give now.
    pub fn mode(&self, mode: &'static str) {
        self.with(|post| post.gauges.mode = mode);
    }

    /// A world whose looks are posted.
    pub fn watch(&self, inner: Box<dyn World>) -> Box<dyn World> {
        Box::new(Watched { inner, corner: self.clone() })
    }

    /// Posts what came of a look for a better placement.
    pub fn proposed(&self, outcome: Proposed, plan: Option<&Plan>) {
        self.with(|post| {
            post.gauges.proposed(session::now(), outcome, plan);
            if outcome == Proposed::Failed {
                post.gauges.erred(Trouble::Proposal);
            }
        });
    }

    /// Posts what brokers bear at their peaks.
    pub fn peaks(&self, peaks: BTreeMap<BrokerId, Peak>) {
        self.with(|post| post.gauges.peaks(peaks));
    }

    /// Posts what is lacking, and since when.
    pub fn lacks(&self, absences: Absences) {
        self.with(|post| post.gauges.lacks(absences));
    }

    /// Posts when disks pass their limit.
    pub fn outlook(&self, outlook: Outlook) {
        self.with(|post| post.gauges.foresaw(outlook));
    }

    /// Posts what an execution tells.
    pub fn told(&self, happening: &Happening<'_>) {
        self.with(|post| match happening {
            Happening::Event(event) => post.gauges.happened(event),
            Happening::Progress(progress) => post.gauges.progressed(progress),
        });
    }

    /// Posts how an execution ended; nothing where it was left to the next process.
    pub fn ended(&self, outcome: Option<&Outcome>) {
        self.with(|post| match outcome {
            Some(outcome) => post.gauges.ended(session::now(), outcome),
            None => post.gauges.rests(),
        });
    }

    /// Posts whether this process holds the lease.
    pub fn holds_lease(&self, holds: bool) {
        self.with(|post| post.gauges.holds_lease = holds);
    }

    /// Posts that a round of looking and acting failed.
    pub fn failed(&self) {
        self.with(|post| {
            post.standing = Standing::Failing;
            post.gauges.erred(Trouble::Look);
        });
    }

    /// Posts that nobody looks after the cluster any more, though nobody asked for that.
    pub fn given_up(&self) {
        self.with(|post| post.standing = Standing::GivenUp);
    }
}

/// A world whose looks are posted.
struct Watched {
    inner: Box<dyn World>,
    corner: Corner,
}

impl World for Watched {
    fn observe(&mut self, scope: &Scope) -> Result<Observation, WorldError> {
        let seen = self.inner.observe(scope)?;
        self.corner.with(|post| {
            post.standing = Standing::Seen;
            post.gauges.saw(&seen, *scope == Scope::Full);
        });
        Ok(seen)
    }

    all_but_looking!(self => self.inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_about_looks_and_health_about_threads() {
        let board = Board::default();
        let (prod, test) = (board.corner("prod", "act"), board.corner("test", "watch"));
        assert_eq!(board.troubles(), ["prod: not seen yet", "test: not seen yet"]);
        let seen = |corner: &Corner| corner.with(|post| post.standing = Standing::Seen);
        seen(&prod);
        seen(&test);
        assert_eq!((board.troubles(), board.ailments()), (Vec::new(), Vec::new()));
        prod.failed();
        assert_eq!(board.troubles(), ["prod: the last look failed; the log says why"]);
        assert!(board.ailments().is_empty(), "a restart mends no cluster that is out of reach");
        assert!(board.metrics().contains("evenkeel_errors_total{cluster=\"prod\",kind=\"look\"} 1\n"));
        test.given_up();
        assert_eq!(board.ailments(), ["test: nobody looks after it any more; the log says why"]);
    }
}
