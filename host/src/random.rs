//! Random numbers from the operating system.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// This many random bytes in lower-case hex, two digits each.
pub fn hex_of(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    fill(&mut random);
    hex::encode(random)
}

/// This many random bytes as base64 for URLs, without padding.
pub fn base64_of(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    fill(&mut random);
    BASE64_URL_SAFE_NO_PAD.encode(random)
}

/// A random number.
pub fn number() -> u64 {
    let mut random = [0; 8];
    fill(&mut random);
    u64::from_le_bytes(random)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has random numbers");
}
