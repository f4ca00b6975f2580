//! Several searches on one machine: all (network, trial) pairs go through one queue, which all threads process.
//!
//! A search says from its [`TrialResults`] either what it found or which trials it needs next ([`Progress`]), so it makes no
//! difference who ran a trial, when, and after how many interruptions. Threads take trials of the first search that has
//! any left: results come in about the order of the searches, and no thread waits while another search has work.

use crate::error::{Error, Result};
use crate::lif_task::LifTask;
use crate::search::trials::{Progress, TrialResult, TrialResults, TrialSet};
use candle_core::Device;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};

/// Result of a search, computed from trial results.
pub type Plan<'a, T> = Box<dyn Fn(&TrialResults) -> Progress<T> + Sync + Send + 'a>;

/// A search to run.
pub struct Search<'a, T> {
    /// Network with its task.
    pub lif_task: &'a LifTask<'a>,
    /// Trial results known before.
    pub results: TrialResults,
    /// Result to compute.
    pub plan: Plan<'a, T>,
}

/// Event of a search.
pub enum Event<T> {
    /// This many trial results are needed before more is known.
    Requested(u64),
    /// A trial was run with these scaling factors.
    TrialRun(TrialSet, u32, Vec<(f64, TrialResult)>),
    /// The search has finished.
    Found(T),
}

/// A trial to run.
struct Job {
    set: TrialSet,
    trial: u32,
    factors: Vec<f64>,
}

/// A running search.
struct Open<'a, T> {
    search: Search<'a, T>,
    jobs: VecDeque<Job>,
    running: usize,
}

impl<T> Open<'_, T> {
    /// Queues the trials needed next, or returns the result.
    fn advance(&mut self) -> Event<T> {
        let request = match (self.search.plan)(&self.search.results) {
            Ok(found) => return Event::Found(found),
            Err(request) => request,
        };
        let job = |trial: u32| Job { set: request.set, trial, factors: self.search.results.missing(&request, trial) };
        self.jobs = request.trials.clone().map(job).filter(|job| !job.factors.is_empty()).collect();
        Event::Requested(self.jobs.iter().map(|job| job.factors.len() as u64).sum())
    }
}

/// State shared by the threads.
struct Shared<'a, 'b, T> {
    open: Mutex<Vec<Open<'b, T>>>,
    changed: Condvar,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

/// Runs searches on a device and passes all events of each, with its index, to `hear` on the calling thread.
///
/// # Errors
/// The first error of the simulation, the device or `hear`, and [`Error::Interrupted`] if `stopped` returns true.
pub fn run<T: Send>(
    device: &Device,
    searches: Vec<Search<T>>,
    stopped: &(dyn Fn() -> bool + Sync),
    hear: impl FnMut(usize, Event<T>) -> Result<()>,
) -> Result<()> {
    #[cfg(feature = "cuda")]
    if let Some(gpu) = mdl_device::Gpu::new(device) {
        return run_on(&gpu, searches, stopped, hear);
    }
    debug_assert!(device.is_cpu(), "a device that can be opened is known here");
    run_on_processor(searches, stopped, hear)
}

/// Like [`run`], on all cores.
fn run_on_processor<'a, T: Send>(
    searches: Vec<Search<'a, T>>,
    stopped: &(dyn Fn() -> bool + Sync),
    mut hear: impl FnMut(usize, Event<T>) -> Result<()>,
) -> Result<()> {
    let mut open: Vec<Open<T>> =
        searches.into_iter().map(|search| Open { search, jobs: VecDeque::new(), running: 0 }).collect();
    for (index, search) in open.iter_mut().enumerate() {
        hear(index, search.advance())?;
    }
    let halt = std::sync::atomic::AtomicBool::new(false);
    let halted = || halt.load(std::sync::atomic::Ordering::Relaxed) || stopped();
    let shared = Shared { open: Mutex::new(open), changed: Condvar::new(), stopped: &halted };
    let (tell, news) = mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            let (tell, shared) = (tell.clone(), &shared);
            scope.spawn(move || work(shared, &tell));
        }
        drop(tell);
        let mut outcome = Ok(());
        for told in news {
            let heard = told.and_then(|(index, told)| hear(index, told));
            if let Err(error) = heard
                && outcome.is_ok()
            {
                outcome = Err(error);
                halt.store(true, std::sync::atomic::Ordering::Relaxed);
                shared.changed.notify_all();
            }
        }
        outcome
    });
    outcome?;
    if stopped() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Like [`run`], one search after the other on a device, with all trials needed next at once.
#[cfg(any(test, feature = "cuda"))]
fn run_on<M: mdl_device::Backend, T>(
    machine: &M,
    searches: Vec<Search<T>>,
    stopped: &dyn Fn() -> bool,
    mut hear: impl FnMut(usize, Event<T>) -> Result<()>,
) -> Result<()> {
    for (index, mut search) in searches.into_iter().enumerate() {
        let found = loop {
            let request = match (search.plan)(&search.results) {
                Ok(found) => break found,
                Err(request) => request,
            };
            let job = |trial: u32| (trial, search.results.missing(&request, trial));
            let jobs: Vec<(u32, Vec<f64>)> =
                request.trials.clone().map(job).filter(|(_, factors)| !factors.is_empty()).collect();
            hear(index, Event::Requested(jobs.iter().map(|(_, factors)| factors.len() as u64).sum()))?;
            for jobs in jobs.chunks(search.lif_task.trials_at_once()) {
                if stopped() {
                    return Err(Error::Interrupted);
                }
                let finished = search.lif_task.results_on(machine, request.set, jobs)?;
                for ((trial, factors), results) in jobs.iter().zip(finished) {
                    let results: Vec<(f64, TrialResult)> = factors.iter().copied().zip(results).collect();
                    results.iter().for_each(|(factor, a)| search.results.insert(request.set, *factor, *trial, *a));
                    hear(index, Event::TrialRun(request.set, *trial, results))?;
                }
            }
        };
        hear(index, Event::Found(found))?;
    }
    Ok(())
}

/// Events for the caller.
type Telling<T> = mpsc::Sender<Result<(usize, Event<T>)>>;

/// Runs queued trials until there are none, or until stopped.
fn work<T>(shared: &Shared<T>, tell: &Telling<T>) {
    while let Some((index, job, lif_task)) = take(shared) {
        let finished = lif_task.results(job.set, job.trial, &job.factors);
        let mut open = lock(&shared.open);
        let search = &mut open[index];
        search.running -= 1;
        // The receiver only goes away after an error, which it knows.
        match finished {
            Err(error) => _ = tell.send(Err(error)),
            Ok(results) => {
                let results: Vec<(f64, TrialResult)> = job.factors.iter().copied().zip(results).collect();
                results.iter().for_each(|(factor, a)| search.search.results.insert(job.set, *factor, job.trial, *a));
                _ = tell.send(Ok((index, Event::TrialRun(job.set, job.trial, results))));
                if search.jobs.is_empty() && search.running == 0 {
                    _ = tell.send(Ok((index, search.advance())));
                }
            }
        }
        drop(open);
        shared.changed.notify_all();
    }
}

/// Next trial, with the index and network of its search; none when all is done or stopped.
fn take<'b, T>(shared: &Shared<'_, 'b, T>) -> Option<(usize, Job, &'b LifTask<'b>)> {
    let mut open = lock(&shared.open);
    loop {
        if (shared.stopped)() {
            shared.changed.notify_all();
            return None;
        }
        for (index, search) in open.iter_mut().enumerate() {
            if let Some(job) = search.jobs.pop_front() {
                search.running += 1;
                return Some((index, job, search.search.lif_task));
            }
        }
        if open.iter().all(|search| search.running == 0) {
            return None;
        }
        open = shared.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
}

/// A thread that panicked ends the program at the end of the scope; until then the others see its state.
fn lock<'m, X>(mutex: &'m Mutex<X>) -> MutexGuard<'m, X> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::LifConfig;
    use mdl_data::tasks::TaskConfig;
    use mdl_emulator::Emulator;

    /// A search that only collects trial results finds the same on all threads and on a device.
    #[test]
    fn a_machine_answers_as_the_threads_do() {
        let Some(machine) = Emulator::new() else { return };
        let network = crate::testing::network(20);
        let config: TaskConfig = serde_json::from_str(r#"{"kind": "go-nogo"}"#).unwrap();
        let lif = LifConfig { dt_ms: 0.5, ..LifConfig::default() };
        let lif_task = LifTask::new(&network, &lif, config.task().unwrap(), 3).unwrap();
        let factors = [2.0, 10.0, 50.0];
        let searches = || {
            let plan: Plan<Vec<Vec<TrialResult>>> = Box::new(|results| results.of(TrialSet::Search, &factors, 0..6));
            vec![Search { lif_task: &lif_task, results: TrialResults::default(), plan }]
        };
        let mut found = Vec::new();
        let (mut asked, mut heard) = (0, 0);
        let mut hear = |_: usize, news: Event<Vec<Vec<TrialResult>>>| {
            match news {
                Event::Requested(count) => asked += count,
                Event::TrialRun(_, _, results) => heard += results.len() as u64,
                Event::Found(results) => found.push(results),
            }
            Ok(())
        };
        run(&Device::Cpu, searches(), &|| false, &mut hear).unwrap();
        run_on(&machine, searches(), &|| false, &mut hear).unwrap();
        assert!(matches!(run_on(&machine, searches(), &|| true, &mut hear), Err(Error::Interrupted)));
        assert_eq!((asked, heard, found.len()), (3 * 18, 2 * 18, 2), "the search that was stopped asked, too");
        assert_eq!(found[0], found[1]);
        assert!(found[0].iter().flatten().all(|result| result.spikes > 100), "a silent network tests nothing");
    }
}
