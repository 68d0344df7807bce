//! How a program is brought to an end: in order, then by force, then whatever it left behind.
//! Pure: takes events and the time, says what to do.

use std::time::{Duration, Instant};

use super::control::Order;

/// How long descendants may take to follow a program that has ended by itself.
const SETTLE: Duration = Duration::from_millis(200);
/// Between two rounds of killing: a killed process hands its children over, for the next round.
const ROUND: Duration = Duration::from_millis(10);
/// How long killed processes may take to disappear. Freeing the memory of a virtual machine takes
/// a while; more than this is a dead disk or another user's process.
const GIVE_UP: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Goldsmith ordered something.
    Ordered(Order),
    /// Goldsmith died.
    ParentDied,
    /// The program itself has ended.
    ProgramEnded,
    /// Nothing that the program started is left.
    AllGone,
    /// The time of [`Ladder::deadline`] has come.
    Deadline,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// SIGTERM to the program alone. What it started is its own to stop: signalling the group would
    /// take away what it needs to clean up.
    Terminate,
    /// SIGKILL to the program's group, then to every descendant.
    KillAll,
    /// SIGKILL to every descendant of a program that has ended.
    Sweep,
    /// Nothing is left to do.
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Running,
    Terminating { until: Instant },
    Settling { until: Instant },
    Killing { next: Instant, until: Instant },
    Done,
}

/// Where on the way down a program is.
#[derive(Debug)]
pub(super) struct Ladder {
    grace: Duration,
    rung: Rung,
    ended: bool,
}

impl Ladder {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, rung: Rung::Running, ended: false }
    }

    /// When to come back with [`Event::Deadline`] if nothing else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.rung {
            Rung::Running | Rung::Done => None,
            Rung::Terminating { until } | Rung::Settling { until } => Some(until),
            Rung::Killing { next, .. } => Some(next),
        }
    }

    pub(super) fn on(&mut self, event: Event, now: Instant) -> Option<Action> {
        match (event, self.rung) {
            (_, Rung::Done) => None,
            (Event::AllGone, _) => {
                self.rung = Rung::Done;
                Some(Action::Finish)
            }
            (Event::Deadline, Rung::Killing { until, .. }) if now >= until => {
                self.rung = Rung::Done;
                Some(Action::Finish)
            }
            (Event::Ordered(Order::Cancel { within }), Rung::Running) => {
                Some(self.terminate(now, within))
            }
            (Event::ParentDied, Rung::Running) => Some(self.terminate(now, None)),
            (Event::Ordered(Order::Cancel { within: Some(time) }), Rung::Terminating { until }) => {
                let until = until.min(now + time);
                self.rung = Rung::Terminating { until };
                None
            }
            (Event::Ordered(Order::Kill), Rung::Running | Rung::Terminating { .. })
            | (Event::Deadline, Rung::Terminating { .. }) => {
                self.kill(now, now + GIVE_UP);
                Some(Action::KillAll)
            }
            (Event::Ordered(Order::Kill) | Event::Deadline, Rung::Settling { .. }) => {
                self.kill(now, now + GIVE_UP);
                Some(Action::Sweep)
            }
            (Event::Deadline, Rung::Killing { until, .. }) => {
                self.kill(now, until);
                Some(if self.ended { Action::Sweep } else { Action::KillAll })
            }
            (Event::ProgramEnded, rung) => {
                self.ended = true;
                if let Rung::Running | Rung::Terminating { .. } = rung {
                    let until = now + SETTLE;
                    self.rung = Rung::Settling { until };
                }
                None
            }
            _ => None,
        }
    }

    fn terminate(&mut self, now: Instant, within: Option<Duration>) -> Action {
        let until = now + within.map_or(self.grace, |time| time.min(self.grace));
        self.rung = Rung::Terminating { until };
        Action::Terminate
    }

    fn kill(&mut self, now: Instant, until: Instant) {
        let next = now + ROUND;
        self.rung = Rung::Killing { next, until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(6);
    const CANCEL: Order = Order::Cancel { within: None };

    /// Plays events at their times (in ms) and tells the actions and the deadlines after them.
    fn play(events: &[(u64, Event)]) -> String {
        let start = Instant::now();
        let mut ladder = Ladder::new(GRACE);
        let mut told = Vec::new();
        for (at, event) in events {
            let action = ladder.on(*event, start + Duration::from_millis(*at));
            let action = action.map_or("-".to_owned(), |action| format!("{action:?}"));
            let until =
                ladder.deadline().map_or("-".to_owned(), |at| (at - start).as_millis().to_string());
            told.push(format!("{at} {event:?}: {action}, next {until}"));
        }
        told.join("\n")
    }

    use Event::{AllGone, Deadline, Ordered, ParentDied, ProgramEnded};

    #[test]
    fn a_program_that_ends_with_everything_it_started_needs_nothing() {
        insta::assert_snapshot!(play(&[(0, ProgramEnded), (1, AllGone)]), @"
        0 ProgramEnded: -, next 200
        1 AllGone: Finish, next -
        ");
    }

    #[test]
    fn what_a_program_leaves_behind_is_swept_up_after_a_short_while() {
        insta::assert_snapshot!(play(&[
            (0, ProgramEnded),
            (200, Deadline),
            (210, Deadline),
            (215, AllGone),
        ]), @"
        0 ProgramEnded: -, next 200
        200 Deadline: Sweep, next 210
        210 Deadline: Sweep, next 220
        215 AllGone: Finish, next -
        ");
    }

    #[test]
    fn a_program_that_ignores_the_order_is_killed_after_the_grace() {
        insta::assert_snapshot!(play(&[
            (100, Ordered(CANCEL)),
            (500, Ordered(CANCEL)),
            (6100, Deadline),
            (6101, ProgramEnded),
            (6110, Deadline),
            (6112, AllGone),
        ]), @"
        100 Ordered(Cancel { within: None }): Terminate, next 6100
        500 Ordered(Cancel { within: None }): -, next 6100
        6100 Deadline: KillAll, next 6110
        6101 ProgramEnded: -, next 6110
        6110 Deadline: Sweep, next 6120
        6112 AllGone: Finish, next -
        ");
    }

    #[test]
    fn a_second_order_or_the_death_of_goldsmith_never_prolongs_the_grace() {
        insta::assert_snapshot!(play(&[
            (0, Ordered(CANCEL)),
            (100, ParentDied),
            (200, Ordered(Order::Kill)),
            (210, Deadline),
            (220, ProgramEnded),
            (221, AllGone),
        ]), @"
        0 Ordered(Cancel { within: None }): Terminate, next 6000
        100 ParentDied: -, next 6000
        200 Ordered(Kill): KillAll, next 210
        210 Deadline: KillAll, next 220
        220 ProgramEnded: -, next 220
        221 AllGone: Finish, next -
        ");
    }

    #[test]
    fn a_program_that_is_out_of_time_gets_less_of_it_when_the_run_is_to_stop() {
        let within = |seconds| Order::Cancel { within: Some(Duration::from_secs(seconds)) };
        insta::assert_snapshot!(play(&[(0, Ordered(CANCEL)), (10, Ordered(within(2)))]), @"
        0 Ordered(Cancel { within: None }): Terminate, next 6000
        10 Ordered(Cancel { within: Some(2s) }): -, next 2010
        ");
        insta::assert_snapshot!(play(&[(0, Ordered(within(2))), (10, Ordered(within(3)))]), @"
        0 Ordered(Cancel { within: Some(2s) }): Terminate, next 2000
        10 Ordered(Cancel { within: Some(3s) }): -, next 2000
        ");
        insta::assert_snapshot!(play(&[(0, Ordered(within(10)))]), @"0 Ordered(Cancel { within: Some(10s) }): Terminate, next 6000");
    }

    #[test]
    fn what_cannot_be_killed_is_given_up() {
        insta::assert_snapshot!(play(&[
            (0, ParentDied),
            (6000, Deadline),
            (6001, ProgramEnded),
            (11000, Deadline),
            (11010, Deadline),
        ]), @"
        0 ParentDied: Terminate, next 6000
        6000 Deadline: KillAll, next 6010
        6001 ProgramEnded: -, next 6010
        11000 Deadline: Finish, next -
        11010 Deadline: -, next -
        ");
    }
}
