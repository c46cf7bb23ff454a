//! Formula 1's hosts as a sign-in needs them, and livetiming, which wants what comes of it: behind a proxy, over TLS, by
//! their own names. Everything that is sent is checked, and what is wrong is noted.

mod parts;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use parts::{jwt, now};

use crate::aws::Aws;
use crate::upstream::{Asked, Reply};
use parts::{base64url, pairs, read, recorded};

/// The one account, with a password that is different in every way of writing it.
pub const USERNAME: &str = "Joe.Racer@example.com";
pub const PASSWORD: &str = "p&ss \"w<rd/42";

/// So many seconds before its end a token is renewed.
pub const MARGIN: u64 = 300;

/// A token that `KEYS` have signed, and that does not end.
pub const SIGNED: &str = "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAidGVzdC1rZXkifQ.eyJleHAiOiA0MTAyNDQ0ODAwLCAiRmlyc3ROYW1lIjogIkJlYSIsICJMYXN0TmFtZSI6ICJCcm93c2VyIiwgIlN1YnNjcmliZWRQcm9kdWN0IjogIkYxIFRWIFBybyIsICJTdWJzY3JpcHRpb25TdGF0dXMiOiAiYWN0aXZlIn0.YVIBVbcR0gvhWNKLLZ_HwMVgCPwpC_6UQJSfLXvbvPy__KluV-7tsHfdOaFnPU-pPDMlW4h0Unda7kWYVlBYErH-WL29rRzQpwFbiYMCmh2buLqa749wamMuigKywlo7T-yFZjtLM3uAOBWBmGdObWRY4Xt1OVLv-TL4RPJ2M9123vtDb102KCFjPiFplCq85BC-9Xh-E0LLwqgXJWY-6mItvoBGM1AtTUKkciufQOGC9WvIrSII_3C2bvSN681R-V8JIJPMC6lkEWWgUGJOvFTOXRNfYMiTYA0diHpRZc3kfBpt5Sd0srYaox55k3UoqzyC1GKePyi8cTY69FBWCA";
const KEY: &str = "wzc_ce0ALmYyqpKP2D8TVWIl17jruop0Aplb2PpviqzJdeQ3Vxft3kbhyUs02KM0Dx2s5AqFNkPRyW8TnmYiMA2LEmlZyUuTA1X0E83i25uED3t2T-RvNU14cM5v9dgBo_AzhOcxrvpgTZVd0YxoCDEpicovtgbLmCjFNjW_NG1bgazIIizl5O-meWGxqAv4zbeHT1c-5y2BpqdErLPHSDK4aq5HkBPxAFcvaPk592SgYb04eUf1wYhK3OpeS-w1VUZ1alC0liDSEpbBeGDAN1jt32I2HiTio7iWcrxwrLuHDrU7ya8FTDL0FzlFduw-CvjLfruZ7WJjrZAQLdgqZQ";

const SCRIPT: &str = r#"!function(){var e={prod:{davinci:{env:"prod",clientId:"client-1",acrValues:"Policy-7"},api:{a:"b"}}}}();"#;

type Twist = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// What happened so far, and what is to.
#[derive(Default)]
struct State {
    /// For how many seconds a token is good.
    lives: u64,
    /// What a step answers instead.
    instead: HashMap<&'static str, Reply>,
    /// What is changed in a step's own answer.
    twists: HashMap<&'static str, Twist>,
    faults: Vec<String>,
    /// Of each flow by its interaction: state, nonce, challenge, cookies.
    flows: HashMap<String, [String; 4]>,
    /// Of each code that was not used: nonce, challenge, cookies.
    codes: HashMap<String, [String; 3]>,
    forms: usize,
    /// Every token with its end, in the order in which they were issued.
    tokens: Vec<(String, u64)>,
    revoked: HashSet<String>,
    /// Everything that nobody may see.
    secrets: Vec<String>,
    /// Of each token, how many requests to livetiming had it.
    seen: BTreeMap<String, usize>,
    made: u64,
}

/// The hosts.
pub struct F1tv {
    aws: Aws,
    state: Arc<Mutex<State>>,
}

impl F1tv {
    /// Tokens are good for `lives` seconds; `recording` has what the upstreams answer.
    pub fn start(lives: u64, recording: &Path) -> F1tv {
        let secrets = vec![USERNAME.to_owned(), PASSWORD.to_owned(), SIGNED.to_owned()];
        let state = Arc::new(Mutex::new(State { lives, secrets, ..State::default() }));
        let (shared, recording) = (state.clone(), read(recording));
        let answer = move |asked: &Asked| shared.lock().expect("no panic").answer(asked, &recording);
        F1tv { aws: Aws::start(answer), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no answer panicked")
    }

    /// What makes a program ask these hosts. No user name and no password.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.aws.environment()
    }

    /// From now on `step` answers this.
    pub fn answers(&self, step: &'static str, reply: Reply) {
        self.state().instead.insert(step, reply);
    }

    /// From now on this is changed in what `step` answers.
    pub fn twists(&self, step: &'static str, twist: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.state().twists.insert(step, Arc::new(twist));
    }

    /// From now on all is well.
    pub fn mends(&self) {
        let mut state = self.state();
        state.instead.clear();
        state.twists.clear();
    }

    /// Livetiming refuses all tokens so far.
    pub fn revokes(&self) {
        let mut state = self.state();
        let tokens: Vec<_> = state.tokens.iter().map(|(token, _)| token.clone()).collect();
        state.revoked.extend(tokens);
    }

    /// From now on tokens are good for so many seconds.
    pub fn lives(&self, lives: u64) {
        self.state().lives = lives;
    }

    /// A token that was got elsewhere.
    pub fn issued(&self, lives: u64) -> String {
        let mut state = self.state();
        state.token(lives)
    }

    /// How often a form with user name and password came.
    pub fn forms(&self) -> usize {
        self.state().forms
    }

    /// How many requests to livetiming had each token, in the order in which they were issued.
    pub fn uses(&self) -> Vec<usize> {
        let state = self.state();
        let uses = |(token, _): &(String, u64)| state.seen.get(token).copied().unwrap_or_default();
        state.tokens.iter().map(uses).collect()
    }

    pub fn secrets(&self) -> Vec<String> {
        self.state().secrets.clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.aws.asked()
    }

    /// Asserts that nothing wrong was sent anywhere.
    #[track_caller]
    pub fn is_content(&self) {
        let faults = &self.state().faults;
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

impl State {
    fn answer(&mut self, asked: &Asked, recording: &HashMap<String, Vec<u8>>) -> Reply {
        let mut line = asked.line.split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = asked.header("host").unwrap_or_default();
        let step = match (host, path) {
            ("account.formula1.com", _) => "settings",
            ("id.formula1.com", "/as/authorize") => "form",
            ("id.formula1.com", "/as/token") => "exchange",
            ("id.formula1.com", _) => "submit",
            ("api.formula1.com", _) => "keys",
            ("livetiming.formula1.com", _) => "livetiming",
            _ => "others",
        };
        if step != "livetiming" {
            self.wants(asked.header("authorization").is_none(), asked, "a token for nobody");
        }
        if step != "livetiming" && step != "others" {
            let agent = asked.header("user-agent").unwrap_or_default();
            self.wants(agent.starts_with("Mozilla/5.0 ") && agent.contains("Chrome/"), asked, "no browser");
            self.wants(
                asked.header("accept-language") == Some("en-US,en;q=0.9"),
                asked,
                "no browser's language",
            );
        }
        if let Some(reply) = self.instead.get(step).cloned() {
            self.forms += usize::from(step == "submit");
            return reply;
        }
        match step {
            "settings" => {
                self.wants(target == "/scripts/main.min.js" && method == "GET", asked, "not the script");
                let cookie = self.secret("visitor");
                Reply::new(200, SCRIPT).with("content-type", "application/javascript").with(
                    "set-cookie",
                    &format!("visitor={cookie}; Domain=formula1.com; Path=/; Secure; HttpOnly"),
                )
            }
            "form" => self.form(asked, query),
            "submit" => self.submit(asked, target),
            "exchange" => self.exchange(asked),
            "keys" => {
                self.wants(target == "/static/jwks.json", asked, "not the keys");
                self.twisted(
                    step,
                    json!({"keys": [{"kty": "RSA", "kid": "test-key", "n": KEY, "e": "AQAB"}]}),
                )
            }
            "livetiming" => self.livetiming(asked, recording),
            _ => recorded(recording, host, target),
        }
    }

    fn wants(&mut self, is_so: bool, asked: &Asked, what: &str) {
        if !is_so {
            self.faults.push(format!("{what}: {asked:?}"));
        }
    }

    /// A new secret.
    fn secret(&mut self, what: &str) -> String {
        self.made += 1;
        let secret = format!(
            "{what}-{}-{}",
            self.made,
            hex::encode(&Sha256::digest(format!("{what}{}", self.made))[..12])
        );
        self.secrets.push(secret.clone());
        secret
    }

    /// A new token of the account's subscription.
    fn token(&mut self, lives: u64) -> String {
        self.made += 1;
        let ends = now() + lives;
        let claims = json!({
            "exp": ends, "FirstName": "Joe", "LastName": "Racer", "SubscriberId": "77", "SubscriptionStatus": "active",
            "SubscribedProduct": "F1 TV Pro Annual",
        });
        let mut claims = claims;
        if let Some(twist) = self.twists.get("claims") {
            twist(&mut claims);
        }
        let token = jwt(&claims, self.made);
        self.secrets.push(token.clone());
        self.tokens.push((token.clone(), ends));
        token
    }

    fn twisted(&self, step: &str, mut json: Value) -> Reply {
        if let Some(twist) = self.twists.get(step) {
            twist(&mut json);
        }
        Reply::json(json.to_string())
    }

    fn form(&mut self, asked: &Asked, query: &str) -> Reply {
        let mut query = pairs(query);
        let visitor = asked.header("cookie").unwrap_or_default().to_owned();
        self.wants(visitor.starts_with("visitor="), asked, "no cookie of the page's");
        self.wants(asked.line.starts_with("GET ") && as_json(asked), asked, "not for JSON");
        let mut of_flow =
            ["state", "nonce", "code_challenge"].map(|name| query.remove(name).unwrap_or_default());
        let lengths = of_flow.each_ref().map(String::len);
        self.wants(lengths == [32, 32, 43] && of_flow[0] != of_flow[1], asked, "no state, nonce, challenge");
        let expected = [
            ("client_id", "client-1"),
            ("response_type", "code"),
            ("response_mode", "pi.flow"),
            ("scope", "openid"),
            ("code_challenge_method", "S256"),
            ("acr_values", "Policy-7"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.wants(query == expected, asked, "other parameters");
        self.secrets.extend(of_flow.iter().cloned());
        let (interaction, cookie, id) =
            (self.secret("interaction"), self.secret("session"), self.secret("id"));
        let [state, nonce, challenge] = of_flow.each_mut().map(std::mem::take);
        self.flows.insert(interaction.clone(), [state, nonce, challenge, format!("ST={cookie}; {visitor}")]);
        let reply = self.twisted(
            "form",
            json!({
                "id": id, "interactionId": interaction, "eventName": "continue", "companyId": "c",
                "_links": {"next": {"href": "https://id.formula1.com/davinci/flows/f-1/capabilities/form?x=1"}},
            }),
        );
        reply.with("set-cookie", &format!("ST={cookie}; Path=/; Secure; HttpOnly; SameSite=None"))
    }

    fn submit(&mut self, asked: &Asked, target: &str) -> Reply {
        self.forms += 1;
        let interaction = asked.header("interactionid").unwrap_or_default().to_owned();
        let Some([state, nonce, challenge, cookies]) = self.flows.remove(&interaction) else {
            self.wants(false, asked, "a form of no flow");
            return Reply::new(400, "{}");
        };
        let is_right = target == "/davinci/flows/f-1/capabilities/form?x=1"
            && asked.line.starts_with("POST ")
            && as_json(asked)
            && asked.header("content-type") == Some("application/json");
        self.wants(is_right, asked, "not the form's URL, or not in JSON");
        self.wants(same_cookies(asked, &cookies), asked, "other cookies");
        let mut body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let form = body["parameters"]["data"]["formData"].take();
        let id = body["id"].take();
        self.wants(id.as_str().is_some_and(|id| self.secrets.iter().any(|it| it == id)), asked, "another id");
        let expected = json!({
            "id": null, "eventName": "continue", "interactionId": interaction,
            "parameters": {"eventType": "submit", "data": {"actionKey": "SIGNIN", "formData": null}},
        });
        self.wants(body == expected, asked, "another form");
        if form != json!({"username": USERNAME, "password": PASSWORD}) {
            let said = json!({"code": "invalidValue", "message": "Invalid username and/or password"});
            return Reply::new(400, said.to_string()).with("content-type", "application/json");
        }
        let good = self.tokens.last().filter(|(token, _)| !self.revoked.contains(token));
        let is_needed = good.is_none_or(|(_, ends)| *ends <= now() + MARGIN + 1);
        if !is_needed {
            self.faults.push("signed in though the last token is good".to_owned());
        }
        let code = self.secret("code");
        self.codes.insert(code.clone(), [nonce, challenge, cookies]);
        self.twisted(
            "submit",
            json!({"status": "COMPLETED", "authorizeResponse": {"code": code, "state": state}}),
        )
    }

    fn exchange(&mut self, asked: &Asked) -> Reply {
        let mut form = pairs(&String::from_utf8_lossy(&asked.body));
        let is_form = asked.header("content-type") == Some("application/x-www-form-urlencoded");
        self.wants(is_form && asked.line.starts_with("POST "), asked, "no form");
        let code = form.remove("code").unwrap_or_default();
        let Some([nonce, challenge, cookies]) = self.codes.remove(&code) else {
            self.wants(false, asked, "a code that was used, or never given");
            return Reply::new(400, r#"{"error": "invalid_grant"}"#);
        };
        self.wants(same_cookies(asked, &cookies), asked, "other cookies");
        let verifier = form.remove("code_verifier").unwrap_or_default();
        let proves = verifier.len() == 86 && base64url(Sha256::digest(&verifier)) == challenge;
        self.wants(proves, asked, "no proof");
        self.secrets.push(verifier);
        let rest = [("grant_type", "authorization_code"), ("client_id", "client-1")];
        let rest = rest.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.wants(form == rest, asked, "other fields");
        let token = self.token(self.lives);
        let mut claims = json!({"sub": "s", "subscriptionToken": token});
        if let Some(twist) = self.twists.get("access") {
            twist(&mut claims);
        }
        let access = jwt(&claims, self.made);
        let id = jwt(&json!({"nonce": nonce}), self.made);
        self.secrets.extend([access.clone(), id.clone()]);
        let json =
            json!({"access_token": access, "id_token": id, "token_type": "Bearer", "expires_in": 3600});
        self.twisted("exchange", json)
    }

    fn livetiming(&mut self, asked: &Asked, recording: &HashMap<String, Vec<u8>>) -> Reply {
        let token =
            asked.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
        *self.seen.entry(token.to_owned()).or_default() += 1;
        let known = self.tokens.iter().find(|(known, _)| known == token);
        let is_good = known.is_some_and(|(_, ends)| *ends > now()) || token == SIGNED;
        if !is_good || self.revoked.contains(token) {
            return Reply::new(401, "");
        }
        let target = asked.line.split(' ').nth(1).unwrap_or_default();
        recorded(recording, "livetiming.formula1.com", target)
    }
}

fn as_json(asked: &Asked) -> bool {
    asked.header("x-requested-with") == Some("ping-sdk")
}

fn same_cookies(asked: &Asked, expected: &str) -> bool {
    let sorted = |cookies: &str| {
        let mut cookies: Vec<_> = cookies.split("; ").map(str::to_owned).collect();
        cookies.sort();
        cookies
    };
    sorted(asked.header("cookie").unwrap_or_default()) == sorted(expected)
}
