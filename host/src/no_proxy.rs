//! `NO_PROXY`: which URLs are reached without a proxy, decided as Python's requests decides it, which the replaced
//! script used (`requests.utils.should_bypass_proxies`, and `urllib.request.proxy_bypass_environment` behind it).

use std::net::Ipv4Addr;

use http::Uri;

/// What `no_proxy` and `NO_PROXY` say.
#[derive(Debug, Default)]
pub struct NoProxy {
    /// What requests reads: the lower-case variable unless it is empty, else the upper-case one.
    hosts: String,
    /// What urllib reads: the lower-case variable if it is set, and empty is set.
    domains: String,
}

impl NoProxy {
    /// Of the environment that `variable` looks up.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> NoProxy {
        let (lower, upper) = (variable("no_proxy"), variable("NO_PROXY").unwrap_or_default());
        NoProxy {
            hosts: lower.clone().filter(|lower| !lower.is_empty()).unwrap_or_else(|| upper.clone()),
            domains: lower.unwrap_or(upper),
        }
    }

    /// Whether `url` is to be reached without a proxy.
    pub fn covers(&self, url: &Uri) -> bool {
        let host = url.host().unwrap_or_default().to_lowercase();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        host.is_empty() || self.names_host(host, url.port_u16()) || self.names_domain_of(host)
    }

    /// requests: an address by itself or its network, any other host by its end, with or without its port.
    fn names_host(&self, host: &str, port: Option<u16>) -> bool {
        let named = self.hosts.replace(' ', "");
        let mut named = named.split(',').filter(|name| !name.is_empty());
        if let Some(address) = ipv4(host) {
            return named.any(|name| match network(name) {
                Some((network, mask)) => address & mask == network & mask,
                None => name == host,
            });
        }
        let with_port = match port {
            Some(port) if port != 0 => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        named.any(|name| host.ends_with(name) || with_port.ends_with(name))
    }

    /// urllib: `*`, or a domain that the host is or lies in.
    fn names_domain_of(&self, host: &str) -> bool {
        if self.domains == "*" {
            return true;
        }
        let without_port = without_port(host);
        let named = self.domains.split(',').map(str::trim).filter(|name| !name.is_empty());
        named.map(|name| name.trim_start_matches('.').to_lowercase()).any(|name| {
            [host, without_port].iter().any(|host| {
                host.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        })
    }
}

/// `host` of `host:port`. To urllib the last group of an IPv6 address is a port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((before, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => host,
    }
}

/// `address/bits`.
fn network(name: &str) -> Option<(u32, u32)> {
    let (address, bits) = name.split_once('/')?;
    let bits: u32 = bits.trim().parse().ok().filter(|bits| (1..=32).contains(bits))?;
    Some((ipv4(address)?, u32::MAX << (32 - bits)))
}

/// An address in any form that `inet_aton` takes: one to four numbers (the last one fills what is left), each decimal,
/// octal (`0…`) or hexadecimal (`0x…`).
fn ipv4(text: &str) -> Option<u32> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let mut address = *last;
    // The part that fills the rest has as many bits as the others leave it.
    if u64::from(*last) >> (32 - 8 * first.len()) != 0 {
        return None;
    }
    for (at, part) in first.iter().enumerate() {
        address |= u32::from(u8::try_from(*part).ok()?) << (24 - 8 * at);
    }
    Some(address)
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}
