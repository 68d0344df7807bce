//! Whether a build that failed is tried again in the same run, and when. Pure.

use std::time::Duration;

use crate::model::FailureClass;

/// How long to wait before each further attempt: a server that is overloaded or restarted needs a
/// while, and nobody wants to wait for much longer.
const WAITS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(45)];

/// How long to wait before the build is tried again, after so many attempts of which the last one
/// failed like this. Only what may pass by itself is worth another attempt.
pub(super) fn wait(failed: FailureClass, attempts: usize) -> Option<Duration> {
    let wait = WAITS.get(attempts.checked_sub(1)?).copied();
    wait.filter(|_| failed.is_transient())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let waits = |class| {
            let waits = (1..).map_while(|attempts| wait(class, attempts));
            waits.map(|wait| wait.as_secs()).collect::<Vec<_>>()
        };
        let tried: Vec<String> = FailureClass::ALL
            .into_iter()
            .filter(|class| !waits(*class).is_empty())
            .map(|class| format!("{class:?} {:?}", waits(class)))
            .collect();
        insta::assert_snapshot!(tried.join("\n"), @"
        RateLimited [5, 45]
        Network [5, 45]
        GuestSilent [5, 45]
        ");
    }
}
