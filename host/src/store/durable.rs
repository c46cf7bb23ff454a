//! An object gets its name when it is whole, and is on the disk before anybody hears of it: neither a kill nor a power cut
//! takes it back, or leaves half of it, or its bytes with what was known of others.
//!
//! It is staged in a folder that no client can name, with what is known of it. The renaming of its file is the moment at
//! which it is there: what is left staged then follows, at the next turn at the latest; before, it is cleared away.

use std::fs::{self, File};
use std::io::Result;
use std::path::{Path, PathBuf};

use super::names::{KNOWN, STAGED, about, staged};
use crate::files::{folder_of, is_inside, make_lasting, sync_folder};

/// An object that is to be made, in place of the one that has its key, if one has.
#[derive(Clone)]
pub struct New {
    pub store: PathBuf,
    pub bucket: String,
    pub key: String,
}

impl New {
    /// The file of the object.
    pub fn object(&self) -> PathBuf {
        self.store.join(&self.bucket).join(&self.key)
    }

    /// Its key while it is staged.
    pub fn staged_key(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    /// Its file while it is staged.
    pub fn staged(&self) -> PathBuf {
        self.store.join(STAGED).join(&self.bucket).join(&self.key)
    }

    /// The file of what is known of it while it is staged.
    pub fn staged_about(&self, what: &str) -> PathBuf {
        self.store.join(about(STAGED, &self.staged_key(), what))
    }

    /// Gives the staged object its name, and returns when all of it is on the disk.
    pub fn name(&self) -> Result<()> {
        let object = self.object();
        File::open(self.staged())?.sync_all()?;
        for what in KNOWN.map(|what| self.staged_about(what)) {
            // Else it would have what was known of the one before.
            if !what.exists() {
                fs::write(&what, "{}")?;
            }
            File::open(what)?.sync_all()?;
        }
        sync_folder(&self.store)?;
        make_lasting(folder_of(&object))?;
        fs::rename(self.staged(), &object)?;
        sync_folder(folder_of(&object))?;
        for what in KNOWN {
            fs::rename(self.staged_about(what), self.store.join(about(&self.bucket, &self.key, what)))?;
        }
        unstaged(&self.store)
    }

    /// Removes what there is of it yet. That nothing is there is fine.
    pub fn clear(&self) {
        for what in KNOWN {
            let _ = fs::remove_file(self.staged_about(what));
        }
        let _ = fs::remove_dir_all(self.store.join(STAGED));
    }
}

/// Gives objects that have their names what is known of them, and clears away all else that is staged.
pub fn settle(store: &Path) -> Result<()> {
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        let Some((bucket, key, what)) = name.to_str().and_then(staged) else { continue };
        let file = store.join(&name);
        // Whoever was killed may have made folders that are not on the disk yet.
        let object = Path::new(&bucket).join(&key);
        for folder in object.ancestors().skip(1).filter(|folder| is_inside(folder)) {
            if store.join(folder).is_dir() {
                sync_folder(&store.join(folder))?;
            }
        }
        match store.join(STAGED).join(&bucket).join(&key).symlink_metadata() {
            Ok(_) => fs::remove_file(file)?,
            Err(_) => fs::rename(file, store.join(about(&bucket, &key, what)))?,
        }
    }
    unstaged(store)
}

fn unstaged(store: &Path) -> Result<()> {
    fs::remove_dir_all(store.join(STAGED))?;
    sync_folder(store)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn new(store: &Path) -> New {
        New { store: store.to_owned(), bucket: "lake".into(), key: "raw/a.json".into() }
    }

    /// Stages an object of which all that is known says `of`, too.
    fn stage(new: &New, of: &str) {
        fs::create_dir_all(folder_of(&new.staged())).unwrap();
        fs::write(new.staged(), of).unwrap();
        for what in KNOWN {
            fs::write(new.staged_about(what), of).unwrap();
        }
    }

    /// What the files of the object hold, and whether any other is there.
    fn found(new: &New) -> (Vec<String>, bool) {
        let known = KNOWN.map(|what| new.store.join(about(&new.bucket, &new.key, what)));
        let read = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
        let files = [new.object()].iter().chain(&known).map(read).collect();
        let others = fs::read_dir(&new.store).unwrap().flatten().map(|entry| entry.path());
        (files, others.into_iter().any(|other| !known.contains(&other) && !other.ends_with("lake")))
    }

    #[test]
    fn an_object_and_what_is_known_of_it_change_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let new = new(folder.path());
        for of in ["one", "two"] {
            stage(&new, of);
            new.name().unwrap();
            assert_eq!(found(&new), (vec![of.to_owned(); 3], false));
        }
        stage(&new, "three");
        new.clear();
        assert_eq!(found(&new), (vec!["two".to_owned(); 3], false));
    }

    /// Whatever of the steps was done when the process was killed, all files are of one object afterwards.
    #[test]
    fn what_a_kill_leaves_is_of_one_object_or_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let new = new(folder.path());
        stage(&new, "old");
        new.name().unwrap();
        let mut outcomes = BTreeMap::new();
        for (staged, known, named) in
            [(1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 2, 1), (1, 2, 2), (1, 2, 3), (0, 0, 0)]
        {
            stage(&new, "new");
            let known_files = KNOWN.map(|what| new.staged_about(what));
            known_files.iter().skip(known).for_each(|file| fs::remove_file(file).unwrap());
            if staged == 0 {
                fs::remove_file(new.staged()).unwrap();
            }
            if named > 0 {
                fs::rename(new.staged(), new.object()).unwrap();
            }
            for what in KNOWN.iter().take(named.max(1) - 1) {
                let is = new.store.join(about(&new.bucket, &new.key, what));
                fs::rename(new.staged_about(what), is).unwrap();
            }
            settle(&new.store).unwrap();
            let of = if named > 0 { "new" } else { "old" };
            assert_eq!(found(&new), (vec![of.to_owned(); 3], false), "{staged} {known} {named}");
            outcomes.insert(of, ());
            stage(&new, "old");
            new.name().unwrap();
        }
        assert_eq!(outcomes.len(), 2);
    }
}
