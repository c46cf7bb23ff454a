//! Hosts of AWS that no machine here can be: their names, with certificates for them, behind a proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use crate::upstream::{Asked, Reply, carry_out, read};

/// The proxy, and every request that came through it.
pub struct Aws {
    address: SocketAddr,
    /// The certificate of the authority that vouches for the hosts.
    authority: NamedTempFile,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

impl Aws {
    /// `answer` is given each request; its `host` is the one that was asked for.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Aws {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let issuer = issuer();
        let mut authority = NamedTempFile::new().expect("there is room for a file");
        authority.write_all(issuer.pem().as_bytes()).expect("there is room for a certificate");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, shared) = (asked.clone(), Arc::new((issuer, answer)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, shared) = (log.clone(), shared.clone());
                thread::spawn(move || serve(stream, &shared.0, &shared.1, &log));
            }
        });
        Aws { address, authority, asked }
    }

    /// What makes a run ask this proxy for every host but those on loopback, and trust it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let authority = self.authority.path().to_str().expect("a temporary path is UTF-8");
        let proxy = format!("http://{}", self.address);
        [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "127.0.0.1"), ("SSL_CERT_FILE", authority)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test thread panicked").clone()
    }
}

fn issuer() -> Authority {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("ring makes keys");
    CertifiedIssuer::self_signed(parameters, key).expect("ring signs")
}

/// One connection: CONNECT, then TLS as the host that was asked for, then one request.
fn serve(
    mut stream: TcpStream,
    issuer: &Authority,
    answer: &impl Fn(&Asked) -> Reply,
    log: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let connect = read_head(&mut stream)?;
    let host = connect.strip_prefix("CONNECT ")?.split(':').next()?.to_owned();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let connection = ServerConnection::new(Arc::new(tls(issuer, &host)?)).ok()?;
    let mut stream = StreamOwned::new(connection, stream);
    let asked = read(&mut stream)?;
    assert_eq!(asked.header("host"), Some(host.as_str()), "{asked:?}");
    log.lock().ok()?.push(asked.clone());
    carry_out(answer(&asked), &mut stream, &asked)?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

/// The head of a request without a body, and not a byte more: TLS begins after it.
fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

fn tls(issuer: &Authority, host: &str) -> Option<ServerConfig> {
    let key = KeyPair::generate().ok()?;
    let certificate = CertificateParams::new([host.to_owned()]).ok()?.signed_by(&key, issuer).ok()?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
    config.with_single_cert(vec![certificate.der().clone()], key.into()).ok()
}
