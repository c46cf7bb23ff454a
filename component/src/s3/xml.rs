//! The little XML that S3 speaks.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Every element in the order of its start tag, and the text directly in it. What is no XML, or is cut short, has
/// none.
pub fn elements(xml: &[u8]) -> Vec<(String, String)> {
    let mut elements: Vec<(String, String)> = Vec::new();
    let mut reader = Reader::from_reader(xml);
    let mut buffer = Vec::new();
    let mut is_open = false;
    let mut depth = 0;
    while let Ok(event) = reader.read_event_into(&mut buffer) {
        let text = match event {
            Event::Start(start) => {
                is_open = true;
                depth += 1;
                elements.push((start.local_name().as_ref().to_owned(), String::new()));
                continue;
            }
            Event::End(_) => {
                is_open = false;
                depth -= 1;
                continue;
            }
            Event::Text(text) => text.to_string(),
            Event::GeneralRef(reference) => unescaped(&reference).to_owned(),
            Event::Eof if depth == 0 => return elements,
            Event::Eof => break,
            _ => continue,
        };
        if let Some((_, element)) = elements.last_mut().filter(|_| is_open) {
            element.push_str(&text);
        }
        buffer.clear();
    }
    Vec::new()
}

/// XML's five own entities. S3 escapes a quote as `&quot;` and control characters by number, which none of our
/// keys holds.
fn unescaped(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "\u{fffd}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_in_order_with_the_text_directly_in_them() {
        let xml = b"<?xml version=\"1.0\"?><List xmlns=\"x\"><A>1 &amp; 2</A> <B><A>3</A></B><C/></List>";
        let pairs: Vec<(String, String)> = elements(xml);
        let expected = [("List", ""), ("A", "1 & 2"), ("B", ""), ("A", "3")];
        assert_eq!(pairs, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_is_no_whole_xml_has_no_elements() {
        let whole = b"<List><A>1</A><B></B></List>";
        for cut in 0..whole.len() {
            assert_eq!(elements(&whole[..cut]), [], "{cut}");
        }
        for body in [&b"upstream connect error"[..], b"<Error", b"\xff\xfe<", b"<html><br></html>"] {
            assert_eq!(elements(body), []);
        }
    }
}
