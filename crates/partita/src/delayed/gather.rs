//! Several delayed values as one, and one delayed value as several.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use partita_graph::{BoxError, Name};

use super::Delayed;
use super::argument::{Moved, Shareable};
use super::function::{delayed, try_delayed};
use super::node::{Body, Need, Node, Value};

/// Several delayed values as one: a tuple, a `Vec`, an array or a `HashMap` of them.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let squares = (1..=3).map(|x| delayed(|x: i64| x * x).call(x)).collect::<Vec<_>>();
/// let both = gather((gather(squares), Delayed::value("squares")));
/// assert_eq!(both.compute()?, (vec![1, 4, 9], "squares"));
/// # Ok::<(), partita::Error>(())
/// ```
pub fn gather<G: Gather>(parts: G) -> Delayed<G::Value> {
    parts.gather()
}

/// What [`gather`] can make one delayed value of.
pub trait Gather {
    /// The same shape of plain values.
    type Value: Shareable;
    /// One delayed value of all.
    fn gather(self) -> Delayed<Self::Value>;
}

impl<T: Clone + Shareable> Gather for Vec<Delayed<T>> {
    type Value = Vec<T>;
    fn gather(self) -> Delayed<Vec<T>> {
        delayed(|all: Vec<T>| all).name("gather").call(self)
    }
}

impl<T: Clone + Shareable, const N: usize> Gather for [Delayed<T>; N] {
    type Value = [T; N];
    fn gather(self) -> Delayed<[T; N]> {
        let array = |all: Vec<T>| <[T; N]>::try_from(all).map_err(|_| "a gathered array changed its length");
        try_delayed(array).name("gather").call(Vec::from(self))
    }
}

impl<K, T, S> Gather for HashMap<K, Delayed<T>, S>
where
    K: Clone + Eq + Hash + Shareable,
    T: Clone + Shareable,
    S: BuildHasher + Default + Shareable,
{
    type Value = HashMap<K, T, S>;
    fn gather(self) -> Delayed<HashMap<K, T, S>> {
        delayed(|all: HashMap<K, T, S>| all).name("gather").call(self)
    }
}

/// A delayed value of several outputs as several delayed values: see [`Delayed::split`].
pub trait Split {
    /// The parts, in the same shape.
    type Parts;
    /// A delayed value per part; the function that makes them all runs once.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let (quotient, rest) = delayed(|a: i64, b: i64| (a / b, a % b)).call(17, 5).split();
    /// assert_eq!((quotient * rest).compute()?, 6);
    /// # Ok::<(), partita::Error>(())
    /// ```
    fn split(self) -> Self::Parts;
}

/// The parts of a value, each to be taken once, by the node that stands for it.
pub(super) struct Parts(Mutex<Vec<Option<Arc<Value>>>>);

impl Parts {
    fn new(parts: Vec<Arc<Value>>) -> Parts {
        Parts(Mutex::new(parts.into_iter().map(Some).collect()))
    }

    /// Does something with each part, which nobody else has yet.
    pub(super) fn each<E>(&self, mut action: impl FnMut(&mut Value) -> Result<(), E>) -> Result<(), E> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter_mut().flatten().filter_map(Arc::get_mut).try_for_each(&mut action)
    }

    pub(super) fn take(&self, number: usize) -> Result<Arc<Value>, BoxError> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.get_mut(number).and_then(Option::take);
        part.ok_or_else(|| format!("part {number} is not there any more").into())
    }
}

fn part<T>(parts: &Delayed<Parts>, number: usize) -> Delayed<T> {
    let need = Need { node: Arc::clone(&parts.node), moved: false };
    let name = Name::from(format!("part {number}"));
    Delayed::of(Node::new(name, std::any::type_name::<T>(), vec![need], Body::Part(number)))
}

fn value_of<T: Shareable>(value: T) -> Arc<Value> {
    Arc::new(Value::new(value))
}

macro_rules! tuples {
    ($($type:ident $value:ident $number:tt),*) => {
        impl<$($type: Clone + Shareable),*> Gather for ($(Delayed<$type>,)*) {
            type Value = ($($type,)*);
            fn gather(self) -> Delayed<Self::Value> {
                delayed(|$($value: $type),*| ($($value,)*)).name("gather").call($(self.$number),*)
            }
        }

        impl<$($type: Clone + Shareable),*> Split for Delayed<($($type,)*)> {
            type Parts = ($(Delayed<$type>,)*);
            fn split(self) -> Self::Parts {
                let parts = delayed(|whole: ($($type,)*)| Parts::new(vec![$(value_of(whole.$number)),*]));
                let parts = parts.name("split").call(self);
                ($(part::<$type>(&parts, $number),)*)
            }
        }

        impl<$($type: Shareable),*> Split for Moved<($($type,)*)> {
            type Parts = ($(Delayed<$type>,)*);
            fn split(self) -> Self::Parts {
                let parts = delayed(|whole: ($($type,)*)| Parts::new(vec![$(value_of(whole.$number)),*]));
                let parts = parts.name("split").call(self);
                ($(part::<$type>(&parts, $number),)*)
            }
        }
    };
}

tuples!(A a 0, B b 1);
tuples!(A a 0, B b 1, C c 2);
tuples!(A a 0, B b 1, C c 2, D d 3);
tuples!(A a 0, B b 1, C c 2, D d 3, E e 4);
tuples!(A a 0, B b 1, C c 2, D d 3, E e 4, G g 5);
tuples!(A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6);
tuples!(A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7);

/// The parts of a list that must have `count` of them.
fn list_parts<T: Shareable>(whole: Vec<T>, count: usize) -> Result<Parts, String> {
    if whole.len() != count {
        return Err(format!("{} parts were made but {count} were declared in `split_into`", whole.len()));
    }
    Ok(Parts::new(whole.into_iter().map(value_of).collect()))
}

impl<T: Shareable> Delayed<Vec<T>> {
    /// The elements of a list of `count` as delayed values. A list of another length is an error when it is
    /// computed.
    pub fn split_into(self, count: usize) -> Vec<Delayed<T>>
    where
        T: Clone,
    {
        let parts = try_delayed(move |whole: Vec<T>| list_parts(whole, count)).name("split").call(self);
        (0..count).map(|number| part(&parts, number)).collect()
    }
}

impl<T: Clone + Shareable, const N: usize> Split for Delayed<[T; N]> {
    type Parts = [Delayed<T>; N];
    fn split(self) -> Self::Parts {
        let parts = delayed(|whole: [T; N]| Parts::new(whole.into_iter().map(value_of).collect()));
        let parts = parts.name("split").call(self);
        std::array::from_fn(|number| part(&parts, number))
    }
}
