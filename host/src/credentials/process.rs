//! A profile, and the `credential_process` that it may get its credentials from: the host runs that itself, because the
//! AWS SDK reads all that it writes, however much that is, and puts its stderr into an error.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet, load};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use chrono::DateTime;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::sender::LONGEST;
use crate::f1tv::{PASSWORD, USERNAME};

/// Where a profile has its credentials from, if not from a `credential_process`.
const OTHERS: &[&str] = &[
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "login_session",
];

/// What the SDK is to take for the source of a role.
const SOURCE: &str = "f1-ingest-credential-process";

/// The credentials of one profile.
#[derive(Debug)]
pub struct ProfileCredentials {
    /// AWS's configuration, as the SDK reads it.
    pub files: String,
    /// The profile's name in there.
    pub name: String,
    pub config: ProviderConfig,
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl ProfileCredentials {
    async fn credentials(&self) -> Result {
        let files = || EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, self.files.clone());
        let provider = ProfileFileCredentialsProvider::builder().configure(&self.config);
        let provider = provider.profile_name(&self.name).profile_files(files().build());
        let name = Some(self.name.clone().into());
        // What is wrong with the files, the SDK says.
        let profiles = load(&Fs::real(), &Env::real(), &files().build(), name).await.ok();
        let Some(Source { role, command }) = profiles.as_ref().and_then(source) else {
            return provider.build().provide_credentials().await;
        };
        let credentials = run(command).await?;
        let Some(role) = role else { return Ok(credentials) };
        let source = as_source_of(role, &credentials)?;
        let files = files().with_contents(EnvConfigFileKind::Config, source).build();
        provider.profile_files(files).build().provide_credentials().await
    }
}

/// The `credential_process` at the end of the chain of profiles that the selected one begins.
struct Source<'a> {
    /// The profile with the role that is assumed with its credentials, if there is one.
    role: Option<&'a str>,
    command: &'a str,
}

/// None if the chain ends elsewhere, or nowhere.
fn source(profiles: &ProfileSet) -> Option<Source<'_>> {
    let mut profile = profiles.get_profile(profiles.selected_profile())?;
    let mut role = None;
    // A chain has no more links than there are profiles, unless it is a circle.
    for _ in profiles.profiles() {
        let is_static = ["aws_access_key_id", "aws_secret_access_key"].map(|key| profile.get(key).is_some());
        if role.is_some() && is_static == [true, true] {
            return None;
        }
        let next = profile.get("role_arn").and_then(|_| profile.get("source_profile"));
        let is_end = match next {
            Some(next) => {
                role = Some(profile.name());
                next == profile.name()
            }
            None => true,
        };
        if is_end {
            return process_of(profile).map(|command| Source { role, command });
        }
        profile = profiles.get_profile(next?)?;
    }
    None
}

fn process_of(profile: &Profile) -> Option<&str> {
    profile.get("credential_process").filter(|_| OTHERS.iter().all(|other| profile.get(other).is_none()))
}

/// A file that gives these credentials to a profile with a role.
fn as_source_of(role: &str, credentials: &Credentials) -> std::result::Result<String, CredentialsError> {
    let mut text = format!("[profile {role}]\nsource_profile = {SOURCE}\n[profile {SOURCE}]\n");
    let lines = [
        ("aws_access_key_id", Some(credentials.access_key_id())),
        ("aws_secret_access_key", Some(credentials.secret_access_key())),
        ("aws_session_token", credentials.session_token()),
    ];
    for (name, value) in lines {
        let Some(value) = value else { continue };
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failed(format!("{name} is not plain text")));
        }
        text.push_str(&format!("{name} = {value}\n"));
    }
    Ok(text)
}

/// How long the program's last words may take, when it has ended: what it left running may hold its stderr.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Runs the program. What it says goes to this one's stderr: it is for whoever set it up, and may be a secret.
async fn run(command: &str) -> Result {
    let mut child = shell(command)
        .env_remove(USERNAME)
        .env_remove(PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("it does not start: {error}")))?;
    let said = child.stderr.take();
    let said = tokio::spawn(async move {
        if let Some(mut said) = said {
            // Whoever reads stderr may have gone.
            let _ = tokio::io::copy(&mut said, &mut tokio::io::stderr()).await;
        }
    });
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let longest = LONGEST as u64 + 1;
        let read = stdout.take(longest).read_to_end(&mut answer).await;
        read.map_err(|error| failed(format!("its answer cannot be read: {error}")))?;
    }
    if answer.len() > LONGEST {
        return Err(failed(format!("it answers with more than {} MiB", LONGEST >> 20)));
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    // What is unsaid by then stays so.
    let _ = tokio::time::timeout(LAST_WORDS, said).await;
    if !status.success() {
        return Err(failed(format!("it ended with {status}; what it said is on stderr")));
    }
    parse(&answer).map_err(failed)
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd.exe");
    // `cmd.exe` has rules of its own for quotes.
    shell.arg("/C").raw_arg(format!("\"{command}\""));
    shell
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
fn parse(answer: &[u8]) -> std::result::Result<Credentials, String> {
    // An error of the parser could show a piece of the text.
    let fields: HashMap<String, Value> =
        serde_json::from_slice(answer).map_err(|_| "it does not answer with a JSON object")?;
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    };
    let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
    if field("Version").and_then(Value::as_u64) != Some(1) {
        return Err("its answer lacks \"Version\": 1".to_owned());
    }
    let (Some(key), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
        return Err("its answer lacks AccessKeyId or SecretAccessKey".to_owned());
    };
    let expiry = text("Expiration").map(|at| DateTime::parse_from_rfc3339(&at)).transpose();
    let expiry = expiry.map_err(|_| "its Expiration is not a time as in RFC 3339")?;
    Ok(Credentials::new(
        key,
        secret,
        text("SessionToken"),
        expiry.map(SystemTime::from),
        "credential_process",
    ))
}

fn failed(why: impl Into<String>) -> CredentialsError {
    CredentialsError::provider_error(format!(
        "the external process (credential_process) failed: {}",
        why.into()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn source_of(text: &str) -> Option<(Option<String>, String)> {
        let fs = Fs::from_slice(&[("config", text)]);
        let env = Env::from_slice(&[("AWS_CONFIG_FILE", "config"), ("AWS_PROFILE", "lake")]);
        let profiles = load(&fs, &env, &EnvConfigFiles::default(), None).await.unwrap();
        source(&profiles).map(|Source { role, command }| (role.map(str::to_owned), command.to_owned()))
    }

    #[tokio::test]
    async fn the_process_is_that_of_the_last_profile_of_a_chain() {
        let process = "credential_process = get it\n";
        let direct = source_of(&format!("[profile lake]\n{process}")).await;
        assert_eq!(direct, Some((None, "get it".into())));
        let own = format!("[profile lake]\nrole_arn = r\nsource_profile = lake\n{process}");
        assert_eq!(source_of(&own).await, Some((Some("lake".into()), "get it".into())));
        let role = "[profile lake]\nrole_arn = r\nsource_profile = base\n[profile base]\n";
        assert_eq!(
            source_of(&format!("{role}{process}")).await,
            Some((Some("lake".into()), "get it".into()))
        );
        let keys = "aws_access_key_id = k\naws_secret_access_key = s\n";
        assert_eq!(source_of(&format!("{role}{keys}{process}")).await, None);
        let circle = format!("{role}role_arn = r\nsource_profile = lake\n{process}");
        assert_eq!(source_of(&circle).await, None);
        let sso = format!("[profile lake]\nsso_session = s\n{process}");
        assert_eq!(source_of(&sso).await, None);
    }

    #[tokio::test]
    async fn an_answer_is_bounded_and_no_error_shows_it() {
        let answer = r#"{"version": 1, "AccessKeyId": "k", "SecretAccessKey": "s", "Expiration": "2099-01-01T00:00:00Z"}"#;
        let credentials = run(&format!("echo '{answer}'")).await.unwrap();
        assert_eq!((credentials.access_key_id(), credentials.session_token()), ("k", None));
        assert!(credentials.expiry().is_some());
        for (command, why) in [
            ("head -c 600000000 /dev/zero", "more than 1 MiB"),
            ("echo SECRET", "JSON"),
            ("echo '{\"Version\": 1, \"AccessKeyId\": \"SECRET\"}'", "SecretAccessKey"),
            ("echo SECRET >&2; exit 3", "exit status: 3"),
        ] {
            let error = format!("{:?}", run(command).await.unwrap_err());
            assert!(error.contains(why) && !error.contains("SECRET"), "{command}: {error}");
        }
    }
}
