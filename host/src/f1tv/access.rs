//! A run's access to livetiming: which of its requests have a token, and which token that is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use f1_ingest_component::job::Job;
use f1_ingest_component::log::Log;
use f1_ingest_component::upstreams::Upstream;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error, WasiBody};

use super::formula1::{LIVETIMING, MARGIN};
use super::store::Store;
use super::token::Token;
use super::told::Told;
use super::{Credentials, VARIABLE, held, now, renewal};
use crate::variables::Variables;

/// Where a token is from that a run has signed in for.
const SIGNED_IN: &str = "signed in for";

/// Puts the token on a run's requests to livetiming, and renews it.
pub struct Access {
    credentials: Option<Arc<Credentials>>,
    current: tokio::sync::Mutex<Current>,
    told: Arc<Mutex<Told>>,
    log: Log,
}

struct Current {
    token: Token,
    /// When it was last to be renewed.
    asked: Option<u64>,
    /// Whether livetiming has refused one already.
    was_refused: bool,
}

impl Access {
    /// The variables that `job` gets to see, with a token only if it has a use for one; and what puts the token on its
    /// requests, if they go to livetiming itself. Whatever becomes of it is in `told`: a run without a token may still have
    /// what it needs from elsewhere, so this does not fail.
    pub async fn of_run(
        is_replay: bool,
        mut variables: Variables,
        job: &Job,
        told: Arc<Mutex<Told>>,
        log: &Log,
    ) -> (Variables, Option<Access>) {
        let given = variables.remove(VARIABLE);
        if !job.items.iter().any(|item| item.upstreams().contains(&Upstream::Livetiming)) {
            return (variables, None);
        }
        lock(&told).wanted = true;
        let given_token = given.as_deref().and_then(Token::parse);
        if is_replay || !is_livetiming(&job.upstreams.livetiming.official) {
            if let Some(token) = &given_token {
                lock(&told).has(token, VARIABLE, false, now(), log);
            }
            variables.extend(given.map(|given| (VARIABLE.to_owned(), given)));
            return (variables, None);
        }
        let credentials = Credentials::of_environment().map(Arc::new);
        let Some((token, asked)) = first(given_token, credentials.as_ref(), &told, log).await else {
            return (variables, None);
        };
        variables.insert(VARIABLE.to_owned(), token.secret().to_owned());
        let current = tokio::sync::Mutex::new(Current { token, asked, was_refused: false });
        (variables, Some(Access { credentials, current, told, log: log.clone() }))
    }

    /// Sends a request of the run's by `send`, with the token if it had one and goes to livetiming itself; and once more
    /// with a new one if livetiming refuses the first.
    pub async fn sent<B, F>(
        &self,
        mut request: Request<WasiBody>,
        send: impl Fn(Request<WasiBody>) -> F,
    ) -> Result<Response<B>, Error>
    where
        F: Future<Output = Result<Response<B>, Error>>,
    {
        if !request.headers().contains_key(AUTHORIZATION) {
            return send(request).await;
        }
        if !is_livetiming(request.uri()) {
            request.headers_mut().remove(AUTHORIZATION);
            return send(request).await;
        }
        let token = self.token().await;
        let mut again = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        with(&mut request, &token);
        let response = send(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.instead_of(&token).await {
            None => Ok(response),
            Some(token) => {
                with(&mut again, &token);
                send(again).await
            }
        }
    }

    /// The token, renewed before its end.
    async fn token(&self) -> Token {
        let mut current = self.current.lock().await;
        let now = now();
        let is_time = !current.token.is_fresh(now) && current.asked.is_none_or(|at| at + MARGIN <= now);
        if let Some(credentials) = self.credentials.as_ref().filter(|_| is_time) {
            current.asked = Some(now);
            let token = renewed(credentials, None, &self.told, &self.log).await;
            current.token = token.unwrap_or_else(|| current.token.clone());
        }
        current.token.clone()
    }

    /// What to try in place of a token that livetiming has refused: once in a run, and then what came of that.
    async fn instead_of(&self, refused: &Token) -> Option<Token> {
        let mut current = self.current.lock().await;
        if current.token != *refused {
            return Some(current.token.clone());
        }
        if std::mem::replace(&mut current.was_refused, true) {
            return None;
        }
        let other = match &self.credentials {
            Some(credentials) => renewed(credentials, Some(refused), &self.told, &self.log).await,
            None => kept_other_than(refused, &self.told, &self.log),
        };
        current.token = other?;
        Some(current.token.clone())
    }
}

/// The token that a run begins with, and when it was renewed if it was; none if there is none.
async fn first(
    given: Option<Token>,
    credentials: Option<&Arc<Credentials>>,
    told: &Arc<Mutex<Told>>,
    log: &Log,
) -> Option<(Token, Option<u64>)> {
    let found = match given {
        Some(token) => Some((token, VARIABLE.to_owned())),
        None => kept(told, log),
    };
    let now = now();
    let is_time = credentials.is_some() && !found.as_ref().is_some_and(|(token, _)| token.is_fresh(now));
    if let Some(credentials) = credentials.filter(|_| is_time)
        && let Some(token) = renewed(credentials, None, told, log).await
    {
        return Some((token, Some(now)));
    }
    let (token, place) = found?;
    // Who is known not to get in renews nothing.
    let renews = credentials.is_some_and(|it| held::why_not(&Store::of_user(), it, now).is_none());
    lock(told).has(&token, &place, renews, now, log);
    Some((token, is_time.then_some(now)))
}

/// The token that is kept, and where. One that must not be used is warned of.
fn kept(told: &Mutex<Told>, log: &Log) -> Option<(Token, String)> {
    match Store::of_user().token() {
        Ok(found) => found.map(|(kept, place)| (kept.token, place)),
        Err(why) => {
            lock(told).warn(format!("the F1TV token is not used: {why:#}"), log);
            None
        }
    }
}

fn kept_other_than(refused: &Token, told: &Mutex<Told>, log: &Log) -> Option<Token> {
    let (token, place) = kept(told, log).filter(|(token, _)| token != refused && token.is_fresh(now()))?;
    lock(told).has(&token, &place, false, now(), log);
    Some(token)
}

/// A new token, or none; `told` hears of either. A sign-in that has begun goes on to its end, whoever waits for it: to
/// begin another one could lock the account.
async fn renewed(
    credentials: &Arc<Credentials>,
    refused: Option<&Token>,
    told: &Arc<Mutex<Told>>,
    log: &Log,
) -> Option<Token> {
    let (credentials, refused, log) = (credentials.clone(), refused.cloned(), log.clone());
    let told = told.clone();
    let task = tokio::spawn(async move {
        let token = renewal::token(&credentials, refused.as_ref(), &log).await;
        let mut told = lock(&told);
        match token {
            Ok(token) => {
                told.has(&token, SIGNED_IN, true, now(), &log);
                Some(token)
            }
            Err(why) => {
                told.failed(&why, &log);
                None
            }
        }
    });
    task.await.context("the sign-in has no end").ok().flatten()
}

fn with(request: &mut Request<WasiBody>, token: &Token) {
    let bearer = token.bearer().map(|bearer| (AUTHORIZATION, bearer));
    request.headers_mut().remove(AUTHORIZATION);
    request.headers_mut().extend(bearer);
}

/// Whether a URL is of the one host that tokens go to.
fn is_livetiming(url: &Uri) -> bool {
    let is_tls = url.scheme_str() == Some("https");
    let authority = url.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    is_tls && authority.is_some_and(|it| it.strip_suffix(":443").unwrap_or(&it) == LIVETIMING)
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_livetiming_alone() {
        let is = |url: &str| is_livetiming(&url.parse().unwrap());
        assert!(is("https://livetiming.formula1.com/static/x") && is("https://LiveTiming.formula1.com:443/"));
        for other in [
            "http://livetiming.formula1.com/static/x",
            "https://livetiming.formula1.com:8443/",
            "https://livetiming.formula1.com.evil.example/",
            "https://user@livetiming.formula1.com/",
            "https://livetiming-mirror.fastf1.dev/static/",
            "/static",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
