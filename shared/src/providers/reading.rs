//! Reading that the clouds share: times without a zone, and values of a type other than documented.

use std::marker::PhantomData;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::model::text::one_line;

/// Reads a time, which is in `zone` if it names none itself. A month or day may be unpadded. `None` if it cannot be read.
pub(crate) fn time_in(zone: Offset, text: &str) -> Option<Timestamp> {
    if let Some(time) = padded(text) {
        return zone.to_timestamp(time).ok();
    }
    let (date, clock) = text.trim().split_once(['T', ' '])?;
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else {
        return None;
    };
    let text = format!("{year}-{month:0>2}-{day:0>2}T{}", clock.trim());
    let naive = || TimeZone::fixed(zone).to_timestamp(text.parse::<DateTime>().ok()?).ok();
    text.parse::<Timestamp>().ok().or_else(naive)
}

/// Reads only `YYYY-MM-DD HH:MM:SS`, fast, because lists hold millions of such times. Other forms are left to the parser.
fn padded(text: &str) -> Option<DateTime> {
    let text = text.as_bytes();
    let [b'-', b'-', b'T' | b' ', b':', b':'] = [4, 7, 10, 13, 16].map(|at| text.get(at).copied().unwrap_or(0)) else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    let two = |at: usize| i8::try_from(number(text.get(at..at + 2)?)?).ok();
    (text.len() == 19)
        .then(|| DateTime::new(number(&text[..4])?, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?, 0).ok())
        .flatten()
}

/// A plain value that counts as absent if it has another type. It is read in place, because lists hold thousands of them.
pub(crate) trait Scalar: Sized {
    /// The value for a text; `None` if texts do not count.
    fn of_text(_text: &str) -> Option<Self> {
        None
    }
    /// The value for a whole number; `None` if numbers do not count.
    fn of_number(_number: u64) -> Option<Self> {
        None
    }
    /// The value for a boolean; `None` if booleans do not count.
    fn of_flag(_flag: bool) -> Option<Self> {
        None
    }
}

impl Scalar for String {
    fn of_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Scalar for u64 {
    fn of_number(number: u64) -> Option<u64> {
        Some(number)
    }
}

impl Scalar for u32 {
    fn of_number(number: u64) -> Option<u32> {
        u32::try_from(number).ok()
    }
}

impl Scalar for bool {
    fn of_flag(flag: bool) -> Option<bool> {
        Some(flag)
    }
}

/// Reads the provider's ID of a request, on one line and of bounded length: it goes into every record and complaint. One that is no text is
/// none, and makes the answer no less readable.
pub(crate) fn request_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(scalar::<D, String>(from)?.map(|id| one_line(&id)))
}

/// Reads a [`Scalar`]. A value of another type is `None`.
pub(crate) fn scalar<'de, D: Deserializer<'de>, T: Scalar>(from: D) -> Result<Option<T>, D::Error> {
    struct Visit<T>(PhantomData<T>);
    impl<'de, T: Scalar> Visitor<'de> for Visit<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("anything")
        }

        fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
            Ok(T::of_text(text))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Option<T>, E> {
            Ok(T::of_number(number))
        }

        fn visit_i64<E>(self, _number: i64) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_f64<E>(self, _number: f64) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
            Ok(T::of_flag(flag))
        }

        fn visit_unit<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<T>, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<T>, A::Error> {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }
    from.deserialize_any(Visit(PhantomData))
}

/// Reads a value. One of another type than expected is `None`.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_the_same_with_and_without_the_parser() {
        let zone = Offset::constant(8);
        let at = |text: &str| time_in(zone, text).map(|at| at.to_string());
        let same = Some("2026-02-28T16:05:09Z".to_owned());
        for text in [
            "2026-03-01 00:05:09",
            "2026-03-01T00:05:09",
            " 2026-03-01 00:05:09 ",
            "2026-3-1 00:05:09",
            "2026-03-01 00:05:09.000",
            "2026-02-28T16:05:09Z",
            "2026-02-28T17:05:09+01:00",
        ] {
            assert_eq!(at(text), same, "{text}");
        }
        // A leap second is left to the parser, which reads it as the second before.
        assert_eq!(at("2016-12-31 23:59:60"), at("2016-12-31 23:59:59"));
        for text in
            ["", "soon", "2026-02-30 00:00:00", "2026-13-01 00:00:00", "2026-03-01 24:00:00", "2026-03-01 +1:00:00"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }

    /// Found by the fuzzer: one of 5,000 signs went into every complaint, and one that was a number made a started copy unreadable.
    #[test]
    fn a_request_id_is_a_line_of_bounded_length_or_none() {
        let read = |text: &str| request_id(&mut serde_json::Deserializer::from_str(text)).unwrap();
        assert_eq!(read(&format!("\"{}\"", "x".repeat(5_000))).unwrap().chars().count(), 1_001);
        assert_eq!(read(r#""a\u001b[2J\nb""#).as_deref(), Some(r"a\u001b[2J b"));
        assert_eq!((read("[1]"), read("null")), (None, None));
    }
}
