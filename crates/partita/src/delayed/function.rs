//! [`delayed()`]: a function becomes a maker of nodes.
//!
//! The macro below is the one place that knows how many arguments there may be.

use std::any::TypeId;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use partita_graph::{BoxError, Name};

use super::Delayed;
use super::argument::{Argument, Needs, Pass, PureArgument, Shareable, Values};
use super::node::{Body, Call, Given, Node, PureKey, Value, function_name};

/// Makes calls of `function` lazy: `delayed(add).call(3, 4)` is a [`Delayed`] that runs `add(3, 4)` when it is
/// computed, as a node of the graph that its arguments make.
///
/// The function may be a `fn` or a closure of up to 8 parameters. [`Argument`] tells what may be given for
/// each. A function that returns a `Result` is made lazy by [`try_delayed`]. Where the compiler cannot see what
/// the function is (an `impl Fn`, a type parameter), wrap it: `delayed(move |x: i64| function(x))`.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// fn total(parts: &[i64]) -> i64 {
///     parts.iter().sum()
/// }
///
/// let square = delayed(|x: i64| x * x);
/// let parts = (1..=3).map(|x| square.call(x)).collect::<Vec<_>>();
/// assert_eq!(delayed(total).call(parts).compute()?, 14);
/// # Ok::<(), partita::Error>(())
/// ```
#[track_caller]
pub fn delayed<F: Callable<P>, P>(function: F) -> Function<F, P, Returns> {
    Function::new(function)
}

/// As [`delayed()`], for a function that returns a `Result`: the value is what `Ok` holds, and an `Err` ends the
/// computation with an error that names the node, its inputs and its users.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let parse = try_delayed(|text: &str| text.parse::<i64>()).name("parse");
/// let sum = (parse.call("12") + parse.call("x7")).name("sum");
/// let error = sum.compute().unwrap_err();
/// assert_eq!(error.to_string(), "task `parse` failed: invalid digit found in string (needed by `sum`)");
/// ```
#[track_caller]
pub fn try_delayed<F: Callable<P>, P>(function: F) -> Function<F, P, Tries> {
    Function::new(function)
}

/// A function whose calls are lazy, made by [`delayed()`] or [`try_delayed`].
#[must_use = "`call` makes a node of it"]
pub struct Function<F, P, M> {
    function: Arc<F>,
    name: Name,
    _types: PhantomData<fn() -> (P, M)>,
}

/// A [`Function`] whose calls with equal arguments are one node, made by [`Function::pure`].
#[must_use = "`call` makes a node of it"]
pub struct PureFunction<F, P, M>(Function<F, P, M>);

/// A function or closure of the parameters `P`, a tuple of up to 8.
#[diagnostic::on_unimplemented(
    message = "this is no function of up to 8 parameters",
    label = "give `delayed` a `fn`, or a closure whose parameters have their types written out"
)]
pub trait Callable<P>: Send + Sync + 'static {}

/// What a function returns is its value.
#[doc(hidden)]
pub struct Returns;

/// What a function returns is `Ok` of its value or an error.
#[doc(hidden)]
pub struct Tries;

/// What a function's result means.
#[doc(hidden)]
pub trait Meaning<R>: 'static {
    type Value: Shareable;
    fn value(returned: R) -> Result<Self::Value, BoxError>;
}

impl<T: Shareable> Meaning<T> for Returns {
    type Value = T;
    fn value(returned: T) -> Result<T, BoxError> {
        Ok(returned)
    }
}

impl<T: Shareable, E: Into<BoxError>> Meaning<Result<T, E>> for Tries {
    type Value = T;
    fn value(returned: Result<T, E>) -> Result<T, BoxError> {
        returned.map_err(Into::into)
    }
}

impl<F, P, M> Function<F, P, M> {
    #[track_caller]
    fn new(function: F) -> Self {
        let name = match function_name(std::any::type_name::<F>()) {
            Some(name) => Name::from(name),
            None => closure_name(Location::caller()),
        };
        Function { function: Arc::new(function), name, _types: PhantomData }
    }

    /// The name of the nodes that calls make. Unless it is given, it is the function's own, and for a closure
    /// where it stands.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::from(name.into());
        self
    }

    /// Says that the function does nothing but compute its result of its arguments: two calls with equal
    /// arguments, of the same name, are then one node, which runs once. Plain arguments must be `Eq + Hash`.
    ///
    /// A closure that captures variables is refused when it is compiled: what it captured would not be
    /// compared. Pass it as an argument.
    pub fn pure(self) -> PureFunction<F, P, M> {
        const { assert!(size_of::<F>() == 0, "a pure function must not capture variables: pass them as arguments") }
        PureFunction(self)
    }
}

/// A closure is called after the line that it stands in.
pub(super) fn closure_name(location: &'static Location<'static>) -> Name {
    let file = location.file().rsplit(['/', '\\']).next().unwrap_or(location.file());
    Name::from(format!("closure {file}:{}", location.line()))
}

impl<F, P, M> Clone for Function<F, P, M> {
    fn clone(&self) -> Self {
        Function { function: Arc::clone(&self.function), name: self.name.clone(), _types: PhantomData }
    }
}

impl<F, P, M> std::fmt::Debug for Function<F, P, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

impl<F, P, M> std::fmt::Debug for PureFunction<F, P, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PureFunction({})", self.0.name)
    }
}

/// The call of a function on a reference to one node's value.
#[track_caller]
pub(super) fn call_on<F, T, R, M>(function: F, value: &Delayed<T>) -> Delayed<M::Value>
where
    F: Fn(&T) -> R + Send + Sync + 'static,
    T: Shareable,
    R: 'static,
    M: Meaning<R>,
{
    let function = Function::<F, (&T,), M>::new(function);
    let mut needs = Needs::default();
    let kept = (Argument::<&T>::keep(value, &mut needs),);
    let call = CallOf::<F, _, R, M>::new(&function.function, kept);
    node_of(&function, needs, Body::Call(Box::new(call)))
}

/// A function and the arguments that it is called with; `K` is a tuple of what [`Argument::keep`] made.
struct CallOf<F, K, R, M> {
    function: Arc<F>,
    kept: K,
    _types: PhantomData<fn() -> (R, M)>,
}

impl<F, K, R, M> CallOf<F, K, R, M> {
    fn new(function: &Arc<F>, kept: K) -> Self {
        CallOf { function: Arc::clone(function), kept, _types: PhantomData }
    }
}

fn node_of<F, P, M, T>(function: &Function<F, P, M>, needs: Needs, body: Body) -> Delayed<T> {
    Delayed::of(Node::new(function.name.clone(), std::any::type_name::<T>(), needs.0, body))
}

macro_rules! functions_of {
    ($($parameter:ident $given:ident $kept:ident $value:ident),*) => {
        impl<F, R, $($parameter),*> Callable<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
        {
        }

        impl<F, M, R, $($parameter),*> Function<F, ($($parameter,)*), M>
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            M: Meaning<R>,
            R: 'static,
        {
            /// A node that calls the function with these arguments when it is computed.
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            pub fn call<$($given),*>(&self, $($value: $given),*) -> Delayed<M::Value>
            where
                $($given: Argument<$parameter>,)*
                F: for<'a> Fn($(<$given::Kept as Pass>::Passed<'a>),*) -> R,
            {
                #[allow(unused_mut, reason = "no arguments, no needs")]
                let mut needs = Needs::default();
                let kept = ($($value.keep(&mut needs),)*);
                let call = CallOf::<F, _, R, M>::new(&self.function, kept);
                node_of(self, needs, Body::Call(Box::new(call)))
            }
        }

        impl<F, M, R, $($parameter),*> PureFunction<F, ($($parameter,)*), M>
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            M: Meaning<R>,
            R: 'static,
        {
            /// A node that calls the function with these arguments when it is computed, together with all
            /// equal calls in the graph.
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            pub fn call<$($given),*>(&self, $($value: $given),*) -> Delayed<M::Value>
            where
                $($given: PureArgument<$parameter>,)*
                F: for<'a> Fn($(<$given::Kept as Pass>::Passed<'a>),*) -> R,
            {
                let key = PureKey { function: TypeId::of::<F>(), plain: Arc::new([$($value.key()),*]) };
                #[allow(unused_mut, reason = "no arguments, no needs")]
                let mut needs = Needs::default();
                let kept = ($($value.keep(&mut needs),)*);
                let call = CallOf::<F, _, R, M>::new(&self.0.function, kept);
                node_of(&self.0, needs, Body::Pure(Box::new(call), key))
            }
        }

        impl<F, M, R, $($kept: Pass),*> Call for CallOf<F, ($($kept,)*), R, M>
        where
            F: for<'a> Fn($($kept::Passed<'a>),*) -> R + Send + Sync + 'static,
            M: Meaning<R>,
        {
            #[allow(unused_mut, unused_variables, reason = "without arguments there are no values")]
            #[allow(non_snake_case, reason = "a type's name serves as its value's")]
            fn call(&self, values: Vec<Arc<Value>>) -> Result<Value, BoxError> {
                let mut values = Values(values.into_iter());
                let ($($kept,)*) = &self.kept;
                $(let mut $value = $kept.fetch(&mut values);)*
                M::value((self.function)($($kept.pass(&mut $value)),*)).map(Value::new)
            }

            #[allow(non_snake_case, reason = "a type's name serves as its value's")]
            fn arguments(&self) -> Vec<Given> {
                let ($($kept,)*) = &self.kept;
                vec![$($kept.given()),*]
            }
        }
    };
}

functions_of!();
functions_of!(A GivenA KeptA a);
functions_of!(A GivenA KeptA a, B GivenB KeptB b);
functions_of!(A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c);
functions_of!(A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c, D GivenD KeptD d);
functions_of!(A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c, D GivenD KeptD d, E GivenE KeptE e);
functions_of!(
    A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c, D GivenD KeptD d, E GivenE KeptE e, G GivenG KeptG g
);
functions_of!(
    A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c, D GivenD KeptD d, E GivenE KeptE e, G GivenG KeptG g,
    H GivenH KeptH h
);
functions_of!(
    A GivenA KeptA a, B GivenB KeptB b, C GivenC KeptC c, D GivenD KeptD d, E GivenE KeptE e, G GivenG KeptG g,
    H GivenH KeptH h, I GivenI KeptI i
);
