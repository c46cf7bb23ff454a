//! Prints how far our documents of recorded sessions agree with FastF1's:
//!
//!     agreement RECORDINGS GOLDEN [NAME...]
//!
//! with the folders that `synthetic` and `tests/golden/make.py` write. Exits 0 only if all cells agree.

use std::path::Path;
use std::process::ExitCode;

use f1_ingest_tests::ours;
use f1_ingest_tests::{golden, synthetic::recording};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recordings, golden, names @ ..] = &arguments[..] else {
        eprintln!("usage: agreement RECORDINGS GOLDEN [NAME...]");
        return ExitCode::from(2);
    };
    let names = if names.is_empty() { recording::names(Path::new(recordings)) } else { names.to_vec() };
    let mut complete = true;
    for name in names {
        let folder = Path::new(recordings).join(&name);
        let session = recording::read(&folder);
        let golden = golden::read(Path::new(golden), &name);
        for (document, agreement) in ours::beside(&folder, &session, &golden) {
            match agreement {
                Ok(agreement) => {
                    complete &= agreement.is_complete();
                    println!("{name} {document}: {agreement}");
                }
                Err(why) => {
                    complete = false;
                    println!("{name} {document}: {why}");
                }
            }
        }
    }
    ExitCode::from(u8::from(!complete))
}
