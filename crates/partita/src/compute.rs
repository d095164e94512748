//! Several things computed at once: [`compute_all`] over frames and delayed values in any shape.
//!
//! A shape is asked what it wants, all of it is computed in one run, and it is given back in the same shape.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use crate::delayed::{Delayed, NodeRef, Shareable, Value, run, run_with_report, try_delayed};
use crate::error::{Error, Result};
use crate::frame::{PartitionedFrame, Table, compute_frames, compute_frames_with_report};
use crate::report::Report;
use crate::session::Session;

/// Computes everything in `shape` in one run, and returns the results in the same shape. What several of
/// them need runs once.
///
/// A shape is a frame, a delayed value, a reference to one, or a tuple, `Vec`, array, slice, `Option`,
/// `HashMap` or `BTreeMap` of shapes. The run is in the session of the first of them that has one.
///
/// # Errors
/// As [`PartitionedFrame::compute`] and [`Delayed::compute`], for any of them.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let frame = PartitionedFrame::from_batches([batch! { "v" => [1, 2, 3] }?]);
/// let large = frame.filter(col("v").gt(1));
/// let one = delayed(|| 1).call();
/// let (tables, (a, b)) = compute_all(([&frame, &large], (&one + 1, &one + 2)))?;
/// assert_eq!((tables[1].num_rows(), a, b), (2, 2, 3));
/// # Ok::<(), partita::Error>(())
/// ```
pub fn compute_all<C: Compute>(shape: C) -> Result<C::Result> {
    let mut wanted = Wanted::default();
    shape.ask(&mut wanted);
    let mut computed = wanted.compute()?;
    shape.take(&mut computed)
}

/// As [`compute_all`], with the report of the run. Where there are delayed values among the frames it is that of
/// their graph, in which the frames are one node; each table has the frames' own.
///
/// # Errors
/// As [`compute_all`].
pub fn compute_all_with_report<C: Compute>(shape: C) -> Result<(C::Result, Report)> {
    let mut wanted = Wanted::default();
    shape.ask(&mut wanted);
    let (mut computed, report) = wanted.compute_with_report()?;
    Ok((shape.take(&mut computed)?, report))
}

/// A shape of frames and delayed values, for [`compute_all`].
pub trait Compute {
    /// The same shape of tables and values.
    type Result;
    /// Says what is to be computed.
    #[doc(hidden)]
    fn ask(&self, wanted: &mut Wanted);
    /// Takes the results, in the order in which they were asked for.
    #[doc(hidden)]
    fn take(&self, computed: &mut Computed) -> Result<Self::Result>;
}

/// What a shape wants.
#[doc(hidden)]
#[derive(Default)]
pub struct Wanted {
    frames: Vec<PartitionedFrame>,
    values: Vec<NodeRef>,
    session: Option<Session>,
}

/// What it gets.
#[doc(hidden)]
pub struct Computed {
    tables: std::vec::IntoIter<Table>,
    values: std::vec::IntoIter<Arc<Value>>,
}

impl Wanted {
    fn compute(self) -> Result<Computed> {
        let session = self.session.unwrap_or_default();
        if self.values.is_empty() {
            let tables = compute_frames(&self.frames, &session)?;
            return Ok(Computed { tables: tables.into_iter(), values: Vec::new().into_iter() });
        }
        Computed::of(run(&nodes(self.values, self.frames, &session), &session)?)
    }

    fn compute_with_report(self) -> Result<(Computed, Report)> {
        let session = self.session.unwrap_or_default();
        if self.values.is_empty() {
            let (tables, report) = compute_frames_with_report(&self.frames, &session)?;
            return Ok((Computed { tables: tables.into_iter(), values: Vec::new().into_iter() }, report));
        }
        let (values, report) = run_with_report(&nodes(self.values, self.frames, &session), &session)?;
        Ok((Computed::of(values)?, report))
    }
}

/// All frames are one node, behind the others.
fn nodes(mut values: Vec<NodeRef>, frames: Vec<PartitionedFrame>, session: &Session) -> Vec<NodeRef> {
    let inner = session.clone();
    let tables = try_delayed(move || compute_frames(&frames, &inner)).name("frames").call();
    values.push(tables.into_node());
    values
}

impl Computed {
    fn of(mut values: Vec<Arc<Value>>) -> Result<Computed> {
        let tables = values.pop().ok_or_else(|| Error::internal("a run lost its tables"))?;
        let tables = Arc::unwrap_or_clone(Value::into_shared::<Vec<Table>>(tables));
        Ok(Computed { tables: tables.into_iter(), values: values.into_iter() })
    }
}

impl Compute for PartitionedFrame {
    type Result = Table;
    fn ask(&self, wanted: &mut Wanted) {
        wanted.frames.push(self.clone());
        wanted.session.get_or_insert_with(|| self.session.clone());
    }
    fn take(&self, computed: &mut Computed) -> Result<Table> {
        computed.tables.next().ok_or_else(|| Error::internal("a run lost a table"))
    }
}

impl<T: Clone + Shareable> Compute for Delayed<T> {
    type Result = T;
    fn ask(&self, wanted: &mut Wanted) {
        wanted.values.push(self.clone().into_node());
        if wanted.session.is_none() {
            wanted.session = self.session().cloned();
        }
    }
    fn take(&self, computed: &mut Computed) -> Result<T> {
        let value = computed.values.next().ok_or_else(|| Error::internal("a run lost a value"))?;
        Ok(Arc::unwrap_or_clone(Value::into_shared(value)))
    }
}

impl<C: Compute + ?Sized> Compute for &C {
    type Result = C::Result;
    fn ask(&self, wanted: &mut Wanted) {
        (**self).ask(wanted);
    }
    fn take(&self, computed: &mut Computed) -> Result<C::Result> {
        (**self).take(computed)
    }
}

impl<C: Compute> Compute for [C] {
    type Result = Vec<C::Result>;
    fn ask(&self, wanted: &mut Wanted) {
        self.iter().for_each(|part| part.ask(wanted));
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        self.iter().map(|part| part.take(computed)).collect()
    }
}

impl<C: Compute> Compute for Vec<C> {
    type Result = Vec<C::Result>;
    fn ask(&self, wanted: &mut Wanted) {
        self.as_slice().ask(wanted);
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        self.as_slice().take(computed)
    }
}

impl<C: Compute, const N: usize> Compute for [C; N] {
    type Result = [C::Result; N];
    fn ask(&self, wanted: &mut Wanted) {
        self.as_slice().ask(wanted);
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        let all = self.as_slice().take(computed)?;
        <[C::Result; N]>::try_from(all).map_err(|_| Error::internal("a run lost an output"))
    }
}

impl<C: Compute> Compute for Option<C> {
    type Result = Option<C::Result>;
    fn ask(&self, wanted: &mut Wanted) {
        self.iter().for_each(|part| part.ask(wanted));
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        self.as_ref().map(|part| part.take(computed)).transpose()
    }
}

impl<K: Clone + Eq + Hash, C: Compute, S: BuildHasher + Default> Compute for HashMap<K, C, S> {
    type Result = HashMap<K, C::Result, S>;
    fn ask(&self, wanted: &mut Wanted) {
        self.values().for_each(|part| part.ask(wanted));
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        // A map that nobody changed is gone through in the same order each time.
        self.iter().map(|(key, part)| Ok((key.clone(), part.take(computed)?))).collect()
    }
}

impl<K: Clone + Ord, C: Compute> Compute for BTreeMap<K, C> {
    type Result = BTreeMap<K, C::Result>;
    fn ask(&self, wanted: &mut Wanted) {
        self.values().for_each(|part| part.ask(wanted));
    }
    fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
        self.iter().map(|(key, part)| Ok((key.clone(), part.take(computed)?))).collect()
    }
}

macro_rules! tuples {
    ($($type:ident $number:tt),*) => {
        impl<$($type: Compute),*> Compute for ($($type,)*) {
            type Result = ($($type::Result,)*);
            fn ask(&self, wanted: &mut Wanted) {
                $(self.$number.ask(wanted);)*
            }
            fn take(&self, computed: &mut Computed) -> Result<Self::Result> {
                Ok(($(self.$number.take(computed)?,)*))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
