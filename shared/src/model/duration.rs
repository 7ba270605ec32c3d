//! Durations as policies write them: a whole number of at most five digits and one unit.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// What an error message says that a duration must look like.
pub const WANTED: &str =
    "must be a whole number of at most 5 digits and one of d, h, m, s, such as 7d, 24h, 30m or 45s";

/// Reads a duration, which may be zero; `None` if the text is not one.
pub fn read(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let digits = text.strip_suffix(unit)?;
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    digits.parse::<u64>().ok().map(|number| Duration::from_secs(number * seconds))
}

/// Writes a duration in the largest unit that divides it evenly. A fraction of a second is dropped.
pub fn text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match UNITS.into_iter().find(|(_, unit)| seconds != 0 && seconds.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// Writes an age for people in its two largest units, rounded down.
pub(crate) fn rough(age: Duration) -> String {
    let seconds = age.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}
