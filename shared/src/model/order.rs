//! Putting things in order. What is ordered are places in a list, so one sorter in machine code serves lists of every kind: each kind's own
//! takes six kilobytes.

use std::cmp::Ordering;

/// Puts items in the order of their keys. Items of equal keys stay as they were.
pub fn by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    by(items, |a, b| key(a).cmp(&key(b)));
}

/// Puts items in the order that `compare` says. Equal items stay as they were.
pub fn by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let places = places(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut old: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(places.into_iter().filter_map(|place| old.get_mut(place)?.take()));
}

/// The places from 0 to `many`, in order.
#[inline(never)]
fn places(many: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..many).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_stays_and_equal_items_keep_their_order() {
        let mut items: Vec<(u32, usize)> = (0..500).map(|at| ((at as u32 * 7_919) % 13, at)).collect();
        let mut wanted = items.clone();
        wanted.sort_by_key(|(key, _)| *key);
        by_key(&mut items, |(key, _)| *key);
        assert_eq!(items, wanted);
        by(&mut items, |a, b| b.cmp(a));
        wanted.sort_by(|a, b| b.cmp(a));
        assert_eq!(items, wanted);
        let mut none: Vec<String> = Vec::new();
        by_key(&mut none, Clone::clone);
        assert!(none.is_empty());
    }
}
