//! Answers: those that a proxy gives by itself, and what it does to a server's.

/// What a server or something before it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    InternalError,
    SlowDown,
    /// 429 with so many seconds of `Retry-After`, or without.
    TooManyRequests(Option<u64>),
    /// A page of a load balancer, with this status.
    Html(u16),
    /// Status 200, and the error in the body.
    ErrorIn200(&'static str),
}

impl Answer {
    /// On the wire.
    pub fn bytes(self, is_head: bool) -> Vec<u8> {
        let error = |code: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>{code}</Code><Message>m</Message></Error>"
            )
        };
        let (status, header, body) = match self {
            Answer::InternalError => (500, String::new(), error("InternalError")),
            Answer::SlowDown => (503, String::new(), error("SlowDown")),
            Answer::TooManyRequests(after) => {
                let header = after.map(|seconds| format!("retry-after: {seconds}\r\n"));
                (429, header.unwrap_or_default(), error("TooManyRequests"))
            }
            Answer::Html(status) => {
                (status, "content-type: text/html\r\n".into(), "<html>Bad gateway<br></html>".into())
            }
            Answer::ErrorIn200(code) => (200, String::new(), error(code)),
        };
        let body = if is_head { String::new() } else { body };
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\n{header}content-length: {length}\r\n\r\n{body}").into_bytes()
    }
}

/// So much of it, and never all.
pub fn cut(bytes: &[u8], permille: usize) -> &[u8] {
    &bytes[..(bytes.len() * permille / 1000).min(bytes.len().saturating_sub(1))]
}

/// The server was asked to close its side; the proxy keeps the client's.
pub fn kept_alive(answer: Vec<u8>) -> Vec<u8> {
    without(answer, &["connection:"])
}

/// An answer that ends where the connection ends, cut there.
pub fn unframed(answer: &[u8], permille: usize) -> Vec<u8> {
    let framed = body_begin(answer);
    let body = cut(&answer[framed..], permille);
    let is_chunked =
        head_lines(answer).any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding:"));
    // The frames of a chunked body would show; cut it away whole.
    let body = if is_chunked { &[] } else { body };
    [&without(answer[..framed].to_vec(), &["content-length:", "transfer-encoding:"])[..], body].concat()
}

fn body_begin(answer: &[u8]) -> usize {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |end| end + 4)
}

fn head_lines(answer: &[u8]) -> impl Iterator<Item = String> {
    let head = String::from_utf8_lossy(&answer[..body_begin(answer)]).into_owned();
    head.split_inclusive("\r\n").map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// An answer without these headers.
fn without(answer: Vec<u8>, headers: &[&str]) -> Vec<u8> {
    let is_other = |line: &String| {
        let line = line.to_ascii_lowercase();
        !headers.iter().any(|header| line.starts_with(header))
    };
    let head: String = head_lines(&answer).filter(is_other).collect();
    [head.as_bytes(), &answer[body_begin(&answer)..]].concat()
}
