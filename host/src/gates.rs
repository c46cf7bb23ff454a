//! The way to a host that nobody can know beforehand: where a URL of an upstream's own redirects to. Just the URL that the
//! upstream named is let through, to be read, and only in a run that has use for it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use f1_ingest_component::http::redirect::redirect;
use f1_ingest_component::http::transport;
use f1_ingest_component::job::Job;
use http::{Method, Response, Uri};

pub struct Gates {
    /// The URLs that may redirect to any host.
    urls: Vec<Uri>,
    /// Where they did.
    open: Mutex<HashSet<Uri>>,
}

impl Gates {
    pub fn of(job: &Job) -> Gates {
        Gates { urls: job.gates(), open: Mutex::default() }
    }

    /// Takes note of an upstream's answer.
    pub fn answered<B>(&self, url: &Uri, response: &Response<B>) {
        if !self.urls.contains(url) {
            return;
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let next = redirect(&transport::Response { status, headers, body: () }, url);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).extend(next.ok().flatten());
    }

    /// Whether a request goes where one of them led.
    pub fn lets_through(&self, method: &Method, url: &Uri) -> bool {
        method == Method::GET && self.open.lock().unwrap_or_else(PoisonError::into_inner).contains(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_gate_led_to_is_let_through() {
        let gate = Uri::from_static("https://api.example/dump?type=csv");
        let gates = Gates { urls: vec![gate.clone()], open: Mutex::default() };
        let sent = |from: &Uri, to: &str| {
            let response = Response::builder().status(302).header("location", to).body(()).unwrap();
            gates.answered(from, &response);
        };
        let may_go = |url: &'static str| gates.lets_through(&Method::GET, &Uri::from_static(url));
        sent(&Uri::from_static("https://api.example/dump"), "https://other.example/a");
        assert!(!may_go("https://other.example/a"));
        sent(&gate, "https://other.example/a?signature=1");
        assert!(may_go("https://other.example/a?signature=1"));
        assert!(!may_go("https://other.example/a"));
        assert!(!gates.lets_through(&Method::PUT, &Uri::from_static("https://other.example/a?signature=1")));
        sent(&gate, "http://169.254.169.254/latest");
        assert!(!may_go("http://169.254.169.254/latest"));
    }
}
