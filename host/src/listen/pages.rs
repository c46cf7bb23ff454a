//! Programs may ask, pages may not: a browser lets every page that it shows send requests to this machine.
//!
//! A browser says where a request comes from (`Origin`, `Sec-Fetch-Site`); and a page whose own name was made to
//! resolve to this machine (DNS rebinding) cannot keep the browser from sending that name as `Host`.

use std::net::{IpAddr, SocketAddr};

use http::Request;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;

/// Why a request to a server at `listener`, which has these names besides, is refused: a page sent it; none if a program
/// may have done so.
pub fn refusal<B>(head: &Request<B>, listener: SocketAddr, names: &[String]) -> Option<String> {
    let all =
        |name: &str| head.headers().get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    let asked = head.uri().authority().map(Authority::as_str);
    let hosts: Vec<&str> = asked.into_iter().chain(all(HOST.as_str())).collect();
    // HTTP/1.0 has no `Host`: some monitors speak that, no browser does.
    if let Some(host) = hosts.iter().find(|host| !is_ours(host, listener, names)) {
        return Some(format!(
            "the Host {host:?} is not an address of this server; ask it by an IP address, or as localhost"
        ));
    }
    let site = all("sec-fetch-site").find(|site| !["same-origin", "none"].contains(site));
    if let Some(site) = site {
        return Some(format!("a page of another site may not ask this server (Sec-Fetch-Site: {site:?})"));
    }
    let is_own = |origin: &str| {
        let from = origin.split_once("://").map(|(_, host)| host);
        from.is_some_and(|from| hosts.iter().any(|host| host.eq_ignore_ascii_case(from)))
    };
    let origin = all(ORIGIN.as_str()).find(|origin| !is_own(origin))?;
    Some(format!("a page of another site may not ask this server (Origin: {origin:?})"))
}

/// Whether a `Host` is an address that a server at `listener` can have, or localhost; its port does not matter, as it
/// may be forwarded.
fn is_ours(host: &str, listener: SocketAddr, names: &[String]) -> bool {
    let Ok(host) = host.parse::<Authority>() else { return false };
    // An address without its user: `Authority` takes one.
    if host.as_str().contains('@') {
        return false;
    }
    let name = host.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match address.parse::<IpAddr>() {
        Ok(address) => !is_loopback(listener.ip()) || is_loopback(address),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost"
                || names.iter().any(|known| name == *known || known.starts_with('.') && name.ends_with(known))
        }
    }
}

/// Whether only this machine can reach an address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1:8080";

    /// Whether a request with these header lines is refused.
    fn is_refused(listener: &str, lines: &[&str]) -> bool {
        let mut request = Request::get("/metrics");
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        refusal(&request.body(()).unwrap(), listener.parse().unwrap(), &[".lake.example".into()]).is_some()
    }

    #[test]
    fn a_name_that_it_was_given_is_its_own() {
        assert!(!is_refused(LOOPBACK, &["host: S3.lake.example:443"]));
        for other in ["lake.example", "s3.lake.example.evil", "s3-lake.example"] {
            assert!(is_refused(LOOPBACK, &[&format!("host: {other}")]), "{other}");
        }
        assert!(is_refused(LOOPBACK, &["host: s3.lake.example", "origin: https://elsewhere.example"]));
    }

    #[test]
    fn programs_of_this_machine_may_ask() {
        for host in ["127.0.0.1:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "[::1]", "LocalHost:9000"] {
            assert!(!is_refused(LOOPBACK, &[&format!("host: {host}")]), "{host}");
        }
        assert!(!is_refused(LOOPBACK, &[]), "HTTP/1.0");
        for own in ["none", "same-origin"] {
            assert!(!is_refused(LOOPBACK, &["host: localhost", &format!("sec-fetch-site: {own}")]));
        }
        assert!(!is_refused(LOOPBACK, &["host: localhost:8080", "origin: http://localhost:8080"]));
    }

    #[test]
    fn names_that_are_not_this_machines_are_refused() {
        for host in [
            "rebound.example",
            "rebound.example:8080",
            "localhost.rebound.example",
            "x.localhost",
            "127.0.0.1.rebound.example",
            "127.0.0.1@rebound.example",
            "rebound.example@127.0.0.1",
            "192.0.2.7:8080",
            "[2001:db8::1]",
            "2130706433",
            "0.0.0.0:8080",
            "",
        ] {
            assert!(is_refused(LOOPBACK, &[&format!("host: {host}")]), "{host:?}");
        }
        assert!(is_refused(LOOPBACK, &["host: localhost", "host: rebound.example"]));
    }

    #[test]
    fn a_server_for_others_is_asked_by_any_address_but_by_no_name() {
        for listener in ["0.0.0.0:9000", "[::]:9000", "192.0.2.7:9000"] {
            for host in ["192.0.2.7:9000", "[2001:db8::1]:9000", "127.0.0.1:9000", "localhost:9000"] {
                assert!(!is_refused(listener, &[&format!("host: {host}")]), "{listener} {host}");
            }
            assert!(is_refused(listener, &["host: rebound.example:9000"]), "{listener}");
        }
    }

    #[test]
    fn pages_of_others_are_refused() {
        for line in [
            "sec-fetch-site: cross-site",
            "sec-fetch-site: same-site",
            "origin: https://elsewhere.example",
            "origin: null",
            "origin: http://127.0.0.1:3000",
            "origin: http://localhost:8080",
            "origin: ",
        ] {
            assert!(is_refused(LOOPBACK, &["host: 127.0.0.1:8080", line]), "{line}");
        }
        let with_it = ["host: rebound.example", "origin: http://rebound.example"];
        assert!(is_refused(LOOPBACK, &with_it) && is_refused("0.0.0.0:8080", &with_it));
    }

    #[test]
    fn the_name_in_the_request_line_counts_as_well() {
        let refused = |url: &str| {
            let request = Request::get(url).header("host", "localhost").body(()).unwrap();
            refusal(&request, LOOPBACK.parse().unwrap(), &[]).is_some()
        };
        assert!(refused("http://rebound.example/metrics") && !refused("http://localhost/metrics"));
    }
}
