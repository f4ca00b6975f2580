//! Stopping on signals: the warnings that terminals, batch systems and the machine send before they kill a process.
//!
//! | signal | sent by |
//! |---|---|
//! | SIGINT, SIGQUIT | Ctrl-C and Ctrl-\ at a terminal |
//! | SIGHUP | a terminal that was closed; stays ignored if it was ignored at the start, as under `nohup` |
//! | SIGTERM | `kill`, `timeout`, system shutdown, every batch system |
//! | SIGUSR1, SIGUSR2 | Slurm (`--signal`), Grid Engine (`-notify`, soft limits), LSF (`-wa`), PBS |
//! | SIGXCPU | the limit on CPU time (`ulimit -t`, Slurm, Grid Engine), repeated every second |
//! | SIGALRM | wrappers that set an alarm before they start a program |
//! | SIGPWR | a failing power supply |
//!
//! The first signal requests a stop. A program without a state to save ends at once; otherwise the program sees its
//! [`StopFlag`] set, saves its state and ends. Both end with [`Status::Interrupted`]. A second signal ends the process
//! at once with [`Status::Killed`], unless it arrives within [`PATIENCE`], because job managers signal both a process
//! and its group and mean one signal. Files are written atomically, so neither causes damage; lock files and unfinished
//! writes are removed.

use crate::status::Status;
use anyhow::Context;
use mdl_artifact::transient;
use signal_hook::consts::signal as number;
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time after the first signal during which further signals count as the same request.
pub const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(target_os = "linux")]
const SIGNALS: &[i32] = &[
    number::SIGINT,
    number::SIGTERM,
    number::SIGUSR1,
    number::SIGUSR2,
    number::SIGHUP,
    number::SIGQUIT,
    number::SIGXCPU,
    number::SIGALRM,
    libc::SIGPWR,
];
#[cfg(all(unix, not(target_os = "linux")))]
const SIGNALS: &[i32] = &[
    number::SIGINT,
    number::SIGTERM,
    number::SIGUSR1,
    number::SIGUSR2,
    number::SIGHUP,
    number::SIGQUIT,
    number::SIGXCPU,
    number::SIGALRM,
];
#[cfg(not(unix))]
const SIGNALS: &[i32] = &[number::SIGINT, number::SIGTERM];

/// True once the process has been asked to stop.
static ASKED: AtomicBool = AtomicBool::new(false);
/// True if the program itself handles the first signal. Locked while it changes, and while the process is being ended.
static ANSWERED: Mutex<bool> = Mutex::new(false);

/// Starts listening. Until [`hold`] is called, a signal ends the process with [`Status::Interrupted`].
///
/// # Errors
/// The system refuses the handlers.
pub fn listen() -> anyhow::Result<()> {
    warn_before_cpu_limit();
    let heard = SIGNALS.iter().filter(|signal| !is_ignored_hangup(**signal));
    let mut signals = Signals::new(heard).context("registering signal handlers")?;
    let answer = move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match first {
                None => ask(),
                // The signal for the limit on CPU time repeats every second.
                Some(_) if is_cpu_limit(signal) => {}
                Some(first) if first.elapsed() < PATIENCE => {}
                Some(_) => end(Status::Killed),
            }
            first.get_or_insert_with(Instant::now);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(answer).context("starting a thread for signals")?;
    Ok(())
}

/// Leaves signals to the program from now on, which checks the flag or is about to end.
pub fn hold() -> StopFlag {
    *ANSWERED.lock().unwrap_or_else(PoisonError::into_inner) = true;
    StopFlag(())
}

/// Flag that is set once the process has been asked to stop.
#[derive(Clone, Copy, Debug)]
pub struct StopFlag(());

impl StopFlag {
    /// True if the process has been asked to stop.
    pub fn is_set(self) -> bool {
        ASKED.load(Ordering::Relaxed)
    }
}

/// Handles the first signal.
fn ask() {
    ASKED.store(true, Ordering::Relaxed);
    let answered = ANSWERED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*answered {
        say("error: interrupted; nothing was written: run the same command again");
        end(Status::Interrupted);
    }
}

/// Writes a line to stderr without waiting for a blocked reader.
fn say(line: &'static str) {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = writeln!(std::io::stderr(), "{line}");
        let _ = tell.send(());
    });
    let _ = told.recv_timeout(PATIENCE);
}

/// Ends the process at any point.
fn end(status: Status) -> ! {
    transient::remove_all();
    signal_hook::low_level::exit(i32::from(status as u8))
}

#[cfg(unix)]
fn is_cpu_limit(signal: i32) -> bool {
    signal == number::SIGXCPU
}

#[cfg(not(unix))]
fn is_cpu_limit(_: i32) -> bool {
    false
}

/// True if a signal is a SIGHUP that this process was started to ignore.
#[cfg(unix)]
fn is_ignored_hangup(signal: i32) -> bool {
    // SAFETY: a null action only queries; all zeros are a valid value of the struct that is filled.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number::SIGHUP, std::ptr::null(), &raw mut action);
        action
    };
    signal == number::SIGHUP && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn is_ignored_hangup(_: i32) -> bool {
    false
}

/// If the limit on CPU time kills without a warning, requests one shortly before.
#[cfg(unix)]
fn warn_before_cpu_limit() {
    // SAFETY: both calls read or write a struct owned by this function.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_CPU, &raw mut limit) == 0
            && limit.rlim_cur == limit.rlim_max
            && limit.rlim_max != libc::RLIM_INFINITY
            && limit.rlim_max > 1
        {
            limit.rlim_cur -= (limit.rlim_max / 10).clamp(1, 60);
            libc::setrlimit(libc::RLIMIT_CPU, &raw const limit);
        }
    }
}

#[cfg(not(unix))]
fn warn_before_cpu_limit() {}
