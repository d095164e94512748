//! What each operator of a pipeline did: its rows, bytes and time.
//!
//! A task counts for itself, without a lock ([`Tally`]), and when it ends its counts are added to those of the
//! pipeline ([`Operators`]). Beside them stands what was expected of the plan, so that a report can tell both.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use partita_io::RowFilter;

use crate::op::logical_bytes;
use crate::report::OperatorReport;

/// How long the texts of a batch are costs time to find out, so it is done for one row in so many; the others
/// are taken to be alike. Values of a fixed width are counted exactly by that too.
const WEIGHED: u64 = 16;

/// The operators of one pipeline: its source, its steps, its sink.
#[derive(Debug)]
pub(super) struct Operators {
    all: Vec<Total>,
}

/// What all tasks counted of an operator.
#[derive(Debug)]
struct Total {
    /// The report without counts.
    known: OperatorReport,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    bytes_out: AtomicU64,
    nanos: AtomicU64,
}

impl Operators {
    pub(super) fn new(known: Vec<OperatorReport>) -> Operators {
        let total = |known| Total {
            known,
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        };
        Operators { all: known.into_iter().map(total).collect() }
    }

    /// Counts for one try of a task.
    pub(super) fn tally(&self) -> Tally {
        let counts = self.all.iter().map(|_| Count::default()).collect();
        Tally { counts, at: Cell::new(0), since: Cell::new(Instant::now()) }
    }

    /// What was counted until now.
    pub(super) fn reports(&self) -> impl Iterator<Item = OperatorReport> {
        self.all.iter().map(|total| OperatorReport {
            rows_in: total.rows_in.load(Ordering::Relaxed),
            rows_out: total.rows_out.load(Ordering::Relaxed),
            bytes_out: total.bytes_out.load(Ordering::Relaxed),
            busy: Duration::from_nanos(total.nanos.load(Ordering::Relaxed)),
            ..total.known.clone()
        })
    }
}

/// What one try of a task counts. The source is operator 0, the sink the last.
pub(super) struct Tally {
    counts: Box<[Count]>,
    /// The operator that is at work, and since when.
    at: Cell<usize>,
    since: Cell<Instant>,
}

#[derive(Default)]
struct Count {
    rows_in: Cell<u64>,
    rows_out: Cell<u64>,
    /// Of the rows that left, so many were weighed, and had so many bytes.
    weighed: Cell<u64>,
    bytes: Cell<u64>,
    nanos: Cell<u64>,
}

impl Tally {
    pub(super) fn sink(&self) -> usize {
        self.counts.len().saturating_sub(1)
    }

    /// Rows came to an operator.
    pub(super) fn rows_in(&self, at: usize, rows: usize) {
        if let Some(count) = self.counts.get(at) {
            count.rows_in.set(count.rows_in.get() + rows as u64);
        }
    }

    /// A batch left an operator.
    pub(super) fn out(&self, at: usize, batch: &RecordBatch) {
        let Some(count) = self.counts.get(at) else { return };
        let rows = batch.num_rows() as u64;
        count.rows_out.set(count.rows_out.get() + rows);
        if count.weighed.get() * WEIGHED < count.rows_out.get() {
            count.weighed.set(count.weighed.get() + rows);
            count.bytes.set(count.bytes.get() + logical_bytes(batch) as u64);
        }
    }

    /// The source hands on rows that the first operator reads itself.
    pub(super) fn handed(&self, to: usize, rows: usize, bytes: u64) {
        self.rows_in(to, rows);
        if let Some(count) = self.counts.first() {
            for (counted, more) in
                [(&count.rows_out, rows as u64), (&count.weighed, rows as u64), (&count.bytes, bytes)]
            {
                counted.set(counted.get() + more);
            }
        }
    }

    /// Does `work` on the time of operator `at`.
    pub(super) fn during<R>(&self, at: usize, work: impl FnOnce() -> R) -> R {
        let before = self.switch(at);
        let result = work();
        self.switch(before);
        result
    }

    fn switch(&self, to: usize) -> usize {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since.replace(now));
        let before = self.at.replace(to);
        if let Some(count) = self.counts.get(before) {
            count.nanos.set(count.nanos.get() + nanos(took));
        }
        before
    }

    /// Adds all to the pipeline's counts, at the end of a task that left so many bytes.
    pub(super) fn end(self, operators: &Operators, bytes_left: u64) {
        let sink = self.sink();
        self.switch(sink);
        for (at, (total, count)) in operators.all.iter().zip(&self.counts).enumerate() {
            total.rows_in.fetch_add(count.rows_in.get(), Ordering::Relaxed);
            total.rows_out.fetch_add(count.rows_out.get(), Ordering::Relaxed);
            let bytes = if at == sink { bytes_left } else { count.bytes_of_all() };
            total.bytes_out.fetch_add(bytes, Ordering::Relaxed);
            total.nanos.fetch_add(count.nanos.get(), Ordering::Relaxed);
        }
    }
}

impl Count {
    fn bytes_of_all(&self) -> u64 {
        let all = u128::from(self.bytes.get()) * u128::from(self.rows_out.get());
        u64::try_from(all / u128::from(self.weighed.get().max(1))).unwrap_or(u64::MAX)
    }
}

/// A scan's filter that counts the rows that it is asked about.
#[derive(Debug)]
pub(super) struct CountedFilter {
    filter: Arc<dyn RowFilter>,
    rows: AtomicU64,
}

impl CountedFilter {
    pub(super) fn new(filter: &Arc<dyn RowFilter>) -> Arc<CountedFilter> {
        Arc::new(CountedFilter { filter: Arc::clone(filter), rows: AtomicU64::new(0) })
    }

    pub(super) fn rows(&self) -> usize {
        usize::try_from(self.rows.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }
}

impl RowFilter for CountedFilter {
    fn columns(&self) -> &[usize] {
        self.filter.columns()
    }
    fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
        self.filter.keep(batch)
    }
    fn looks_at(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }
    fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
        self.filter.parts()
    }
    fn is_pure(&self) -> bool {
        self.filter.is_pure()
    }
    fn passes_all(&self) -> bool {
        self.filter.passes_all()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(texts: usize, text: &str) -> RecordBatch {
        let texts: Vec<&str> = (0..texts).map(|_| text).collect();
        crate::batch! { "text" => texts }.unwrap()
    }

    /// Falls into three parts, the first of which is pure.
    #[derive(Debug)]
    struct Three;

    impl RowFilter for Three {
        fn columns(&self) -> &[usize] {
            &[]
        }
        fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
            Ok(BooleanArray::from(vec![true; batch.num_rows()]))
        }
        fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
            (0..3).map(|_| Arc::new(Three) as _).collect()
        }
        fn is_pure(&self) -> bool {
            true
        }
        fn passes_all(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_filter_that_is_counted_is_used_as_it_would_be() {
        let filter: Arc<dyn RowFilter> = Arc::new(Three);
        let counted = CountedFilter::new(&filter);
        assert_eq!(counted.parts().len(), 3);
        assert!(counted.is_pure() && counted.passes_all());
        counted.looks_at(7);
        counted.keep(&batch(5, "text")).unwrap();
        assert_eq!(counted.rows(), 7);
    }

    #[test]
    fn counts_are_added_up() {
        let known = ["source", "filter", "sink"]
            .map(|label| OperatorReport { label: label.to_owned(), ..OperatorReport::default() });
        let operators = Operators::new(known.to_vec());
        for _ in 0..2 {
            let tally = operators.tally();
            tally.rows_in(0, 20);
            tally.out(0, &batch(10, "of more than twelve bytes"));
            tally.during(1, || {
                std::thread::sleep(Duration::from_millis(2));
                tally.rows_in(1, 10);
                tally.out(1, &batch(3, "short"));
                tally.during(2, || tally.rows_in(2, 3));
            });
            tally.end(&operators, 100);
        }
        let found: Vec<_> = operators.reports().collect();
        assert_eq!((found[0].rows_in, found[0].rows_out, found[0].bytes_out), (40, 20, 20 * (16 + 25)));
        assert_eq!((found[1].rows_in, found[1].rows_out, found[1].bytes_out), (20, 6, 6 * 16));
        assert_eq!((found[2].rows_in, found[2].bytes_out), (6, 200));
        assert!(found[1].busy >= Duration::from_millis(4) && found[2].busy < Duration::from_millis(4));
    }

    #[test]
    fn of_many_batches_few_are_weighed() {
        let operators = Operators::new(vec![OperatorReport::default(); 2]);
        let tally = operators.tally();
        // All alike, so that the estimate must be exact.
        (0..1_000).for_each(|_| tally.out(0, &batch(7, "sixteen letters!")));
        assert!(tally.counts[0].weighed.get() <= 7 * 1_000 / WEIGHED + 7);
        tally.end(&operators, 0);
        let source = operators.reports().next().unwrap();
        assert_eq!((source.rows_out, source.bytes_out), (7_000, 7_000 * 32));
    }
}
