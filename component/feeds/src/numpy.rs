//! The orders that pandas' `sort_values` gives by a single column, ties included: numpy's default sort is not
//! stable, and two drivers with the same time or position happen. (By several columns pandas sorts stably.)

use super::time::Timedelta;

/// Up to this length numpy sorts by insertion, which keeps equal keys in order.
const SMALL: usize = 16;

/// The most floats that numpy sorts by a network alone.
const NETWORK: usize = 256;

/// The rows of a column of times in ascending order, those without one last (pandas' `nargsort`).
pub fn order_of_spans(keys: &[Option<Timedelta>]) -> Vec<usize> {
    let (mut present, missing) = split(keys.iter().map(|key| key.map(|span| span.0)));
    quicksort(&mut present);
    rows(present, missing)
}

/// As [`order_of_spans`], of a column of floats. These numpy sorts by vector instructions of the processor: on
/// x86-64 with AVX2 or AVX-512, which put equal keys in the same order, as this does. (Without
/// either, it sorts floats as it sorts times.)
pub fn order_of_floats(keys: &[Option<f64>]) -> Vec<usize> {
    let (mut present, missing) = split(keys.iter().map(|key| key.filter(|number| !number.is_nan())));
    if present.len() <= NETWORK {
        bitonic_sort(&mut present);
    } else {
        // Nothing has so many rows; what numpy does then is another quicksort, not followed here.
        quicksort(&mut present);
    }
    rows(present, missing)
}

fn split<K>(keys: impl Iterator<Item = Option<K>>) -> (Vec<(K, usize)>, Vec<usize>) {
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for (row, key) in keys.enumerate() {
        match key {
            Some(key) => present.push((key, row)),
            None => missing.push(row),
        }
    }
    (present, missing)
}

fn rows<K>(present: Vec<(K, usize)>, missing: Vec<usize>) -> Vec<usize> {
    present.into_iter().map(|(_, row)| row).chain(missing).collect()
}

/// Sorts by the first of each pair as numpy's `aquicksort_` (npysort/quicksort.cpp) does. Its heap sort for what
/// its median of three halves badly is left out: telemetry comes in order, and tables are short.
pub(crate) fn quicksort<K: PartialOrd + Copy, T: Copy>(mut part: &mut [(K, T)]) {
    while part.len() > SMALL {
        let at = partition(part);
        let (left, right) = part.split_at_mut(at);
        let right = right.get_mut(1..).unwrap_or_default();
        // The shorter part by recursion, so that the depth stays logarithmic.
        let (short, long) = if left.len() < right.len() { (left, right) } else { (right, left) };
        quicksort(short);
        part = long;
    }
    for end in 1..part.len() {
        let mut place = end;
        while place > 0 && part[place].0 < part[place - 1].0 {
            part.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// Moves what is less than the median of first, middle and last before it; gives its place.
fn partition<K: PartialOrd + Copy, T: Copy>(part: &mut [(K, T)]) -> usize {
    let last = part.len() - 1;
    let middle = last / 2;
    for (left, right) in [(0, middle), (middle, last), (0, middle)] {
        if part[right].0 < part[left].0 {
            part.swap(left, right);
        }
    }
    let pivot = part[middle].0;
    part.swap(middle, last - 1);
    let (mut low, mut high) = (0, last - 1);
    loop {
        low += 1;
        while part[low].0 < pivot {
            low += 1;
        }
        high -= 1;
        while pivot < part[high].0 {
            high -= 1;
        }
        if low >= high {
            break;
        }
        part.swap(low, high);
    }
    part.swap(low, last - 1);
    low
}

/// Sorts by the first of each pair with a bitonic network, as `argsort_n` of x86-simd-sort, which numpy holds,
/// does. There the network's width is a power of two and infinity fills it up; as equal keys are never
/// swapped, what fills up never moves, and each comparison beyond the end can be left out.
fn bitonic_sort<K: PartialOrd + Copy>(pairs: &mut [(K, usize)]) {
    let length = pairs.len();
    let mut compare = |low: usize, high: usize| {
        if high < length && pairs[high].0 < pairs[low].0 {
            pairs.swap(low, high);
        }
    };
    let mut block = 2;
    while block < 2 * length {
        // Two sorted halves of a block: one against the other backwards, then ever nearer ones.
        for begin in (0..length).step_by(block) {
            for place in 0..block / 2 {
                compare(begin + place, begin + block - 1 - place);
            }
        }
        let mut distance = block / 4;
        while distance > 0 {
            for place in (0..length).filter(|place| place & distance == 0) {
                compare(place, place + distance);
            }
            distance /= 2;
        }
        block *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of keys, "-" for a missing one, and of the order in which pandas has them.
    fn check(table: &str, order: impl Fn(&[Option<i64>]) -> Vec<usize>) {
        for line in table.lines() {
            let (keys, rows) = line.split_once(" | ").expect("keys and rows");
            let keys: Vec<Option<i64>> = keys.split(' ').map(|key| key.parse().ok()).collect();
            let rows: Vec<usize> = rows.split(' ').map(|row| row.parse().expect("a row")).collect();
            assert_eq!(order(&keys), rows, "{line}");
        }
    }

    #[test]
    fn floats_come_in_the_order_that_pandas_gives() {
        check(include_str!("numpy/floats.txt"), |keys| {
            order_of_floats(&keys.iter().map(|key| key.map(|key| key as f64)).collect::<Vec<_>>())
        });
    }

    #[test]
    fn spans_come_in_the_order_that_pandas_gives() {
        check(include_str!("numpy/spans.txt"), |keys| {
            order_of_spans(&keys.iter().map(|key| key.map(Timedelta)).collect::<Vec<_>>())
        });
    }

    #[test]
    fn equal_elements_end_up_where_numpy_puts_them() {
        let keys =
            [0, 3, 0, 3, 2, 3, 2, 3, 2, 3, 3, 1, 3, 3, 1, 1, 1, 1, 2, 0].map(|key| Some(Timedelta(key)));
        let numpy = [0, 2, 19, 11, 17, 16, 15, 14, 4, 6, 8, 18, 13, 3, 1, 10, 7, 5, 12, 9];
        assert_eq!(order_of_spans(&keys), numpy);
        assert_eq!(
            order_of_spans(keys.get(..16).expect("sixteen")),
            [0, 2, 11, 14, 15, 4, 6, 8, 1, 3, 5, 7, 9, 10, 12, 13]
        );
        assert!(order_of_spans(&[]).is_empty());
    }

    #[test]
    fn sorts_whatever_comes() {
        for length in 0..300_u64 {
            for spread in [1, 2, 7, 1000] {
                let keys: Vec<i64> = (0..length)
                    .map(|i| i.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23) % spread)
                    .map(|key| key as i64)
                    .collect();
                let spans: Vec<_> = keys.iter().map(|key| Some(Timedelta(*key))).collect();
                let floats: Vec<_> = keys.iter().map(|key| Some(*key as f64)).collect();
                for order in [order_of_spans(&spans), order_of_floats(&floats)] {
                    let sorted: Vec<i64> = order.iter().map(|row| keys[*row]).collect();
                    assert!(sorted.is_sorted(), "{keys:?}");
                    let mut rows = order;
                    rows.sort_unstable();
                    assert!(rows.into_iter().eq(0..keys.len()));
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_comes_last() {
        assert_eq!(order_of_floats(&[None, Some(2.0), Some(f64::NAN), Some(1.0)]), [3, 1, 0, 2]);
    }
}
