//! NumPy's default sort, which pandas uses for one column. It is not stable: where two values are equal,
//! their order is the algorithm's, and it shows in the tables.

/// Up to this many values above the first a part is sorted by insertion.
const SMALL: usize = 15;

/// The order that sorts `values` (`ndarray.argsort()` of dates and time spans): a quicksort with the median
/// of three as pivot, as in NumPy's `aquicksort`.
pub fn argsort<T: Ord + Copy>(values: &[T]) -> Vec<usize> {
    let mut items: Vec<(T, usize)> = values.iter().copied().zip(0..).collect();
    quicksort(&mut items);
    items.into_iter().map(|(_, index)| index).collect()
}

fn quicksort<T: Ord + Copy>(mut items: &mut [(T, usize)]) {
    while items.len() > SMALL + 1 {
        let pivot = partition(items);
        let (left, right) = items.split_at_mut(pivot);
        let right = right.get_mut(1..).unwrap_or_default();
        // The larger part is left to the loop, so that the stack stays shallow.
        let (smaller, larger) = if left.len() < right.len() { (left, right) } else { (right, left) };
        quicksort(smaller);
        items = larger;
    }
    // An insertion sort is stable, and so is this one.
    items.sort_by_key(|(value, _)| *value);
}

/// Puts a pivot into its place, smaller values before and larger ones behind it; returns its index.
fn partition<T: Ord + Copy>(items: &mut [(T, usize)]) -> usize {
    let last = items.len() - 1;
    let middle = last / 2;
    for (low, high) in [(0, middle), (middle, last), (0, middle)] {
        if items[high].0 < items[low].0 {
            items.swap(low, high);
        }
    }
    let pivot = items[middle].0;
    items.swap(middle, last - 1);
    let (mut up, mut down) = (0, last - 1);
    loop {
        // The first value is not above the pivot and the last not below it: both searches end.
        up += 1;
        while items[up].0 < pivot {
            up += 1;
        }
        down -= 1;
        while pivot < items[down].0 {
            down -= 1;
        }
        if up >= down {
            break;
        }
        items.swap(up, down);
    }
    items.swap(up, last - 1);
    up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_equal_values_as_numpy_does() {
        // numpy.argsort(numpy.array([...]).astype("m8[ns]")), NumPy 2.4.6
        let values = [2, 2, 3, 7, 0, 7, 7, 4, 2, 2, 7, 2, 1, 0, 2, 4, 7];
        assert_eq!(argsort(&values), [13, 4, 12, 0, 14, 11, 9, 8, 1, 2, 15, 7, 6, 10, 5, 3, 16]);
        assert_eq!(argsort(&[3, 1, 3, 1]), [1, 3, 0, 2]);
        assert_eq!(argsort::<i64>(&[]), [0; 0]);
    }

    #[test]
    fn sorts_any_length() {
        for length in 0..200_u64 {
            let values: Vec<u64> = (0..length).map(|at| at * 7919 % (length / 3 + 1)).collect();
            let order = argsort(&values);
            assert!(order.windows(2).all(|pair| values[pair[0]] <= values[pair[1]]), "{length}");
        }
    }
}
