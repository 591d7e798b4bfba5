//! [`Held`]: one throttle setting that this execution has changed, and what has to happen to it next.
//!
//! Kafka shows a change only after a while, answers get lost, and other people change settings too. So a setting
//! is judged by what is seen of it: one of the values sent by us is ours, the value from before may still be
//! there, and anything else that stays is somebody's will and theirs from then on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What must not be forgotten of a setting that was changed: what to put back, and which values are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldMemory<V> {
    before: Option<V>,
    sent: Vec<Option<V>>,
    confirmed: bool,
}

/// So many of the values sent last are known as ours. A pace that follows what is measured sends another one every few
/// seconds, for hours; what was sent that long ago lands no more, and no view lags that far behind.
const SENT_MOST: usize = 32;

/// A setting that was changed by this execution.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one setting, in any combination")]
pub(super) struct Held<V> {
    /// What stood there before; `None` when it was not set.
    before: Option<V>,
    /// Every value that was sent and may stand there, the last one at the end.
    sent: Vec<Option<V>>,
    /// What shall stand there now; `before` again when it is no longer needed.
    aim: Option<V>,
    releasing: bool,
    /// A value of ours has been seen.
    confirmed: bool,
    /// The last look showed what shall stand there.
    shows_aim: bool,
    /// The last value sent, whether the cluster said that it took it, and when.
    last: Option<(Option<V>, Reply, Duration)>,
    /// Some answer was lost, so a value may land late.
    ever_lost: bool,
    /// When the last value was sent of which nobody knows whether it has landed.
    lost_at: Option<Duration>,
    /// Since when something is seen that is neither ours nor what stood there before, or nothing at all is left.
    odd_since: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    None,
    Accepted,
    Lost,
}

/// What was seen of a setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen<V> {
    /// It could not be seen (the broker is down, say).
    Not,
    /// This stands there; `None` when it is not set.
    Value(Option<V>),
    /// What it belonged to is gone, and the setting with it.
    Gone,
}

/// What to do about a setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next<V> {
    /// Nothing now.
    Wait,
    /// Set it to this, or clear it.
    Send(Option<V>),
    /// It is as it was before: forget it.
    Released,
    /// Someone else set it to this: it is theirs.
    TakenOver(Option<V>),
}

impl<V: Clone + PartialEq> Held<V> {
    /// Begins to hold a setting that shows `before` and shall show `aim`.
    pub(super) fn new(before: Option<V>, aim: V) -> Self {
        Self {
            before,
            sent: Vec::new(),
            aim: Some(aim),
            releasing: false,
            confirmed: false,
            shows_aim: false,
            last: None,
            ever_lost: false,
            lost_at: None,
            odd_since: None,
        }
    }

    /// What must not be forgotten of it; nothing while nothing was sent.
    pub(super) fn memory(&self) -> Option<HeldMemory<V>> {
        self.may_stand().then(|| HeldMemory {
            before: self.before.clone(),
            sent: self.sent.clone(),
            confirmed: self.confirmed,
        })
    }

    /// Holds a setting again that a process had changed which was killed. What came of the last value is not known.
    pub(super) fn recall(memory: HeldMemory<V>) -> Self {
        let HeldMemory { before, sent, confirmed } = memory;
        Self {
            aim: before.clone(),
            before,
            sent,
            releasing: true,
            confirmed,
            shows_aim: false,
            last: None,
            ever_lost: true,
            lost_at: None,
            odd_since: None,
        }
    }

    /// What stood there before.
    pub(super) fn before(&self) -> Option<&V> {
        self.before.as_ref()
    }

    /// Wants another value; without one the former value is put back.
    pub(super) fn want(&mut self, aim: Option<V>) {
        self.releasing = aim.is_none();
        self.aim = aim.or_else(|| self.before.clone());
    }

    /// The same where the setting cannot be seen now: one value of ours is not replaced by another, for somebody may have
    /// set it meanwhile, and it is theirs then.
    pub(super) fn want_unseen(&mut self, aim: Option<V>) {
        if aim.is_none() || self.releasing || !self.may_stand() {
            self.want(aim);
        }
    }

    /// Whether some value of ours may stand there.
    pub(super) fn may_stand(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether what shall stand there does: it was seen, or the cluster said that it took it.
    pub(super) fn stands(&self) -> bool {
        let taken = matches!(&self.last, Some((value, Reply::Accepted, _)) if *value == self.aim);
        self.shows_aim || taken
    }

    /// Whether it is to be put back and cannot be seen: whoever waits until it can does not undo the will of others.
    pub(super) fn waits_for(&self, seen: &Seen<V>) -> bool {
        self.releasing && self.may_stand() && *seen == Seen::Not
    }

    /// The value to put back on the way out.
    pub(super) fn restore(&self) -> Option<V> {
        self.before.clone()
    }

    /// Decides from what is seen. `settle` is how long a lagging view may show an old value.
    pub(super) fn next(&mut self, seen: &Seen<V>, at: Duration, settle: Duration) -> Next<V> {
        self.shows_aim = matches!(seen, Seen::Value(value) if *value == self.aim);
        match seen {
            // One look that misses a topic is no proof; a throttle must not be forgotten over it.
            Seen::Gone => {
                if self.odd_for(at) >= settle {
                    Next::Released
                } else {
                    Next::Wait
                }
            }
            Seen::Not => self.unseen(at, settle),
            Seen::Value(value) => self.seen(value.as_ref(), at, settle),
        }
    }

    fn unseen(&mut self, at: Duration, settle: Duration) -> Next<V> {
        let accepted = matches!(&self.last, Some((value, Reply::Accepted, _)) if *value == self.aim);
        match (accepted, self.releasing) {
            // Nobody can see it, but the cluster said that it took the value: that has to do.
            (true, true) => Next::Released,
            (true, false) => Next::Wait,
            (false, true) if self.sent.is_empty() => Next::Released,
            (false, _) => self.send(at, settle),
        }
    }

    fn seen(&mut self, value: Option<&V>, at: Duration, settle: Duration) -> Next<V> {
        let ours = self.sent.iter().any(|sent| sent.as_ref() == value);
        if value == self.aim.as_ref() {
            self.odd_since = None;
            if !self.releasing {
                self.confirmed = true;
                return Next::Wait;
            }
            // That all looks clear is not enough: a change whose answer was lost may land later, and a view that
            // lags may not show a change that was taken. The clearing counts when the cluster has taken it.
            let taken = matches!(&self.last, Some((sent, Reply::Accepted, _)) if *sent == self.aim);
            // One that was sent before it and got lost on the way may still come after it.
            let may_come = self.lost_at.is_some_and(|lost_at| at.saturating_sub(lost_at) < settle);
            return match (taken, self.may_stand()) {
                (true, _) if may_come => Next::Wait,
                (true, _) | (_, false) => Next::Released,
                (false, true) => self.send(at, settle),
            };
        }
        if ours || (value == self.before.as_ref() && !self.confirmed) {
            self.confirmed |= ours;
            self.odd_since = None;
            return self.send(at, settle);
        }
        if self.odd_for(at) >= settle {
            return Next::TakenOver(value.cloned());
        }
        Next::Wait
    }

    /// How long something odd has been seen without a break; zero at the first look that shows it.
    fn odd_for(&mut self, at: Duration) -> Duration {
        at.saturating_sub(*self.odd_since.get_or_insert(at))
    }

    /// Sends the aim, unless it was just sent.
    fn send(&mut self, at: Duration, settle: Duration) -> Next<V> {
        let just_sent = self.last.as_ref().is_some_and(|(value, reply, sent_at)| {
            // A lost answer is asked for again sooner than an accepted change is doubted.
            let patience = if *reply == Reply::Lost { settle / 4 } else { settle };
            *value == self.aim && at.saturating_sub(*sent_at) < patience
        });
        if just_sent {
            return Next::Wait;
        }
        self.last = Some((self.aim.clone(), Reply::None, at));
        self.sent.retain(|sent| *sent != self.aim);
        self.sent.push(self.aim.clone());
        if self.sent.len() > SENT_MOST {
            self.sent.remove(0);
        }
        Next::Send(self.aim.clone())
    }

    /// The cluster took the last value.
    pub(super) fn accepted(&mut self) {
        if let Some((_, reply, _)) = &mut self.last {
            *reply = Reply::Accepted;
        }
    }

    /// It is not known whether the cluster took the last value.
    pub(super) fn lost(&mut self) {
        self.ever_lost = true;
        if let Some((_, reply, sent_at)) = &mut self.last {
            *reply = Reply::Lost;
            self.lost_at = Some(*sent_at);
        }
    }

    /// The cluster refused the last value.
    pub(super) fn refused(&mut self) {
        if let Some((value, reply, _)) = &mut self.last {
            *reply = Reply::Lost;
            if !self.ever_lost && !self.confirmed && self.sent.len() == 1 && self.sent[0] == *value {
                self.sent.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_value_that_may_still_land_is_cleared_though_nothing_is_seen() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.lost();
        held.want(None);
        assert_eq!(held.next(&Seen::Value(None), at(1), SETTLE), Next::Send(None));
        assert_eq!(held.next(&Seen::Value(None), at(2), SETTLE), Next::Wait, "no answer yet");
        held.accepted();
        assert_eq!(
            held.next(&Seen::Value(None), at(3), SETTLE),
            Next::Wait,
            "it may come after the clearing"
        );
        assert_eq!(held.next(&Seen::Value(Some(7)), at(4), SETTLE), Next::Wait, "just cleared");
        assert_eq!(held.next(&Seen::Value(Some(7)), at(6), SETTLE), Next::Send(None), "it did");
        held.accepted();
        assert_eq!(held.next(&Seen::Value(None), at(7), SETTLE), Next::Released);
    }

    #[test]
    fn what_was_refused_needs_no_clearing() {
        let mut held = Held::new(Some(3), 7);
        assert_eq!(held.next(&Seen::Value(Some(3)), at(0), SETTLE), Next::Send(Some(7)));
        held.refused();
        held.want(None);
        assert_eq!(held.next(&Seen::Value(Some(3)), at(1), SETTLE), Next::Released);
    }

    #[test]
    fn a_lagging_view_is_no_change_by_others() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.accepted();
        assert_eq!(held.next(&Seen::Value(None), at(1), SETTLE), Next::Wait, "the change is not seen yet");
        assert_eq!(held.next(&Seen::Value(Some(7)), at(2), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Value(None), at(3), SETTLE), Next::Wait, "one odd look proves nothing");
        assert_eq!(held.next(&Seen::Value(Some(7)), at(4), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Value(None), at(5), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Value(None), at(10), SETTLE), Next::TakenOver(None));
    }

    #[test]
    fn a_view_that_lags_does_not_make_it_clear() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.accepted();
        held.want(None);
        assert_eq!(held.next(&Seen::Value(None), at(1), SETTLE), Next::Send(None), "it may show later");
        held.accepted();
        assert_eq!(held.next(&Seen::Value(None), at(2), SETTLE), Next::Released);
    }

    #[test]
    fn a_setting_that_changes_for_hours_is_remembered_by_its_last_values() {
        let mut held = Held::new(Some(1), 100);
        for value in 0..1_000 {
            held.want(Some(100 + value));
            let stands = if value == 0 { 1 } else { 99 + value };
            let next = held.next(&Seen::Value(Some(stands)), at(value), SETTLE);
            assert_eq!(next, Next::Send(Some(100 + value)));
            held.accepted();
        }
        assert_eq!(held.memory().map(|memory| memory.sent.len()), Some(SENT_MOST));
        held.want(None);
        assert_eq!(
            held.next(&Seen::Value(Some(1_090)), at(2_000), SETTLE),
            Next::Send(Some(1)),
            "still ours"
        );
    }

    #[test]
    fn nothing_is_forgotten_over_one_look_that_misses_it() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.accepted();
        held.want(None);
        assert_eq!(held.next(&Seen::Gone, at(1), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Value(Some(7)), at(2), SETTLE), Next::Send(None));
        assert_eq!(held.next(&Seen::Gone, at(3), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Gone, at(8), SETTLE), Next::Released);
    }

    #[test]
    fn what_cannot_be_seen_is_not_replaced_by_another_value() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.accepted();
        held.want_unseen(Some(8));
        assert_eq!(held.next(&Seen::Not, at(1), SETTLE), Next::Wait);
        assert!(held.stands());
        // Somebody has set it where nobody could look.
        held.want(Some(8));
        assert_eq!(held.next(&Seen::Value(Some(99)), at(2), SETTLE), Next::Wait);
        assert_eq!(held.next(&Seen::Value(Some(99)), at(7), SETTLE), Next::TakenOver(Some(99)));
    }

    #[test]
    fn unseen_settings_are_cleared_on_the_word_of_the_cluster() {
        let mut held = Held::new(None, 7);
        assert_eq!(held.next(&Seen::Value(None), at(0), SETTLE), Next::Send(Some(7)));
        held.accepted();
        held.want(None);
        assert_eq!(held.next(&Seen::Not, at(1), SETTLE), Next::Send(None));
        assert_eq!(held.next(&Seen::Not, at(2), SETTLE), Next::Wait);
        held.accepted();
        assert_eq!(held.next(&Seen::Not, at(3), SETTLE), Next::Released);
    }
}
