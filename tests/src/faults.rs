//! A proxy between a run and its S3 server that does to requests what networks, middleboxes and busy servers do.

pub mod answer;
pub mod objects;
pub mod plan;
pub mod run;
pub mod verdict;

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::upstream::{forward, read_head};
use answer::{Answer, cut, kept_alive, unframed};
use plan::{Operation, Rules};

/// Longer than a client waits for an answer.
const TOO_LATE: Duration = Duration::from_secs(45);

/// What happens to one request. Permille count from the begin of what is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered after so many milliseconds.
    Delay(u64),
    /// The connection is reset before anything is done.
    Reset,
    /// The connection is closed after the answer, though the answer does not say so.
    CloseAfter,
    /// The server gets so much of the request, and then a closed connection; so does the client.
    CutRequest(usize),
    /// The server gets a body with one byte changed.
    Damage,
    /// Answered by the proxy, without having read the body.
    Early(Answer),
    /// Answered by the proxy, and nothing is done.
    Instead(Answer),
    /// Done by the server, but the proxy answers this.
    DoneBut(Answer),
    /// Done by the server, but the connection is reset.
    Lost,
    /// The server gets it whole and then a closed connection, as the client does: nobody waits for the answer.
    Abandoned,
    /// Done by the server, and the client gets so much of the answer.
    CutAnswer(usize),
    /// As `CutAnswer`, of the body, in an answer that does not say how long it is.
    CutUnframed(usize),
    /// The server gets it twice, one after the other or both at once, and the client one of the answers.
    Twice { at_once: bool, second: bool },
    /// Nothing is done, nothing is said.
    Silence,
    /// As `Silence`, and the body is not even read.
    Stuck,
    /// Done after so many seconds; the answer comes when the client has gone.
    Late(u64),
}

/// A request that came, and what was done to it.
#[derive(Debug, Clone)]
pub struct Met {
    pub at: Instant,
    /// `GET /path HTTP/1.1`
    pub line: String,
    pub operation: Operation,
    pub fault: Option<Fault>,
}

/// The proxy of one run.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    rules: Mutex<Rules>,
    met: Mutex<Vec<Met>>,
    under_way: AtomicUsize,
    is_over: AtomicBool,
}

impl Proxy {
    pub fn start(server: SocketAddr, rules: Rules) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Shared {
            server,
            rules: Mutex::new(rules),
            met: Mutex::default(),
            under_way: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        };
        let shared = Arc::new(shared);
        let serving = shared.clone();
        thread::spawn(move || {
            let goes_on = |_: &TcpStream| !serving.is_over.load(Ordering::SeqCst);
            for stream in listener.incoming().flatten().take_while(goes_on) {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        Proxy { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came, once nothing is under way to the server any more.
    pub fn settled(&self) -> Vec<Met> {
        while self.shared.under_way.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(5));
        }
        self.shared.met.lock().expect("no proxy thread panicked").clone()
    }
}

impl Drop for Proxy {
    /// Thousands of them would be too many sockets.
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Answers the requests of one connection until one side ends it.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
        while let Some(mut asked) = read_head(&mut reader) {
            let _under_way = UnderWay::new(&self.under_way);
            let operation = Operation::of(&asked);
            let fault = self.rules.lock().ok()?.next(operation);
            let line = asked.line.clone();
            self.met.lock().ok()?.push(Met { at: Instant::now(), line, operation, fault });
            let is_head = operation == Operation::Head;
            match fault {
                Some(Fault::Early(answer)) => {
                    writer.write_all(&answer.bytes(is_head)).ok()?;
                    return stream.shutdown(Shutdown::Both).ok();
                }
                Some(Fault::Stuck) => {
                    thread::sleep(TOO_LATE);
                    return None;
                }
                _ => {}
            }
            let begin_of_body = asked.raw.len();
            asked.read_body(&mut reader)?;
            match self.carry_out(fault, &asked.raw, begin_of_body, is_head, &stream) {
                After::Answer(bytes) => writer.write_all(&bytes).ok()?,
                After::AnswerAndClose(bytes) => {
                    writer.write_all(&bytes).ok()?;
                    return stream.shutdown(Shutdown::Both).ok();
                }
                After::Reset => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok(),
            }
        }
        None
    }

    fn carry_out(
        &self,
        fault: Option<Fault>,
        raw: &[u8],
        begin_of_body: usize,
        is_head: bool,
        client: &TcpStream,
    ) -> After {
        let done = || forward(self.server, raw).map(kept_alive);
        let or_reset = |answer: Option<Vec<u8>>| answer.map_or(After::Reset, After::Answer);
        match fault {
            None => or_reset(done()),
            Some(Fault::Delay(milliseconds)) => {
                thread::sleep(Duration::from_millis(milliseconds));
                or_reset(done())
            }
            Some(Fault::Reset | Fault::Early(_) | Fault::Stuck) => After::Reset,
            Some(Fault::CloseAfter) => done().map_or(After::Reset, After::AnswerAndClose),
            Some(Fault::CutRequest(permille)) => self.hang_up(cut(raw, permille)),
            Some(Fault::Abandoned) => self.hang_up(raw),
            Some(Fault::Damage) => {
                let mut damaged = raw.to_vec();
                match damaged.get_mut(begin_of_body..).and_then(<[u8]>::first_mut) {
                    Some(byte) => *byte ^= 1,
                    None => return or_reset(done()),
                }
                or_reset(forward(self.server, &damaged).map(kept_alive))
            }
            Some(Fault::Instead(answer)) => After::Answer(answer.bytes(is_head)),
            Some(Fault::DoneBut(answer)) => or_reset(done().map(|_| answer.bytes(is_head))),
            Some(Fault::Lost) => {
                done();
                After::Reset
            }
            Some(Fault::CutAnswer(permille)) => {
                done().map_or(After::Reset, |answer| After::AnswerAndClose(cut(&answer, permille).to_vec()))
            }
            Some(Fault::CutUnframed(permille)) => {
                done().map_or(After::Reset, |answer| After::AnswerAndClose(unframed(&answer, permille)))
            }
            Some(Fault::Twice { at_once: false, second }) => {
                let answers = [done(), done()];
                or_reset(answers[usize::from(second)].clone())
            }
            Some(Fault::Twice { at_once: true, second }) => thread::scope(|scope| {
                let other = scope.spawn(done);
                let answers = [done(), other.join().expect("no proxy thread panicked")];
                or_reset(answers[usize::from(second)].clone())
            }),
            Some(Fault::Silence) => {
                wait_for_the_end_of(client, TOO_LATE);
                After::Reset
            }
            Some(Fault::Late(seconds)) => {
                thread::sleep(Duration::from_secs(seconds));
                let answer = done();
                wait_for_the_end_of(client, TOO_LATE.saturating_sub(Duration::from_secs(seconds)));
                or_reset(answer)
            }
        }
    }

    /// Sends so much of a request, and closes both connections.
    fn hang_up(&self, sent: &[u8]) -> After {
        if let Ok(mut server) = TcpStream::connect(self.server) {
            let _ = server.write_all(sent);
            let _ = server.shutdown(Shutdown::Both);
        }
        After::AnswerAndClose(Vec::new())
    }
}

/// What the client gets.
enum After {
    Answer(Vec<u8>),
    AnswerAndClose(Vec<u8>),
    Reset,
}

/// Counts a request for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the client closes its side, at most so long.
fn wait_for_the_end_of(mut client: &TcpStream, patience: Duration) {
    let _ = client.set_read_timeout(Some(patience.max(Duration::from_millis(1))));
    let _ = client.read(&mut [0]);
    let _ = client.set_read_timeout(None);
}
