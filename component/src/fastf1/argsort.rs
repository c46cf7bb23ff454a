//! The orders that pandas' sorts give: numpy's default one is not stable, and two drivers with the same time
//! happen; sorts by several columns are.

use std::cmp::Ordering;

/// Up to so many elements further, numpy sorts by insertion, which keeps equal ones in order.
const SMALL: usize = 15;

/// The indices of `keys` in ascending order, as `numpy.argsort` gives them (npysort/quicksort.cpp,
/// `aquicksort_`; its fallback for inputs made to be slow is left out).
pub fn argsort<K: PartialOrd>(keys: &[K]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    quicksort(&mut order, &|a, b| keys.get(a) < keys.get(b));
    order
}

/// Sorts as `slice::sort_by` does. That one makes 6 KB of code of each kind of element, this one once.
pub fn sort_stable<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let order = stable_order(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
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

fn quicksort(mut part: &mut [usize], less: &impl Fn(usize, usize) -> bool) {
    while part.len() > SMALL + 1 {
        let at = partition(part, less);
        let (left, right) = part.split_at_mut(at);
        let right = right.get_mut(1..).unwrap_or_default();
        // The smaller part by recursion, so that the depth stays logarithmic.
        let (smaller, larger) = if left.len() < right.len() { (left, right) } else { (right, left) };
        quicksort(smaller, less);
        part = larger;
    }
    for i in 1..part.len() {
        let mut j = i;
        while j > 0 && less(part[j], part[j - 1]) {
            part.swap(j, j - 1);
            j -= 1;
        }
    }
}

/// Moves what is less than the median of first, middle and last element before it; gives its place.
fn partition(part: &mut [usize], less: &impl Fn(usize, usize) -> bool) -> usize {
    let (last, middle) = (part.len() - 1, (part.len() - 1) / 2);
    for (a, b) in [(middle, 0), (last, middle), (middle, 0)] {
        if less(part[a], part[b]) {
            part.swap(a, b);
        }
    }
    let pivot = part[middle];
    let (mut i, mut j) = (0, last - 1);
    part.swap(middle, j);
    loop {
        i += 1;
        while less(part[i], pivot) {
            i += 1;
        }
        j -= 1;
        while less(pivot, part[j]) {
            j -= 1;
        }
        if i >= j {
            break;
        }
        part.swap(i, j);
    }
    part.swap(i, last - 1);
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_elements_end_up_where_numpy_puts_them() {
        let keys = [0, 3, 0, 3, 2, 3, 2, 3, 2, 3, 3, 1, 3, 3, 1, 1, 1, 1, 2, 0];
        let numpy = [0, 2, 19, 11, 17, 16, 15, 14, 4, 6, 8, 18, 13, 3, 1, 10, 7, 5, 12, 9];
        assert_eq!(argsort(&keys), numpy);
        assert_eq!(argsort(&keys[..16]), [0, 2, 11, 14, 15, 4, 6, 8, 1, 3, 5, 7, 9, 10, 12, 13]);
        assert!(argsort::<i64>(&[]).is_empty());
    }

    #[test]
    fn sorts_whatever_comes() {
        for len in 0..200u64 {
            for spread in [1, 2, 7, 1000] {
                let keys: Vec<u64> = (0..len)
                    .map(|i| i.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23) % spread)
                    .collect();
                let sorted: Vec<u64> = argsort(&keys).into_iter().map(|i| keys[i]).collect();
                assert!(sorted.is_sorted(), "{keys:?}");
                assert_eq!(sorted.len(), keys.len());

                let mut pairs: Vec<(u64, usize)> = keys.iter().copied().zip(0..).collect();
                sort_stable(&mut pairs, |(a, _), (b, _)| a.cmp(b));
                assert!(pairs.is_sorted(), "{pairs:?}");
            }
        }
    }
}
