//! AWS's configuration files as botocore reads them: Python's `configparser.RawConfigParser`, and botocore's settings
//! below a setting. <https://docs.python.org/3.11/library/configparser.html>

use std::collections::BTreeMap;

/// What a setting holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    /// Indented settings below one that has no value of its own, such as `s3 =`.
    Nested(BTreeMap<String, String>),
}

/// Settings by name, which is in lower case.
pub type Section = BTreeMap<String, Setting>;

/// A line that cannot be read: its number, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub line: usize,
    pub why: String,
}

/// Settings that all sections have; a name of Python's.
const DEFAULTS: &str = "DEFAULT";

/// Where the lines of values are kept while a file is read: section, setting, lines.
type Lines = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Reads a file's text into its sections.
pub fn sections(text: &str) -> Result<BTreeMap<String, Section>, Unreadable> {
    let mut lines = lines(text)?;
    let defaults = lines.remove(DEFAULTS).unwrap_or_default();
    let section = |(name, own): (String, BTreeMap<String, Vec<String>>)| {
        let mut all = defaults.clone();
        all.extend(own);
        let settings = all.into_iter().map(|(name, lines)| Ok((name, setting(&lines)?)));
        Ok((name, settings.collect::<Result<Section, Unreadable>>()?))
    };
    lines.into_iter().map(section).collect()
}

/// Python's `RawConfigParser._read`: a line that is indented more than its setting goes on with the value.
fn lines(text: &str) -> Result<Lines, Unreadable> {
    let mut sections = Lines::new();
    let mut section: Option<String> = None;
    let mut setting: Option<String> = None;
    let mut indent = 0;
    for (number, line) in universal_lines(text).enumerate() {
        let unreadable = |why: String| Unreadable { line: number + 1, why };
        let value = line.trim_matches(is_space);
        let is_comment = value.starts_with(['#', ';']);
        let open = |section: &Option<String>, setting: &Option<String>| section.clone().zip(setting.clone());
        let value = if is_comment { "" } else { value };
        if value.is_empty() {
            // An empty line is one of the value, until something else begins.
            if let Some((section, setting)) = open(&section, &setting).filter(|_| !is_comment) {
                sections.entry(section).or_default().entry(setting).or_default().push(String::new());
            }
            continue;
        }
        let here = line.chars().take_while(|c| is_space(*c)).count();
        if let Some((section, setting)) = open(&section, &setting).filter(|_| here > indent) {
            sections.entry(section).or_default().entry(setting).or_default().push(value.to_owned());
            continue;
        }
        indent = here;
        if let Some(name) = header(value) {
            if name != DEFAULTS && sections.contains_key(name) {
                return Err(unreadable(format!("the section [{name}] stands here again")));
            }
            sections.entry(name.to_owned()).or_default();
            (section, setting) = (Some(name.to_owned()), None);
            continue;
        }
        let Some(section) = &section else {
            return Err(unreadable("a setting stands before the first [section]".into()));
        };
        let Some((name, value)) = value.split_once(['=', ':']).filter(|(name, _)| !name.is_empty()) else {
            return Err(unreadable("this is neither a [section] nor NAME = VALUE".into()));
        };
        let name = name.trim_end_matches(is_space).to_lowercase();
        let settings = sections.entry(section.clone()).or_default();
        if settings.contains_key(&name) {
            return Err(unreadable(format!("{name} stands in [{section}] again")));
        }
        settings.insert(name.clone(), vec![value.trim_matches(is_space).to_owned()]);
        setting = Some(name);
    }
    Ok(sections)
}

/// The name in `[name]`; what follows the last bracket does not matter.
fn header(value: &str) -> Option<&str> {
    let end = value.rfind(']')?;
    value.get(1..end).filter(|name| value.starts_with('[') && !name.is_empty())
}

/// A value of several lines is one of settings if its first line is empty.
fn setting(lines: &[String]) -> Result<Setting, Unreadable> {
    let text = lines.join("\n");
    let text = text.trim_end_matches(is_space);
    if !text.starts_with('\n') {
        return Ok(Setting::Text(text.to_owned()));
    }
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').ok_or_else(|| Unreadable {
            line: 0,
            why: format!("{:?} is below another setting, and not NAME = VALUE", line.trim_matches(is_space)),
        })?;
        Ok((name.trim_matches(is_space).to_owned(), value.trim_matches(is_space).to_owned()))
    };
    let lines = text.split('\n').filter(|line| !line.trim_matches(is_space).is_empty());
    Ok(Setting::Nested(lines.map(pair).collect::<Result<_, _>>()?))
}

/// Lines as Python's text files have them: they end with `\n`, `\r\n` or `\r`.
fn universal_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// What Python's `str.strip` takes off: white space, and the four separators of information.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sections: &BTreeMap<String, Section>, section: &str, name: &str) -> Option<String> {
        match sections.get(section)?.get(name)? {
            Setting::Text(text) => Some(text.clone()),
            Setting::Nested(_) => None,
        }
    }

    #[test]
    fn indentation_colons_and_comments_are_read_as_python_reads_them() {
        let file = "# a comment\n[profile other]\n  Region : eu-west-1\n\n[default]\nregion = eu-west-3 ; kept\n\
            s3 =\n  addressing_style = path\n  max_concurrent_requests=2\nlong = one\n  two\n";
        let sections = sections(file).unwrap();
        assert_eq!(text(&sections, "profile other", "region").as_deref(), Some("eu-west-1"));
        assert_eq!(text(&sections, "default", "region").as_deref(), Some("eu-west-3 ; kept"));
        assert_eq!(text(&sections, "default", "long").as_deref(), Some("one\ntwo"));
        let Some(Setting::Nested(s3)) = sections["default"].get("s3") else { panic!("{sections:?}") };
        assert_eq!(s3["addressing_style"], "path");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (file, line, why) in [
            ("region = x\n", 1, "before the first"),
            ("[default]\nregion\n", 2, "neither"),
            ("[a]\nx=1\n[b]\n[a]\n", 4, "[a] stands here again"),
            ("[a]\nx=1\nX = 2\n", 3, "x stands in [a] again"),
            ("\u{feff}[default]\n", 1, "before the first"),
        ] {
            let error = sections(file).unwrap_err();
            assert_eq!(error.line, line, "{file:?}: {error:?}");
            assert!(error.why.contains(why), "{file:?}: {error:?}");
        }
    }
}
