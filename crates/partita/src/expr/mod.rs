//! The expression tree.
