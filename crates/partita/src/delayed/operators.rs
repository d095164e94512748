//! Operators between delayed values, and between them and plain numbers; comparisons, as methods.
//!
//! They do what the operator does to the plain values. Where that panics (an overflow in a debug build, a
//! division by zero) the node fails.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};

use super::Delayed;
use super::argument::{Argument, Shareable};
use super::function::delayed;

macro_rules! binary {
    ($trait:ident $method:ident $sign:literal: $($plain:ty)*) => {
        impl<A, B> $trait<Delayed<B>> for Delayed<A>
        where
            A: $trait<B, Output: Shareable> + Clone + Shareable,
            B: Clone + Shareable,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: Delayed<B>) -> Self::Output {
                delayed(|a: A, b: B| a.$method(b)).name($sign).call(self, other)
            }
        }

        impl<A, B> $trait<&Delayed<B>> for Delayed<A>
        where
            A: $trait<B, Output: Shareable> + Clone + Shareable,
            B: Clone + Shareable,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: &Delayed<B>) -> Self::Output {
                self.$method(other.clone())
            }
        }

        impl<A, B> $trait<Delayed<B>> for &Delayed<A>
        where
            A: $trait<B, Output: Shareable> + Clone + Shareable,
            B: Clone + Shareable,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: Delayed<B>) -> Self::Output {
                self.clone().$method(other)
            }
        }

        impl<A, B> $trait<&Delayed<B>> for &Delayed<A>
        where
            A: $trait<B, Output: Shareable> + Clone + Shareable,
            B: Clone + Shareable,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: &Delayed<B>) -> Self::Output {
                self.clone().$method(other.clone())
            }
        }

        // One by one, so that a bare `3` takes the type of the delayed value beside it.
        $(
            impl $trait<$plain> for Delayed<$plain> {
                type Output = Delayed<$plain>;
                #[inline]
                fn $method(self, other: $plain) -> Self::Output {
                    delayed(|a: $plain, b: $plain| a.$method(b)).name($sign).call(self, other)
                }
            }

            impl $trait<$plain> for &Delayed<$plain> {
                type Output = Delayed<$plain>;
                #[inline]
                fn $method(self, other: $plain) -> Self::Output {
                    self.clone().$method(other)
                }
            }

            impl $trait<Delayed<$plain>> for $plain {
                type Output = Delayed<$plain>;
                #[inline]
                fn $method(self, other: Delayed<$plain>) -> Self::Output {
                    delayed(|a: $plain, b: $plain| a.$method(b)).name($sign).call(self, other)
                }
            }

            impl $trait<&Delayed<$plain>> for $plain {
                type Output = Delayed<$plain>;
                #[inline]
                fn $method(self, other: &Delayed<$plain>) -> Self::Output {
                    self.$method(other.clone())
                }
            }
        )*
    };
}

binary!(Add add "+": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);
binary!(Sub sub "-": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);
binary!(Mul mul "*": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);
binary!(Div div "/": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);
binary!(Rem rem "%": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);
binary!(BitAnd bitand "&": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool);
binary!(BitOr bitor "|": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool);
binary!(BitXor bitxor "^": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool);
binary!(Shl shl "<<": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
binary!(Shr shr ">>": i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! unary {
    ($trait:ident $method:ident $sign:literal) => {
        impl<A: $trait<Output: Shareable> + Clone + Shareable> $trait for Delayed<A> {
            type Output = Delayed<A::Output>;
            fn $method(self) -> Self::Output {
                delayed(|a: A| a.$method()).name($sign).call(self)
            }
        }

        impl<A: $trait<Output: Shareable> + Clone + Shareable> $trait for &Delayed<A> {
            type Output = Delayed<A::Output>;
            fn $method(self) -> Self::Output {
                self.clone().$method()
            }
        }
    };
}

unary!(Neg neg "-");
unary!(Not not "!");

macro_rules! comparisons {
    ($($method:ident $bound:ident $sign:literal $doc:literal;)*) => {
        impl<A: Shareable> Delayed<A> {
            $(
                #[doc = $doc]
                pub fn $method<'a, X>(&self, other: X) -> Delayed<bool>
                where
                    A: $bound,
                    X: Argument<&'a A>,
                    for<'b> X::Kept: super::argument::Pass<Passed<'b> = &'b A>,
                {
                    delayed(|a: &A, b: &A| $bound::$method(a, b)).name($sign).call(self, other)
                }
            )*
        }
    };
}

comparisons! {
    eq PartialEq "==" "Whether this value equals `other`, delayed or plain.";
    ne PartialEq "!=" "Whether this value differs from `other`, delayed or plain.";
    lt PartialOrd "<" "Whether this value is less than `other`, delayed or plain.";
    le PartialOrd "<=" "Whether this value is at most `other`, delayed or plain.";
    gt PartialOrd ">" "Whether this value is greater than `other`, delayed or plain.";
    ge PartialOrd ">=" "Whether this value is at least `other`, delayed or plain.";
}
