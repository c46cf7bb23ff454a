//! Texts in a column of a table, as pandas casts them.

use super::table::Cell;

/// A cell of a text column before or after the cast to `str`.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Text {
    Is(String),
    /// Python's None.
    None,
    /// What pandas has if a row lacks the column.
    #[default]
    NaN,
}

impl Text {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Text::Is(text) => Some(text),
            Text::None | Text::NaN => None,
        }
    }

    /// `BaseDataFrame`'s cast to `str`: a column without any value is empty texts, and in others a missing
    /// value becomes its name.
    pub fn cast<'a>(column: impl Iterator<Item = &'a mut Text>) {
        let mut column: Vec<&mut Text> = column.collect();
        let empty = column.iter().all(|cell| cell.as_str().is_none());
        for cell in &mut column {
            let name = match cell {
                Text::Is(_) => continue,
                _ if empty => "",
                Text::None => "None",
                Text::NaN => "nan",
            };
            **cell = Text::Is(name.into());
        }
    }
}

impl From<Option<String>> for Text {
    fn from(text: Option<String>) -> Self {
        text.map_or(Text::None, Text::Is)
    }
}

impl<'a> From<&'a Text> for Cell<'a> {
    fn from(text: &'a Text) -> Self {
        text.as_str().into()
    }
}
