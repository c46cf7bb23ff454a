//! What the official host and its mirror say of one file, and which of many refusals a person has to act on first.

use crate::error::{Error, Kind};

/// Why neither host gave something.
#[derive(Debug)]
pub struct Refused {
    pub official: Error,
    /// None if the mirror was not asked.
    pub mirror: Option<Box<Error>>,
}

impl From<Error> for Refused {
    fn from(official: Error) -> Self {
        Refused { official, mirror: None }
    }
}

impl Refused {
    /// The error that may not be there the next time: then nothing is to be stored without this feed. That the
    /// mirror fails counts if it is what serves the session (`some` feeds came) and the official host did
    /// not say that there is no such feed.
    pub fn may_pass(&self, some: bool) -> Option<&Error> {
        let passing = |error: &&Error| !error.is_refusal();
        let mirror = self.mirror.as_deref().filter(|_| some && self.official.kind != Kind::NotFound);
        Some(&self.official).filter(passing).or(mirror.filter(passing))
    }

    /// The official host's refusal; where it is none of the file's own, with what the mirror says, which could be the way.
    pub fn told(&self) -> Error {
        match self.mirror.as_deref().filter(|_| self.official.kind.is_of_us()) {
            None => self.official.clone(),
            Some(mirror) => {
                let message = format!("{}; {}", self.official, of_mirror(mirror));
                self.official.clone().reworded(message)
            }
        }
    }
}

fn of_mirror(error: &Error) -> String {
    let what = match error.kind {
        Kind::NotFound => "does not have it",
        Kind::Blocked => "refuses this address too",
        Kind::BotProtection => "takes us for a robot too",
        Kind::RateLimited => "has had too many requests",
        Kind::Network | Kind::Denied => "is not reached",
        _ => "fails",
    };
    let status = error.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    format!("its mirror {what}{status}")
}

/// How far down an error is among those that a person has to act on: what waiting does not help first, then what it helps,
/// and last what may be no more than a file that is not there.
fn rank(error: &Error) -> u8 {
    match error.kind {
        Kind::SignIn => 0,
        Kind::Blocked if !error.is_guess() => 1,
        Kind::RateLimited => 2,
        Kind::BotProtection => 3,
        Kind::Blocked => 5,
        Kind::NotFound => 6,
        _ => 4,
    }
}

/// Whether waiting does not help, whatever others say.
fn lasts(error: &Error) -> bool {
    rank(error) < 2
}

/// The one to act on first; of several like it, the first.
pub fn gravest(errors: impl IntoIterator<Item = Error>) -> Option<Error> {
    errors.into_iter().min_by_key(rank)
}

/// The error that may not be there the next time, if that would help. If `some` feeds came, nothing is to be stored
/// without those that may come; if none came, and one is refused for good, it will not help.
pub fn passing<'r>(refused: impl Iterator<Item = &'r Refused> + Clone, some: bool) -> Option<Error> {
    if !some && refused.clone().any(|refused| lasts(&refused.official)) {
        return None;
    }
    gravest(refused.filter_map(|refused| {
        let error = refused.may_pass(some)?;
        Some(if refused.official.is_refusal() { error.clone() } else { refused.told() })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind, status: u16) -> Error {
        Error::new(kind, kind.name()).with_status(status)
    }

    #[test]
    fn of_mixed_refusals_the_one_to_act_on_counts() {
        let guess = || error(Kind::Blocked, 403).guessed();
        // From the first to act on to the last.
        let order = || {
            [
                error(Kind::SignIn, 401),
                error(Kind::Blocked, 403),
                error(Kind::RateLimited, 429),
                error(Kind::BotProtection, 403),
                error(Kind::Unavailable, 503),
                guess(),
                error(Kind::NotFound, 403),
            ]
        };
        for (higher, first) in order().into_iter().enumerate() {
            for second in order().into_iter().skip(higher + 1) {
                for pair in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
                    assert_eq!(gravest(pair), Some(first.clone()), "{first} beside {second}");
                }
            }
        }
    }

    #[test]
    fn waiting_is_advised_where_it_helps() {
        let passing = |kinds: &[(Kind, u16)], some| {
            let refused: Vec<_> =
                kinds.iter().map(|(kind, status)| Refused::from(error(*kind, *status))).collect();
            passing(refused.iter(), some).map(|error| error.kind)
        };
        let (sign_in, absent) = ((Kind::SignIn, 401), (Kind::NotFound, 403));
        let (fault, robot) = ((Kind::Unavailable, 503), (Kind::BotProtection, 403));
        assert_eq!(passing(&[absent, fault, robot], false), Some(Kind::BotProtection));
        assert_eq!(passing(&[sign_in, fault, robot], false), None);
        assert_eq!(passing(&[sign_in, fault], true), Some(Kind::Unavailable));
        assert_eq!(passing(&[sign_in, absent, (Kind::Blocked, 403)], true), None);
    }

    #[test]
    fn the_mirror_is_told_of_where_it_could_be_the_way() {
        let refused = |kind, status| Refused {
            mirror: Some(Box::new(error(Kind::NotFound, 404))),
            ..Refused::from(error(kind, status))
        };
        assert_eq!(
            refused(Kind::Blocked, 403).told().message,
            "blocked; its mirror does not have it (HTTP 404)"
        );
        assert_eq!(refused(Kind::NotFound, 403).told().message, "not-found");
    }
}
