//! JSON as Python's `json` reads it, for the rare text that strict JSON is not: `NaN`, `Infinity`, numbers beyond a
//! float's range, halves of surrogate pairs, deep nesting.

use std::borrow::Cow;

use super::Node;

/// How deep lists and objects may lie in each other: about as deep as Python lets them.
const DEEPEST: usize = 900;

/// What Python reads where a text holds half of a surrogate pair, as far as a Rust text can hold it.
const HALF: char = char::REPLACEMENT_CHARACTER;

/// Appends the nodes of a text. None if Python cannot read it either; then some nodes may have been appended.
pub fn append<'a>(text: &'a str, nodes: &mut Vec<Node<'a>>) -> Option<()> {
    let mut reader = Reader { text, at: 0, nodes };
    reader.value(0)?;
    reader.skip_blanks();
    (reader.at == text.len()).then_some(())
}

struct Reader<'n, 'a> {
    text: &'a str,
    at: usize,
    nodes: &'n mut Vec<Node<'a>>,
}

/// Words that stand for a value; the last three are Python's own.
const WORDS: &[(&str, Node<'static>)] = &[
    ("null", Node::Null),
    ("true", Node::Bool(true)),
    ("false", Node::Bool(false)),
    ("NaN", Node::Float(f64::NAN)),
    ("Infinity", Node::Float(f64::INFINITY)),
    ("-Infinity", Node::Float(f64::NEG_INFINITY)),
];

impl<'a> Reader<'_, 'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over a byte, and over the blanks around it, if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        self.skip_blanks();
        comes
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.skip_blanks();
        match self.peek()? {
            _ if depth > DEEPEST => None,
            b'{' => self.inside(Node::Object, b'}', |reader| {
                let key = reader.string()?;
                reader.nodes.push(Node::Text(key));
                reader.takes(b':').then_some(())?;
                reader.value(depth + 1)
            }),
            b'[' => self.inside(Node::List, b']', |reader| reader.value(depth + 1)),
            b'"' => {
                let text = self.string()?;
                self.nodes.push(Node::Text(text));
                Some(())
            }
            _ => self.word().or_else(|| self.number()),
        }
    }

    /// A list or an object, whose parts have commas between them.
    fn inside(
        &mut self,
        node: fn(usize) -> Node<'a>,
        end: u8,
        mut part: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let place = self.nodes.len();
        self.nodes.push(node(1));
        self.at += 1;
        self.skip_blanks();
        if !self.takes(end) {
            loop {
                part(self)?;
                if self.takes(end) {
                    break;
                }
                self.takes(b',').then_some(())?;
            }
        }
        let length = self.nodes.len() - place;
        *self.nodes.get_mut(place)? = node(length);
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let (word, node) = WORDS.iter().find(|(word, _)| self.rest().starts_with(word))?;
        self.at += word.len();
        self.nodes.push(node.clone());
        Some(())
    }

    /// `(-?(?:0|[1-9]\d*))(\.\d+)?([eE][-+]?\d+)?`, Python's pattern.
    fn number(&mut self) -> Option<()> {
        let rest = self.rest();
        let digits = |from: usize| {
            let digits = rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
            (digits > 0).then_some(from + digits)
        };
        let sign = usize::from(rest.starts_with('-'));
        let whole = match rest.as_bytes().get(sign) {
            Some(b'0') => sign + 1,
            _ => digits(sign)?,
        };
        let point = rest.as_bytes().get(whole) == Some(&b'.');
        let fraction = if point { digits(whole + 1).unwrap_or(whole) } else { whole };
        let exponent = match rest.as_bytes().get(fraction) {
            Some(b'e' | b'E') => {
                let signed = matches!(rest.as_bytes().get(fraction + 1), Some(b'-' | b'+'));
                digits(fraction + 1 + usize::from(signed)).unwrap_or(fraction)
            }
            _ => fraction,
        };
        let number = rest.get(..exponent)?;
        let int = if exponent == whole { number.parse().ok().map(Node::Int) } else { None };
        self.nodes.push(int.or_else(|| number.parse().ok().map(Node::Float))?);
        self.at += exponent;
        Some(())
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        (self.peek() == Some(b'"')).then_some(())?;
        self.at += 1;
        let mut decoded = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            let (text, after) = rest.split_at_checked(plain)?;
            self.at += plain + 1;
            match after.as_bytes().first()? {
                b'"' if decoded.is_empty() => return Some(Cow::Borrowed(text)),
                b'"' => return Some(Cow::Owned(decoded + text)),
                b'\\' => {
                    decoded.push_str(text);
                    decoded.push(self.escape()?);
                }
                _ => return None,
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<char> {
        let escape = self.peek()?;
        self.at += 1;
        Some(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let behind = self.at;
                let second = match self.rest().strip_prefix("\\u") {
                    Some(_) if (0xd800..0xdc00).contains(&unit) => {
                        self.at += 2;
                        self.unit()
                    }
                    _ => None,
                };
                let pair = second.and_then(|second| char::decode_utf16([unit, second]).next()?.ok());
                pair.unwrap_or_else(|| {
                    self.at = behind;
                    char::from_u32(u32::from(unit)).unwrap_or(HALF)
                })
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Node<'_>>> {
        let mut nodes = Vec::new();
        append(text, &mut nodes).map(|()| nodes)
    }

    #[test]
    fn what_python_reads_beyond_json_is_read() {
        let nodes = read(r#" {"a": [NaN, -Infinity ,1e999], "b":"\ud83d", "c" : Infinity} "#).unwrap();
        assert!(matches!(nodes[..3], [Node::Object(10), Node::Text(_), Node::List(4)]), "{nodes:?}");
        assert!(matches!(nodes[3], Node::Float(number) if number.is_nan()));
        assert_eq!(nodes[4..6], [Node::Float(f64::NEG_INFINITY), Node::Float(f64::INFINITY)]);
        assert_eq!(nodes[7], Node::Text("\u{fffd}".into()));
        assert_eq!(nodes[9], Node::Float(f64::INFINITY));
    }

    #[test]
    fn halves_of_pairs_leave_what_stands_beside_them() {
        for (text, expected) in [
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""a\ud83db""#, "a\u{fffd}b"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        ] {
            assert_eq!(read(text), Some(vec![Node::Text(expected.into())]), "{text}");
        }
    }

    #[test]
    fn what_python_does_not_read_is_not_read() {
        for text in [
            "",
            "nan",
            "inf",
            "+1",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud8\"",
            "\"",
            "[",
            "[1 2]",
            "NaN1",
            "{\"a\"}",
            "-NaN",
            "'a'",
            "\"\\u+123\"",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(read(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).is_none());
        assert!(read(&format!("{}{}", "[".repeat(500), "]".repeat(500))).is_some());
    }
}
