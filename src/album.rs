//! Pictures of visitors on disk: some of each call, bounded in number, never the reason that a call fails.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// For their owner only: they show people.
const MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// When a picture was taken, as seen from the press of the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A second or two earlier: who came to the door.
    Before,
    /// Then.
    At,
    /// A second later.
    After,
}

impl Moment {
    const ALL: [Self; 3] = [Self::Before, Self::At, Self::After];

    fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::At => "at",
            Self::After => "after",
        }
    }
}

/// Where pictures are kept, and of how many calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder; none: no pictures are kept.
    pub path: Option<PathBuf>,
    /// The oldest calls' pictures go when there are more than these.
    pub max_calls: usize,
    /// Those who are rung get one too.
    pub send: bool,
}

/// The pictures.
#[derive(Clone, Debug)]
pub struct Album {
    path: PathBuf,
    max_calls: usize,
}

impl Album {
    /// Opens it, if there shall be one.
    pub fn open(settings: Settings) -> Option<Self> {
        let Settings { path, max_calls, .. } = settings;
        path.map(|path| Self { path, max_calls })
    }

    /// Keeps a picture of a call. Blocks: not for the loop.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, call: &str, moment: Moment, jpeg: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.path)?;
        let path = self.file(call, moment);
        // Nobody shall see half a picture.
        let unfinished = path.with_extension("part");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&unfinished)?;
        file.write_all(jpeg)?;
        fs::rename(&unfinished, &path)?;
        self.forget_old()
    }

    /// The files there are of a call, in the order of their moments.
    pub fn of(&self, call: &str) -> Vec<PathBuf> {
        Moment::ALL.iter().map(|moment| self.file(call, *moment)).filter(|path| path.is_file()).collect()
    }

    fn file(&self, call: &str, moment: Moment) -> PathBuf {
        self.path.join(format!("{call}-{}.jpg", moment.as_str()))
    }

    /// As many files go as are too many, the oldest first.
    fn forget_old(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if is_ours(&entry.path()) {
                files.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        files.sort();
        let too_many = files.len().saturating_sub(self.max_calls * Moment::ALL.len());
        files.iter().take(too_many).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Moment::ALL.iter().any(|moment| name.ends_with(&format!("-{}.jpg", moment.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("album");
        let album = Album::open(Settings { path: Some(path.clone()), max_calls: 2, send: false }).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("notes.txt"), "ours to keep").unwrap();
        for call in ["first", "second", "third"] {
            for moment in Moment::ALL {
                album.keep(call, moment, call.as_bytes()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(15));
            }
        }
        assert_eq!(album.of("first"), Vec::<PathBuf>::new());
        assert_eq!(album.of("third").len(), 3);
        assert!(album.of("third")[0].ends_with("third-before.jpg"));
        assert_eq!(fs::read(&album.of("second")[1]).unwrap(), b"second");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&album.of("second")[1]).unwrap());
        assert_eq!(mode & 0o777, MODE);
        assert!(path.join("notes.txt").is_file());
    }

    #[test]
    fn a_disk_that_cannot_is_an_error_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let album = Album::open(Settings { path: Some(file), max_calls: 2, send: false }).unwrap();
        assert!(album.keep("call", Moment::At, b"picture").is_err());
        assert_eq!(album.of("call"), Vec::<PathBuf>::new());
    }
}
