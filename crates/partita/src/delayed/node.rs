//! The nodes behind [`Delayed`](super::Delayed): a name, what it needs, and how to get its value.
//!
//! A node only ever names nodes that were made before it, so its number is its place in a topological order
//! and no cycle can be built. Next in the flow: `lower.rs` makes a task graph of the nodes that are wanted.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partita_graph::{BoxError, Key, Name};

use super::account::{Place, Weigh};

/// A node's value, its type forgotten; whoever passes it on knows the type again.
#[doc(hidden)]
#[derive(Clone)]
pub struct Value {
    value: Arc<dyn Any + Send + Sync>,
    /// If it is known to hold memory.
    place: Option<Arc<Place>>,
}

impl Value {
    pub(super) fn new<T: Send + Sync + 'static>(value: T) -> Value {
        Value { value: Arc::new(value), place: None }
    }

    pub(super) fn any(&self) -> &dyn Any {
        &*self.value
    }

    /// The value, if it is of this type.
    pub(super) fn known<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    pub(super) fn keep(&mut self, place: Place) {
        self.place = Some(Arc::new(place));
    }

    /// # Panics
    /// If it is of another type: every reader is typed by the handle that it was made from.
    pub(super) fn get<T: Any>(&self) -> &T {
        self.known().unwrap_or_else(|| wrong_type::<T>())
    }

    /// The value itself, if nobody else holds it.
    pub(super) fn into_owned<T: Any + Send + Sync>(this: Arc<Value>) -> Result<T, Arc<T>> {
        Arc::try_unwrap(Value::into_shared(this))
    }

    /// The value with its type, shared with whoever else holds it.
    pub(crate) fn into_shared<T: Any + Send + Sync>(this: Arc<Value>) -> Arc<T> {
        let value = Arc::try_unwrap(this).unwrap_or_else(|shared| Value::clone(&shared));
        value.value.downcast::<T>().unwrap_or_else(|_| wrong_type::<T>())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}

fn wrong_type<T>() -> ! {
    panic!("a delayed value is not the {} that its handle says", std::any::type_name::<T>())
}

/// A node is shared by all handles on it and by the nodes that need it.
pub(crate) type NodeRef = Arc<Node>;

pub(crate) struct Node {
    /// Its place in the order in which nodes were made.
    pub(super) id: u64,
    /// What it takes, in the order in which it takes it.
    pub(super) needs: Box<[Need]>,
    pub(super) body: Body,
    /// The name of its value's type, with its path.
    pub(super) type_name: &'static str,
    /// The name that it has unless it is given another.
    pub(super) own_name: Name,
    /// Most nodes have none.
    settings: Mutex<Option<Box<Settings>>>,
}

/// A node whose value another one takes.
#[derive(Clone)]
pub(crate) struct Need {
    pub(super) node: NodeRef,
    /// Whether it must be handed over whole.
    pub(super) moved: bool,
}

pub(crate) enum Body {
    /// A value that is there.
    Data(Arc<Value>),
    /// A function to call.
    Call(Box<dyn Call>),
    /// A function without side effects: equal calls are one.
    Pure(Box<dyn Call>, PureKey),
    /// One part of a node with several outputs, the part's number given.
    Part(usize),
}

/// A function with its arguments.
pub(crate) trait Call: Send + Sync {
    /// Calls it with the values of the nodes that it takes.
    fn call(&self, values: Vec<Arc<Value>>) -> Result<Value, BoxError>;
    /// Its arguments, in order, for people.
    fn arguments(&self) -> Vec<Given>;
}

/// An argument as pictures and messages show it.
#[doc(hidden)]
pub enum Given {
    /// The values of so many further nodes.
    Nodes(usize),
    /// A plain value: as text if it is short, else its type.
    Plain(String),
}

/// What makes a call the same as another one, besides its name: the function, and per argument the plain
/// value, or `None` for the next node that it takes.
#[derive(Clone)]
pub(crate) struct PureKey {
    pub(super) function: std::any::TypeId,
    pub(super) plain: Arc<[Option<Key>]>,
}

/// What the user asked of a node.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(super) name: Option<Name>,
    pub(super) after: Vec<NodeRef>,
    pub(super) priority: i32,
    pub(super) rules: Rules,
    pub(super) weigh: Option<Weigh>,
    /// A mistake that every run of the node returns.
    pub(super) mistake: Option<String>,
}

/// How a node is run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(super) retries: u32,
    /// The pause before the first further try; it doubles with each.
    pub(super) backoff: Duration,
    pub(super) time_limit: Option<Duration>,
}

impl Node {
    pub(super) fn new(name: Name, type_name: &'static str, needs: Vec<Need>, body: Body) -> NodeRef {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Node {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            needs: needs.into_boxed_slice(),
            body,
            type_name,
            own_name: name,
            settings: Mutex::new(None),
        })
    }

    /// Its place in the order in which nodes were made; no other node has it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The nodes whose values it takes and those that it waits for.
    pub(crate) fn all_needs(&self) -> Vec<NodeRef> {
        let taken = self.needs.iter().map(|need| Arc::clone(&need.node));
        taken.chain(self.earlier()).collect()
    }

    pub(crate) fn name(&self) -> Name {
        let given = self.lock().as_ref().and_then(|settings| settings.name.clone());
        given.unwrap_or_else(|| self.own_name.clone())
    }

    /// The nodes that it waits for without taking their values.
    pub(super) fn earlier(&self) -> Vec<NodeRef> {
        self.lock().as_ref().map(|settings| settings.after.clone()).unwrap_or_default()
    }

    /// What was asked of it so far, if anything was.
    pub(super) fn settings(&self) -> Option<Settings> {
        self.lock().as_deref().cloned()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(self.lock().get_or_insert_default());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Settings>>> {
        // Settings are plain data: a panic while they were held left them whole.
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.name())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A chain may be a million nodes long: those that die with this one are dropped by a loop.
        let mut dying = Vec::new();
        self.give_up_needs(&mut dying);
        while let Some(node) = dying.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                last.give_up_needs(&mut dying);
            }
        }
    }
}

impl Node {
    fn give_up_needs(&mut self, dying: &mut Vec<NodeRef>) {
        dying.extend(std::mem::take(&mut self.needs).into_iter().map(|need| need.node));
        let settings = self.settings.get_mut().unwrap_or_else(PoisonError::into_inner);
        dying.extend(settings.iter_mut().flat_map(|settings| settings.after.drain(..)));
    }
}

/// The last word of a function's path, generics left out: `add` for `my_crate::sums::add::<i64>`. `None` for
/// what has no name of its own: closures and function pointers.
pub(super) fn function_name(path: &'static str) -> Option<&'static str> {
    let base = path.split('<').next().unwrap_or(path);
    let last = base.rsplit("::").find(|part| !part.is_empty()).unwrap_or(base);
    last.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(last)
}

/// A type's name without paths: `Vec<String>` for `alloc::vec::Vec<alloc::string::String>`.
pub(super) fn short_type(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some(end) = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        let (word, mark) = (&rest[..end], rest[end..].chars().next().unwrap_or(' '));
        text.push_str(word.rsplit("::").next().unwrap_or(word));
        text.push(mark);
        rest = &rest[end + mark.len_utf8()..];
    }
    text.push_str(rest.rsplit("::").next().unwrap_or(rest));
    text
}

/// A plain value as text if it is of a type that has a short one, else its type.
pub(super) fn short_text<T: Any>(value: &T) -> String {
    known_text(value).unwrap_or_else(|| short_type(std::any::type_name::<T>()))
}

fn known_text(value: &dyn Any) -> Option<String> {
    const MOST: usize = 32;
    macro_rules! try_types {
        ($($type:ty),*) => { $(if let Some(known) = value.downcast_ref::<$type>() { return Some(known.to_string()); })* };
    }
    try_types!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, bool, char);
    let text = value
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| value.downcast_ref::<String>().map(String::as_str))?;
    let cut: String = text.chars().take(MOST).collect();
    Some(if cut.len() < text.len() { format!("\"{cut}…\"") } else { format!("\"{cut}\"") })
}
