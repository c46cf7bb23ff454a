//! A real HTTP server on loopback that answers as a test tells it, and remembers what it was asked.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// An answer of Jolpica's that a run stores.
pub const RESULTS: &str = r#"{"MRData": {"total": "1", "RaceTable": {"Races": [{"round": "1"}]}}}"#;

/// What to do with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Declares the whole body's length, sends so many bytes of it, and closes.
    CutShort {
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        sent: usize,
    },
    /// Closes without an answer.
    Hangup,
    /// Accepts and never answers.
    Silence,
    /// Waits until the test opens the gate, then does the other.
    Held(Gate, Box<Reply>),
    /// Sends half of a body, and the rest when the test opens the gate.
    Halfway(Gate, Vec<u8>),
    /// Passes the request on, bytes untouched, and the answer back.
    Forward(SocketAddr),
    /// Passes the request on and closes without giving the answer back.
    ForwardAndHangup(SocketAddr),
    /// Sends these bytes.
    Raw(Vec<u8>),
    /// Whatever this makes of the request.
    By(Judge),
}

type Judgement = dyn Fn(&Asked) -> Reply + Send + Sync;

/// Decides how a request is answered.
#[derive(Clone)]
pub struct Judge(Arc<Judgement>);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// Closed, until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().expect("no test thread panicked") = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let closed = self.0.0.lock().expect("no test thread panicked");
        drop(self.0.1.wait_while(closed, |open| !*open));
    }
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply::Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub fn json(body: impl Into<Vec<u8>>) -> Reply {
        Reply::new(200, body).with("content-type", "application/json")
    }

    pub fn cut_short(body: impl Into<Vec<u8>>, sent: usize) -> Reply {
        Reply::CutShort { headers: Vec::new(), body: body.into(), sent }
    }

    pub fn by(judge: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Reply {
        Reply::By(Judge(Arc::new(judge)))
    }

    pub fn with(mut self, name: &str, value: &str) -> Reply {
        if let Reply::Answer { headers, .. } | Reply::CutShort { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub at: Instant,
    /// `GET /path HTTP/1.1`
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// All of it.
    pub(crate) raw: Vec<u8>,
}

/// The most requests that came within so long.
pub fn fullest(asked: &[Asked], window: Duration) -> usize {
    let mut times: Vec<Instant> = asked.iter().map(|asked| asked.at).collect();
    times.sort_unstable();
    let within = |(n, first): (usize, &Instant)| times.partition_point(|at| *at < *first + window) - n;
    times.iter().enumerate().map(within).max().unwrap_or_default()
}

impl Asked {
    /// The answer of the server at `address`.
    pub fn forward(&self, address: SocketAddr) -> Option<Vec<u8>> {
        forward(address, &self.raw)
    }

    pub(crate) fn read_body(&mut self, reader: &mut impl BufRead) -> Option<()> {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        self.body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut self.body).ok()?;
        self.raw.extend_from_slice(&self.body);
        Some(())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The server. Replies are used up in order; the last one stays.
pub struct Upstream {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    pub fn start(replies: impl IntoIterator<Item = Reply>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let log = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, replies) = (log.clone(), replies.clone());
                thread::spawn(move || serve(stream, &log, &replies));
            }
        });
        Upstream { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test thread panicked").clone()
    }
}

/// Answers one request and closes: what comes next is a new connection.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, replies: &Mutex<VecDeque<Reply>>) -> Option<()> {
    let asked = read(&mut stream)?;
    log.lock().ok()?.push(asked.clone());
    let reply = {
        let mut replies = replies.lock().ok()?;
        if replies.len() > 1 { replies.pop_front()? } else { replies.front()?.clone() }
    };
    carry_out(reply, &mut stream, &asked)
}

/// Answers a request.
pub fn carry_out(reply: Reply, stream: &mut impl Write, asked: &Asked) -> Option<()> {
    match reply {
        Reply::Answer { status, headers, body } => {
            stream.write_all(head(status, &headers, body.len()).as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        Reply::CutShort { headers, body, sent } => {
            stream.write_all(head(200, &headers, body.len()).as_bytes()).ok()?;
            stream.write_all(&body[..sent]).ok()
        }
        Reply::Hangup => Some(()),
        Reply::Silence => {
            thread::sleep(Duration::from_secs(3600));
            None
        }
        Reply::Held(gate, reply) => {
            gate.wait();
            carry_out(*reply, stream, asked)
        }
        Reply::Halfway(gate, body) => {
            let (first, rest) = body.split_at(body.len() / 2);
            stream.write_all(head(200, &[], body.len()).as_bytes()).ok()?;
            stream.write_all(first).ok()?;
            gate.wait();
            stream.write_all(rest).ok()
        }
        Reply::Forward(address) => stream.write_all(&asked.forward(address)?).ok(),
        Reply::ForwardAndHangup(address) => asked.forward(address).map(drop),
        Reply::Raw(answer) => stream.write_all(&answer).ok(),
        Reply::By(Judge(judge)) => carry_out(judge(asked), stream, asked),
    }
}

fn head(status: u16, headers: &[(String, String)], length: usize) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n")
}

/// Reads one request; what comes after it is lost.
pub fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut asked = read_head(&mut reader)?;
    asked.read_body(&mut reader)?;
    Some(asked)
}

/// A request up to its body.
pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<Asked> {
    let mut raw = Vec::new();
    let mut lines = Vec::new();
    loop {
        let start = raw.len();
        reader.read_until(b'\n', &mut raw).ok().filter(|n| *n > 0)?;
        let line = String::from_utf8_lossy(&raw[start..]).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let header =
        |line: &String| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
    let headers: Vec<_> = lines.iter().skip(1).filter_map(header).collect();
    Some(Asked { at: Instant::now(), line: lines.into_iter().next()?, headers, body: Vec::new(), raw })
}

/// The answer of the server at `address` to a request, which is asked to close its side after it.
pub(crate) fn forward(address: SocketAddr, raw: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    let line = raw.iter().position(|byte| *byte == b'\n')? + 1;
    let asked = [&raw[..line], b"connection: close\r\n", &raw[line..]].concat();
    // Who refuses a request need not read it to its end.
    let _ = stream.write_all(&asked);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Some(answer).filter(|answer| !answer.is_empty())
}
