//! Plan of a run's inputs and outputs, checked before any work starts.
//!
//! A program adds every file with its role to a [`Plan`] and acquires it with [`Plan::claim`]: no file has two roles,
//! every output can be written, and no other process writes it. Two names refer to one file if they have the same path
//! after following links, if they are hard links, or if the file system treats them as equal (as some do for names that
//! differ in case).

use crate::checkpoint::{MOST_KEPT, aged};
use crate::lock::{Lock, lock_file};
use crate::output::{
    OutputError, behind_links, check_free, parent, remove_unfinished, temporary_file, temporary_prefix,
};
use crate::transient::{List, Transient};
use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

/// Error of a plan that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An output would replace an input.
    #[error("{output} would replace {input}: {}; name another file for {output}", one_file(path, input_path))]
    ReplacesInput {
        /// Role of the output.
        output: String,
        /// Path of the output.
        path: PathBuf,
        /// Role of the input.
        input: String,
        /// Path of the input.
        input_path: PathBuf,
    },
    /// Two outputs are the same file.
    #[error("{first} and {second} are one file: {}; name another file for one of them", one_file(path, second_path))]
    Shared {
        /// Role of the first output.
        first: String,
        /// Path of the first output.
        path: PathBuf,
        /// Role of the second output.
        second: String,
        /// Path of the second output.
        second_path: PathBuf,
    },
    /// One output would be a file and also the folder of another.
    #[error("{file} is {}, where {inside} needs a folder; name another file for one of them", path.display())]
    FileAndFolder {
        /// Role of the file.
        file: String,
        /// Its path.
        path: PathBuf,
        /// Role of the output inside the folder.
        inside: String,
    },
    /// An output cannot be written.
    #[error("{role}: {source}")]
    Output {
        /// Role of the output.
        role: String,
        /// Cause.
        source: OutputError,
    },
    /// A folder cannot be created or written to.
    #[error("{role}: cannot {action} the folder {}: {source}; name a file in a folder that can be written", folder.display())]
    Folder {
        /// Role of the output.
        role: String,
        /// `make` or `write into`.
        action: &'static str,
        /// Path of the folder.
        folder: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A name is too long, alone or with the parts added to it.
    #[error(
        "{role}: the name {} is too long: the run also needs {} ({} bytes), and the file system says: {source}; \
         shorten the name",
        path.display(), needed.display(), needed.as_encoded_bytes().len()
    )]
    Name {
        /// Role of the output.
        role: String,
        /// Path of the output.
        path: PathBuf,
        /// Longest name derived from it.
        needed: std::ffi::OsString,
        /// Error of the file system.
        source: io::Error,
    },
}

/// Names of one file, each once.
fn one_file(path: &Path, other: &Path) -> String {
    if path == other { path.display().to_string() } else { format!("{}, {}", path.display(), other.display()) }
}

/// An output file.
#[derive(Debug)]
struct Output {
    role: String,
    path: PathBuf,
    /// True if it may replace a file.
    replace: bool,
    /// True if an existing file is modified in place instead of replaced.
    in_place: bool,
    /// Files that the run creates beside it, with their roles.
    beside: Vec<(String, PathBuf)>,
    /// File whose lock guards it; none if the lock of another output does.
    lock: Option<PathBuf>,
}

/// Inputs and outputs of a run. Every role is a noun phrase with its option, such as `the report (--report)`.
#[derive(Debug, Default)]
pub struct Plan {
    inputs: Vec<(String, PathBuf)>,
    outputs: Vec<Output>,
    folders: Vec<(String, PathBuf)>,
}

impl Plan {
    /// Adds an input file.
    pub fn read(&mut self, role: &str, path: &Path) {
        self.inputs.push((role.into(), path.into()));
    }

    /// Adds a file that is written atomically; it replaces an existing one with `replace`.
    pub fn write(&mut self, role: &str, path: &Path, replace: bool) {
        self.outputs.push(Output {
            role: role.into(),
            path: path.into(),
            replace,
            in_place: false,
            beside: Vec::new(),
            lock: Some(path.into()),
        });
    }

    /// The same for a file whose progress is kept in [partial files](crate::checkpoint), the `kept` newest.
    pub fn write_with_partial(&mut self, role: &str, path: &Path, replace: bool, kept: usize) {
        self.write(role, path, replace);
        let partial =
            (0..kept.clamp(1, MOST_KEPT)).map(|age| (format!("the partial result of {role}"), aged(path, age)));
        self.outputs.last_mut().expect("just added").beside.extend(partial);
    }

    /// Adds a file that is written line by line.
    pub fn append(&mut self, role: &str, path: &Path, replace: bool) {
        self.write(role, path, replace);
        self.outputs.last_mut().expect("just added").in_place = true;
    }

    /// Adds files of one role that are written atomically, under one lock, that of `name`, which may be any name.
    pub fn write_set(&mut self, role: &str, name: &Path, paths: impl IntoIterator<Item = PathBuf>, replace: bool) {
        let mut lock = Some(name.to_owned());
        self.outputs.extend(paths.into_iter().map(|path| {
            let lock = lock.take();
            Output { role: role.into(), path, replace, in_place: false, beside: Vec::new(), lock }
        }));
    }

    /// Adds a folder of files that belong together and have their own names.
    pub fn folder(&mut self, role: &str, path: &Path) {
        self.folders.push((role.into(), path.into()));
    }

    /// Checks everything, creates missing folders, and acquires the right to write every output. If that fails,
    /// everything created is removed.
    ///
    /// # Errors
    /// Any [`PlanError`], with [`OutputError::Busy`] in it if another process writes one of the outputs.
    pub fn claim(self) -> Result<Claims, PlanError> {
        self.check_free()?;
        self.check_roles()?;
        let mut claims = Claims::default();
        self.make_folders(&mut claims)?;
        self.probe()?;
        self.lock(&mut claims)?;
        for output in &self.outputs {
            let all = [&output.path].into_iter().chain(output.beside.iter().map(|(_, path)| path));
            all.for_each(|path| remove_unfinished(&behind_links(path)));
        }
        // Another process may have written an output since the first check.
        self.check_free()?;
        Ok(claims)
    }

    /// Checks that every output is free or may be replaced.
    fn check_free(&self) -> Result<(), PlanError> {
        for output in &self.outputs {
            let failed = |source| PlanError::Output { role: output.role.clone(), source };
            check_free(&output.path, output.replace).map_err(failed)?;
            for (role, path) in &output.beside {
                check_free(path, true).map_err(|source| PlanError::Output { role: role.clone(), source })?;
            }
            if output.in_place && output.path.exists() {
                let opened = OpenOptions::new().append(true).open(&output.path);
                opened.map_err(|source| failed(OutputError::Write { path: output.path.clone(), source }))?;
            }
        }
        Ok(())
    }

    /// All output files, with their roles.
    fn written(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let files = self.outputs.iter().flat_map(|output| {
            let own = (output.role.clone(), output.path.clone());
            let lock = output.lock.as_ref().map(|name| (lock_of(&output.role), lock_file(&behind_links(name))));
            [own].into_iter().chain(output.beside.iter().cloned()).chain(lock)
        });
        files.chain(self.folders.iter().map(|(role, path)| (lock_of(role), lock_file(&guard(path)))))
    }

    /// Checks that no file has two roles.
    fn check_roles(&self) -> Result<(), PlanError> {
        let mut inputs = HashMap::new();
        for (role, path) in &self.inputs {
            inputs.entry(Identity::of(path)).or_insert((role, path));
        }
        let mut files = HashMap::new();
        let mut by_path = HashMap::new();
        for (role, path) in self.written() {
            let identity = Identity::of(&path);
            if let Some((input, input_path)) = inputs.get(&identity) {
                let (input, input_path) = ((*input).clone(), (*input_path).clone());
                return Err(PlanError::ReplacesInput { output: role, path, input, input_path });
            }
            by_path.insert(resolved(&path), (role.clone(), path.clone()));
            if let Some((first, first_path)) = files.insert(identity, (role.clone(), path.clone())) {
                return Err(PlanError::Shared { first, path: first_path, second: role, second_path: path });
            }
        }
        let folders = self.folders.iter().map(|(role, path)| (role.clone(), resolved(path)));
        let parents = self.written().map(|(role, path)| (role, resolved(parent(&behind_links(&path)))));
        for (inside, folder) in folders.chain(parents) {
            if let Some((file, path)) = folder.ancestors().find_map(|folder| by_path.get(folder)) {
                return Err(PlanError::FileAndFolder { file: file.clone(), path: path.clone(), inside });
            }
        }
        Ok(())
    }

    /// Folders of all outputs, each with the role of one of them.
    fn folders(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let of_files =
            self.outputs.iter().map(|output| (&output.role[..], parent(&behind_links(&output.path)).to_owned()));
        of_files.chain(self.folders.iter().map(|(role, path)| (&role[..], path.clone())))
    }

    fn make_folders(&self, claims: &mut Claims) -> Result<(), PlanError> {
        // A link to a file in a missing folder more likely means that a disk is not mounted.
        for output in &self.outputs {
            let target = behind_links(&output.path);
            if target != output.path && !parent(&target).is_dir() {
                let source =
                    io::Error::new(io::ErrorKind::NotFound, format!("{} is a link into it", output.path.display()));
                return Err(folder_error(&output.role, "find", parent(&target), source));
            }
        }
        for (role, folder) in self.folders() {
            make(&folder, &mut claims.made).map_err(|source| folder_error(role, "make", &folder, source))?;
        }
        Ok(())
    }

    /// Tries to create a file with the longest name in every folder.
    fn probe(&self) -> Result<(), PlanError> {
        let mut longest: BTreeMap<PathBuf, (&str, &Path, PathBuf)> = BTreeMap::new();
        let files = self.outputs.iter().flat_map(|output| {
            let all = [&output.path].into_iter().chain(output.beside.iter().map(|(_, path)| path));
            all.map(|path| (&output.role[..], output.path.as_path(), behind_links(path)))
        });
        let folders = self.folders.iter().map(|(role, path)| (&role[..], path.as_path(), guard(path)));
        for (role, path, target) in files.chain(folders) {
            let length = |path: &Path| path.file_name().map_or(0, |name| name.len());
            let held = longest.entry(parent(&target).to_owned()).or_insert_with(|| (role, path, target.clone()));
            if length(&target) > length(&held.2) {
                *held = (role, path, target);
            }
        }
        for (folder, (role, path, target)) in longest {
            temporary_file(&target).map_err(|source| match source.kind() {
                io::ErrorKind::InvalidFilename => {
                    let mut needed = temporary_prefix(&target);
                    // In place of six random characters.
                    needed.push("random.tmp");
                    PlanError::Name { role: role.into(), path: path.into(), needed, source }
                }
                _ => folder_error(role, "write into", &folder, source),
            })?;
        }
        Ok(())
    }

    fn lock(&self, claims: &mut Claims) -> Result<(), PlanError> {
        let files = self.outputs.iter().filter_map(|output| Some((&output.role, output.lock.clone()?, &output.path)));
        let folders = self.folders.iter().map(|(role, path)| (role, guard(path), path));
        let mut held: Vec<(PathBuf, &String, &PathBuf)> = Vec::new();
        for (role, name, path) in files.chain(folders) {
            match Lock::on(&name) {
                Ok(lock) => claims.locks.push(lock),
                Err(OutputError::Busy(_)) => {
                    // The file system may treat two names as one: the lock is then our own.
                    let file = lock_file(&behind_links(&name));
                    let own = held.iter().find(|(other, ..)| Identity::of(other) == Identity::of(&file));
                    return Err(match own {
                        Some((_, first, first_path)) => PlanError::Shared {
                            first: (*first).clone(),
                            path: (*first_path).clone(),
                            second: role.clone(),
                            second_path: path.clone(),
                        },
                        None => PlanError::Output { role: role.clone(), source: OutputError::Busy(path.clone()) },
                    });
                }
                Err(source) => return Err(PlanError::Output { role: role.clone(), source }),
            }
            held.push((lock_file(&behind_links(&name)), role, path));
        }
        Ok(())
    }
}

fn lock_of(role: &str) -> String {
    format!("the lock file of {role}")
}

/// Name whose lock guards a folder.
fn guard(folder: &Path) -> PathBuf {
    folder.join("mdl-rnn")
}

fn folder_error(role: &str, action: &'static str, folder: &Path, source: io::Error) -> PlanError {
    PlanError::Folder { role: role.into(), action, folder: folder.into(), source }
}

/// Creates a folder and its missing parents.
fn make(folder: &Path, made: &mut Vec<Made>) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Ok(found) = folder.symlink_metadata() {
        let what = if found.is_symlink() { "it is a link that leads to no folder" } else { "it is a file" };
        return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
    }
    make(parent(folder), made)?;
    let mut list = List::lock();
    match std::fs::create_dir(folder) {
        Ok(()) => made.push(Made { path: folder.into(), _transient: list.add(folder.into()) }),
        // Another process created it first.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(e) => return Err(e),
    }
    Ok(())
}

/// Right to write the outputs of a run, valid for the lifetime of this value.
#[derive(Debug, Default)]
pub struct Claims {
    locks: Vec<Lock>,
    made: Vec<Made>,
}

impl Drop for Claims {
    /// Releases the locks, and removes created folders that are empty.
    fn drop(&mut self) {
        self.locks.clear();
        while self.made.pop().is_some() {}
    }
}

/// A created folder, which is removed if it is empty at the end.
#[derive(Debug)]
struct Made {
    path: PathBuf,
    _transient: Transient,
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// Identity of a file: its number if it exists, otherwise its path without links.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    #[cfg(unix)]
    File(u64, u64),
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Self {
        let path = resolved(path);
        #[cfg(unix)]
        if let Ok(found) = path.metadata() {
            use std::os::unix::fs::MetadataExt;
            return Self::File(found.dev(), found.ino());
        }
        Self::Path(path)
    }
}

/// Absolute path without links and `..`; the file need not exist.
fn resolved(path: &Path) -> PathBuf {
    let target = behind_links(path);
    if let Ok(path) = target.canonicalize() {
        return path;
    }
    match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => resolved(Path::new(".")).join(name),
        (Some(parent), Some(name)) => resolved(parent).join(name),
        // `..` of a folder that does not exist yet.
        (Some(parent), None) => resolved(parent.parent().unwrap_or(Path::new("."))),
        (None, _) => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(outputs: &[(&str, &Path)]) -> Plan {
        let mut plan = Plan::default();
        outputs.iter().for_each(|(role, path)| plan.write(role, path, true));
        plan
    }

    fn refused(plan: Plan) -> String {
        plan.claim().unwrap_err().to_string()
    }

    #[test]
    fn a_plan_makes_folders_and_takes_them_back() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("new/folder/a");
        let claims = plan(&[("one", &output)]).claim().unwrap();
        assert!(output.parent().unwrap().is_dir());
        assert!(refused(plan(&[("other", &output)])).contains("is being written by another process"));
        drop(claims);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let claims = plan(&[("one", &output)]).claim().unwrap();
        std::fs::write(&output, "").unwrap();
        drop(claims);
        assert_eq!(std::fs::read_dir(output.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn two_spellings_are_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        let cases = [at("a"), at("./a"), at("sub/../a"), at("nowhere/../a"), at("sub/./../a")];
        for other in &cases {
            let message = refused(plan(&[("the report", &at("a")), ("the metrics", other)]));
            assert!(message.contains("the report and the metrics are one file"), "{message}");
        }
        for suffix in ["a.partial", "a.partial.1", ".a.lock"] {
            let mut plan = plan(&[("the report", &at(suffix))]);
            plan.write_with_partial("the artifact", &at("a"), true, 2);
            assert!(refused(plan).contains("the report and the "), "{suffix}");
        }
        let message = refused(plan(&[("the report", &at("a")), ("the metrics", &at("a/b"))]));
        assert!(message.contains("where the metrics needs a folder"), "{message}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
    }

    #[test]
    fn an_input_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("in"), "").unwrap();
        std::fs::hard_link(at("in"), at("hard")).unwrap();
        let mut names = vec!["in", "./in", "hard", "nowhere/../in"];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("in", at("link")).unwrap();
            names.push("link");
        }
        for name in names {
            let mut plan = plan(&[("the report", &at(name))]);
            plan.read("the network", &at("in"));
            let message = refused(plan);
            assert!(message.contains("the report would replace the network"), "{message}");
        }
    }

    /// As on a file system that treats two names as one: their lock files are then the same, too.
    #[test]
    fn names_that_only_the_file_system_takes_for_one_are_found_by_their_lock() {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(&[("one", &dir.path().join("a")), ("two", &dir.path().join("A"))]);
        plan.outputs[1].lock = plan.outputs[0].lock.clone();
        let message = plan.lock(&mut Claims::default()).unwrap_err().to_string();
        assert!(message.contains("one and two are one file") && message.contains("/a, "), "{message}");
    }
}
