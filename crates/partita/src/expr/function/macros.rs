//! The macro that makes an entry of the function table out of a few lines.

/// Entries of the table for the methods of one type:
/// `name(arguments) = "printed.name": example => "its value", |call| rule and kernel;`
///
/// The example goes into the documentation and is run by a test. Arguments are expressions; a rule that
/// needs a literal asks the call for it.
macro_rules! functions {
    (
        for $owner:ty, examples $examples:ident;
        $(
            $(#[$doc:meta])*
            $name:ident($($argument:ident),*) = $label:expr, $example:expr => $value:literal,
            $bind:expr;
        )*
    ) => {
        #[allow(clippy::should_implement_trait)] // The operator traits are implemented as well.
        impl $owner {$(
            $(#[$doc])*
            #[doc = concat!("\n\n`", stringify!($example), "` is `", $value, "`.")]
            pub fn $name(self, $($argument: impl Into<$crate::expr::Expr>),*) -> $crate::expr::Expr {
                static FUNCTION: $crate::expr::function::Function =
                    $crate::expr::function::Function { name: $label, bind: $bind };
                FUNCTION.call(vec![self.into(), $($argument.into()),*])
            }
        )*}

        /// Each function's name, an expression that shows it, and that expression's value.
        #[cfg(test)]
        pub(crate) fn $examples() -> Vec<(&'static str, $crate::expr::Expr, &'static str)> {
            vec![$(($label, $example.into(), $value)),*]
        }
    };
}

pub(super) use functions;
