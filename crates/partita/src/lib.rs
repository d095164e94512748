//! A partitioned lazy dataframe engine on Apache Arrow.
//!
//! A [`PartitionedFrame`] is a plan over row partitions: splits of files, or record batches in memory.
//! Chaining pandas-like operations only grows the plan; `compute`, `persist` and the writers optimize it,
//! lower it to per-partition tasks with exchanges between them, and run those on a thread pool, within a
//! memory budget.
//!
//! ```no_run
//! use partita::prelude::*;
//!
//! let flights = read_csv("testdata/nycflights13/flights");
//! let airlines = read_csv("testdata/nycflights13/airlines.csv");
//! flights
//!     .filter(col("dep_delay").is_not_null())
//!     .groupby(["carrier"])
//!     .agg([col("dep_delay").mean().alias("mean_delay"), size()])
//!     .merge(&airlines, on(["carrier"]).how(How::Left))
//!     .sort_values([col("mean_delay").desc()])
//!     .to_parquet("out/delay_by_carrier")?;
//! # Ok::<(), partita::Error>(())
//! ```
//!
//! The modules, in the order in which data flows through them, each of whose docs names the next:

/// Frames and delayed values in any shape, computed at once.
mod compute;
/// Lazy graphs of any function.
pub mod delayed;
/// One error type with private kinds and context.
mod error;
/// 5: what moves it: hash and range exchanges, spilling, the memory ledger.
mod exchange;
/// Plans, stages and graphs as text and as pictures.
mod explain;
/// The expression tree: build, bind, evaluate, function table.
mod expr;
/// 1: the user's API; builds plan nodes and decides nothing.
mod frame;
/// 6: what one task does to one partition.
mod op;
/// 3: plan to better plan, one pass per file.
mod optimize;
/// 2: the logical plan.
mod plan;
/// What a run did, for people and for tools.
mod report;
/// 7: stages as tasks on threads, measured.
mod run;
/// Every knob in one struct.
mod session;
/// 4: where data moves: plan to stages.
mod stage;
/// What is seen of a run while it goes on.
mod watch;

pub use compute::{Compute, compute_all, compute_all_with_report};
pub use delayed::{
    Delayed, Function, Gather, Moved, PureFunction, Split, Stopped, Submitted, checkpoint, delayed, gather,
    try_delayed,
};
pub use error::{Error, Result};
pub use explain::{Colour, Direction, Drawing, View};
pub use expr::{
    Date, Expr, List, Struct, Text, Then, When, coalesce, col, concat_str, greatest, least, lit, lit_decimal,
    null, size, when,
};
pub use frame::{
    GroupedFrame, IntoColumn, Merge, PartitionedFrame, Selection, Table, Written, batch_of_columns, concat,
    on, read_csv, read_csv_with, read_ipc, read_ipc_with, read_ndjson, read_ndjson_with, read_parquet,
    read_parquet_with,
};
pub use plan::{How, Keep, SortKey};
pub use report::{MemorySample, OperatorReport, Outcome, Report, StageReport, TaskReport};
pub use session::{CancelHandle, Session, SessionBuilder};
pub use watch::{Observer, RunInfo, TaskStart};

/// Reading and writing options, and the trait through which files are touched.
pub mod io {
    pub use partita_io::*;
}

/// The Arrow crate whose types the API uses.
pub use arrow;

/// What most programs use.
pub mod prelude {
    pub use crate::batch;
    pub use crate::{
        Delayed, Expr, Gather, How, Keep, Merge, PartitionedFrame, Session, SortKey, Split, coalesce, col,
        compute_all, concat, delayed, gather, lit, on, read_csv, read_csv_with, read_ipc, read_ndjson,
        read_parquet, size, try_delayed, when,
    };
    pub use arrow::array::RecordBatch;
    pub use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
}
