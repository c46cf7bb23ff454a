//! Environment variables: those that the job gets to see, and single ones that the host reads itself.

use std::collections::BTreeMap;

use f1_ingest_component::options::table::variables;

/// Values by name. An empty variable counts as not set: it is not in here.
pub type Variables = BTreeMap<String, String>;

/// What the environment holds of the variables that the job reads.
pub fn environment() -> Variables {
    variables().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect()
}

/// One variable of the environment; none if it is empty or not Unicode.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
