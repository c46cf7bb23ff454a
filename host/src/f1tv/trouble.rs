//! What can go wrong in a sign-in: at which step, what the host said, and what to do.

use std::time::Duration;

use f1_ingest_component::error::{Error, Kind};

use super::answer::Answer;
use super::formula1::ACCOUNT;

/// The steps of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Settings,
    Form,
    Password,
    Exchange,
    Subscription,
    /// Those of a browser's.
    Keys,
    Signature,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Settings => "step 1 of 5 (settings of the sign-in page)",
            Step::Form => "step 2 of 5 (form)",
            Step::Password => "step 3 of 5 (user name and password)",
            Step::Exchange => "step 4 of 5 (code for token)",
            Step::Subscription => "step 5 of 5 (subscription)",
            Step::Keys => "step 1 of 2 (keys of the signature)",
            Step::Signature => "step 2 of 2 (signature)",
        }
    }
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Network,
    Bot,
    TooMany,
    Fault,
    Changed,
    Mismatch,
    Password,
    SecondFactor,
    Locked,
    Refused,
    NoSubscription,
    Signature,
}

/// How long the same is not tried again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    For(Duration),
    /// Until user name or password are others, or a person signs in.
    Until,
}

impl Trouble {
    fn row(self) -> (Kind, &'static str, Hold) {
        let minutes = |minutes: u64| Hold::For(Duration::from_secs(60 * minutes));
        match self {
            Trouble::Network => {
                (Kind::Network, "check the network and its proxies, and try again", minutes(1))
            }
            Trouble::Bot => (
                Kind::RateLimited,
                "bot protection takes this machine for a robot: wait some hours, sign in from another address, or \
                 `f1-ingest login --browser`",
                minutes(60),
            ),
            Trouble::TooMany => (Kind::RateLimited, "too many sign-ins: wait some hours", minutes(60)),
            Trouble::Fault => {
                (Kind::Unavailable, "the host has an error of its own: try again later", minutes(10))
            }
            Trouble::Changed => (
                Kind::Unavailable,
                "Formula 1's page has changed: look for a newer version of f1-ingest; until then \
                 `f1-ingest login --browser` or `--token-stdin`",
                minutes(10),
            ),
            Trouble::Mismatch => (
                Kind::Unavailable,
                "the answer is to somebody else's sign-in, and is not used: try again",
                minutes(10),
            ),
            Trouble::Password => (
                Kind::SignIn,
                "wrong user name or password: correct F1_USERNAME and F1_PASSWORD, or `f1-ingest login`",
                Hold::Until,
            ),
            Trouble::SecondFactor => (
                Kind::SignIn,
                "the account wants a second factor, which needs a person: `f1-ingest login --browser`",
                Hold::Until,
            ),
            Trouble::Locked => (Kind::SignIn, "the account is locked: unlock it in a browser", Hold::Until),
            Trouble::Refused => (Kind::SignIn, "see in a browser what the account needs", Hold::Until),
            Trouble::NoSubscription => (
                Kind::SignIn,
                "the account has no F1TV subscription: subscribe, or use an account that has one",
                minutes(24 * 60),
            ),
            Trouble::Signature => (
                Kind::SignIn,
                "the token is not Formula 1's, and is not used: sign in again in a browser that you trust",
                Hold::Until,
            ),
        }
    }

    fn needs_the_page(self) -> bool {
        matches!(self, Trouble::Locked | Trouble::Refused | Trouble::NoSubscription)
    }

    /// The failure of a step. `what` is what happened, and which host said what.
    pub fn at(self, step: Step, what: &str) -> Failure {
        let (kind, remedy, hold) = self.row();
        let page = if self.needs_the_page() { format!(" ({ACCOUNT})") } else { String::new() };
        let message = format!("F1TV sign-in, {}: {what}; {remedy}{page}", step.name());
        let error = Error::new(kind, message);
        let is_lasting = hold == Hold::Until;
        Failure { error: if is_lasting { error.lasting() } else { error }, hold }
    }
}

/// Why a sign-in failed, and how long it is not tried again by itself.
pub struct Failure {
    pub error: Error,
    pub hold: Hold,
}

/// What an answer means that is not 2xx.
pub fn of_answer(answer: &Answer) -> Trouble {
    match answer.status.as_u16() {
        403 | 429 | 503 if answer.is_page() => Trouble::Bot,
        429 => Trouble::TooMany,
        500.. => Trouble::Fault,
        _ => Trouble::Changed,
    }
}

/// What it means that a form with user name and password is not taken, as the words of the answer have it; `words` are
/// those that are for people, and the names of what comes next.
pub fn of_words(words: &str) -> Trouble {
    let words = words.to_lowercase();
    let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
    match () {
        () if has(&["captcha", "robot", "automated", "unusual traffic"]) => Trouble::Bot,
        () if has(&["locked", "too many", "suspended", "disabled"]) => Trouble::Locked,
        () if has(SECOND_FACTOR) => Trouble::SecondFactor,
        () if has(&[
            "password",
            "credential",
            "username",
            "user name",
            "invalid user",
            "email",
            "e-mail",
        ]) =>
        {
            Trouble::Password
        }
        () => Trouble::Refused,
    }
}

const SECOND_FACTOR: &[&str] = &[
    "second factor",
    "multi-factor",
    "multifactor",
    "two-factor",
    "two-step",
    "mfa",
    "otp",
    "one-time",
    "passcode",
    "verification code",
    "security code",
    "authenticator",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_refusal_say_what_it_is() {
        for (words, trouble) in [
            ("Invalid username and/or password", Trouble::Password),
            ("Your account is locked after too many attempts", Trouble::Locked),
            ("Enter the one-time passcode sent to your email", Trouble::SecondFactor),
            ("Please solve the CAPTCHA", Trouble::Bot),
            ("The terms have changed", Trouble::Refused),
        ] {
            assert_eq!(of_words(words), trouble, "{words}");
        }
    }

    #[test]
    fn what_could_lock_an_account_is_held_until_somebody_acts() {
        for trouble in [Trouble::Password, Trouble::SecondFactor, Trouble::Locked, Trouble::Refused] {
            let failure = trouble.at(Step::Password, "id.example says no");
            assert_eq!(failure.hold, Hold::Until);
            assert!(!failure.error.is_transient());
        }
    }
}
