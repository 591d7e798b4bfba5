//! [`Both`]: the journal of the lease and that of this machine, as one.

use crate::control::{Entry, Journal, JournalError, Permit};
use crate::execute::OperatorRequest;

/// Two journals as one. The shared one decides: what it does not take is not written down here either.
///
/// Where the shared one has taken entries and the local one has not, they count as not written; written again, they say
/// the same as before.
pub struct Both {
    /// This machine's: history for people, and the requests of operators.
    pub local: Box<dyn Journal>,
    /// The one that only the holder of the lease can write.
    pub shared: Box<dyn Journal>,
}

impl Journal for Both {
    fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.shared.append(entries)?;
        self.local.append(entries)
    }

    fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
        // A lease that is lost is said before a request is taken that nobody would heed.
        self.shared.take_requests()?;
        self.local.take_requests()
    }

    fn permit(&self) -> Permit {
        self.local.permit().and(self.shared.permit())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::BrokerId;
    use crate::control::Record;

    /// Notes what it is asked, and answers as it was told to.
    #[derive(Clone)]
    struct Noting {
        name: &'static str,
        asked: Arc<Mutex<Vec<String>>>,
        answer: Result<(), JournalError>,
    }

    impl Noting {
        fn answer(&self, what: &str) -> Result<(), JournalError> {
            self.asked.lock().expect("no panic").push(format!("{} {what}", self.name));
            self.answer.clone()
        }
    }

    impl Journal for Noting {
        fn append(&mut self, _: &[Entry]) -> Result<(), JournalError> {
            self.answer("append")
        }

        fn take_requests(&mut self) -> Result<Vec<OperatorRequest>, JournalError> {
            self.answer("requests").map(|()| Vec::new())
        }

        fn permit(&self) -> Permit {
            let this = self.clone();
            Permit::by(move || this.answer("permit"))
        }
    }

    fn asked(shared: Result<(), JournalError>, work: impl Fn(&mut Both)) -> Vec<String> {
        let asked = Arc::default();
        let local = Noting { name: "local", asked: Arc::clone(&asked), answer: Ok(()) };
        let shared = Noting { name: "shared", asked: Arc::clone(&asked), answer: shared };
        work(&mut Both { local: Box::new(local), shared: Box::new(shared) });
        std::mem::take(&mut *asked.lock().expect("no panic"))
    }

    #[test]
    fn what_the_lease_does_not_take_is_not_written_here_either() {
        let entry = Entry { at_ms: 1, record: Record::Removed { broker: BrokerId(1), removed: true } };
        let fenced = || Err(JournalError::Fenced("b".to_owned()));
        let writes = |both: &mut Both| drop(both.append(std::slice::from_ref(&entry)));
        assert_eq!(asked(Ok(()), writes), ["shared append", "local append"]);
        assert_eq!(asked(fenced(), writes), ["shared append"]);
        let requests = |both: &mut Both| drop(both.take_requests());
        assert_eq!(asked(Ok(()), requests), ["shared requests", "local requests"]);
        assert_eq!(asked(fenced(), requests), ["shared requests"]);
        let mine = |both: &mut Both| assert_eq!(both.permit().holds(), fenced());
        assert_eq!(asked(fenced(), mine), ["local permit", "shared permit"]);
    }
}
