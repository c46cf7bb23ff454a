//! The options of one run as text: from its command line, its environment, or their defaults.

use std::collections::BTreeMap;

use super::table::{OPTIONS, PAIR, nearest};
use crate::error::{Error, Result};

/// The options on the command line by name; a switch has an empty value.
pub fn given(arguments: &[String]) -> Result<BTreeMap<&'static str, String>> {
    use lexopt::Arg;
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given: BTreeMap<&str, String> = BTreeMap::new();
    let usage = |e: lexopt::Error| Error::usage(format!("{e}; --help lists the options"));
    while let Some(argument) = parser.next().map_err(usage)? {
        let found = match &argument {
            Arg::Long(name) => OPTIONS.iter().find(|opt| opt.name == *name),
            Arg::Short(short) => OPTIONS.iter().find(|opt| opt.short == Some(*short)),
            Arg::Value(_) => None,
        };
        let Some(opt) = found else {
            let meant = match &argument {
                Arg::Long(name) => nearest(name, |_| true),
                _ => None,
            };
            let meant = meant.map(|name| format!("did you mean --{name}? ")).unwrap_or_default();
            let error = argument.unexpected();
            return Err(Error::usage(format!("{error}; {meant}--help lists the options")));
        };
        let value = match opt.value {
            None => String::new(),
            Some(_) => parser
                .value()
                .map_err(usage)?
                .into_string()
                .map_err(|_| Error::usage(format!("--{} is not UTF-8", opt.name)))?,
        };
        match given.get_mut(opt.name) {
            Some(earlier) if opt.value == Some(PAIR) => *earlier = format!("{earlier}\n{value}"),
            _ => drop(given.insert(opt.name, value)),
        }
    }
    Ok(given)
}

/// The values of a run: command line, then environment, then default.
pub struct Values<V> {
    pub given: BTreeMap<&'static str, String>,
    pub variable: V,
}

impl<V: Fn(&str) -> Option<String>> Values<V> {
    /// Whether a switch is on the command line, or its variable says `true`.
    pub fn switch(&self, name: &str) -> bool {
        self.given.contains_key(name)
            || self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn get(&self, name: &str) -> Option<String> {
        let opt = OPTIONS.iter().find(|opt| opt.name == name)?;
        let given = self.given.get(name).cloned();
        given
            .or_else(|| opt.variables.iter().find_map(|name| (self.variable)(name)))
            .or_else(|| opt.default.map(str::to_owned))
    }

    /// The value of an option, checked; the error names the option and the variable that it came from.
    pub fn parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(&value).map(Some).map_err(|why| Error::usage(format!("--{name}{}: {why}", self.whence(name))))
    }

    /// The variable that an option's value comes from, in brackets.
    fn whence(&self, name: &str) -> String {
        let opt = OPTIONS.iter().find(|opt| opt.name == name && !self.given.contains_key(name));
        let mut variables = opt.into_iter().flat_map(|opt| opt.variables);
        let set = variables.find(|name| (self.variable)(name).is_some());
        set.map(|name| format!(" ({name})")).unwrap_or_default()
    }

    /// As [`Values::parsed`], for an option that must have a value.
    pub fn required<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        self.parsed(name, parse)?.ok_or_else(|| {
            let variables = OPTIONS.iter().find(|opt| opt.name == name).map(|opt| opt.variables);
            Error::usage(format!(
                "--{name} is missing; give it or set {}",
                variables.unwrap_or_default().join(" or ")
            ))
        })
    }
}
