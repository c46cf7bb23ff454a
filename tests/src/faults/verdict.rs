//! What is to be held against the runs of a seed, by what they said, what lies in the bucket and what was asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::objects::Object;
use super::plan::{Operation, PLENTY, Plan, Run};
use super::run::{End, SLACK};
use super::{Answer, Fault, Met};
use crate::store::SECRET_KEY;

/// Sends of one request (README, "When something is wrong"): the first, and 4 retries.
const SENDS: usize = 5;

/// After 0, 2, 4 and 8 s. A look at a key, before or after, may come between.
const LEAST_FOR_MORE: Duration = Duration::from_secs(5);

/// One line for each.
pub fn wrongs(plan: &Plan, ends: &[End], objects: &BTreeMap<String, Object>) -> Vec<String> {
    let with_objects = objects
        .iter()
        .filter_map(|(key, object)| Some(format!("{key}: {}", wrong_with_object(plan, ends, key, object)?)));
    let runs = plan.runs.iter().zip(ends).enumerate();
    let with_runs = runs.flat_map(|(number, (run, end))| {
        let is_alone = plan.runs.len() == 1;
        let wrongs = wrong_with_run(run, end, objects, is_alone).into_iter().chain(storms(run, end));
        wrongs.map(move |wrong| format!("run {number}: {wrong}"))
    });
    with_objects.chain(with_runs).collect()
}

/// Every object, whoever printed it, is some run's document, whole, under its own name.
fn wrong_with_object(plan: &Plan, ends: &[End], key: &str, object: &Object) -> Option<String> {
    let Some(attributes) = &object.attributes else { return Some("no metadata".into()) };
    let restored = object.restored();
    let Some(number) = ends.iter().position(|end| end.document == restored) else {
        return Some(format!("{} bytes that are nobody's document", restored.len()));
    };
    let metadata = |name: &str| attributes.user_metadata.get(name).map(String::as_str);
    let sha256 = hex::encode(Sha256::digest(&restored));
    let seconds = key.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
    let gzip = plan.runs[number].has("gzip").then_some("gzip");
    let table = [
        ("source", metadata("source"), Some("mock")),
        ("ingest_time_utc", metadata("ingest_time_utc"), seconds),
        ("sha256", metadata("sha256"), Some(&sha256)),
        ("Content-Type", attributes.content_type.as_deref(), Some("application/json")),
        ("Content-Encoding", attributes.content_encoding.as_deref(), gzip),
    ];
    let wrong = table.into_iter().find(|(_, is, should)| is != should);
    wrong.map(|(name, is, should)| format!("{name} is {is:?}, not {should:?}"))
}

fn wrong_with_run(run: &Run, end: &End, objects: &BTreeMap<String, Object>, is_alone: bool) -> Vec<String> {
    let is_stored = end.code == 0;
    let is_stopped = end.stderr.contains("stopped:");
    let printed: Vec<&str> = end.stdout.lines().collect();
    let own = objects.iter().filter(|(_, object)| object.run_id() == Some(&end.run_id));
    let own: Vec<&str> = own.map(|(key, _)| key.as_str()).collect();
    let is_its_document =
        |key: &&str| objects.get(*key).is_some_and(|object| object.restored() == end.document);
    let says = |word: &&str| end.stderr.contains(word);
    let table = [
        (![0, 1, 75].contains(&end.code), "it has a strange exit code"),
        (["panicked", "crashed", "unreachable", SECRET_KEY].iter().any(says), "it says what it must not"),
        (!is_stored && !end.stderr.contains("\"error\"") && !is_stopped, "it failed and does not say why"),
        (printed.len() != usize::from(is_stored), "it printed more or less than it stored"),
        (!printed.iter().all(is_its_document), "it printed the key of no object, or of another"),
        (own.len() > 1, "it stored its document twice"),
        (is_stored && own != printed && !run.has("--if-changed"), "it stored another object"),
        (!is_stored && !own.is_empty() && could_have_known(end), "it failed, and is stored"),
        (!is_stored && has_to_succeed(run, end, is_alone), "its retries could have mended it"),
        (end.took > Duration::from_secs(run.limit) + SLACK, "it hung"),
        (is_stopped && run.limit == PLENTY, "it did not end by itself"),
    ];
    table.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, wrong)| wrong.to_owned()).collect()
}

/// Whether no request can have used up its retries. One that makes an object is looked after with HEADs.
fn has_to_succeed(run: &Run, end: &End, is_alone: bool) -> bool {
    let mut faults: BTreeMap<Operation, usize> = BTreeMap::new();
    for met in end.met.iter().filter(|met| !matches!(met.fault, None | Some(Fault::Delay(_)))) {
        *faults.entry(met.operation).or_default() += 1;
    }
    let heads = faults.remove(&Operation::Head).unwrap_or_default();
    // Runs that send parts at once may end each other's uploads.
    let is_undisturbed = is_alone || !run.is_in_parts();
    is_undisturbed && run.limit == PLENTY && faults.values().max().unwrap_or(&0) + heads < SENDS
}

/// Whether a run that failed could have seen that its object is stored: it was not stopped, the object was there
/// by then, and somebody answered a HEAD.
fn could_have_known(end: &End) -> bool {
    let is_late = |met: &Met| matches!(met.fault, Some(Fault::Late(_)));
    let is_unanswered = |met: &&Met| met.operation == Operation::Head && met.fault.is_some();
    !end.stderr.contains("stopped:")
        && !end.met.iter().any(is_late)
        && end.met.iter().filter(is_unanswered).count() < SENDS
}

/// Requests that were sent more often, or faster, than the retry policy says.
fn storms<'a>(run: &'a Run, end: &'a End) -> impl Iterator<Item = String> + 'a {
    let mut sent: BTreeMap<(Operation, &str, &str), Vec<Instant>> = BTreeMap::new();
    let mut upload = "";
    for Met { at, line, operation, .. } in &end.met {
        if *operation == Operation::Create {
            upload = line;
        }
        // Each upload lists the others, so that its own line is part of that request.
        let of = if *operation == Operation::Uploads { upload } else { "" };
        sent.entry((*operation, line, of)).or_default().push(*at);
    }
    let is_paced = !end.met.iter().any(says_when);
    sent.into_iter().filter_map(move |((operation, line, _), at)| {
        let most = SENDS + beside_retries(operation);
        if at.len() > most * run.attempts as usize {
            return Some(format!("{} times {line}", at.len()));
        }
        let fastest = at.windows(most + 1).map(|some| some[most] - some[0]).min()?;
        (is_paced && fastest < LEAST_FOR_MORE)
            .then(|| format!("{} times {line} within {fastest:?}", most + 1))
    })
}

/// Requests of an attempt that are no retries of the same one.
fn beside_retries(operation: Operation) -> usize {
    match operation {
        // Whether the store would overwrite.
        Operation::Put => 1,
        // Before and after a PUT (each of them asked again until somebody says so), whenever it says that the key is
        // taken, and before it is sent again.
        Operation::Head => 3 * SENDS,
        _ => 0,
    }
}

fn says_when(met: &Met) -> bool {
    let Some(Fault::Instead(answer) | Fault::Early(answer) | Fault::DoneBut(answer)) = met.fault else {
        return false;
    };
    matches!(answer, Answer::TooManyRequests(Some(_)))
}
