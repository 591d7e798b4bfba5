//! [`Both`]: the journal of the lease and that of this machine, as one.

use crate::control::{Entry, Journal, JournalError};
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

    fn still_mine(&self) -> Result<(), JournalError> {
        self.local.still_mine()?;
        self.shared.still_mine()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::base::BrokerId;
    use crate::control::Record;

    /// Notes what it is asked, and answers as it was told to.
    struct Noting {
        name: &'static str,
        asked: Rc<RefCell<Vec<String>>>,
        answer: Result<(), JournalError>,
    }

    impl Noting {
        fn answer(&self, what: &str) -> Result<(), JournalError> {
            self.asked.borrow_mut().push(format!("{} {what}", self.name));
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

        fn still_mine(&self) -> Result<(), JournalError> {
            self.answer("still mine")
        }
    }

    fn asked(shared: Result<(), JournalError>, work: impl Fn(&mut Both)) -> Vec<String> {
        let asked = Rc::default();
        let local = Noting { name: "local", asked: Rc::clone(&asked), answer: Ok(()) };
        let shared = Noting { name: "shared", asked: Rc::clone(&asked), answer: shared };
        work(&mut Both { local: Box::new(local), shared: Box::new(shared) });
        asked.take()
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
        let mine = |both: &mut Both| assert_eq!(both.still_mine(), fenced());
        assert_eq!(asked(fenced(), mine), ["local still mine", "shared still mine"]);
    }
}
