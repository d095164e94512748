//! What kind of values a column holds, as far as it was looked at, and the type that holds them all.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::column::exact_in_float;
use super::json::{Broken, Json, Token};

/// The kinds of values seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Shape {
    /// Nothing but null.
    #[default]
    Null,
    Bool,
    /// Integers of 64 bits; `wide` if one of them is not exact as a float.
    Int {
        wide: bool,
    },
    Float,
    List(Box<Shape>),
    Struct(Members),
    /// Strings, and every mixture.
    Text,
}

/// Members of an object in the order of first appearance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    shapes: Vec<(String, Shape)>,
    index: HashMap<String, usize>,
}

impl Members {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Shape)> {
        self.shapes.iter().map(|(name, shape)| (name.as_str(), shape))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Shape> {
        self.index.get(name).map(|&at| &self.shapes[at].1)
    }

    pub(super) fn entry(&mut self, name: &str) -> &mut Shape {
        let at = match self.index.get(name) {
            Some(&at) => at,
            None => {
                self.index.insert(name.to_string(), self.shapes.len());
                self.shapes.push((name.to_string(), Shape::Null));
                self.shapes.len() - 1
            }
        };
        &mut self.shapes[at].1
    }
}

impl Members {
    /// Adds what a later part of the data holds.
    pub(super) fn merge(&mut self, later: Members) {
        for (name, shape) in later.shapes {
            self.entry(&name).merge(shape);
        }
    }
}

impl Shape {
    /// Makes room for the value that begins with `token`.
    pub(super) fn add<'a>(&mut self, json: &mut Json<'a>, token: &Token<'a>) -> Result<(), Broken> {
        let mut first = true;
        match token {
            Token::Null => {}
            Token::Bool(_) => self.join(Shape::Bool),
            Token::Text(_) => self.join(Shape::Text),
            Token::Number(number) => self.join(of_number(number)),
            Token::List => {
                self.join(Shape::List(Box::default()));
                while json.next_item(&mut first)? {
                    let token = json.token()?;
                    match self {
                        Shape::List(item) => item.add(json, &token)?,
                        _ => json.skip(&token)?,
                    }
                }
            }
            Token::Object => {
                self.join(Shape::Struct(Members::default()));
                while let Some(key) = json.next_key(&mut first)? {
                    let token = json.token()?;
                    match self {
                        Shape::Struct(members) => members.entry(&key).add(json, &token)?,
                        _ => json.skip(&token)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// The shape of both.
    fn join(&mut self, other: Shape) {
        let joined = match (std::mem::take(self), other) {
            (Shape::Null, other) => other,
            (Shape::Int { wide: a }, Shape::Int { wide: b }) => Shape::Int { wide: a || b },
            (Shape::Int { wide: false } | Shape::Float, Shape::Float)
            | (Shape::Float, Shape::Int { wide: false }) => Shape::Float,
            (Shape::Bool, Shape::Bool) => Shape::Bool,
            // The items and members of the new one are added one by one.
            (Shape::List(item), Shape::List(_)) => Shape::List(item),
            (Shape::Struct(members), Shape::Struct(_)) => Shape::Struct(members),
            _ => Shape::Text,
        };
        *self = joined;
    }

    /// Makes room for all that another part of the data holds.
    fn merge(&mut self, other: Shape) {
        match (&mut *self, other) {
            (Shape::List(item), Shape::List(other)) => item.merge(*other),
            (Shape::Struct(members), Shape::Struct(other)) => members.merge(other),
            // To join null is nothing, and to add nothing changes nothing.
            (_, Shape::Null) => {}
            (_, other) => self.join(other),
        }
    }

    /// The type that holds all of it. Of nothing but nulls nothing is known, so text is as good as any.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Shape::Null | Shape::Text => DataType::Utf8View,
            Shape::Bool => DataType::Boolean,
            Shape::Int { .. } => DataType::Int64,
            Shape::Float => DataType::Float64,
            Shape::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            // A struct without members would lose the difference between `{}` and null in most formats.
            Shape::Struct(members) if members.shapes.is_empty() => DataType::Utf8View,
            Shape::Struct(members) => DataType::Struct(
                members
                    .iter()
                    .map(|(name, shape)| Field::new(name, shape.data_type(), true))
                    .collect::<Fields>(),
            ),
        }
    }
}

fn of_number(number: &str) -> Shape {
    if number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return match number.parse::<f64>() {
            Ok(float) if float.is_finite() => Shape::Float,
            _ => Shape::Text,
        };
    }
    match number.parse::<i64>() {
        Ok(value) => Shape::Int { wide: !exact_in_float(value) },
        // An integer of more than 64 bits keeps its digits as text.
        Err(_) => Shape::Text,
    }
}
