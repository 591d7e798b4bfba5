//! Questions that are under way at once.

use tokio::task::JoinSet;

/// What came of the next one that ends; nothing once all have. Passes a panic of one on.
pub(super) async fn next<T: 'static>(running: &mut JoinSet<T>) -> Option<T> {
    match running.join_next().await? {
        Ok(done) => Some(done),
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}
