//! Rows of whole numbers in few bytes: what changes from row to row, as variable-length integers.

/// Bytes allocated at a time. Nothing is ever moved to grow, so a table never needs room for two of itself.
const BLOCK: usize = 8 << 10;

/// The most bytes of one number: 64 bits in groups of seven.
const LONGEST: usize = 10;

/// Rows of `N` numbers, appended one by one and read from the first on.
pub struct Packed<const N: usize> {
    blocks: Vec<Vec<u8>>,
    last: [i64; N],
}

impl<const N: usize> Packed<N> {
    pub fn new() -> Self {
        Packed { blocks: Vec::new(), last: [0; N] }
    }

    pub fn push(&mut self, row: [i64; N]) {
        let block = match self.blocks.pop() {
            Some(block) if BLOCK - block.len() >= N * LONGEST => block,
            full => {
                self.blocks.extend(full);
                Vec::with_capacity(BLOCK)
            }
        };
        self.blocks.push(block);
        let Some(block) = self.blocks.last_mut() else { return };
        for (last, value) in self.last.iter_mut().zip(row) {
            write_number(block, value.wrapping_sub(*last));
            *last = value;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = [i64; N]> {
        let mut blocks = self.blocks.iter();
        let mut rest: &[u8] = &[];
        let mut row = [0_i64; N];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                rest = blocks.next()?;
            }
            for value in &mut row {
                *value = value.wrapping_add(read_number(&mut rest)?);
            }
            Some(row)
        })
    }
}

/// Zigzag first: small numbers of either sign become small ones without.
fn write_number(out: &mut Vec<u8>, number: i64) {
    let mut bits = ((number << 1) ^ (number >> 63)) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<i64> {
    let (mut bits, mut shift) = (0_u64, 0_u32);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        bits |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_was_pushed(rows: Vec<[i64; 3]>, times in 1..200_usize) {
            let mut packed = Packed::new();
            let all = || rows.iter().copied().cycle().take(rows.len() * times);
            all().for_each(|row| packed.push(row));
            prop_assert!(packed.iter().eq(all()));
        }
    }

    #[test]
    fn takes_one_byte_for_a_small_change() {
        let mut packed = Packed::new();
        (0..1000).for_each(|n| packed.push([n, 60 * (n % 2), 0]));
        assert_eq!(packed.blocks.iter().map(Vec::len).sum::<usize>(), 3000);
    }
}
