//! All that is Formula 1's own in a sign-in, and FastF1's in its browser's and its file. None of it is documented, and any
//! of it may change: as of November 2026 it is so in FastF1 3.9.0's package `fastf1/internals/f1account`.

use std::time::Duration;

/// The only host that a token goes to, at HTTPS's own port.
pub const LIVETIMING: &str = "livetiming.formula1.com";

/// Where a person signs in by hand.
pub const ACCOUNT: &str = "https://account.formula1.com/";

/// The script of that page, which holds the two settings below: they change, and are read each time.
pub const SCRIPT: &str = "https://account.formula1.com/scripts/main.min.js";
/// How the settings begin in the script; they end with the next brace.
pub const SETTINGS: &str = "davinci:{";
pub const CLIENT: &str = "clientId";
pub const POLICY: &str = "acrValues";

/// The identity provider (PingOne): below this the form is sent, and nowhere else.
pub const IDENTITY: &str = "https://id.formula1.com/";
pub const AUTHORIZE: &str = "https://id.formula1.com/as/authorize";
pub const EXCHANGE: &str = "https://id.formula1.com/as/token";

/// What every step's request has: the hosts answer browsers.
pub const BROWSER: [(&str, &str); 3] = [
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36",
    ),
    ("accept", "*/*"),
    ("accept-language", "en-US,en;q=0.9"),
];

/// Asks the identity provider for JSON instead of pages.
pub const AS_JSON: (&str, &str) = ("x-requested-with", "ping-sdk");
/// Names the flow that a form belongs to.
pub const INTERACTION: &str = "interactionid";

/// What is asked for beside client, state, nonce, proof and policy.
pub const ASKED_FOR: [(&str, &str); 4] = [
    ("response_type", "code"),
    ("response_mode", "pi.flow"),
    ("scope", "openid"),
    ("code_challenge_method", "S256"),
];

/// The button that is pressed.
pub const ACTION: &str = "SIGNIN";
/// How the answer to the form says that it is done.
pub const DONE: &str = "COMPLETED";

/// Random bytes of the proof (PKCE), and of state and nonce.
pub const VERIFIER_BYTES: usize = 64;
pub const STATE_BYTES: usize = 24;

/// The claim of the access token that holds the subscription's, and what that one says of itself.
pub const SUBSCRIPTION: &str = "subscriptionToken";
pub use f1_ingest_component::livetiming::{ACTIVE, STATUS};
pub const PRODUCT: &str = "SubscribedProduct";
pub const NAMES: [&str; 2] = ["FirstName", "LastName"];
pub const SUBSCRIBER: &str = "SubscriberId";

/// How long a connection and an answer may take.
pub const CONNECT: Duration = Duration::from_secs(5);
pub const ANSWER: Duration = Duration::from_secs(30);

/// The token is renewed so many seconds before its end.
pub const MARGIN: u64 = 300;

/// What a browser signs in at (FastF1's own page, with an add-on of FastF1's), and where that brings the session's cookie.
pub const LOGIN_PAGE: &str = "https://f1login.fastf1.dev";
pub const BROUGHT_TO: &str = "/auth";
/// The field with the cookie, and where in that the token is.
pub const COOKIE: &str = "loginSession";
pub const IN_COOKIE: &str = "/data/subscriptionToken";
/// How the origin of an add-on begins.
pub const ADD_ONS: [&str; 3] = ["chrome-extension://", "moz-extension://", "safari-web-extension://"];

/// The keys of whoever signs subscription tokens.
pub const KEYS: &str = "https://api.formula1.com/static/jwks.json";

/// FastF1's token, below the user's folder for data.
pub const FASTF1_FILE: &str = "fastf1/f1auth_token.json";
/// Its format, and ours.
pub const FILE_VERSION: u64 = 1;
