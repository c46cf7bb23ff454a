//! Disjoint parts of one plan, for many machines at once.

use sha2::{Digest, Sha256};

use crate::variables::variable;

/// Part `index` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Reads `I/N`, I from 0 to N - 1.
    pub fn parse(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some(Shard { index: index.trim().parse().ok()?, count: count.trim().parse().ok()? })
        });
        parts.filter(|shard| shard.index < shard.count).ok_or_else(|| {
            format!("{text:?} is not I/N: which of N parts, counted from 0 (the first of eight is 0/8)")
        })
    }

    /// What an indexed job on Kubernetes says, or an array job on Slurm. Fails if it says only half of it.
    pub fn of_environment() -> Result<Shard, String> {
        let index = variable("JOB_COMPLETION_INDEX");
        match (index, variable("JOB_COMPLETION_COUNT")) {
            (None, _) => Ok(Shard::WHOLE),
            (Some(index), Some(count)) => Shard::parse(&format!("{index}/{count}"))
                .map_err(|why| format!("JOB_COMPLETION_INDEX and JOB_COMPLETION_COUNT: {why}")),
            (Some(_), None) => {
                Err("JOB_COMPLETION_INDEX is set and JOB_COMPLETION_COUNT is not: set it to the \
                                    number of completions, or give --shard"
                    .into())
            }
        }
    }

    /// Whether an item is of this part: by its name alone, so that it stays so whatever else is planned.
    pub fn has(self, item: &str) -> bool {
        let hash = Sha256::digest(item.as_bytes());
        let number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        number % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_0() {
        assert_eq!(Shard::parse("0/8"), Ok(Shard { index: 0, count: 8 }));
        for wrong in ["", "1", "8/8", "-1/8", "0/0", "a/b", "1/2/3"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_item_is_of_one_part() {
        let shards: Vec<Shard> = (0..8).map(|index| Shard { index, count: 8 }).collect();
        let mut sizes = [0; 8];
        for n in 0..1000 {
            let item = format!("jolpica/{n}/results");
            let of: Vec<usize> = (0..8).filter(|at| shards[*at].has(&item)).collect();
            assert_eq!(of.len(), 1);
            sizes[of[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (80..170).contains(size)), "{sizes:?}");
        assert!(Shard::WHOLE.has("anything"));
    }
}
