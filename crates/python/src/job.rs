//! Long work on a thread of its own, while the calling thread waits for it, listens to Ctrl-C and calls callbacks.

use crate::{allocator, errors};
use mdl_cli::watch::Watch;
use mdl_data::tasks::program::allocation::set_owner;
use mdl_train::metrics::Row;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;
use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

/// Time between two checks for signals.
const TICK: Duration = Duration::from_millis(50);
/// Time that interrupted work gets to end before the caller goes on without it.
const GRACE: Duration = Duration::from_millis(100);
/// Size of the stack of a thread (bytes), as of a main thread.
const STACK: usize = 8 << 20;
/// Maximum number of threads, as of the programs.
const MOST_THREADS: usize = 1024;

/// A flag that stops the work it is given to, from any thread.
#[pyclass(frozen, module = "mdl_rnn._mdl_rnn")]
#[derive(Clone, Default)]
pub struct Cancel {
    stop: Arc<AtomicBool>,
}

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Stops the work.
    fn set(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// How a job runs.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Manner {
    threads: Option<usize>,
    /// Called with the numbers of finished and of all steps.
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<Cancel>>,
}

/// News of a job.
enum News<T> {
    /// An evaluation in training, as JSON; the answer is false to stop.
    Row(String, Sender<bool>),
    Finished(Result<anyhow::Result<T>, Box<dyn Any + Send>>),
}

/// Counts of steps.
#[derive(Default)]
struct Steps {
    done: AtomicU64,
    all: AtomicU64,
}

/// Runs `work` and waits for it. `rows`, if given, is called with every evaluation, and stops the work by returning
/// `False`.
///
/// # Errors
/// The exceptions of the work and of the callbacks, `KeyboardInterrupt`, and warnings that the caller made errors.
pub fn run<T: Send + 'static>(
    py: Python,
    manner: &Manner,
    rows: Option<&Bound<PyAny>>,
    work: impl FnOnce(&Watch, &mut dyn FnMut(&Row) -> bool) -> anyhow::Result<T> + Send + 'static,
) -> PyResult<T> {
    collect_warnings();
    let pool = Pool::take(py, manner.threads)?;
    let (threads, owner) = (pool.threads.clone(), pool.number);
    let stop = manner.cancel.as_ref().map(|cancel| cancel.get().clone()).unwrap_or_default().stop;
    let steps = Arc::new(Steps::default());
    let (sender, receiver) = mpsc::channel();
    let (flag, counts, hears_rows) = (stop.clone(), steps.clone(), rows.is_some());
    let body = move || {
        let watch = Watch {
            begin: &|all| counts.all.store(all, Ordering::Relaxed),
            done: &|steps| _ = counts.done.fetch_add(steps, Ordering::Relaxed),
            stopped: &|| flag.load(Ordering::Relaxed),
        };
        let work = || work(&watch, &mut |row| !hears_rows || ask(&sender, row));
        let finished = catch_unwind(AssertUnwindSafe(|| threads.install(work)));
        // The receiver is gone if the caller was interrupted.
        let _ = sender.send(News::Finished(finished));
    };
    let thread = std::thread::Builder::new().name("mdl-rnn".into()).stack_size(STACK).spawn(body);
    thread.map_err(|error| errors::exception(py, "RunError", &format!("no thread can be started: {error}")))?;
    let receiver = Mutex::new(receiver);
    let result = wait(py, manner, rows, owner, &receiver, &steps);
    let mut finished = result.is_ok();
    if !finished {
        stop.store(true, Ordering::Relaxed);
        finished = py.detach(|| matches!(next(&receiver, GRACE), Ok(News::Finished(_))));
    }
    if finished {
        // The threads of abandoned work end with it.
        pool.give_back();
    }
    issue_warnings(py)?;
    match result? {
        Ok(outcome) => outcome.map_err(|error| errors::of(py, &error)),
        Err(payload) => Err(errors::of_panic(py, &*payload)),
    }
}

/// Runs work that is not reported on, on one thread.
///
/// # Errors
/// The exceptions of the work, and `KeyboardInterrupt`.
pub fn quick<T: Send + 'static>(py: Python, work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> PyResult<T> {
    let manner = Manner { threads: Some(1), progress: None, cancel: None };
    run(py, &manner, None, move |_, _| work())
}

type Finished<T> = Result<anyhow::Result<T>, Box<dyn Any + Send>>;

fn wait<T: Send>(
    py: Python,
    manner: &Manner,
    rows: Option<&Bound<PyAny>>,
    owner: u64,
    receiver: &Mutex<Receiver<News<T>>>,
    steps: &Steps,
) -> PyResult<Finished<T>> {
    let report = |progress: &Py<PyAny>| {
        let count = |steps: &AtomicU64| steps.load(Ordering::Relaxed);
        progress.call1(py, (count(&steps.done), count(&steps.all))).map(drop)
    };
    loop {
        match py.detach(|| next(receiver, TICK)) {
            Ok(News::Finished(finished)) => {
                manner.progress.iter().try_for_each(report)?;
                return Ok(finished);
            }
            Ok(News::Row(row, answer)) => {
                let go_on = match rows {
                    Some(rows) => rows.call1((row,))?.extract::<bool>()?,
                    None => true,
                };
                // The work has ended if nobody hears the answer.
                let _ = answer.send(go_on);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(reason) = allocator::refusal_of(owner) {
                    return Err(errors::exception(py, "ArgumentError", &reason));
                }
                manner.progress.iter().try_for_each(report)?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(errors::of_panic(py, &"the work ended without a result"));
            }
        }
        py.check_signals()?;
    }
}

fn next<T>(receiver: &Mutex<Receiver<News<T>>>, timeout: Duration) -> Result<News<T>, RecvTimeoutError> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(timeout)
}

/// Tells the caller of an evaluation and waits for the answer; false if the caller is gone.
fn ask<T>(sender: &Sender<News<T>>, row: &Row) -> bool {
    let (answer, answered) = mpsc::channel();
    sender.send(News::Row(json!(row).to_string(), answer)).is_ok() && answered.recv().unwrap_or(false)
}

/// Threads of a job. A job has a pool of its own while it runs, so that jobs on one thread each run side by side.
struct Pool {
    threads: Arc<ThreadPool>,
    /// Number of the pool, the owner of what its threads do.
    number: u64,
    size: Option<usize>,
}

/// Pools that are not in use, by the number of threads that was asked for.
static IDLE: Mutex<BTreeMap<Option<usize>, Vec<Pool>>> = Mutex::new(BTreeMap::new());

impl Pool {
    /// A pool of this many threads, by default one per core.
    fn take(py: Python, size: Option<usize>) -> PyResult<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        if let Some(threads) = size.filter(|threads| !(1..=MOST_THREADS).contains(threads)) {
            return Err(errors::argument(py, "threads", &threads.to_string(), &format!("1 to {MOST_THREADS}")));
        }
        if let Some(idle) = IDLE.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&size).and_then(Vec::pop) {
            return Ok(idle);
        }
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let builder = ThreadPoolBuilder::new().num_threads(size.unwrap_or(0)).stack_size(STACK);
        let threads = builder.start_handler(move |_| set_owner(number)).build();
        let threads = threads.map_err(|error| errors::exception(py, "RunError", &format!("threads: {error}")))?;
        Ok(Self { threads: Arc::new(threads), number, size })
    }

    fn give_back(self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).entry(self.size).or_default().push(self);
    }
}

/// Warnings of the libraries that have not been issued.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds lines to the warnings.
struct Collector;

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn collect_warnings() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_env_filter("warn").with_writer(|| Collector);
        // Another subscriber, if there is one, is left alone.
        let _ = subscriber.with_ansi(false).without_time().with_target(false).with_level(false).try_init();
    });
}

/// Issues the collected warnings as Python's.
fn issue_warnings(py: Python) -> PyResult<()> {
    let texts = std::mem::take(&mut *WARNINGS.lock().unwrap_or_else(PoisonError::into_inner));
    if texts.is_empty() {
        return Ok(());
    }
    let warn = py.import("mdl_rnn._errors")?.getattr("warn")?;
    texts.into_iter().try_for_each(|text| warn.call1((text,)).map(drop))
}
