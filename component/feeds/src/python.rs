//! The little of Python's conversions that FastF1's tables show through: `int()`, `float()`, truth.

use std::borrow::Cow;

/// `int(text)`: spaces around, one sign, single underscores between digits. None if Python raises
/// (and for numbers beyond 64 bits, which no feed holds).
pub fn int(text: &str) -> Option<i64> {
    // Nearly all are plain digits.
    if (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.bytes().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
    }
    digits(text.trim())?.parse().ok()
}

/// `float(text)`. None if Python raises.
pub fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rust and Python agree on the rest of the grammar; underscores must stand between digits.
    let plain = match text.contains('_') {
        true if underscores_are_between_digits(text) => Cow::Owned(text.replace('_', "")),
        true => return None,
        false => Cow::Borrowed(text),
    };
    plain.parse().ok()
}

/// `str(number)` of a float: always with a point or an exponent, which has a sign and two digits or more.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `list[index]`: a negative index counts from the end.
pub fn index<T>(list: &[T], index: i64) -> Option<&T> {
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    let index = if index < 0 { list.len().checked_sub(from_end)? } else { from_end };
    list.get(index)
}

/// The digits and the sign of an integer literal without its underscores.
fn digits(text: &str) -> Option<Cow<'_, str>> {
    match text.contains('_') {
        false => Some(Cow::Borrowed(text)),
        true => underscores_are_between_digits(text).then(|| Cow::Owned(text.replace('_', ""))),
    }
}

fn underscores_are_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| digit(at.checked_sub(1)) && digit(at.checked_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_as_python_does() {
        let ints = [("5", Some(5)), (" +07 ", Some(7)), ("-3", Some(-3)), ("1_000", Some(1000))];
        for (text, value) in ints {
            assert_eq!(int(text), value, "{text:?}");
        }
        for text in ["", "+", "1.0", "_1", "1_", "1__0", "+ 5", "0x10"] {
            assert_eq!(int(text), None, "{text:?}");
        }
        assert_eq!(float(" 1_0.5e1 "), Some(105.0));
        let texts =
            [(1e16, "1e+16"), (-2.5e-7, "-2.5e-07"), (1e-100, "1e-100"), (123.0, "123.0"), (1e-4, "0.0001")];
        for (number, text) in texts {
            assert_eq!(float_text(number), text);
        }
        assert_eq!(float("-inf"), Some(f64::NEG_INFINITY));
        assert!(float("nan").is_some_and(f64::is_nan));
        for text in ["", "1,5", "1_.5", "0x1p3"] {
            assert_eq!(float(text), None, "{text:?}");
        }
    }
}
