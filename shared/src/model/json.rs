//! JSON that tells this program what to do. A key that is given twice is refused: two readers of it would take two values.

use std::cell::Cell;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::text::one_line;

/// So much may a text hold, where a value costs 1 and an object 10 more: a thousand commands have half of that. Each object takes more
/// than half a kilobyte, so a text of some hundred of them may be short.
const ROOM: usize = 200_000;

/// So much may a whole event hold: SQS's largest batch has less.
#[cfg(feature = "io")]
const ROOM_OF_EVENT: usize = 600_000;

/// Reads a text. A byte order mark before it is skipped.
///
/// # Errors
/// What is wrong, and where.
pub fn read(text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let mut parser = serde_json::Deserializer::from_slice(text.as_bytes());
    let room = Cell::new(ROOM);
    let value = Reader { room: &room }.deserialize(&mut parser).map_err(|error| wrong(&error))?;
    parser.end().map_err(|error| wrong(&error))?;
    Ok(value)
}

/// Reads a text that this program has written. From bytes, as answers are read, so that each type is read by one machine code.
///
/// # Errors
/// It is not such a text.
pub fn typed<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text.as_bytes())
}

/// Reads the bytes of a file or an object.
///
/// # Errors
/// What is wrong, and where.
pub fn read_bytes(bytes: &[u8]) -> Result<Value, String> {
    read(utf8(bytes)?)
}

/// The text of a file or an object, without a byte order mark.
///
/// # Errors
/// It is not UTF-8; what it is instead is said where that can be told.
pub fn utf8(bytes: &[u8]) -> Result<&str, String> {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err("is UTF-16; save it as UTF-8".to_owned());
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8 text (byte {})", error.valid_up_to() + 1))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// What the parser says, without its own words where it says nothing of the input.
fn wrong(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    if error.is_data() {
        // A key that is given twice: the message is ours, and names the key.
        return one_line(&text);
    }
    // The parser stops at 128 levels, which it calls its recursion limit.
    let what = if text.starts_with("recursion") { "is nested too deeply" } else { "is not JSON" };
    format!("{what} (line {line}, column {column})")
}

/// An event of which no object gives a key twice.
#[cfg(feature = "io")]
pub(crate) struct Strict(pub(crate) Value);

#[cfg(feature = "io")]
impl<'de> serde::de::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Strict, D::Error> {
        Reader { room: &Cell::new(ROOM_OF_EVENT) }.deserialize(from).map(Strict)
    }
}

/// Reads values until there is no room left.
#[derive(Clone, Copy)]
struct Reader<'r> {
    room: &'r Cell<usize>,
}

impl Reader<'_> {
    fn take<E: serde::de::Error>(self, cost: usize) -> Result<(), E> {
        let left = self.room.get().checked_sub(cost).ok_or_else(|| E::custom("holds too many values"))?;
        self.room.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.take(1)?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.take(10)?;
        let mut all = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if all.contains_key(&key) {
                let shown: String = key.chars().take(100).collect();
                return Err(A::Error::custom(format!("gives the key \"{shown}\" twice")));
            }
            all.insert(key, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_once_is_read_as_ever() {
        for text in [r#"{"a":[1,-2,1.5,true,null,"x\u00e9"],"b":{"c":{}}}"#, "[]", "\"text\"", "18446744073709551615"] {
            assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        assert_eq!(read_bytes("\u{feff}{\"a\":1}".as_bytes()).unwrap()["a"], 1);
    }

    #[test]
    fn a_key_that_is_given_twice_is_refused_wherever_it_stands() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, "{\"a\":1,\n\"\\u0061\":2}"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("gives the key \"a\" twice at line "), "{text}: {error}");
        }
    }

    #[test]
    fn a_short_text_of_very_many_values_is_refused() {
        assert!(read(&format!("[{}1]", "1,".repeat(199_000))).is_ok());
        assert!(read(&format!("[{}1]", "1,".repeat(200_000))).unwrap_err().starts_with("holds too many values at"));
        assert!(read(&format!("[{}1]", "{},".repeat(19_000))).unwrap_err().starts_with("holds too many values at"));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        assert_eq!(read("{").unwrap_err(), "is not JSON (line 1, column 1)");
        for nothing in ["", " \n", "\u{feff}"] {
            assert_eq!(read(nothing).unwrap_err(), "is empty");
        }
        assert_eq!(read(&"[".repeat(200)).unwrap_err(), "is nested too deeply (line 1, column 128)");
        assert_eq!(read_bytes(&[0xff, 0xfe, b'{', 0]).unwrap_err(), "is UTF-16; save it as UTF-8");
        assert_eq!(read_bytes(&[b'{', 0xff]).unwrap_err(), "is not UTF-8 text (byte 2)");
    }
}
