//! How a sign-in's requests are sent: as all of the host's, with one jar of cookies, and no further than they are told.

use bytes::Bytes;
use f1_ingest_component::http::transport::SendError;
use http::request::Builder;
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error, RequestOptions};

use super::answer::Answer;
use super::formula1::{ANSWER, BROWSER, CONNECT};
use super::trouble::{Failure, Step, Trouble};
use crate::pool::Pool;

/// No answer of a sign-in is longer: the script has two megabytes.
const LONGEST: usize = 32 << 20;

/// Sends requests.
pub struct Wire(Pool);

impl Wire {
    pub fn new() -> Wire {
        Wire(Pool::with_cookies(CONNECT))
    }

    /// Sends one request of a step, with a browser's headers, and reads its answer. Redirects are answers.
    pub async fn send(&self, step: Step, request: Builder, body: String) -> Result<Answer, Failure> {
        let request = BROWSER.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let body = Full::from(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        let request = request
            .body(body)
            .map_err(|_| Trouble::Changed.at(step, "it asks for what no request can hold"))?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let failed = |why: String| Trouble::Network.at(step, &format!("{host} gives no answer ({why})"));
        let answered = async {
            let silence = RequestOptions { first_byte_timeout: Some(ANSWER), ..RequestOptions::default() };
            let response = self.0.send(request, silence).await.map_err(explained)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await.map_err(|why| why.to_string())?;
            Ok((head, body.to_bytes().to_vec()))
        };
        let answered = tokio::time::timeout(ANSWER + CONNECT, answered).await;
        let late = |_| Err(format!("in {} s", ANSWER.as_secs()));
        let (head, body) = answered.unwrap_or_else(late).map_err(failed)?;
        Ok(Answer { host, status: head.status, headers: head.headers, body })
    }
}

/// Why no answer came, for people.
fn explained(error: Error) -> String {
    let Error::InternalError(Some(text)) = &error else { return error.to_string() };
    match SendError::internal(text) {
        SendError::Lasting(why) | SendError::Unreachable(why) | SendError::Network(why) => why,
        SendError::Denied | SendError::Stopped => error.to_string(),
    }
}
