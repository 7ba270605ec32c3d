//! Changes to a JSON value and to a text.

use proptest::prelude::*;
use serde_json::{Value, json};

/// One change of a value. `at` chooses among its places.
#[derive(Clone, Debug)]
pub enum Change {
    /// What stands there becomes another value.
    Put { at: usize, odd: usize },
    /// A key or an item is taken away.
    Drop { at: usize },
    /// What stands at one place stands at another one as well.
    Copy { from: usize, to: usize },
    /// A sign gets into a text.
    Sign { at: usize, place: usize, sign: char },
}

/// Some changes of a value.
pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (any::<usize>(), 0..ODD).prop_map(|(at, odd)| Change::Put { at, odd }),
        any::<usize>().prop_map(|at| Change::Drop { at }),
        (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Change::Copy { from, to }),
        (any::<usize>(), any::<usize>(), any::<char>()).prop_map(|(at, place, sign)| Change::Sign { at, place, sign }),
    ];
    proptest::collection::vec(change, 0..6)
}

const ODD: usize = 24;

fn odd(which: usize) -> Value {
    match which {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(1e308),
        7 => json!(1.5),
        8 => json!(""),
        9 => json!(" "),
        10 => json!("a\u{0}b\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\r\nc"),
        11 => json!("9".repeat(40)),
        12 => json!("x".repeat(5_000)),
        13 => json!("9999-12-31T23:59:59Z"),
        14 => json!("-009999-01-02T01:59:59Z"),
        15 => json!("2026-02-30 25:61:00"),
        16 => json!([]),
        17 => json!({}),
        18 => json!([null]),
        19 => (0..100).fold(json!(1), |inner, _| json!([inner])),
        20 => json!(vec![1; 2_000]),
        21 => json!("snap-ckgjwkqh"),
        22 => json!("../../v3/projects?x=%2e#"),
        _ => json!({ "": { "": "" } }),
    }
}

/// The value with the changes.
pub fn spoilt(value: &Value, changes: &[Change]) -> Value {
    let mut value = value.clone();
    for change in changes {
        let places = places(&value);
        let place = |at: usize| places[at % places.len()].clone();
        match change {
            Change::Put { at, odd: which } => put(&mut value, &place(*at), odd(*which)),
            Change::Drop { at } => take(&mut value, &place(*at)),
            Change::Copy { from, to } => {
                let copy = value.pointer(&place(*from)).cloned().unwrap_or_default();
                put(&mut value, &place(*to), copy);
            }
            Change::Sign { at, place: within, sign } => {
                if let Some(Value::String(text)) = value.pointer_mut(&place(*at)) {
                    let mut signs: Vec<char> = text.chars().collect();
                    signs.insert(within % (signs.len() + 1), *sign);
                    *text = signs.into_iter().collect();
                }
            }
        }
    }
    value
}

/// The pointers of all places of a value, that of the whole first.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: String, found: &mut Vec<String>) {
        // A value that was copied into itself again and again would never end.
        if found.len() > 5_000 {
            return;
        }
        found.push(at.clone());
        match value {
            Value::Object(object) => object.iter().for_each(|(key, value)| {
                walk(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| walk(value, format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, String::new(), &mut found);
    found
}

fn put(value: &mut Value, at: &str, new: Value) {
    if let Some(place) = value.pointer_mut(at) {
        *place = new;
    }
}

fn take(value: &mut Value, at: &str) {
    let Some((parent, key)) = at.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => {
            if let Some(index) = key.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Some changes of bytes: where, what instead, and how many bytes it replaces.
pub fn cuts() -> impl Strategy<Value = Vec<(usize, Vec<u8>, usize)>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4),
        prop_oneof![
            Just("\u{feff}"),
            Just("\t"),
            Just("- "),
            Just("&a "),
            Just("*a"),
            Just("!!x "),
            Just("|\n"),
            Just("{{["),
            Just("\"\\u0000"),
            Just("9e999"),
            Just(": "),
            Just("---\n"),
            Just("\u{2028}"),
            Just("..")
        ]
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec((any::<usize>(), piece, 0..12_usize), 0..6)
}

/// The bytes with the changes.
pub fn cut(bytes: &[u8], cuts: &[(usize, Vec<u8>, usize)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, piece, length) in cuts {
        let at = at % (bytes.len() + 1);
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, piece.iter().copied());
    }
    bytes
}
