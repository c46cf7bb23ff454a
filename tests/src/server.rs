//! Servers in processes of their own, and requests to them.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::binary::{Running, command};

/// A server that is up.
pub struct Server {
    pub process: Running,
    /// The `host:port` that it says it listens on.
    pub address: String,
    /// What it says after that.
    pub says: Lines<Box<dyn BufRead>>,
}

/// Where a server says where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    OnStdout,
    OnStderr,
}

impl Server {
    /// Starts a server and waits until it says where it listens.
    pub fn start(mut command: Command, says: Says) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Running(child);
        let lines: Box<dyn BufRead> = match says {
            Says::OnStdout => Box::new(BufReader::new(stdout.expect("stdout is piped"))),
            Says::OnStderr => Box::new(BufReader::new(stderr.expect("stderr is piped"))),
        };
        let mut lines = lines.lines();
        let address = |line: String| Some(line.split("http://").nth(1)?.split(['/', ' ']).next()?.to_owned());
        let address = lines.by_ref().map_while(Result::ok).find_map(address);
        Server { process, address: address.expect("the server says where it is"), says: lines }
    }

    /// Starts a server of ours.
    pub fn ours(arguments: &[&str], variables: &[(String, String)]) -> Server {
        let mut command = command(arguments, &[]);
        command.envs(variables.iter().cloned());
        Server::start(command, if arguments[0] == "serve" { Says::OnStderr } else { Says::OnStdout })
    }

    /// Status and body of one request.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        answer(self.send(method, path, "", body))
    }

    /// Sends a request with these extra header lines, and does not wait for the answer.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let address = self.address.replace("0.0.0.0", "127.0.0.1");
        let mut stream = TcpStream::connect(&address).expect("the server accepts");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        let request = format!("{head}{headers}content-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("the server reads");
        stream
    }
}

/// Status and body of an answer.
pub fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("an answer has a status"), body.to_owned())
}

/// Waits for what must come; how long it takes does not matter.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} never came");
}
