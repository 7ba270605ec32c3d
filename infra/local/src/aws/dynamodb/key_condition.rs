//! Key conditions of a Query, as bounds on the key's columns.

use rusqlite::types::Value as Sql;

use super::expression::{Comparator, Condition, Operand, Step};
use super::table::{KeySchema, Table};
use super::validation;
use super::value::Attr;
use crate::aws::ServiceError;

/// Turns the key condition into bounds on the key's columns.
pub(super) fn bounds(
    condition: &Condition,
    table: &Table,
    key: &KeySchema,
    of_index: bool,
) -> Result<Vec<(&'static str, Sql)>, ServiceError> {
    let mut found = Vec::new();
    let (hash, range) = if of_index { ("ipk = ?", RANGE_OF_INDEX) } else { ("pk = ?", RANGE_OF_TABLE) };
    let mut parts = Vec::new();
    conjuncts(condition, &mut parts);
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let (name, bounds) = bound(part, table)?;
        if seen.contains(&name.as_str()) {
            return Err(validation("KeyConditionExpressions must only contain one condition per key"));
        }
        if *name == key.hash {
            let [(Comparator::Equal, bytes)] = bounds.as_slice() else {
                return Err(validation("Query key condition not supported"));
            };
            found.push((hash, Sql::Blob(bytes.clone())));
            seen.push(&key.hash);
        } else if let Some(range_name) = key.range.as_ref().filter(|range_name| *range_name == name) {
            for (comparator, bytes) in bounds {
                let sql = range[comparator as usize];
                found.push((sql, Sql::Blob(bytes)));
            }
            seen.push(range_name);
        } else {
            let missed = key.range.as_ref().unwrap_or(&key.hash);
            return Err(validation(format!("Query condition missed key schema element: {missed}")));
        }
    }
    if !seen.contains(&key.hash.as_str()) {
        return Err(validation(format!("Query condition missed key schema element: {}", key.hash)));
    }
    Ok(found)
}

/// One part of a key condition: which attribute, and what holds for its bytes.
fn bound<'c>(part: &'c Condition, table: &Table) -> Result<Bound<'c>, ServiceError> {
    let unsupported = || validation("Invalid operator used in KeyConditionExpression");
    let (subject, values) = match part {
        Condition::Compare(Comparator::NotEqual, ..) => return Err(unsupported()),
        Condition::Compare(comparator, subject, value) => (subject, vec![(*comparator, value)]),
        Condition::Between(subject, low, high) => {
            (subject, vec![(Comparator::GreaterOrEqual, low), (Comparator::LessOrEqual, high)])
        }
        Condition::BeginsWith(subject, start) => (subject, vec![(Comparator::GreaterOrEqual, start)]),
        _ => return Err(unsupported()),
    };
    let Operand::Path(path) = subject else {
        return Err(unsupported());
    };
    let [Step::Name(name)] = path.as_slice() else {
        return Err(unsupported());
    };
    let mut bounds = Vec::new();
    for (comparator, value) in values {
        let Operand::Value(value) = value else {
            return Err(unsupported());
        };
        let starts = matches!(part, Condition::BeginsWith(..));
        if table.kind_of(name).is_some_and(|kind| kind != value.kind()) || (starts && matches!(value, Attr::N(_))) {
            return Err(validation(
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ));
        }
        let bytes = value.key_bytes().ok_or_else(unsupported)?;
        if bytes.is_empty() && !starts {
            return Err(validation(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
            )));
        }
        if let Some(end) = starts.then(|| after_prefix(&bytes)).flatten() {
            bounds.push((Comparator::Less, end));
        }
        bounds.push((comparator, bytes));
    }
    Ok((name, bounds))
}

/// An attribute, and what holds for its key bytes.
type Bound<'c> = (&'c String, Vec<(Comparator, Vec<u8>)>);

/// In the order of [`Comparator`]; a key condition has no `<>`.
const RANGE_OF_TABLE: [&str; 6] = ["sk = ?", "sk <> ?", "sk < ?", "sk <= ?", "sk > ?", "sk >= ?"];
const RANGE_OF_INDEX: [&str; 6] = ["isk = ?", "isk <> ?", "isk < ?", "isk <= ?", "isk > ?", "isk >= ?"];

fn conjuncts<'c>(condition: &'c Condition, parts: &mut Vec<&'c Condition>) {
    match condition {
        Condition::And(left, right) => {
            conjuncts(left, parts);
            conjuncts(right, parts);
        }
        other => parts.push(other),
    }
}

/// The first bytes after everything that starts with `prefix`, if there are any.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
