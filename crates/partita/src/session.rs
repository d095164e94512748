//! Every knob in one struct, passed explicitly. The default session is the only global state of the engine.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use partita_graph::CancelToken;
use partita_io::{FileSystem, Limits, Local};

use crate::error::{Error, Result};
use crate::watch::{Observer, Observers};

mod budget;

pub(crate) use budget::{Budget, mib, take};

/// Threads, memory limit, spill directory and other settings, shared by the frames that were made with it.
///
/// Results do not depend on `threads`, `memory_limit` or `spill_dir`: only time does.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let session = Session::builder().threads(2).memory_limit(512 << 20).build()?;
/// let batch = batch! { "v" => [1, 2, 3] }?;
/// let frame = PartitionedFrame::from_batches([batch]).with_session(&session);
/// assert_eq!(frame.len()?, 3);
/// # Ok::<(), partita::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    cancel: CancelToken,
}

struct Inner {
    settings: Settings,
    budget: Arc<Budget>,
    pool: OnceLock<std::result::Result<Arc<rayon::ThreadPool>, String>>,
}

/// The values of a session's knobs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) threads: usize,
    pub(crate) memory_limit: usize,
    /// The most that an exchange may hold in memory before it spills.
    pub(crate) exchange_limit: Option<usize>,
    pub(crate) spill_dir: PathBuf,
    pub(crate) progress: bool,
    pub(crate) optimize: bool,
    pub(crate) observers: Observers,
    /// Most rows per batch.
    pub(crate) batch_rows: usize,
    /// A join's build side up to this many bytes is shared by all tasks instead of being exchanged.
    pub(crate) broadcast_bytes: u64,
    /// An exchange's run is closed at this many bytes at most.
    pub(crate) run_bytes: usize,
    /// Tasks behind an exchange get about this many bytes each.
    pub(crate) task_bytes: u64,
    pub(crate) limits: Limits,
    pub(crate) files: Arc<dyn FileSystem>,
}

impl Settings {
    /// The share of the memory limit that runs of exchanges may hold.
    pub(crate) fn runs_limit(&self) -> usize {
        self.exchange_limit.unwrap_or(self.memory_limit / 2)
    }

    /// What one thread may gather before it writes a run or goes on to the next buckets: what it gathers, its
    /// copy in order, and a table over it are to fit for all threads beside runs that fill half of the limit.
    pub(crate) fn share(&self) -> usize {
        const LEAST: usize = 64 << 10;
        (self.memory_limit / (8 * self.threads)).max(LEAST)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            // A process shares the machine: 30 % are left to others and to what is not counted.
            memory_limit: partita_io::memory_available() / 10 * 7,
            exchange_limit: None,
            spill_dir: std::env::temp_dir(),
            progress: false,
            optimize: true,
            observers: Observers::default(),
            batch_rows: 16_384,
            broadcast_bytes: 1 << 30,
            run_bytes: 64 << 20,
            task_bytes: 24 << 20,
            limits: Limits::default(),
            files: Arc::new(Local),
        }
    }
}

impl Session {
    /// Starts from the defaults: all cores, 70 % of the memory that the machine or the control group has, the
    /// system's temporary directory for spilling, no progress shown.
    pub fn builder() -> SessionBuilder {
        SessionBuilder { settings: Settings::default() }
    }

    /// A handle that stops this session's running computations from another thread or a signal handler. A
    /// cancelled session stays cancelled; make a new one to go on.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.cancel.clone())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The account of all that the session's runs and kept frames hold.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }

    pub(crate) fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// The same threads and settings for a run that `other` stops too.
    pub(crate) fn cancelled_by(&self, other: CancelToken) -> Session {
        Session { inner: Arc::clone(&self.inner), cancel: CancelToken::below([self.cancel.clone(), other]) }
    }

    /// What a reader may use outside a run: to find files and infer schemas.
    pub(crate) fn read_context(&self) -> partita_io::ReadContext {
        partita_io::ReadContext {
            limits: self.inner.settings.limits.clone(),
            memory: Arc::clone(self.budget()) as _,
            stop: self.stop(),
            threads: self.inner.settings.threads,
            ..partita_io::ReadContext::new(Arc::clone(&self.inner.settings.files))
        }
    }

    /// The cancel handle, as readers ask it.
    pub(crate) fn stop(&self) -> Arc<dyn partita_io::Stop> {
        Arc::new(Cancelled(self.cancel_token().clone()))
    }

    /// The session's threads, started when they are first needed.
    pub(crate) fn pool(&self) -> Result<Arc<rayon::ThreadPool>> {
        let pool = self.inner.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(self.inner.settings.threads)
                .thread_name(|index| format!("partita-{index}"))
                .build()
                .map(Arc::new)
                .map_err(|error| error.to_string())
        });
        pool.clone().map_err(|error| {
            Error::invalid(format!("cannot start {} threads: {error}", self.inner.settings.threads))
        })
    }
}

#[derive(Debug)]
struct Cancelled(CancelToken);

impl partita_io::Stop for Cancelled {
    fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Default for Session {
    /// The one session that frames use unless they are given another.
    fn default() -> Session {
        static DEFAULT: OnceLock<Session> = OnceLock::new();
        DEFAULT.get_or_init(|| SessionBuilder { settings: Settings::default() }.into_session()).clone()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.inner.settings).finish()
    }
}

/// Stops a session's computations; see [`Session::cancel_handle`].
#[derive(Clone, Debug)]
pub struct CancelHandle(CancelToken);

impl CancelHandle {
    /// Stops what runs. Every way out of a frame of the session returns an error for which
    /// [`Error::is_cancelled`] holds; files half written and spilled are removed.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// Sets a session's knobs.
#[derive(Clone, Debug)]
#[must_use = "call `build` to get the session"]
pub struct SessionBuilder {
    settings: Settings,
}

impl SessionBuilder {
    /// How many threads compute. At least 1.
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = threads;
        self
    }
    /// The bytes that all computations of the session and the frames that it keeps may hold together; what does not
    /// fit is spilled. At least 1 MiB.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.settings.memory_limit = bytes;
        self
    }
    /// How many bytes exchanges may hold in memory before they spill; the default is half of the memory limit.
    pub fn exchange_limit(mut self, bytes: usize) -> Self {
        self.settings.exchange_limit = Some(bytes);
        self
    }
    /// Where spill files go, in a private directory that is removed at the end.
    pub fn spill_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.spill_dir = path.into();
        self
    }
    /// Whether running stages are shown on standard error.
    pub fn progress(mut self, progress: bool) -> Self {
        self.settings.progress = progress;
        self
    }
    /// Adds somebody who is told about all runs and tasks of the session.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.settings.observers.0.push(observer);
        self
    }
    /// Whether plans are optimized. Results are the same rows; only tests and the curious turn it off.
    pub fn optimize(mut self, optimize: bool) -> Self {
        self.settings.optimize = optimize;
        self
    }
    /// A join whose right side has up to this many bytes (1 GiB unless told) returns its rows in the order of the
    /// left side, and all tasks share one table over the right side if that fits into memory; what else it costs
    /// to put them in that order is told by the report. Rows of larger joins, and of outer ones, come in the order
    /// of an exchange by hash. An inner join whose left side is known to be much smaller swaps them.
    pub fn broadcast_bytes(mut self, bytes: u64) -> Self {
        self.settings.broadcast_bytes = bytes;
        self
    }
    /// Most bytes per run of an exchange. Results do not depend on it.
    pub fn run_bytes(mut self, bytes: usize) -> Self {
        self.settings.run_bytes = bytes;
        self
    }
    /// Bytes per task behind an exchange, and about what partial results of a group-by may take. Changes the order
    /// in which unsorted group-bys and joins return rows, and the order in which floats are added.
    pub fn task_bytes(mut self, bytes: u64) -> Self {
        self.settings.task_bytes = bytes;
        self
    }
    /// Bounds on what a file may declare about itself.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }
    /// The way to files; tests give one whose calls fail.
    pub fn files(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.settings.files = files;
        self
    }

    /// # Errors
    /// A knob has a value that cannot work.
    pub fn build(self) -> Result<Session> {
        const LEAST_MEMORY: usize = 1 << 20;
        if self.settings.threads == 0 {
            return Err(Error::invalid("a session needs at least one thread"));
        }
        if self.settings.memory_limit < LEAST_MEMORY {
            return Err(Error::memory(format!(
                "the memory limit of {} bytes is too small; the least that works is {LEAST_MEMORY} (1 MiB)",
                self.settings.memory_limit
            )));
        }
        Ok(self.into_session())
    }

    fn into_session(self) -> Session {
        let budget = Budget::new(self.settings.memory_limit);
        let inner = Arc::new(Inner { settings: self.settings, budget, pool: OnceLock::new() });
        Session { inner, cancel: CancelToken::new() }
    }
}
