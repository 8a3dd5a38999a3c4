//! Records what threads asked and were answered, and looks for an order that explains it.
//!
//! A history is linearizable (Herlihy and Wing 1990) when every operation can be given an instant
//! between its invocation and its return, such that a sequential object, asked in the order of
//! those instants, gives the same answers. [`explained`] searches all orders (Wing and Gong 1993)
//! and visits no situation twice (Lowe 2017), so a history that has no explanation is rejected in
//! time that grows with the situations and not with the orders. For histories of one operation at
//! a time a thread that is twenty lines; the tester of `stateright` keeps no situations, and
//! brings a web server with it.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// The object that a history is compared with, one operation at a time.
pub(crate) trait Sequential: Clone + Eq + Hash {
    type Call;
    type Answer;

    /// The object after it has answered `call` with `answer`; none where it would not have.
    fn after(&self, call: &Self::Call, answer: &Self::Answer) -> Option<Self>;
}

/// One operation, with the order in which operations were invoked and returned.
#[derive(Clone, Debug)]
pub(crate) struct Operation<C, A> {
    pub(crate) call: C,
    pub(crate) answer: A,
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
}

/// The operations of each thread in its own order.
pub(crate) type History<S> =
    Vec<Vec<Operation<<S as Sequential>::Call, <S as Sequential>::Answer>>>;

/// Whether some order of `history` explains every answer, beginning from `start`.
pub(crate) fn explained<S: Sequential>(start: S, history: &History<S>) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(vec![0; history.len()], start)];
    while let Some((done, object)) = open.pop() {
        if !seen.insert((done.clone(), object.clone())) {
            continue;
        }
        let next = || history.iter().zip(&done).map(|(thread, done)| thread.get(*done));
        let Some(first_return) = next().flatten().map(|operation| operation.returned).min() else {
            return true;
        };
        for (thread, operation) in next().enumerate() {
            // What returned before this was invoked comes before it.
            let Some(operation) = operation.filter(|next| next.invoked < first_return) else {
                continue;
            };
            if let Some(object) = object.after(&operation.call, &operation.answer) {
                let mut done = done.clone();
                done[thread] += 1;
                open.push((done, object));
            }
        }
    }
    false
}

/// What all threads of a history share.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    ticket: AtomicU64,
    waiting: AtomicUsize,
}

impl Stage {
    /// A ticket later than every one that was drawn before.
    ///
    /// `SeqCst` orders tickets with the operations around them. It is a full fence on most
    /// machines, but never within an operation, where the counter's own fences are on trial.
    fn ticket(&self) -> u64 {
        self.ticket.fetch_add(1, Ordering::SeqCst)
    }

    /// Holds `threads` threads until the last has come, so that they begin together.
    pub(crate) fn together(&self, threads: usize) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut turns = 0_u32;
        while self.waiting.load(Ordering::SeqCst) < threads {
            turns += 1;
            if turns.is_multiple_of(64) { thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

/// What one thread did.
#[derive(Debug)]
pub(crate) struct Log<'a, C, A> {
    stage: &'a Stage,
    pub(crate) operations: Vec<Operation<C, A>>,
}

impl<'a, C, A: Clone> Log<'a, C, A> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        Self { stage, operations: Vec::with_capacity(16) }
    }

    /// Runs and records one operation.
    pub(crate) fn record(&mut self, call: C, run: impl FnOnce(&C) -> A) -> A {
        let invoked = self.stage.ticket();
        let answer = run(&call);
        let returned = self.stage.ticket();
        self.operations.push(Operation { call, answer: answer.clone(), invoked, returned });
        answer
    }
}

/// One line an operation, in the order of their invocations.
pub(crate) fn told<C: std::fmt::Debug, A: std::fmt::Debug>(
    history: &[Vec<Operation<C, A>>],
) -> String {
    let mut lines: Vec<_> = (0..)
        .zip(history)
        .flat_map(|(thread, operations): (usize, _)| operations.iter().map(move |op| (thread, op)))
        .collect();
    lines.sort_by_key(|(_, operation)| operation.invoked);
    let line = |(thread, op): &(usize, &Operation<C, A>)| {
        let Operation { call, answer, invoked, returned } = op;
        format!("{invoked:>4} to {returned:>4}, thread {thread}: {call:?} gave {answer:?}\n")
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// A register: a call of `Some` writes, of none reads.
    impl Sequential for u64 {
        type Call = Option<Self>;
        type Answer = Self;

        fn after(&self, call: &Option<Self>, answer: &Self) -> Option<Self> {
            match call {
                Some(written) => Some(*written),
                None => (self == answer).then_some(*self),
            }
        }
    }

    const fn op(call: Option<u64>, answer: u64, times: [u64; 2]) -> Operation<Option<u64>, u64> {
        Operation { call, answer, invoked: times[0], returned: times[1] }
    }

    #[test]
    fn what_overlaps_may_come_in_either_order_and_what_does_not_may_not() {
        let write = op(Some(1), 0, [0, 5]);
        let reads = |first, second| {
            vec![vec![write.clone()], vec![op(None, first, [1, 2]), op(None, second, [3, 4])]]
        };
        assert!(explained(0, &reads(0, 0)) && explained(0, &reads(0, 1)));
        assert!(explained(0, &reads(1, 1)));
        assert!(!explained(0, &reads(1, 0)), "a read that went back in time");
        assert!(!explained(0, &reads(2, 2)), "a value that nobody wrote");
        let late = vec![vec![write], vec![op(None, 0, [6, 7])]];
        assert!(!explained(0, &late), "the write had returned");
    }

    /// By trying every order, without a thought.
    fn explained_by_some_order(start: u64, left: &[Operation<Option<u64>, u64>]) -> bool {
        left.is_empty()
            || (0..left.len()).any(|first| {
                let mut rest = left.to_vec();
                let op = rest.remove(first);
                rest.iter().all(|other| op.invoked < other.returned)
                    && start
                        .after(&op.call, &op.answer)
                        .is_some_and(|next| explained_by_some_order(next, &rest))
            })
    }

    #[test]
    #[cfg_attr(miri, ignore = "more histories than an interpreter has time for")]
    fn the_search_agrees_with_trying_every_order() {
        let mut random = Random::new(1);
        let mut verdicts = [0; 2];
        for _ in 0..3_000 {
            let mut thread = || {
                let mut time = 0;
                let mut later = |random: &mut Random| {
                    time += 1 + random.below(4);
                    time
                };
                let mut next = || {
                    let write = random.below(2) == 0;
                    let value = random.below(2);
                    let times = [later(&mut random), later(&mut random)];
                    op(write.then_some(value), value, times)
                };
                vec![next(), next()]
            };
            let history = vec![thread(), thread(), thread()];
            let verdict = explained(0, &history);
            assert_eq!(verdict, explained_by_some_order(0, &history.concat()), "{history:?}");
            verdicts[usize::from(verdict)] += 1;
        }
        assert!(verdicts.iter().all(|times| *times > 300), "{verdicts:?} are no test");
    }
}
