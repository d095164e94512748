//! One error type, one word wide, with private kinds and a context that says where in the user's chain.
//!
//! A module that finds something wrong builds the kind; the frame adds the step and the caller's line; the
//! run adds the task. Whoever prints it gets one sentence:
//! ``filter at src/main.rs:8: no column `dep_delya`; did you mean `dep_delay`?``

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};

/// The result of anything in Partita that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, at which step of the chain, and where in the data.
///
/// The error is cheap to clone: a frame whose step failed keeps it and returns it from every way out.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Arc<Kind>,
    step: Option<Step>,
    /// Outermost last.
    context: Vec<String>,
}

/// A step of the user's chain: the method's name and the line that called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Step {
    /// The step `name`, called from the line that called the caller of this function.
    #[track_caller]
    pub(crate) fn here(name: &'static str) -> Step {
        Step { name, location: Location::caller() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.name, self.location.file(), self.location.line())
    }
}

#[derive(Debug)]
enum Kind {
    UnknownColumn {
        name: String,
        available: Vec<String>,
    },
    DuplicateColumn {
        name: String,
    },
    /// An operation met a type that it has no meaning for.
    Type {
        expression: String,
        message: String,
    },
    /// A value broke an expression: overflow, a failed cast.
    Value {
        expression: String,
        message: String,
    },
    /// Data did not match a declared schema.
    Schema(String),
    Invalid(String),
    Memory(String),
    Cancelled,
    Panicked {
        message: String,
    },
    Io(partita_io::Error),
    Kernel(partita_kernels::Error),
    Arrow(arrow::error::ArrowError),
    User(Box<dyn std::error::Error + Send + Sync>),
    /// A node of a delayed graph failed.
    Task(partita_graph::RunError),
    /// Something that only a bug in Partita can cause.
    Internal(String),
}

impl Error {
    fn new(kind: Kind) -> Self {
        Error(Arc::new(Inner { kind: Arc::new(kind), step: None, context: Vec::new() }))
    }
    pub(crate) fn unknown_column<'a>(name: &str, available: impl IntoIterator<Item = &'a str>) -> Self {
        let available = available.into_iter().map(str::to_owned).collect();
        Error::new(Kind::UnknownColumn { name: name.to_owned(), available })
    }
    pub(crate) fn duplicate_column(name: &str) -> Self {
        Error::new(Kind::DuplicateColumn { name: name.to_owned() })
    }
    /// `message` says what types were found and which would do.
    pub(crate) fn type_clash(expression: impl fmt::Display, message: impl Into<String>) -> Self {
        Error::new(Kind::Type { expression: expression.to_string(), message: message.into() })
    }
    pub(crate) fn value(expression: impl fmt::Display, message: impl Into<String>) -> Self {
        Error::new(Kind::Value { expression: expression.to_string(), message: message.into() })
    }
    pub(crate) fn schema(message: impl Into<String>) -> Self {
        Error::new(Kind::Schema(message.into()))
    }
    /// The caller asked for something that makes no sense; a sentence that says what would.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(Kind::Invalid(message.into()))
    }
    pub(crate) fn memory(message: impl Into<String>) -> Self {
        Error::new(Kind::Memory(message.into()))
    }
    pub(crate) fn cancelled() -> Self {
        Error::new(Kind::Cancelled)
    }
    pub(crate) fn panicked(message: impl Into<String>) -> Self {
        Error::new(Kind::Panicked { message: message.into() })
    }
    pub(crate) fn user(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Error::new(Kind::User(source))
    }
    /// A node of a delayed graph failed.
    pub(crate) fn task(error: partita_graph::RunError) -> Self {
        Error::new(Kind::Task(error))
    }
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Error::new(Kind::Internal(message.into()))
    }

    /// Adds the step, unless an inner one is known already.
    #[must_use]
    pub(crate) fn at_step(self, step: Step) -> Self {
        let mut inner = (*self.0).clone();
        inner.step.get_or_insert(step);
        Error(Arc::new(inner))
    }
    /// Adds where in the data or the run it happened.
    #[must_use]
    pub(crate) fn context(self, context: impl Into<String>) -> Self {
        let mut inner = (*self.0).clone();
        inner.context.push(context.into());
        Error(Arc::new(inner))
    }

    /// Whether the run was stopped by its cancel handle or by Ctrl-C.
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.0.kind, Kind::Cancelled)
    }
    /// Whether the memory budget was too small.
    pub fn is_memory(&self) -> bool {
        match &*self.0.kind {
            Kind::Memory(_) => true,
            Kind::Io(error) => error.is_memory(),
            _ => false,
        }
    }
    /// Whether the chain itself is wrong (an unknown column, a type clash, a senseless argument), so that
    /// no data can make it right.
    pub fn is_usage(&self) -> bool {
        use Kind::{DuplicateColumn, Invalid, Type, UnknownColumn};
        matches!(*self.0.kind, UnknownColumn { .. } | DuplicateColumn { .. } | Type { .. } | Invalid(_))
    }
    /// Whether a task panicked.
    pub fn is_panic(&self) -> bool {
        match &*self.0.kind {
            Kind::Panicked { .. } => true,
            Kind::Task(error) => matches!(error.cause(), partita_graph::Cause::Panicked(_)),
            _ => false,
        }
    }
    /// The sentence without the step and the line of the chain: for programs whose users did not write the
    /// chain, such as the `partita` command.
    pub fn message(&self) -> String {
        let mut message = self.0.kind.to_string();
        for context in &self.0.context {
            message.push_str(", ");
            message.push_str(context);
        }
        message
    }
    /// The file or data error below, if that is what it is.
    pub fn io(&self) -> Option<&partita_io::Error> {
        match &*self.0.kind {
            Kind::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(step) = &inner.step {
            write!(f, "{step}: ")?;
        }
        write!(f, "{}", inner.kind)?;
        for context in &inner.context {
            write!(f, ", {context}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::UnknownColumn { name, available } => {
                write!(f, "no column `{name}`; ")?;
                match nearest(name, available) {
                    Some(near) => write!(f, "did you mean `{near}`?"),
                    None => write!(f, "columns are {}", quoted(available)),
                }
            }
            Kind::DuplicateColumn { name } => {
                write!(
                    f,
                    "the column name `{name}` is used twice; give one of them another with `alias` or `rename`"
                )
            }
            Kind::Type { expression, message } | Kind::Value { expression, message } => {
                write!(f, "{message}, in `{expression}`")
            }
            Kind::Schema(message) | Kind::Invalid(message) | Kind::Memory(message) => f.write_str(message),
            Kind::Cancelled => f.write_str("the run was cancelled"),
            Kind::Panicked { message } => write!(f, "a task panicked: {message}"),
            Kind::Io(error) => write!(f, "{error}"),
            Kind::Kernel(error) => write!(f, "{error}"),
            Kind::Arrow(error) => write!(f, "{error}"),
            Kind::User(error) => write!(f, "{error}"),
            Kind::Task(error) => write!(f, "{error}"),
            Kind::Internal(message) => write!(f, "internal error (please report it): {message}"),
        }
    }
}

/// Finds a column or says which there are.
pub(crate) fn column_index(schema: &Schema, name: &str) -> Result<usize> {
    schema
        .fields()
        .iter()
        .position(|field| field.name() == name)
        .ok_or_else(|| Error::unknown_column(name, schema.fields().iter().map(|field| field.name().as_str())))
}

/// The available name most like `name`, if any is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, available: &'a [String]) -> Option<&'a str> {
    available
        .iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (name.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate.as_str())
}

fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

/// A data type as messages spell it.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp[{zone}]"),
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => format!("decimal({p}, {s})"),
        DataType::Dictionary(_, value) => type_name(value),
        DataType::List(field) | DataType::LargeList(field) | DataType::ListView(field) => {
            format!("list<{}>", type_name(field.data_type()))
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> Result<()>` prints this one: users should meet the sentence, not the struct.
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0.kind {
            Kind::Io(error) => error.source(),
            Kind::Arrow(error) => Some(error),
            Kind::User(error) => Some(&**error),
            Kind::Task(error) => error.source(),
            _ => None,
        }
    }
}

impl From<partita_io::Error> for Error {
    fn from(error: partita_io::Error) -> Self {
        // An engine error that crossed a reader (a pushed-down filter) comes back as itself.
        match error.into_filter_error() {
            Ok(source) => match source.downcast::<Error>() {
                Ok(own) => *own,
                Err(source) => Error::new(Kind::User(source)),
            },
            Err(error) if error.is_cancelled() => Error::cancelled(),
            Err(error) => Error::new(Kind::Io(error)),
        }
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Error::new(Kind::Arrow(error))
    }
}

impl From<partita_kernels::Error> for Error {
    fn from(error: partita_kernels::Error) -> Self {
        Error::new(Kind::Kernel(error))
    }
}
