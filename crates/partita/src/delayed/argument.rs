//! What a function of a delayed call may be given: plain values and delayed ones, owned or by reference.
//!
//! The function's parameter says how it wants its argument. `T` gets the value itself: moved if the node that
//! takes it is its only user, else cloned. `&T` borrows it, whatever its type. [`Moved`] is for values that
//! cannot be cloned: that it has one user only is checked before anything runs.

use std::any::Any;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use partita_graph::Key;

use super::Delayed;
use super::node::{Given, Need, Value, short_text};

/// A value that can be an argument: of a type that may be shared by threads and outlives the graph.
///
/// It is implemented for every such type.
pub trait Shareable: Any + Send + Sync {}

impl<T: Any + Send + Sync> Shareable for T {}

/// What may be given for a parameter of type `P` of a delayed function.
///
/// | given | for a parameter | the function gets |
/// |---|---|---|
/// | `T` | `T` | a clone, each time it is called |
/// | `T` | `&T` | a reference |
/// | `String`, `Vec<T>`, `PathBuf`, `Box<T>`, `Arc<T>` | `&str`, `&[T]`, `&Path`, `&T` | a reference |
/// | `Delayed<T>`, `&Delayed<T>` | `T` | its value, moved if this is its only use, else cloned |
/// | `Delayed<T>`, `&Delayed<T>` | `&T` | a reference |
/// | `Delayed<String>`, `Delayed<Vec<T>>`, `Delayed<PathBuf>` and `&` of them | `&str`, `&[T]`, `&Path` | a reference |
/// | [`Moved<T>`] | `T` | its value, moved |
/// | `Vec<Delayed<T>>` | `Vec<T>`, `&[T]` | their values, moved or cloned one by one |
/// | `Vec<Delayed<T>>` | `Vec<&T>` | references |
/// | `HashMap<K, Delayed<T>>` | `HashMap<K, T>`, `&HashMap<K, T>` | their values, moved or cloned one by one |
pub trait Argument<P> {
    /// How the node keeps it.
    #[doc(hidden)]
    type Kept: Pass;
    #[doc(hidden)]
    fn keep(self, needs: &mut Needs) -> Self::Kept;
}

/// What may be given to a `pure` function: delayed values, and plain ones that can be compared.
pub trait PureArgument<P>: Argument<P> {
    /// The plain value, to compare it with another call's.
    #[doc(hidden)]
    fn key(&self) -> Option<Key>;
}

/// The nodes that a new node takes, as its arguments name them.
#[doc(hidden)]
#[derive(Default)]
pub struct Needs(pub(super) Vec<Need>);

impl Needs {
    fn push<T>(&mut self, delayed: &Delayed<T>, moved: bool) {
        self.0.push(Need { node: Arc::clone(&delayed.node), moved });
    }
}

/// The values of the nodes that a node takes, handed out in order.
#[doc(hidden)]
pub struct Values(pub(super) std::vec::IntoIter<Arc<Value>>);

impl Values {
    fn next(&mut self) -> Arc<Value> {
        self.0.next().unwrap_or_else(|| panic!("a node got fewer values than it takes"))
    }
}

/// How a kept argument is passed to the function.
#[doc(hidden)]
pub trait Pass: Send + Sync + 'static {
    /// Lives in the caller for as long as the call takes.
    type Held;
    type Passed<'a>;
    fn fetch(&self, values: &mut Values) -> Self::Held;
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> Self::Passed<'a>;
    fn given(&self) -> Given;
}

/// A delayed value to be handed over whole; made by [`Delayed::moved`].
#[derive(Debug)]
#[must_use = "give it to a delayed function"]
pub struct Moved<T>(pub(super) Delayed<T>);

/// A plain value, cloned for each call.
#[doc(hidden)]
pub struct Plain<T>(T);

impl<T: Clone + Shareable> Pass for Plain<T> {
    type Held = ();
    type Passed<'a> = T;
    fn fetch(&self, _values: &mut Values) {}
    fn pass<'a>(&'a self, _held: &'a mut ()) -> T {
        self.0.clone()
    }
    fn given(&self) -> Given {
        Given::Plain(short_text(&self.0))
    }
}

impl<T: Clone + Shareable> Argument<T> for T {
    type Kept = Plain<T>;
    fn keep(self, _needs: &mut Needs) -> Plain<T> {
        Plain(self)
    }
}

impl<T: Clone + Eq + Hash + Shareable> PureArgument<T> for T {
    fn key(&self) -> Option<Key> {
        Some(Key::new(self.clone()))
    }
}

/// A plain value, lent as what it borrows as.
#[doc(hidden)]
pub struct Lent<T, B: ?Sized>(T, PhantomData<fn() -> Box<B>>);

impl<T: Borrow<B> + Shareable, B: ?Sized + 'static> Pass for Lent<T, B> {
    type Held = ();
    type Passed<'a> = &'a B;
    fn fetch(&self, _values: &mut Values) {}
    fn pass<'a>(&'a self, _held: &'a mut ()) -> &'a B {
        self.0.borrow()
    }
    fn given(&self) -> Given {
        Given::Plain(short_text(&self.0))
    }
}

/// A node's value, owned.
#[doc(hidden)]
pub struct Owned<T>(PhantomData<fn() -> T>);

impl<T: Clone + Shareable> Pass for Owned<T> {
    type Held = Option<Arc<Value>>;
    type Passed<'a> = T;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        Some(values.next())
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> T {
        own(taken(held))
    }
    fn given(&self) -> Given {
        Given::Nodes(1)
    }
}

/// A node's value, owned, of a type that need not be `Clone`.
#[doc(hidden)]
pub struct Whole<T>(PhantomData<fn() -> T>);

impl<T: Shareable> Pass for Whole<T> {
    type Held = Option<Arc<Value>>;
    type Passed<'a> = T;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        Some(values.next())
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> T {
        // That there is no other user was checked when the graph was made.
        Value::into_owned(taken(held)).unwrap_or_else(|_| panic!("a moved value is still in use"))
    }
    fn given(&self) -> Given {
        Given::Nodes(1)
    }
}

fn taken(held: &mut Option<Arc<Value>>) -> Arc<Value> {
    held.take().unwrap_or_else(|| panic!("an argument was passed twice"))
}

fn own<T: Clone + Shareable>(value: Arc<Value>) -> T {
    Value::into_owned(value).unwrap_or_else(|shared: Arc<T>| T::clone(&shared))
}

/// A node's value, lent as what it borrows as.
#[doc(hidden)]
pub struct Borrowed<T, B: ?Sized>(PhantomData<fn() -> T>, PhantomData<fn() -> Box<B>>);

impl<T: Borrow<B> + Shareable, B: ?Sized + 'static> Pass for Borrowed<T, B> {
    type Held = Arc<Value>;
    type Passed<'a> = &'a B;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        values.next()
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> &'a B {
        held.get::<T>().borrow()
    }
    fn given(&self) -> Given {
        Given::Nodes(1)
    }
}

impl<T: Shareable> Argument<T> for Moved<T> {
    type Kept = Whole<T>;
    fn keep(self, needs: &mut Needs) -> Whole<T> {
        needs.push(&self.0, true);
        Whole(PhantomData)
    }
}

impl<T: Clone + Shareable> Argument<T> for Delayed<T> {
    type Kept = Owned<T>;
    fn keep(self, needs: &mut Needs) -> Owned<T> {
        needs.push(&self, false);
        Owned(PhantomData)
    }
}

impl<T: Clone + Shareable> Argument<T> for &Delayed<T> {
    type Kept = Owned<T>;
    fn keep(self, needs: &mut Needs) -> Owned<T> {
        needs.push(self, false);
        Owned(PhantomData)
    }
}

impl<T: Clone + Shareable> PureArgument<T> for Delayed<T> {
    fn key(&self) -> Option<Key> {
        None
    }
}

impl<T: Clone + Shareable> PureArgument<T> for &Delayed<T> {
    fn key(&self) -> Option<Key> {
        None
    }
}

/// Plain and delayed values of a type for parameters that borrow it.
macro_rules! lends {
    ($([$($generics:tt)*] $owned:ty => $lent:ty;)*) => { $(
        impl<'p, $($generics)*> Argument<&'p $lent> for $owned {
            type Kept = Lent<$owned, $lent>;
            fn keep(self, _needs: &mut Needs) -> Self::Kept {
                Lent(self, PhantomData)
            }
        }

        impl<'p, $($generics)*> Argument<&'p $lent> for Delayed<$owned> {
            type Kept = Borrowed<$owned, $lent>;
            fn keep(self, needs: &mut Needs) -> Self::Kept {
                needs.push(&self, false);
                Borrowed(PhantomData, PhantomData)
            }
        }

        impl<'p, $($generics)*> Argument<&'p $lent> for &Delayed<$owned> {
            type Kept = Borrowed<$owned, $lent>;
            fn keep(self, needs: &mut Needs) -> Self::Kept {
                needs.push(self, false);
                Borrowed(PhantomData, PhantomData)
            }
        }

        impl<'p, $($generics)*> PureArgument<&'p $lent> for Delayed<$owned> {
            fn key(&self) -> Option<Key> {
                None
            }
        }

        impl<'p, $($generics)*> PureArgument<&'p $lent> for &Delayed<$owned> {
            fn key(&self) -> Option<Key> {
                None
            }
        }
    )* };
}

lends! {
    [T: Shareable] T => T;
    [T: Shareable] Vec<T> => [T];
    [T: Shareable] Box<T> => T;
    [T: Shareable] Arc<T> => T;
    [] String => str;
    [] PathBuf => Path;
}

impl<T: Clone + Eq + Hash + Shareable> PureArgument<&T> for T {
    fn key(&self) -> Option<Key> {
        Some(Key::new(self.clone()))
    }
}

impl PureArgument<&str> for String {
    fn key(&self) -> Option<Key> {
        Some(Key::new(self.clone()))
    }
}

/// Several nodes' values, owned.
#[doc(hidden)]
pub struct OwnedEach<T>(usize, PhantomData<fn() -> T>);

impl<T: Clone + Shareable> Pass for OwnedEach<T> {
    type Held = Vec<Arc<Value>>;
    type Passed<'a> = Vec<T>;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        values.0.by_ref().take(self.0).collect()
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> Vec<T> {
        held.drain(..).map(own).collect()
    }
    fn given(&self) -> Given {
        Given::Nodes(self.0)
    }
}

/// Several nodes' values, moved together and lent.
#[doc(hidden)]
pub struct LentTogether<T>(usize, PhantomData<fn() -> T>);

impl<T: Clone + Shareable> Pass for LentTogether<T> {
    type Held = Vec<T>;
    type Passed<'a> = &'a [T];
    fn fetch(&self, values: &mut Values) -> Self::Held {
        values.0.by_ref().take(self.0).map(own).collect()
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> &'a [T] {
        held
    }
    fn given(&self) -> Given {
        Given::Nodes(self.0)
    }
}

/// Several nodes' values, each lent.
#[doc(hidden)]
pub struct LentEach<T>(usize, PhantomData<fn() -> T>);

impl<T: Shareable> Pass for LentEach<T> {
    type Held = Vec<Arc<Value>>;
    type Passed<'a> = Vec<&'a T>;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        values.0.by_ref().take(self.0).collect()
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> Vec<&'a T> {
        held.iter().map(|value| value.get()).collect()
    }
    fn given(&self) -> Given {
        Given::Nodes(self.0)
    }
}

fn keep_each<T>(all: Vec<Delayed<T>>, needs: &mut Needs) -> usize {
    all.iter().for_each(|delayed| needs.push(delayed, false));
    all.len()
}

impl<T: Clone + Shareable> Argument<Vec<T>> for Vec<Delayed<T>> {
    type Kept = OwnedEach<T>;
    fn keep(self, needs: &mut Needs) -> Self::Kept {
        OwnedEach(keep_each(self, needs), PhantomData)
    }
}

impl<T: Clone + Shareable> Argument<&[T]> for Vec<Delayed<T>> {
    type Kept = LentTogether<T>;
    fn keep(self, needs: &mut Needs) -> Self::Kept {
        LentTogether(keep_each(self, needs), PhantomData)
    }
}

impl<T: Shareable> Argument<Vec<&T>> for Vec<Delayed<T>> {
    type Kept = LentEach<T>;
    fn keep(self, needs: &mut Needs) -> Self::Kept {
        LentEach(keep_each(self, needs), PhantomData)
    }
}

/// Several nodes' values by key.
#[doc(hidden)]
pub struct Keyed<K, T, S>(Vec<K>, PhantomData<fn() -> (T, S)>);

impl<K, T, S> Pass for Keyed<K, T, S>
where
    K: Clone + Eq + Hash + Shareable,
    T: Clone + Shareable,
    S: BuildHasher + Default + 'static,
{
    type Held = Vec<Arc<Value>>;
    type Passed<'a> = HashMap<K, T, S>;
    fn fetch(&self, values: &mut Values) -> Self::Held {
        values.0.by_ref().take(self.0.len()).collect()
    }
    fn pass<'a>(&'a self, held: &'a mut Self::Held) -> Self::Passed<'a> {
        self.0.iter().cloned().zip(held.drain(..).map(own)).collect()
    }
    fn given(&self) -> Given {
        Given::Nodes(self.0.len())
    }
}

impl<K, T, S> Argument<HashMap<K, T, S>> for HashMap<K, Delayed<T>, S>
where
    K: Clone + Eq + Hash + Shareable,
    T: Clone + Shareable,
    S: BuildHasher + Default + 'static,
{
    type Kept = Keyed<K, T, S>;
    fn keep(self, needs: &mut Needs) -> Self::Kept {
        // The order among equals is not defined, nor can it be seen in the map that is made again.
        let (keys, values) = self.into_iter().unzip();
        keep_each(values, needs);
        Keyed(keys, PhantomData)
    }
}
