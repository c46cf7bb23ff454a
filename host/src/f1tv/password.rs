//! The sign-in with user name and password, as the account's own page does it (OAuth 2 with PKCE around one form), in five
//! steps that share a jar of cookies. Nothing is sent twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use f1_ingest_component::error::one_line;
use f1_ingest_component::livetiming::claims;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Credentials;
use super::answer::{Answer, message};
use super::formula1::{
    ACTION, AS_JSON, ASKED_FOR, AUTHORIZE, CLIENT, DONE, EXCHANGE, IDENTITY, INTERACTION, POLICY, SCRIPT,
    SETTINGS, STATE_BYTES, SUBSCRIPTION, VERIFIER_BYTES,
};
use super::secrets::Secrets;
use super::token::Token;
use super::trouble::{Failure, Step, Trouble, of_answer, of_words};
use super::wire::Wire;
use crate::random;

type Result<T> = std::result::Result<T, Failure>;

/// A new token. Fails with the step that broke, what the host said, and what to do.
pub async fn token(credentials: &Credentials) -> Result<Token> {
    let mut flow = Flow { wire: Wire::new(), secrets: Secrets::default(), proof: Proof::new() };
    flow.secrets.add(&credentials.username);
    flow.secrets.add(&credentials.password);
    flow.secrets.add(&flow.proof.verifier);
    let settings = flow.settings().await?;
    let form = flow.form(&settings).await?;
    let code = flow.submit(&form, credentials).await?;
    let access = flow.exchange(&settings, &code).await?;
    subscription(&access)
}

/// What the page knows of itself.
struct Settings {
    client: String,
    policy: String,
}

/// The form as the identity provider describes it.
struct Form {
    id: String,
    interaction: String,
    event: String,
    href: String,
}

/// What shows that the answers are to this sign-in, and that whoever brings the code began it.
struct Proof {
    verifier: String,
    state: String,
    nonce: String,
}

impl Proof {
    fn new() -> Proof {
        let [state, nonce] = [(); 2].map(|()| random::base64_of(STATE_BYTES));
        Proof { verifier: random::base64_of(VERIFIER_BYTES), state, nonce }
    }

    /// RFC 7636.
    fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

struct Flow {
    wire: Wire,
    secrets: Secrets,
    proof: Proof,
}

impl Flow {
    /// Sends a request; an answer that is not 2xx is the failure of its step, but for that to the form.
    async fn send(&mut self, step: Step, request: http::request::Builder, body: String) -> Result<Answer> {
        let answer = self.wire.send(step, request, body).await?;
        answer.cookies().for_each(|cookie| self.secrets.add(cookie));
        if step == Step::Password || answer.status.is_success() {
            return Ok(answer);
        }
        Err(of_answer(&answer).at(step, &self.answered(&answer)))
    }

    /// Which host answered what, and what it said.
    fn answered(&self, answer: &Answer) -> String {
        let Answer { host, status, .. } = answer;
        let leads = answer.leads_to().map(|to| format!(", which leads to {to}")).unwrap_or_default();
        let said = answer.said(&self.secrets).map(|said| format!(": \"{said}\"")).unwrap_or_default();
        format!("{host} answers {}{leads}{said}", status.as_u16())
    }

    async fn settings(&mut self) -> Result<Settings> {
        let answer = self.send(Step::Settings, Request::get(SCRIPT), String::new()).await?;
        let script = String::from_utf8_lossy(&answer.body);
        settings(&script).map_err(|missing| {
            let trouble = if answer.is_page() { Trouble::Bot } else { Trouble::Changed };
            let host = &answer.host;
            trouble.at(Step::Settings, &format!("{host} gives a script without {missing}"))
        })
    }

    async fn form(&mut self, settings: &Settings) -> Result<Form> {
        let Settings { client, policy } = settings;
        let Proof { state, nonce, .. } = &self.proof;
        let challenge = self.proof.challenge();
        let own = [("client_id", client), ("state", state), ("nonce", nonce), ("acr_values", policy)];
        let own = own.into_iter().chain([("code_challenge", &challenge)]);
        let url = format!(
            "{AUTHORIZE}?{}",
            encoded(ASKED_FOR.into_iter().chain(own.map(|(n, v)| (n, v.as_str()))))
        );
        let answer = self.send(Step::Form, as_json(Request::get(url)), String::new()).await?;
        let form = answer.json().as_ref().and_then(form).ok_or_else(|| {
            let trouble = if answer.is_page() { Trouble::Bot } else { Trouble::Changed };
            trouble.at(Step::Form, &format!("{} describes no form", self.answered(&answer)))
        })?;
        if !is_of_provider(&form.href) {
            let host = form.href.parse::<Uri>().ok().and_then(|url| Some(url.host()?.to_owned()));
            let host = host.map_or_else(|| "elsewhere".to_owned(), |host| format!("to {}", one_line(&host)));
            let what = format!("{} wants user name and password sent {host}, which is refused", answer.host);
            return Err(Trouble::Changed.at(Step::Form, &what));
        }
        self.secrets.add(&form.id);
        self.secrets.add(&form.interaction);
        Ok(form)
    }

    /// Sends user name and password, and gives the code.
    async fn submit(&mut self, form: &Form, credentials: &Credentials) -> Result<String> {
        let Form { id, interaction, event, href } = form;
        let Credentials { username, password } = credentials;
        let data = json!({"actionKey": ACTION, "formData": {"username": username, "password": password}});
        let parameters = json!({"eventType": "submit", "data": data});
        let body =
            json!({"id": id, "eventName": event, "interactionId": interaction, "parameters": parameters});
        let request = as_json(Request::post(href)).header(INTERACTION, interaction);
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = self.send(Step::Password, request, body.to_string()).await?;
        let fails = |trouble: Trouble, what: &str| trouble.at(Step::Password, what);
        let Some(json) = answer.json() else {
            return Err(fails(of_answer(&answer), &self.answered(&answer)));
        };
        if json["status"] != DONE {
            if answer.status.as_u16() == 429 || answer.status.is_server_error() {
                return Err(fails(of_answer(&answer), &self.answered(&answer)));
            }
            return Err(fails(of_words(&words(&json)), &self.answered(&answer)));
        }
        let done = &json["authorizeResponse"];
        if done["state"].as_str() != Some(&self.proof.state) {
            return Err(fails(Trouble::Mismatch, &format!("{} answers with another state", answer.host)));
        }
        let code = done["code"].as_str().filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| fails(Trouble::Changed, &format!("{} gives no code", answer.host)))?;
        self.secrets.add(code);
        Ok(code.to_owned())
    }

    /// Changes the code for an access token.
    async fn exchange(&mut self, settings: &Settings, code: &str) -> Result<String> {
        let body = encoded([
            ("grant_type", "authorization_code"),
            ("client_id", &settings.client),
            ("code", code),
            ("code_verifier", &self.proof.verifier),
        ]);
        let request = Request::post(EXCHANGE).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.send(Step::Exchange, request, body).await?;
        let json = answer.json().unwrap_or_default();
        let nonce = json["id_token"].as_str().and_then(|id| Some(claims(id)?["nonce"].as_str()?.to_owned()));
        if nonce.is_some_and(|nonce| nonce != self.proof.nonce) {
            let what = format!("{} answers with another nonce", answer.host);
            return Err(Trouble::Mismatch.at(Step::Exchange, &what));
        }
        json["access_token"].as_str().map(str::to_owned).ok_or_else(|| {
            let what = format!("{} gives no access token", self.answered(&answer));
            Trouble::Changed.at(Step::Exchange, &what)
        })
    }
}

/// The token of the subscription, out of the access token.
fn subscription(access: &str) -> Result<Token> {
    let fails = |trouble: Trouble, what: &str| Err(trouble.at(Step::Subscription, what));
    let Some(claims) = claims(access) else {
        return fails(Trouble::Changed, "the access token is none that can be read");
    };
    match claims[SUBSCRIPTION].as_str().filter(|token| !token.is_empty()) {
        None => fails(Trouble::NoSubscription, "the access token holds no subscription's"),
        Some(token) => match Token::parse(token).filter(|token| token.ends.is_some()) {
            Some(token) => Ok(token),
            None => fails(Trouble::Changed, "the subscription's token does not say when it ends"),
        },
    }
}

/// The settings in the script; or what is missing in it.
fn settings(script: &str) -> std::result::Result<Settings, &'static str> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "_$".contains(c);
    let begins = script.match_indices(SETTINGS).find(|(at, _)| !script[..*at].ends_with(is_of_word));
    let object = begins.and_then(|(at, begin)| script[at + begin.len()..].split_once('}')).ok_or(SETTINGS)?.0;
    let field = |name: &'static str| {
        let begin = format!("{name}:\"");
        let at = object.match_indices(&begin).find(|(at, _)| !object[..*at].ends_with(is_of_word));
        let value =
            at.and_then(|(at, begin)| object[at + begin.len()..].split_once('"')).map(|(value, _)| value);
        value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or(name)
    };
    Ok(Settings { client: field(CLIENT)?, policy: field(POLICY)? })
}

fn form(json: &Value) -> Option<Form> {
    let text = |place: &str| json.pointer(place)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Form {
        id: text("/id")?,
        interaction: text("/interactionId")?,
        event: text("/eventName")?,
        href: text("/_links/next/href")?,
    })
}

/// Whether a URL is below the identity provider's.
fn is_of_provider(url: &str) -> bool {
    let Ok(parsed) = url.parse::<Uri>() else { return false };
    let provider = Uri::from_static(IDENTITY);
    url.starts_with(IDENTITY)
        && parsed.scheme() == provider.scheme()
        && parsed.authority() == provider.authority()
}

/// What an answer says to people, and what it calls the step that it wants next.
fn words(json: &Value) -> String {
    let next = ["/eventName", "/capabilityName", "/screen/name", "/status"];
    let next = next.iter().filter_map(|place| json.pointer(place)?.as_str());
    message(json).into_iter().chain(next.map(str::to_owned)).collect::<Vec<_>>().join(" ")
}

fn as_json(request: http::request::Builder) -> http::request::Builder {
    request.header(AS_JSON.0, AS_JSON.1)
}

fn encoded<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_found_in_the_script() {
        let script = r#"a.davinci:{x:"y"},$davinci:{clientId:"no"},b={davinci:{env:"p",myclientId:"no",clientId:"c-1",
            acrValues:"Single"},z:1}"#;
        assert_eq!(settings(script).err(), Some(CLIENT), "the first one counts");
        let Settings { client, policy } = settings(&script[18..]).ok().unwrap();
        assert_eq!((client.as_str(), policy.as_str()), ("c-1", "Single"));
        assert_eq!(settings("davinci:{clientId:\"c\"}").err(), Some(POLICY));
        assert_eq!(settings("davinci:{clientId:\"c\"").err(), Some(SETTINGS));
    }

    #[test]
    fn a_form_goes_to_the_identity_provider_alone() {
        assert!(is_of_provider("https://id.formula1.com/davinci/flow?x=1"));
        for other in [
            "https://id.formula1.com.evil.example/",
            "https://id.formula1.com@evil.example/",
            "https://id.formula1.com:444/x",
            "http://id.formula1.com/x",
            "/davinci",
            "",
        ] {
            assert!(!is_of_provider(other), "{other}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let proof = Proof { verifier, state: String::new(), nonce: String::new() };
        assert_eq!(proof.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
