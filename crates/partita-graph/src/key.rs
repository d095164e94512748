//! What makes two pure tasks the same: any value with `Eq` and `Hash`, its type forgotten.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The identity of a pure task: two tasks with equal keys are one task of the graph.
///
/// A key holds the value itself, not only its hash, so two different values never meet by accident. Values
/// of different types are never equal.
pub struct Key(Box<dyn DynKey>);

impl Key {
    /// A key made of `value`, often a tuple of the function's name and its arguments.
    pub fn new<K: Eq + Hash + Send + Sync + 'static>(value: K) -> Self {
        Key(Box::new(value))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0.as_ref())
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_into(state);
    }
}

trait DynKey: Any + Send + Sync {
    fn equals(&self, other: &dyn DynKey) -> bool;
    fn hash_into(&self, state: &mut dyn Hasher);
}

impl<K: Eq + Hash + Send + Sync + 'static> DynKey for K {
    fn equals(&self, other: &dyn DynKey) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<K>() == Some(self)
    }

    fn hash_into(&self, mut state: &mut dyn Hasher) {
        std::any::TypeId::of::<K>().hash(&mut state);
        self.hash(&mut state);
    }
}
