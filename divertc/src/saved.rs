//! The capture that `divertc run -w` writes.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::Failure;
use crate::capture::{Frame, Output};
use crate::link::LinkType;

/// A pcap file in the making; its link type is that of the first frame.
pub(crate) struct Saved<'a> {
    path: &'a Path,
    file: Shared,
    output: Option<Output<Shared>>,
}

/// The file, of which `Output` has the one handle and `Saved` the other: only
/// a flush at the end tells whether all of it could be written.
#[derive(Clone)]
struct Shared(Rc<RefCell<BufWriter<File>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl<'a> Saved<'a> {
    /// Creates the file, unless it is one of the captures to be read.
    pub(crate) fn create(path: &'a Path, captures: &[PathBuf]) -> Result<Self, Failure> {
        if let Ok(real) = fs::canonicalize(path) {
            let is_it = |capture: &&PathBuf| fs::canonicalize(capture).is_ok_and(|c| c == real);
            if let Some(capture) = captures.iter().find(is_it) {
                return Err(Failure::Usage(format!(
                    "-w would overwrite {}, which is to be read",
                    capture.display()
                )));
            }
        }
        let file = File::create(path).map_err(|error| cannot(path, error))?;
        Ok(Self {
            path,
            file: Shared(Rc::new(RefCell::new(BufWriter::new(file)))),
            output: None,
        })
    }

    /// Appends a frame.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), Failure> {
        let path = self.path;
        let output = self.begin(frame.link)?;
        output.write(frame).map_err(|error| cannot(path, error))
    }

    /// Completes the file; without any frame it is an empty capture.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.begin(LinkType::RAW)?;
        self.file.flush().map_err(|error| cannot(self.path, error))
    }

    fn begin(&mut self, link: LinkType) -> Result<&mut Output<Shared>, Failure> {
        match &mut self.output {
            Some(output) => Ok(output),
            none => {
                let output = Output::new(self.file.clone(), link);
                let output = output.map_err(|error| cannot(self.path, error))?;
                Ok(none.insert(output))
            }
        }
    }
}

fn cannot(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Io(format!("cannot write {}: {error}", path.display()))
}
