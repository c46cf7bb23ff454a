//! The proxies that the environment names, and the one for livetiming alone: which one a URL is reached through, and what it
//! says if it refuses.

use std::fmt;
use std::time::Duration;

use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::http::url::authority;
use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::no_proxy::NoProxy;
use crate::options::{HostOptions, ProxyUrl};
use crate::variables::variable;

/// How long a proxy may take to answer when it is asked by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the environment says of proxies. Lower-case variables win over upper-case ones, as in requests.
#[derive(Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: NoProxy,
    /// The `host[:port]` that is reached through a proxy of its own, whatever the environment says.
    own: Option<(String, Proxy)>,
}

/// The option and the variable of livetiming's own proxy.
const OPTION: &str = "--livetiming-proxy";
const VARIABLE: &str = "F1_LIVETIMING_PROXY";

/// One proxy, and the variable or the option that names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    variable: &'static str,
    /// As the variable has it, with a scheme; may hold a password.
    pub url: String,
}

impl Proxies {
    /// Of the environment of this process.
    pub fn of_environment() -> Proxies {
        Proxies::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let named = |lower: &'static str, upper: &'static str| {
            let (variable, value) = match variable(lower) {
                Some(value) => (lower, value),
                None => (upper, variable(upper)?),
            };
            Proxy::named(variable, value)
        };
        let all = named("all_proxy", "ALL_PROXY");
        // In a CGI script HTTP_PROXY is a header of its caller's.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = named("http_proxy", if is_cgi { "http_proxy" } else { "HTTP_PROXY" });
        Proxies {
            http: http.or_else(|| all.clone()),
            https: named("https_proxy", "HTTPS_PROXY").or(all),
            except: NoProxy::of(variable),
            own: None,
        }
    }

    /// Those of upstreams: livetiming, whose URL is `livetiming`, is reached through the proxy that the options name for it,
    /// else the environment.
    pub fn of_upstreams(host: &HostOptions, livetiming: &Uri) -> Proxies {
        let given = host.livetiming_proxy.clone().map(|ProxyUrl(url)| (OPTION, url));
        let given = given.or_else(|| Some((VARIABLE, variable(VARIABLE)?)));
        let own = given.and_then(|(name, url)| Proxy::named(name, url));
        Proxies { own: own.map(|proxy| (authority(livetiming), proxy)), ..Proxies::of_environment() }
    }

    /// The proxy that `url` is reached through, if it is reached through one.
    pub fn of_url(&self, url: &Uri) -> Option<&Proxy> {
        if let Some((_, proxy)) = self.own.as_ref().filter(|(host, _)| *host == authority(url)) {
            return Some(proxy);
        }
        let proxy = if url.scheme_str() == Some("https") { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.except.covers(url))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.name())
    }
}

impl Proxy {
    /// The scheme may be left out. None if there is no value.
    fn named(variable: &'static str, value: String) -> Option<Proxy> {
        let url = match value.contains("://") {
            true => value,
            false => format!("http://{value}"),
        };
        (url != "http://").then_some(Proxy { variable, url })
    }

    /// Whether it is livetiming's own, and not the environment's for all hosts.
    fn is_own(&self) -> bool {
        [OPTION, VARIABLE].contains(&self.variable)
    }

    /// How to reach a host without it.
    fn instead(&self) -> &'static str {
        if self.is_own() { "leave it out" } else { "name the host in NO_PROXY" }
    }

    /// Fails, as wrong usage, if it is none that we can speak to.
    pub fn check(&self) -> Result<()> {
        let Proxy { variable, url } = self;
        let (scheme, _) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            let without = match self.is_own() {
                true => "leave it out".to_owned(),
                false => format!("unset {variable}, or name the hosts that need no proxy in NO_PROXY"),
            };
            let message = format!(
                "{variable} names a proxy that speaks {scheme}, and only http:// and https:// proxies can be used: \
                 name one of these, or {without}"
            );
            return Err(Error::usage(message));
        }
        match self.uri().filter(|uri| uri.host().is_some_and(|host| !host.is_empty())) {
            Some(_) if reqwest::Proxy::all(url.as_str()).is_ok() => Ok(()),
            _ => {
                let message =
                    format!("{variable} is not the URL of a proxy: http://[USER:PASSWORD@]HOST:PORT");
                Err(Error::usage(message))
            }
        }
    }

    fn uri(&self) -> Option<Uri> {
        self.url.parse().ok()
    }

    /// Whether it is itself reached by TLS.
    pub fn is_tls(&self) -> bool {
        self.url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    }

    /// Where it listens.
    fn address(&self) -> (String, u16) {
        let uri = self.uri().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        (host, uri.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 }))
    }

    /// Its host and port, without a password.
    pub fn name(&self) -> String {
        let (host, port) = self.address();
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }

    /// Why nobody accepts a connection there, if nobody does.
    pub async fn down(&self) -> Option<String> {
        let why = match timeout(PATIENCE, TcpStream::connect(self.address())).await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer for {} s", PATIENCE.as_secs()),
        };
        let (name, variable) = (self.name(), self.variable);
        Some(format!("its proxy {name} is down: {why}; correct {variable}, or {}", self.instead()))
    }

    /// The status with which it refuses to connect to `url`: the client above does not tell.
    pub async fn refusal(&self, url: &Uri) -> Option<u16> {
        if self.is_tls() {
            return None;
        }
        let host = url.host()?;
        let to = format!("{host}:{}", url.port_u16().unwrap_or(443));
        let answer = async {
            let mut stream = TcpStream::connect(self.address()).await.ok()?;
            let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", self.authorization());
            stream.write_all(request.as_bytes()).await.ok()?;
            // `HTTP/1.1 403`
            let mut start = [0; 12];
            stream.read_exact(&mut start).await.ok()?;
            str::from_utf8(&start).ok()?.split(' ').nth(1)?.parse().ok()
        };
        timeout(PATIENCE, answer).await.ok()?
    }

    /// The header with its user and password, if its URL holds them.
    fn authorization(&self) -> String {
        use base64::Engine;
        let authority = self.uri().and_then(|uri| Some(uri.authority()?.to_string())).unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { return String::new() };
        let user: Vec<u8> = percent_encoding::percent_decode_str(user).collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(user);
        format!("Proxy-Authorization: Basic {encoded}\r\n")
    }

    /// What a refusal means, and what to do about it.
    pub fn refused(&self, status: u16, url: &Uri) -> String {
        let (name, variable, host) = (self.name(), self.variable, url.host().unwrap_or_default());
        let has_user = self.url.contains('@');
        match status {
            407 if has_user => format!(
                "its proxy {name} refuses the user or password in {variable} (HTTP 407); correct them, percent-encoded"
            ),
            407 => format!(
                "its proxy {name} wants a sign-in (HTTP 407); give user and password in {variable}: http://USER:PASSWORD@{name}"
            ),
            _ => format!(
                "its proxy {name} forbids to connect to {host} (HTTP {status}); have the proxy's rules allow it, or correct {variable}, or {} if it can be reached without a proxy",
                self.instead()
            ),
        }
    }

    /// A failure between us and it, or between it and the host.
    pub fn failed(&self, why: &str) -> String {
        format!("its proxy {} ({}): {why}", self.name(), self.variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(environment: &[(&str, &str)], url: &str) -> Option<Proxy> {
        let find =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Proxies::of(find).of_url(&url.parse().unwrap()).cloned()
    }

    #[test]
    fn lower_case_wins_and_the_scheme_may_be_left_out() {
        let both = [("https_proxy", "one:1"), ("HTTPS_PROXY", "http://two:2"), ("ALL_PROXY", "http://all:3")];
        let name =
            |environment: &[(&str, &str)], url: &str| proxy_of(environment, url).map(|proxy| proxy.name());
        assert_eq!(name(&both, "https://x/").as_deref(), Some("one:1"));
        assert_eq!(name(&both, "http://x/").as_deref(), Some("all:3"));
        assert_eq!(name(&[("https_proxy", ""), ("HTTPS_PROXY", "http://two:2")], "https://x/"), None);
        assert_eq!(name(&[("HTTP_PROXY", "http://two"), ("REQUEST_METHOD", "GET")], "http://x/"), None);
        assert_eq!(name(&[("HTTP_PROXY", "http://u:p@[::1]:8")], "http://x/").as_deref(), Some("[::1]:8"));
        assert_eq!(name(&[("HTTP_PROXY", "http://two"), ("NO_PROXY", "x")], "http://x/"), None);
    }

    #[test]
    fn livetiming_can_have_a_proxy_of_its_own() {
        let host = HostOptions {
            livetiming_proxy: Some("http://me:secret@home:3128".to_owned().into()),
            ..HostOptions::default()
        };
        let proxies = Proxies::of_upstreams(&host, &"https://livetiming.example/static".parse().unwrap());
        let proxy = |url: &str| proxies.of_url(&url.parse().unwrap()).map(Proxy::name);
        assert_eq!(proxy("https://LiveTiming.example/static/x").as_deref(), Some("home:3128"));
        for other in ["https://mirror.example/static/x", "https://livetiming.example:8443/", "http://a/"] {
            assert_ne!(proxy(other).as_deref(), Some("home:3128"), "{other}");
        }
        assert!(!format!("{host:?} {proxies:?}").contains("secret"));
        let socks = Proxy::named(OPTION, "socks5://me:secret@home:1".to_owned()).unwrap();
        let error = socks.check().unwrap_err().message;
        assert!(error.contains("--livetiming-proxy") && !error.contains("NO_PROXY"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_by_its_variable() {
        for (url, word) in
            [("socks5h://u:secret@proxy:1080", "socks5h"), ("http://", "URL"), ("http://a b", "URL")]
        {
            let Some(proxy) = proxy_of(&[("HTTPS_PROXY", url)], "https://x/") else { continue };
            let error = proxy.check().unwrap_err().message;
            assert!(
                error.contains("HTTPS_PROXY") && error.contains(word) && !error.contains("secret"),
                "{error}"
            );
        }
        assert!(
            proxy_of(&[("HTTPS_PROXY", "user:p%40ss@proxy:3128")], "https://x/").unwrap().check().is_ok()
        );
    }
}
