//! AWS's shared configuration: the profiles in `~/.aws/config` and `~/.aws/credentials`, as botocore has them.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>. The SDK's own reader is stricter than botocore's (no
//! indentation, no colons, plain names only), and files that botocore reads are what people have. So the files are read
//! here, and what the SDK needs of them is written anew for it.

mod ini;

use std::collections::BTreeMap;
use std::path::PathBuf;

use f1_ingest_component::error::{Error, Result};

use crate::options::HostOptions;
use crate::variables::variable;
use ini::{Section, Setting, sections};

/// The variables that name a profile, in botocore's order.
const NAMES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

/// The profile of who names none.
const DEFAULT: &str = "default";

/// All profiles, and which of them counts.
#[derive(Debug, Default)]
pub struct Profiles {
    profiles: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
    sso_sessions: BTreeMap<String, Section>,
    /// The profile that counts.
    name: String,
    /// Whether the user named it.
    is_named: bool,
}

impl Profiles {
    /// Those that count for a run with these options: none for the store in the host itself. Fails as [`Profiles::read`].
    pub fn for_run(host: &HostOptions) -> Result<Profiles> {
        match host.store {
            None => Profiles::read(host.profile.as_deref()),
            Some(_) => Ok(Profiles::default()),
        }
    }

    /// Reads the files; `name` is that of `--profile`, which wins over the variables.
    ///
    /// Fails on a line that cannot be read, and if a profile is named that is in neither file.
    pub fn read(name: Option<&str>) -> Result<Profiles> {
        let named = name.map(|name| ("--profile", name.to_owned()));
        let by_variable = || NAMES.into_iter().find_map(|name| Some((name, variable(name)?)));
        let named = named.or_else(by_variable);
        let config = file("AWS_CONFIG_FILE", ".aws/config")?;
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")?;
        let (by, name) = named.map_or((None, DEFAULT.to_owned()), |(by, name)| (Some(by), name));
        let profiles = Profiles { name, is_named: by.is_some(), ..Profiles::of(config, credentials) };
        match by {
            Some(by) if !profiles.profiles.contains_key(&profiles.name) => Err(Error::usage(format!(
                "{by}: there is no profile {:?} in ~/.aws/config or ~/.aws/credentials; correct the name",
                profiles.name
            ))),
            _ => Ok(profiles),
        }
    }

    /// What two files hold: the credentials file's sections are profiles, and their settings win.
    fn of(config: BTreeMap<String, Section>, credentials: BTreeMap<String, Section>) -> Profiles {
        let mut all = Profiles::default();
        for (header, section) in config {
            let words = shlex::split(&header).unwrap_or_default();
            // botocore looks at how the header begins, and then for two words.
            let sections = match header.as_str() {
                DEFAULT => Some(&mut all.profiles),
                header if header.starts_with("profile") => Some(&mut all.profiles),
                header if header.starts_with("sso-session") => Some(&mut all.sso_sessions),
                header if header.starts_with("services") => Some(&mut all.services),
                _ => None,
            };
            let name = match words.as_slice() {
                _ if header == DEFAULT => Some(DEFAULT.to_owned()),
                [_, name] => Some(name.clone()),
                _ => None,
            };
            if let (Some(sections), Some(name)) = (sections, name) {
                sections.insert(name, section);
            }
        }
        for (name, section) in credentials {
            all.profiles.entry(name).or_default().extend(section);
        }
        all
    }

    /// A setting of the profile that counts.
    pub fn setting(&self, name: &str) -> Option<&str> {
        text(self.profiles.get(&self.name)?, name)
    }

    /// Where the profile's S3 is, if it says so: in its `services`, or for all services at once.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    pub fn endpoint_url(&self) -> Option<&str> {
        if is_true(self.setting("ignore_configured_endpoint_urls")) {
            return None;
        }
        let of_s3 = || {
            let services = self.services.get(self.setting("services")?)?;
            match services.get("s3")? {
                Setting::Nested(s3) => s3.get("endpoint_url").map(String::as_str),
                Setting::Text(_) => None,
            }
        };
        of_s3().or_else(|| self.setting("endpoint_url")).filter(|url| !url.is_empty())
    }
}

impl Profiles {
    /// The files for the SDK, and the name by which it knows the profile that counts; none if there is no such profile.
    ///
    /// The SDK takes plain names only, so that each profile gets one, in what refers to it too. An SSO session keeps its
    /// name, which names the file of its token as well.
    pub fn for_sdk(&self) -> Option<(String, String)> {
        let plain = |name: &str| {
            let place = self.profiles.keys().position(|known| known == name);
            place.map(|place| format!("profile{place}"))
        };
        let mut text = String::new();
        for (name, section) in &self.profiles {
            text.push_str(&format!("[profile {}]\n", plain(name)?));
            for (name, value) in texts(section) {
                let value = match name {
                    "source_profile" => plain(value).unwrap_or_else(|| "missing".to_owned()),
                    _ => value.replace('\n', " "),
                };
                text.push_str(&format!("{name} = {value}\n"));
            }
        }
        for (name, section) in &self.sso_sessions {
            text.push_str(&format!("[sso-session {name}]\n"));
            texts(section).for_each(|(name, value)| text.push_str(&format!("{name} = {value}\n")));
        }
        Some((text, plain(&self.name)?))
    }

    /// The name of the profile that counts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the user named it, so that no other place will do.
    pub fn is_named(&self) -> bool {
        self.is_named
    }
}

/// Whether a setting says `true`.
pub fn is_true(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The settings that have no others below them.
fn texts(section: &Section) -> impl Iterator<Item = (&str, &str)> {
    section.iter().filter_map(|(name, value)| match value {
        Setting::Text(value) => Some((name.as_str(), value.as_str())),
        Setting::Nested(_) => None,
    })
}

fn text<'s>(section: &'s Section, name: &str) -> Option<&'s str> {
    match section.get(name)? {
        Setting::Text(text) => Some(text),
        Setting::Nested(_) => None,
    }
}

/// The sections of a file that a variable names, or that lies in the home folder; none if there is no such file.
fn file(variable_name: &str, below_home: &str) -> Result<BTreeMap<String, Section>> {
    let named = variable(variable_name).map(PathBuf::from);
    let home = || Some(std::env::home_dir()?.join(below_home));
    let Some(path) = named.map(expanded).or_else(home).filter(|path| path.is_file()) else {
        return Ok(BTreeMap::new());
    };
    let unreadable = |why: String| Error::usage(format!("{}{why}", path.display()));
    let text = std::fs::read(&path).map_err(|error| unreadable(format!(": {error}")))?;
    let text = String::from_utf8(text).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable(format!(", line {line}: not UTF-8; save the file as UTF-8"))
    })?;
    sections(&text).map_err(|error| match error.line {
        0 => unreadable(format!(": {}; correct it", error.why)),
        line => unreadable(format!(", line {line}: {}; correct it", error.why)),
    })
}

/// A path whose `~` is the home folder.
fn expanded(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}
