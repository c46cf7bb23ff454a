//! How FastF1 lines a driver up on the samples of the most complete one: pandas' outer merge on `Date` and
//! the sort after it, row for row.

use crate::numpy::quicksort;

/// Where a row of a lined-up table comes from: the index of one of the driver's own samples, or None for one
/// that the driver lacks.
pub type Origin = Option<u32>;

/// No date (pandas' NaT): a number above every date, because pandas sorts it last.
pub const NO_DATE: i64 = i64::MAX;

/// Rows a sample. Real feeds repeat hardly a date; if all were the same, each sample would meet each.
const MOST: usize = 64;

/// The rows of `own.merge(reference, how="outer").sort_values(by="Date")`: dates and where they come from.
/// Samples that share a date meet each with each, and no date is a date like any other. None if that makes
/// more rows than [`MOST`] times the samples.
pub fn outer_merge(own: &[i64], reference: &[i64]) -> Option<Vec<(i64, Origin)>> {
    let most = MOST * (own.len() + reference.len());
    let mut own: Vec<(i64, u32)> = own.iter().copied().zip(0..).collect();
    let mut reference: Vec<(i64, u32)> = reference.iter().copied().zip(0..).collect();
    // No two are equal, so both come in their order.
    own.sort_unstable();
    reference.sort_unstable();

    let mut rows = Vec::with_capacity(own.len().max(reference.len()));
    let mut others = reference.chunk_by(|a, b| a.0 == b.0).peekable();
    let date_of = |group: &[(i64, u32)]| group.first().map_or(NO_DATE, |(date, _)| *date);
    for group in own.chunk_by(|a, b| a.0 == b.0) {
        let date = date_of(group);
        while let Some(lacking) = others.next_if(|other| date_of(other) < date) {
            rows.extend(lacking.iter().map(|(date, _)| (*date, None)));
        }
        let times = others.next_if(|other| date_of(other) == date).map_or(1, <[_]>::len);
        if rows.len() + group.len() * times > most {
            return None;
        }
        for (date, index) in group {
            rows.extend(std::iter::repeat_n((*date, Some(*index)), times));
        }
    }
    rows.extend(others.flatten().map(|(date, _)| (*date, None)));

    let dated = rows.partition_point(|(date, _)| *date != NO_DATE);
    if let Some(dated) = rows.get_mut(..dated) {
        quicksort(dated);
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meets_each_with_each_and_keeps_no_date_last() {
        let rows = outer_merge(&[30, NO_DATE, 10, 30], &[30, 20, NO_DATE, 30, 40]);
        let own = |date, index| (date, Some(index));
        let rows = rows.expect("few rows");
        assert_eq!(rows[..2], [own(10, 2), (20, None)]);
        assert_eq!(rows[2..6], [own(30, 0), own(30, 0), own(30, 3), own(30, 3)]);
        assert_eq!(rows[6..], [(40, None), own(NO_DATE, 1)]);
    }

    /// `numpy.argsort` of the same dates.
    #[test]
    fn shuffles_equal_dates_as_numpy_does() {
        let dates = [0, 1, 1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 7, 7, 9, 9];
        let order = [0, 1, 2, 3, 4, 5, 8, 9, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
        let rows = outer_merge(&dates, &[]).expect("few rows");
        assert!(rows.iter().map(|(_, origin)| *origin).eq(order.map(Some)));
    }

    #[test]
    fn refuses_to_multiply_without_measure() {
        assert_eq!(outer_merge(&[7; 1000], &[7; 1001]), None);
    }
}
