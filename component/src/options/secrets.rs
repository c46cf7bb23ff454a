//! Keys as variables hold them: a secret that was made of a file ends with a line end.

use crate::error::{Error, Result};

const KEYS: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The variables, the keys among them without blanks around. Fails, with the variable's name, if a key holds what
/// none does.
pub fn checked<'a, V: Fn(&str) -> Option<String>>(
    variable: &'a V,
) -> Result<impl Fn(&str) -> Option<String> + use<'a, V>> {
    for name in KEYS {
        let Some(value) = variable(name) else { continue };
        let key = value.trim();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::usage(format!("{name} holds characters that no key has; copy it again")));
        }
    }
    Ok(|name: &str| match KEYS.contains(&name) {
        true => variable(name).map(|value| value.trim().to_owned()),
        false => variable(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_key_are_cut_and_others_are_refused_by_name() {
        for name in KEYS {
            for value in ["AKIA\n", "AKIA\r\n", " AKIA\t"] {
                let given = |asked: &str| (asked == *name).then(|| value.to_owned());
                assert_eq!(checked(&given).unwrap()(name).as_deref(), Some("AKIA"));
            }
            for value in ["AK\nIA", "\n", "AKÍA", "A\u{feff}"] {
                let given = |asked: &str| (asked == *name).then(|| value.to_owned());
                let Err(error) = checked(&given) else { panic!("{value:?}") };
                assert!(error.message.contains(name) && !error.message.contains(value), "{error}");
            }
        }
        let given = |_: &str| Some(" other ".to_owned());
        let other = |name: &str| (!KEYS.contains(&name)).then(|| given(name)).flatten();
        assert_eq!(checked(&other).unwrap()("F1_S3_BUCKET").as_deref(), Some(" other "));
    }
}
