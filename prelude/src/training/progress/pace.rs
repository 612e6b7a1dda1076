//! When to paint again.

use std::time::Duration;

/// At most eight times a second: a front end can follow, and it looks smooth.
const PERIOD: Duration = Duration::from_millis(125);

/// A pause is so many times as long as a paint takes, so that painting takes less than 1 % of the
/// time.
const PAUSE: u32 = 100;

/// How many paints are remembered.
const REMEMBERED: usize = 5;

/// The moments at which a display is painted.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Duration,
    /// How long the last paints took.
    costs: [Option<Duration>; REMEMBERED],
    paints: usize,
}

impl Pace {
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.next
    }

    /// A paint has lasted from `began` to `ended`.
    pub(super) fn painted(&mut self, began: Duration, ended: Duration) {
        self.costs[self.paints % REMEMBERED] = Some(ended.saturating_sub(began));
        self.paints += 1;
        // The cheapest: a paint during which another process had the processor says nothing.
        let cost = self.costs.iter().flatten().min().copied();
        self.next = ended + PERIOD.max(cost.unwrap_or_default() * PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_keep_a_distance_that_grows_with_their_cost() {
        let at = Duration::from_millis;
        let mut pace = Pace::default();
        assert!(pace.is_due(at(0)));
        pace.painted(at(0), at(1));
        assert!(!pace.is_due(at(125)));
        assert!(pace.is_due(at(126)));
        // Once interrupted by something else for 50 ms.
        pace.painted(at(200), at(250));
        assert!(pace.is_due(at(375)));
        for _ in 0..REMEMBERED {
            pace.painted(at(1000), at(1005));
        }
        assert!(!pace.is_due(at(1504)));
        assert!(pace.is_due(at(1505)));
    }
}
