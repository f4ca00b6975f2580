//! Batches of training trials, each drawn while the network is updated on the one before.

use candle_core::Result;
use mdl_data::tasks::{Task, TaskError, Trials};
use mdl_kernels::random::Purpose;
use std::cell::RefCell;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// Time above which a batch is drawn ahead: waking a thread takes several microseconds.
const WORTH_A_THREAD: Duration = Duration::from_micros(20);

/// A batch of trials: the stage of training and the number of the batch determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub stage: usize,
    pub number: u64,
}

impl Batch {
    fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }
}

/// The tasks of the stages and how their training trials are drawn.
#[derive(Clone)]
pub(crate) struct Source<'a> {
    /// Tasks of the stages before the last.
    pub stages: Vec<&'a dyn Task>,
    /// Task of the last stage.
    pub task: &'a dyn Task,
    pub seed: u64,
    /// Trials in a batch.
    pub size: usize,
}

impl Source<'_> {
    /// Task of a stage.
    pub fn task(&self, stage: usize) -> &dyn Task {
        self.stages.get(stage).copied().unwrap_or(self.task)
    }

    fn draw(&self, batch: Batch) -> Drawn {
        let first = batch.number * self.size as u64;
        self.task(batch.stage).draw(self.seed, Purpose::TrainingTrial, first, self.size)
    }
}

type Drawn = std::result::Result<Trials, TaskError>;

/// Draws batches of trials one ahead of their use. A batch is a function of its numbers, so the order and the thread in
/// which batches are drawn change no bit.
pub(crate) struct Batches<'a> {
    source: Source<'a>,
    state: RefCell<State>,
}

struct State {
    /// The batch that was last used, if it is used again.
    held: Option<(Batch, Trials)>,
    ahead: Option<Ahead>,
    /// Time that updates waited for their trials and for asking for the next ones.
    waited: Duration,
}

/// A thread that draws.
struct Ahead {
    wanted: Sender<Batch>,
    drawn: Receiver<(Drawn, Duration)>,
    /// The batch that the thread draws or has drawn.
    coming: Option<Batch>,
}

impl<'a> Batches<'a> {
    /// Batches that are drawn when they are used.
    pub fn new(source: Source<'a>) -> Self {
        Self { source, state: RefCell::new(State { held: None, ahead: None, waited: Duration::ZERO }) }
    }

    /// Lets a thread of the scope draw each batch ahead, where drawing takes long enough to be worth it. Without a thread to
    /// be had, batches are drawn when they are used.
    pub fn draw_ahead<'scope>(&self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        let (wanted, requests) = mpsc::channel();
        let (sender, drawn) = mpsc::channel();
        let source = self.source.clone();
        let draw = move || {
            for batch in requests {
                let begin = Instant::now();
                let drawn = source.draw(batch);
                if sender.send((drawn, begin.elapsed())).is_err() {
                    break;
                }
            }
        };
        if std::thread::Builder::new().name("trials".into()).spawn_scoped(scope, draw).is_ok() {
            self.state.borrow_mut().ahead = Some(Ahead { wanted, drawn, coming: None });
        }
    }

    /// Calls `run` with a batch; and draws the next one meanwhile, unless this one is used again.
    pub fn with<T>(&self, batch: Batch, last_use: bool, run: impl FnOnce(&Trials) -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        let mut state = self.state.borrow_mut();
        let held = state.held.take().filter(|(held, _)| *held == batch);
        let trials = match held {
            Some((_, trials)) => trials,
            None => self.drawn(batch, &mut state.ahead).map_err(candle_core::Error::wrap)?,
        };
        if let Some(ahead) = state.ahead.as_mut().filter(|ahead| last_use && ahead.coming.is_none()) {
            let next = batch.next();
            ahead.coming = ahead.wanted.send(next).is_ok().then_some(next);
        }
        state.waited += begin.elapsed();
        let result = run(&trials);
        state.held = (!last_use).then_some((batch, trials));
        result
    }

    /// Time that updates waited so far.
    pub fn waited(&self) -> Duration {
        self.state.borrow().waited
    }

    /// The batch, from the thread if it was drawn ahead. The thread ends where drawing turns out not to be worth it.
    fn drawn(&self, batch: Batch, ahead: &mut Option<Ahead>) -> Drawn {
        if let Some(thread) = ahead
            && let Some(coming) = thread.coming.take()
        {
            let received = thread.drawn.recv();
            if received.as_ref().is_ok_and(|(_, took)| *took < WORTH_A_THREAD) || received.is_err() {
                *ahead = None;
            }
            // The first batch of a new stage was not foreseen: the one drawn for it is dropped.
            if let Ok((drawn, _)) = received
                && coming == batch
            {
                return drawn;
            }
        }
        self.source.draw(batch)
    }
}
