//! Whether an object is there, after an answer to the request that makes it, or none: a table, without I/O.
//!
//! An answer that never came may be that of a success, and so may the refusal of a request that was doubled on its
//! way. A run that takes a second key then stores its document twice; one that gives up calls failed what is stored.

use http::{Method, StatusCode};

use super::refusal::is_done;
use crate::error::Kind;
use crate::http::failure::Failed;
use crate::http::retry::Again;
use crate::http::transport::Response;

/// What came back of a PutObject or CompleteMultipartUpload with `If-None-Match: *`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is made.
    Done,
    /// 412: the key is taken, perhaps by this very object.
    Taken,
    /// 404: the upload is gone, perhaps because it is completed.
    Gone,
    /// A fault of the store's, or a success that is not whole: perhaps it is made.
    Unclear,
    /// Nothing came. Perhaps it is made, now or later.
    Lost,
    /// It is not made.
    Refused,
}

/// What a look at the key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing is there.
    Nothing,
    /// This run's object of this document.
    Ours,
    /// Another object.
    Anothers,
    /// Nothing: these credentials may not look.
    Forbidden,
    /// Nothing, this time.
    Failed,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The object is there, and ours.
    Written,
    /// The key is another's: try a later one.
    Taken,
    /// Look at the key.
    Look,
    /// Fail with the answer's error, or with that of the look. The request may be made again if the error says so.
    Fail,
}

/// The next step, and whether the object is in doubt from now on: sent, and perhaps there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub step: Step,
    pub in_doubt: bool,
}

/// Judges a key before a request for it is sent again to a store that may overwrite what is there: what to do instead of
/// sending it, or none. Credentials that may not look say nothing about the key.
pub fn before(look: Look) -> Option<Step> {
    match look {
        Look::Nothing | Look::Forbidden => None,
        Look::Ours => Some(Step::Written),
        Look::Anothers => Some(Step::Taken),
        Look::Failed => Some(Step::Fail),
    }
}

/// Judges an answer. `in_doubt` is what is known of earlier requests for the same object; `look` is what was seen
/// after this answer, if anybody looked.
pub fn judge(in_doubt: bool, answer: Answer, look: Option<Look>) -> Verdict {
    let verdict = |step, in_doubt| Verdict { step, in_doubt };
    match (answer, look) {
        (Answer::Done, _) => verdict(Step::Written, false),
        (Answer::Unclear | Answer::Lost, _) => verdict(Step::Fail, true),
        (Answer::Refused, _) => verdict(Step::Fail, in_doubt),
        (Answer::Taken | Answer::Gone, None) => verdict(Step::Look, in_doubt),
        (_, Some(Look::Ours)) => verdict(Step::Written, false),
        (_, Some(Look::Failed)) => verdict(Step::Fail, true),
        // Nobody can tell whether the request that is in doubt took the key.
        (_, Some(Look::Forbidden)) if in_doubt => verdict(Step::Fail, true),
        (Answer::Taken, _) => verdict(Step::Taken, false),
        (Answer::Gone, _) => verdict(Step::Fail, in_doubt),
    }
}

impl Answer {
    /// Reads an answer to `method`, or why there is none.
    pub fn of(method: &Method, sent: &Result<Response, Failed>) -> Answer {
        match sent {
            Err(failed) if failed.error.kind == Kind::Network => Answer::Lost,
            Err(_) => Answer::Refused,
            Ok(response) if is_done(method, response) => Answer::Done,
            Ok(response) => match response.status {
                StatusCode::PRECONDITION_FAILED => Answer::Taken,
                StatusCode::NOT_FOUND => Answer::Gone,
                status if status.is_server_error() || status.is_success() => Answer::Unclear,
                _ => Answer::Refused,
            },
        }
    }
}

impl Look {
    /// Reads the outcome of a look: whether an object that is there is ours, or why nobody could look.
    pub fn of(is_ours: &Result<Option<bool>, Failed>) -> Look {
        match is_ours {
            Ok(None) => Look::Nothing,
            Ok(Some(true)) => Look::Ours,
            Ok(Some(false)) => Look::Anothers,
            Err(Failed { again: Again::Never, error }) if error.kind != Kind::Network => Look::Forbidden,
            Err(_) => Look::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: answer, look; the step and the doubt that follow if nothing was in doubt, and if something was.
    type Row = (Answer, Option<Look>, (Step, bool), (Step, bool));

    #[test]
    fn every_answer_has_its_next_step() {
        use Answer::*;
        let table: &[Row] = &[
            (Done, None, (Step::Written, false), (Step::Written, false)),
            (Unclear, None, (Step::Fail, true), (Step::Fail, true)),
            (Lost, None, (Step::Fail, true), (Step::Fail, true)),
            (Refused, None, (Step::Fail, false), (Step::Fail, true)),
            (Taken, None, (Step::Look, false), (Step::Look, true)),
            (Taken, Some(Look::Ours), (Step::Written, false), (Step::Written, false)),
            (Taken, Some(Look::Anothers), (Step::Taken, false), (Step::Taken, false)),
            (Taken, Some(Look::Nothing), (Step::Taken, false), (Step::Taken, false)),
            (Taken, Some(Look::Forbidden), (Step::Taken, false), (Step::Fail, true)),
            (Taken, Some(Look::Failed), (Step::Fail, true), (Step::Fail, true)),
            (Gone, None, (Step::Look, false), (Step::Look, true)),
            (Gone, Some(Look::Ours), (Step::Written, false), (Step::Written, false)),
            (Gone, Some(Look::Anothers), (Step::Fail, false), (Step::Fail, true)),
            (Gone, Some(Look::Nothing), (Step::Fail, false), (Step::Fail, true)),
            (Gone, Some(Look::Forbidden), (Step::Fail, false), (Step::Fail, true)),
            (Gone, Some(Look::Failed), (Step::Fail, true), (Step::Fail, true)),
        ];
        for (answer, look, fresh, doubted) in table {
            for (in_doubt, (step, after)) in [(false, fresh), (true, doubted)] {
                let expected = Verdict { step: *step, in_doubt: *after };
                assert_eq!(judge(in_doubt, *answer, *look), expected, "{answer:?} {look:?} {in_doubt}");
            }
        }
    }

    #[test]
    fn nothing_is_sent_again_over_what_is_there_or_may_be() {
        let table = [
            (Look::Nothing, None),
            (Look::Forbidden, None),
            (Look::Ours, Some(Step::Written)),
            (Look::Anothers, Some(Step::Taken)),
            (Look::Failed, Some(Step::Fail)),
        ];
        for (look, step) in table {
            assert_eq!(before(look), step, "{look:?}");
        }
    }

    #[test]
    fn an_answer_is_read_by_its_status_and_its_body() {
        let answer = |status, etag: &str| {
            let mut headers = http::HeaderMap::new();
            headers.extend((!etag.is_empty()).then(|| (http::header::ETAG, etag.parse().unwrap())));
            let response = Response { status: StatusCode::from_u16(status).unwrap(), headers, body: vec![] };
            Answer::of(&Method::PUT, &Ok(response))
        };
        assert_eq!(answer(200, "\"e\""), Answer::Done);
        assert_eq!(answer(200, ""), Answer::Unclear, "no store's answer");
        assert_eq!(
            [412, 404, 500, 503].map(|status| answer(status, "")),
            [Answer::Taken, Answer::Gone, Answer::Unclear, Answer::Unclear]
        );
        assert_eq!([400, 403, 409].map(|status| answer(status, "")), [Answer::Refused; 3]);
    }
}
