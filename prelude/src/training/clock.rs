//! The time that displays go by, and how they write durations.
//!
//! A test puts a clock of its own in: nothing it checks then depends on how fast the machine is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time since some moment before the first call.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// The machine's.
    pub(crate) fn system() -> Self {
        let start = Instant::now();
        Clock(Arc::new(move || start.elapsed()))
    }

    /// A test's.
    #[cfg(test)]
    pub(crate) fn scripted(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// As Keras's progress bar: `14s`, `2:05`, `1:02:05`.
pub(crate) fn clock_text(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}:{:02}", seconds % 60),
        _ => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
    }
}

/// As Keras's progress bar: `2s/step`, `8ms/step`, `90us/step`.
pub(crate) fn per_step_text(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{}s/step", time.as_secs())
    } else if time >= Duration::from_millis(1) {
        format!("{}ms/step", time.as_millis())
    } else {
        format!("{}us/step", time.as_micros())
    }
}

/// How many in a second, to three digits: `7,310`, `84.2`, `0.25`.
pub(crate) fn rate_text(count: f64, time: Duration) -> String {
    let rate = count / time.as_secs_f64().max(1e-9);
    match rate {
        1000.0.. => {
            let rounded = (rate / 10.0).round() as u64 * 10;
            with_thousands(rounded)
        }
        100.0.. => format!("{rate:.0}"),
        10.0.. => format!("{rate:.1}"),
        _ => format!("{rate:.2}"),
    }
}

/// `54,000`.
pub(crate) fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kerass() {
        let seconds = Duration::from_secs;
        assert_eq!(
            [seconds(59), seconds(125), seconds(3725)].map(clock_text),
            ["59s", "2:05", "1:02:05"]
        );
        let micros = Duration::from_micros;
        assert_eq!(
            [micros(2_500_000), micros(8_300), micros(90)].map(per_step_text),
            ["2s/step", "8ms/step", "90us/step"]
        );
    }

    #[test]
    fn rates_are_short() {
        let second = Duration::from_secs(1);
        assert_eq!(
            [1_234_567.0, 7313.0, 842.3, 12.34, 0.25].map(|count| rate_text(count, second)),
            ["1,234,570", "7,310", "842", "12.3", "0.25"]
        );
        assert_eq!(with_thousands(999), "999");
    }

    #[test]
    fn a_scripted_clock_says_what_the_test_says() {
        let clock = Clock::scripted(|| Duration::from_secs(3));
        assert_eq!(clock.now(), Duration::from_secs(3));
        let system = Clock::system();
        assert!(system.now() <= system.now());
    }
}
