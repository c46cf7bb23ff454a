//! What goes wrong in the runs of one seed. A seed means the same plan for ever; which requests meet it when two
//! runs race is up to them.

use super::{Answer, Fault};
use crate::synthetic::dice::Dice;
use crate::upstream::Asked;

/// What a request asks of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Head,
    Put,
    Create,
    Part,
    Complete,
    Abort,
    /// ListMultipartUploads
    Uploads,
    /// ListObjectsV2
    List,
}

impl Operation {
    pub fn of(asked: &Asked) -> Operation {
        let line = asked.line.as_str();
        let has = |field: &str| line.contains(field);
        match line.split(' ').next() {
            Some("HEAD") => Operation::Head,
            Some("PUT") if has("partNumber=") => Operation::Part,
            Some("PUT") => Operation::Put,
            Some("POST") if has("?uploads=") => Operation::Create,
            Some("POST") => Operation::Complete,
            Some("DELETE") => Operation::Abort,
            Some("GET") if has("?uploads=") => Operation::Uploads,
            _ => Operation::List,
        }
    }

    fn has_body(self) -> bool {
        matches!(self, Operation::Put | Operation::Part | Operation::Complete)
    }

    fn is_answered_in_xml(self) -> bool {
        matches!(self, Operation::Create | Operation::Complete | Operation::Uploads | Operation::List)
    }
}

/// `times` requests of a kind meet a fault, after `skip` of them were let through.
#[derive(Debug, Clone)]
pub struct Rule {
    /// None is any.
    pub operation: Option<Operation>,
    pub skip: usize,
    pub times: usize,
    pub fault: Fault,
}

/// The first rule that fits a request is the one that it meets.
#[derive(Debug, Clone, Default)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    pub fn next(&mut self, operation: Operation) -> Option<Fault> {
        let mut met = None;
        for rule in &mut self.0 {
            let fits = rule.operation.is_none_or(|wanted| wanted == operation) && rule.times > 0;
            match fits {
                true if rule.skip > 0 => rule.skip -= 1,
                true if met.is_none() => {
                    rule.times -= 1;
                    met = Some(rule.fault);
                }
                _ => {}
            }
        }
        met
    }
}

/// One run: its document, its options, and what its requests meet.
#[derive(Debug, Clone)]
pub struct Run {
    /// Bytes of the document; longer than a part is sent in parts.
    pub length: usize,
    pub options: Vec<&'static str>,
    pub attempts: u32,
    /// Seconds, for the host's `--timeout`.
    pub limit: u64,
    pub rules: Rules,
}

impl Run {
    pub fn is_in_parts(&self) -> bool {
        self.length > PART
    }

    /// How long it may take, in no unit: the longest run should not be the last to begin.
    pub fn weight(&self) -> usize {
        let stalls = |rule: &Rule| matches!(rule.fault, Fault::Silence | Fault::Stuck | Fault::Late(_));
        let stalls = self.rules.0.iter().filter(|rule| stalls(rule)).map(|rule| 4 * rule.times);
        self.attempts as usize + stalls.sum::<usize>()
    }

    pub fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }
}

/// The runs of one seed, all at once.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// Whether the first run's document is stored already.
    pub is_stored: bool,
    pub runs: Vec<Run>,
}

/// The least that `--part-size` takes.
pub const PART: usize = 5 << 20;

/// No run of these plans needs as long: at most three requests stall, for 40 s at most.
pub const PLENTY: u64 = 280;

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let dice = &mut Dice::new(seed, "faults");
        let in_parts = dice.between(1, 100) <= 30;
        let count = if dice.one_in(5) { 2 } else { 1 };
        let runs: Vec<Run> = (0..count).map(|_| run(dice, in_parts)).collect();
        Plan { seed, is_stored: runs[0].has("--if-changed") && dice.one_in(2), runs }
    }
}

fn run(dice: &mut Dice, in_parts: bool) -> Run {
    let mut options = Vec::new();
    let gzip = dice.one_in(4);
    if gzip {
        options.extend(["--compress", "gzip"]);
    }
    if dice.one_in(3) {
        options.extend(["--checksum", dice.pick(&["crc32", "crc32c", "crc64nvme", "sha256"])]);
    }
    if dice.one_in(4) {
        options.push("--if-changed");
    }
    let length = match (in_parts, gzip) {
        (false, _) => dice.between(2, 200_000) as usize,
        // base64 of chance shrinks by a quarter.
        (true, true) => PART / 3 * 4 + dice.between(200_000, 600_000) as usize,
        (true, false) => PART + dice.between(1, 300_000) as usize,
    };
    let attempts = dice.pick(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
    let rules = rules(dice, in_parts);
    let limit = if dice.one_in(40) { 6 } else { PLENTY };
    Run { length, options, attempts, limit, rules }
}

fn rules(dice: &mut Dice, in_parts: bool) -> Rules {
    let operations = match in_parts {
        true => &[
            Operation::Head,
            Operation::Create,
            Operation::Uploads,
            Operation::Part,
            Operation::Part,
            Operation::Complete,
            Operation::Complete,
            Operation::Complete,
            Operation::Abort,
            Operation::List,
        ][..],
        false => &[Operation::Head, Operation::Put, Operation::Put, Operation::Put, Operation::List],
    };
    let mut stalls = if dice.one_in(10) { dice.between(1, 3) as usize } else { 0 };
    let mut rules = Vec::new();
    for _ in 0..dice.between(1, 4) {
        let operation = dice.pick(operations);
        let skip = dice.pick(&[0, 0, 0, 0, 1, 1, 2]);
        let times = dice.pick(&[1, 1, 1, 2, 2, 3, 4, 5, 6]);
        let fault = fault(dice, operation);
        rules.push(Rule { operation: Some(operation), skip, times, fault });
    }
    while stalls > 0 {
        let operation = dice.pick(operations);
        let times = dice.between(1, stalls as i64) as usize;
        stalls -= times;
        let late = dice.pick(&[0, 0, 10, 30, 44]);
        let fault = dice.pick(&[Fault::Silence, Fault::Stuck, Fault::Late(late), Fault::Late(late)]);
        rules.insert(0, Rule { operation: Some(operation), skip: dice.pick(&[0, 0, 0, 1]), times, fault });
    }
    // Now and then something happens to any request.
    let calm = dice.pick(&[2, 5, 10, 20, 60]);
    for number in 0..40 {
        if dice.one_in(calm) {
            let operation = dice.pick(operations);
            rules.push(Rule { operation: None, skip: number, times: 1, fault: fault(dice, operation) });
        }
    }
    Rules(rules)
}

/// A fault that does not stall.
fn fault(dice: &mut Dice, operation: Operation) -> Fault {
    let answer = |dice: &mut Dice| {
        dice.pick(&[
            Answer::InternalError,
            Answer::SlowDown,
            Answer::TooManyRequests(None),
            Answer::TooManyRequests(Some(1)),
            Answer::Html(502),
            Answer::Html(503),
        ])
    };
    loop {
        return match dice.between(1, 16) {
            1 | 2 => Fault::Delay(dice.between(1, 400) as u64),
            3 => Fault::Reset,
            4 => Fault::CloseAfter,
            5 => Fault::CutRequest(dice.between(1, 999) as usize),
            6 if operation.has_body() => Fault::Damage,
            7 if operation.has_body() => Fault::Early(answer(dice)),
            8 | 9 => Fault::Instead(answer(dice)),
            10 => Fault::DoneBut(dice.pick(&[Answer::InternalError, Answer::SlowDown, Answer::Html(502)])),
            11 => Fault::Lost,
            12 => Fault::Abandoned,
            13 => Fault::CutAnswer(dice.between(1, 999) as usize),
            14 if operation.is_answered_in_xml() => Fault::CutUnframed(dice.between(0, 999) as usize),
            15 => Fault::Twice { at_once: dice.one_in(2), second: dice.one_in(2) },
            16 if operation == Operation::Complete => {
                let code =
                    Answer::ErrorIn200(dice.pick(&["InternalError", "SlowDown", "ServiceUnavailable"]));
                dice.pick(&[Fault::Instead(code), Fault::DoneBut(code)])
            }
            _ => continue,
        };
    }
}
