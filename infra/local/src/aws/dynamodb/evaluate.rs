//! What expressions mean for an item.

use std::cmp::Ordering;

use super::expression::{Comparator, Condition, Operand, Path, Step, Term, Update};
use super::number::Number;
use super::validation;
use super::value::{Attr, Item};
use crate::aws::ServiceError;

/// Whether a condition holds; an absent item has no attributes.
pub(crate) fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::Compare(comparator, left, right) => compare(*comparator, &value(left, item), &value(right, item)),
        Condition::Between(operand, low, high) => {
            let operand = value(operand, item);
            compare(Comparator::GreaterOrEqual, &operand, &value(low, item))
                && compare(Comparator::LessOrEqual, &operand, &value(high, item))
        }
        Condition::In(operand, list) => {
            let operand = value(operand, item);
            list.iter().any(|other| compare(Comparator::Equal, &operand, &value(other, item)))
        }
        Condition::Exists(path) => at(item, path).is_some(),
        Condition::NotExists(path) => at(item, path).is_none(),
        Condition::HasType(path, kind) => {
            at(item, path).is_some_and(|found| matches!(kind, Attr::S(kind) if kind == found.kind()))
        }
        Condition::BeginsWith(whole, start) => match (value(whole, item), value(start, item)) {
            (Some(Attr::S(whole)), Some(Attr::S(start))) => whole.starts_with(&start),
            (Some(Attr::B(whole)), Some(Attr::B(start))) => whole.starts_with(&start),
            _ => false,
        },
        Condition::Contains(whole, part) => contains(value(whole, item), value(part, item)),
        Condition::And(left, right) => holds(left, item) && holds(right, item),
        Condition::Or(left, right) => holds(left, item) || holds(right, item),
        Condition::Not(inner) => !holds(inner, item),
    }
}

/// The item after an update; every right side sees the item as it was.
pub(crate) fn updated(update: &Update, item: &Item) -> Result<Item, ServiceError> {
    let mut result = item.clone();
    for (path, term) in &update.set {
        let value = term_value(term, item)?;
        set(&mut result, path, value)?;
    }
    // From the back, so that removing from a list does not shift what is still to be removed.
    let mut removals: Vec<&Path> = update.remove.iter().collect();
    removals.sort_by_key(|path| std::cmp::Reverse(last_index(path)));
    for path in removals {
        remove(&mut result, path)?;
    }
    Ok(result)
}

/// The parts of an item a projection names.
pub(crate) fn projected(item: &Item, paths: &[Path]) -> Result<Item, ServiceError> {
    let mut result = Item::new();
    for path in paths {
        let Some(found) = at(item, path) else {
            continue;
        };
        let mut target = &mut result;
        let mut steps = path.iter().peekable();
        while let Some(step) = steps.next() {
            let Step::Name(name) = step else {
                return Err(validation("a list index in ProjectionExpression is not emulated"));
            };
            if steps.peek().is_none() {
                target.insert(name.clone(), found.clone());
                break;
            }
            let next = target.entry(name.clone()).or_insert_with(|| Attr::M(Item::new()));
            let Attr::M(inner) = next else { break };
            target = inner;
        }
    }
    Ok(result)
}

fn at<'a>(item: &'a Item, path: &Path) -> Option<&'a Attr> {
    let mut steps = path.iter();
    let Some(Step::Name(first)) = steps.next() else {
        return None;
    };
    steps.try_fold(item.get(first)?, |found, step| match (found, step) {
        (Attr::M(map), Step::Name(name)) => map.get(name),
        (Attr::L(list), Step::Index(index)) => list.get(*index),
        _ => None,
    })
}

fn value(operand: &Operand, item: &Item) -> Option<Attr> {
    match operand {
        Operand::Value(value) => Some(value.clone()),
        Operand::Path(path) => at(item, path).cloned(),
        Operand::Size(path) => {
            let size = match at(item, path)? {
                Attr::S(text) => text.len(),
                Attr::B(bytes) => bytes.len(),
                Attr::L(list) => list.len(),
                Attr::M(map) => map.len(),
                Attr::Ss(set) => set.len(),
                Attr::Ns(set) => set.len(),
                Attr::Bs(set) => set.len(),
                Attr::N(_) | Attr::Bool(_) | Attr::Null => return None,
            };
            Number::parse(&size.to_string()).ok().map(Attr::N)
        }
    }
}

fn compare(comparator: Comparator, left: &Option<Attr>, right: &Option<Attr>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        // An attribute that is not there differs from every value, and compares with none.
        return comparator == Comparator::NotEqual;
    };
    let order = match (left, right) {
        (Attr::S(left), Attr::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Attr::N(left), Attr::N(right)) => Some(left.cmp(right)),
        (Attr::B(left), Attr::B(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match comparator {
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
        Comparator::Less => order == Some(Ordering::Less),
        Comparator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparator::Greater => order == Some(Ordering::Greater),
        Comparator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn contains(whole: Option<Attr>, part: Option<Attr>) -> bool {
    match (whole, part) {
        (Some(Attr::S(whole)), Some(Attr::S(part))) => whole.contains(&part),
        (Some(Attr::L(list)), Some(part)) => list.contains(&part),
        (Some(Attr::Ss(set)), Some(Attr::S(part))) => set.contains(&part),
        (Some(Attr::Ns(set)), Some(Attr::N(part))) => set.contains(&part),
        (Some(Attr::Bs(set)), Some(Attr::B(part))) => set.contains(&part),
        _ => false,
    }
}

fn term_value(term: &Term, item: &Item) -> Result<Attr, ServiceError> {
    let number = |term: &Term| match term_value(term, item)? {
        Attr::N(number) => Ok(number),
        other => {
            Err(validation(format!("An operand in the update expression has an incorrect data type: {}", other.kind())))
        }
    };
    match term {
        Term::Operand(operand) => value(operand, item).ok_or_else(|| {
            validation("The provided expression refers to an attribute that does not exist in the item")
        }),
        Term::IfNotExists(path, otherwise) => match at(item, path) {
            Some(found) => Ok(found.clone()),
            None => term_value(otherwise, item),
        },
        Term::ListAppend(first, second) => match (term_value(first, item)?, term_value(second, item)?) {
            (Attr::L(mut first), Attr::L(second)) => {
                first.extend(second);
                Ok(Attr::L(first))
            }
            _ => Err(validation("An operand in the update expression has an incorrect data type")),
        },
        Term::Plus(left, right) => number(left)?.plus(&number(right)?).map(Attr::N).map_err(validation),
        Term::Minus(left, right) => number(left)?.plus(&number(right)?.negated()).map(Attr::N).map_err(validation),
    }
}

fn invalid_path() -> ServiceError {
    validation("The document path provided in the update expression is invalid for update")
}

fn parent<'a>(item: &'a mut Item, path: &Path) -> Result<Option<&'a mut Attr>, ServiceError> {
    let Some((Step::Name(first), inner)) = path.split_first() else {
        return Err(invalid_path());
    };
    let Some((_, between)) = inner.split_last() else {
        return Ok(None);
    };
    let mut found = item.get_mut(first).ok_or_else(invalid_path)?;
    for step in between {
        let next = match (found, step) {
            (Attr::M(map), Step::Name(name)) => map.get_mut(name),
            (Attr::L(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        };
        found = next.ok_or_else(invalid_path)?;
    }
    Ok(Some(found))
}

fn set(item: &mut Item, path: &Path, value: Attr) -> Result<(), ServiceError> {
    match (parent(item, path)?, path.last()) {
        (None, Some(Step::Name(name))) => drop(item.insert(name.clone(), value)),
        (Some(Attr::M(map)), Some(Step::Name(name))) => drop(map.insert(name.clone(), value)),
        (Some(Attr::L(list)), Some(Step::Index(index))) => match list.get_mut(*index) {
            Some(slot) => *slot = value,
            None => list.push(value),
        },
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<(), ServiceError> {
    match (parent(item, path)?, path.last()) {
        (None, Some(Step::Name(name))) => drop(item.remove(name)),
        (Some(Attr::M(map)), Some(Step::Name(name))) => drop(map.remove(name)),
        (Some(Attr::L(list)), Some(Step::Index(index))) if *index < list.len() => drop(list.remove(*index)),
        (Some(Attr::L(_)), Some(Step::Index(_))) => {}
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn last_index(path: &Path) -> usize {
    match path.last() {
        Some(Step::Index(index)) => *index,
        _ => 0,
    }
}
