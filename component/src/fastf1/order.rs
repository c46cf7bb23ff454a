//! Puts rows in order without a sort's code for each kind of row: `slice::sort_by` makes 6 KB of each.

use std::cmp::Ordering;

/// Sorts as `slice::sort_by` does.
pub fn sort_stable<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let order = stable_order(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    arrange(items, &order);
}

/// Moves the items so that the one at `order[0]` comes first, and so on. `order` holds each index once.
pub fn arrange<T>(items: &mut [T], order: &[usize]) {
    for (to, &from) in order.iter().enumerate() {
        let mut from = from;
        // What stood before `to` has been swapped on to where its own place's element came from.
        while from < to {
            from = order.get(from).copied().unwrap_or(to);
        }
        items.swap(to, from);
    }
}

fn stable_order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_whatever_comes() {
        for len in 0..200u64 {
            for spread in [1, 2, 7, 1000] {
                let keys =
                    (0..len).map(|i| i.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23) % spread);
                let mut pairs: Vec<(u64, usize)> = keys.zip(0..).collect();
                sort_stable(&mut pairs, |(a, _), (b, _)| a.cmp(b));
                assert!(pairs.is_sorted(), "{pairs:?}");
                assert_eq!(pairs.len() as u64, len);
            }
        }
    }
}
