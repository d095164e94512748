//! Functions of lists, under `.list()`, and of structs, under `.struct_()`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;

use super::macros::functions;
use super::text::integer_at;
use super::{Call, Returns};
use crate::Result;
use crate::error::type_name;
use crate::expr::compare;
#[cfg(test)]
use crate::expr::lit;
use crate::expr::tree::{BinaryOp, Expr};
use crate::expr::value::{Evaluated, Value, row_count};

/// The functions of lists: `col("tags").list().len()`.
#[derive(Clone, Debug)]
#[must_use = "a namespace does nothing; call one of its methods"]
pub struct List(Expr);

/// The functions of structs: `col("point").struct_().field("x")`.
#[derive(Clone, Debug)]
#[must_use = "a namespace does nothing; call one of its methods"]
pub struct Struct(Expr);

impl From<List> for Expr {
    fn from(list: List) -> Expr {
        list.0
    }
}
impl From<Struct> for Expr {
    fn from(value: Struct) -> Expr {
        value.0
    }
}

impl Expr {
    /// The functions of lists.
    pub fn list(self) -> List {
        List(self)
    }
    /// The functions of structs.
    pub fn struct_(self) -> Struct {
        Struct(self)
    }
}

functions! {
    for List, examples list_examples;

    /// How many elements there are, nulls included.
    len() = "list.len", lit("a,b").str().split(",").list().len() => "2", |call| {
        element(call)?;
        Ok(Returns::new(DataType::Int64, |arguments| {
            let lists = arguments[0].array().as_list::<i32>();
            let lengths: Vec<i64> = lists.offsets().lengths().map(|length| length as i64).collect();
            Ok(Arc::new(Int64Array::new(lengths.into(), lists.nulls().cloned())))
        }))
    };
    /// Element number `index`, from 0, or from the end if negative; null if there is none.
    get(index) = "list.get", lit("a,b").str().split(",").list().get(-1) => "b", |call| {
        let element = element(call)?;
        call.integer(1)?;
        Ok(Returns::new(element, |arguments| {
            let lists = arguments[0].array().as_list::<i32>();
            let places: UInt64Array = (0..row_count(arguments)).map(|row| place(arguments, lists, row)).collect();
            Ok(take(lists.values(), &places, None)?)
        }).with_nullable(true))
    };
    /// Whether an element equals `value`; null elements equal nothing.
    contains(value) = "list.contains", lit("a,b").str().split(",").list().contains("c") => "false", |call| {
        let element = element(call)?;
        if element.is_nested() {
            return Err(call.clash(format!("a list of {} cannot be searched", type_name(&element))));
        }
        call.coerce(1, &element)?;
        Ok(Returns::new(DataType::Boolean, move |arguments| search(arguments, &element)))
    };
}

functions! {
    for Struct, examples struct_examples;

    /// The field of this name.
    field(name) = "struct.field", crate::expr::literal::tests_struct().struct_().field("x") => "5", |call| {
        let name = call.literal_text(1)?;
        let DataType::Struct(fields) = call.data_type(0) else {
            let found = type_name(call.data_type(0));
            return Err(call.clash(format!("{} takes a struct, not {found}", call.name())));
        };
        let Some((index, field)) = fields.find(&name) else {
            let names = fields.iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>().join(", ");
            return Err(call.clash(format!("the struct has no field `{name}`; its fields are {names}")));
        };
        let (data_type, nullable) = (field.data_type().clone(), field.is_nullable() || call.nullable(0));
        call.keep(1);
        Ok(Returns::new(data_type, move |arguments| {
            let structs = arguments[0].array().as_struct();
            let column = Arc::clone(structs.column(index));
            // A field under a null struct is null, whatever lies there.
            match structs.nulls() {
                None => Ok(column),
                Some(nulls) => {
                    let gone = BooleanArray::new(!nulls.inner(), None);
                    Ok(arrow::compute::nullif(&column, &gone)?)
                }
            }
        }).with_nullable(nullable))
    };
}

/// The elements' type; brings the list to `List`.
fn element(call: &mut Call<'_, '_>) -> Result<DataType> {
    let field = match call.data_type(0) {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Arc::clone(field),
        other => {
            let found = type_name(other);
            return Err(call.clash(format!("{} takes a list, not {found}", call.name())));
        }
    };
    let element = field.data_type().clone();
    call.coerce(0, &DataType::List(field))?;
    Ok(element)
}

/// Where in the values the element of a row is.
fn place(arguments: &[Value], lists: &ListArray, row: usize) -> Option<u64> {
    let (list, index) = (arguments[0].row(row), integer_at(&arguments[1], row)?);
    if lists.is_null(list) {
        return None;
    }
    let offsets = lists.value_offsets();
    let (start, end) = (i64::from(offsets[list]), i64::from(offsets[list + 1]));
    let at = if index < 0 { end.checked_add(index)? } else { start.checked_add(index)? };
    (start <= at && at < end).then_some(at as u64)
}

fn search(arguments: &[Value], element: &DataType) -> Evaluated<ArrayRef> {
    let rows = row_count(arguments);
    let lists = arguments[0].array().as_list::<i32>();
    let wanted = &arguments[1];
    let mut nulls = Vec::with_capacity(rows);
    let mut found = Vec::with_capacity(rows);
    // One comparison over all elements if the value is one for all rows; else one per row.
    let everywhere = match wanted.is_scalar() {
        true => {
            let pair = [Value::Array(Arc::clone(lists.values())), wanted.clone()];
            Some(compare::compare(BinaryOp::EqualNullSafe, element, &pair)?)
        }
        false => None,
    };
    for row in 0..rows {
        let list = arguments[0].row(row);
        let known = !lists.is_null(list) && !wanted.array().is_null(wanted.row(row));
        nulls.push(known);
        found.push(
            known && {
                let offsets = lists.value_offsets();
                let (start, length) = (offsets[list] as usize, (offsets[list + 1] - offsets[list]) as usize);
                let hits = match &everywhere {
                    Some(everywhere) => everywhere.slice(start, length),
                    None => {
                        let value = Value::Scalar(wanted.array().slice(wanted.row(row), 1));
                        let elements = Value::Array(lists.values().slice(start, length));
                        compare::compare(BinaryOp::EqualNullSafe, element, &[elements, value])?
                    }
                };
                hits.as_boolean().has_true()
            },
        );
    }
    Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(found), Some(nulls.into()))))
}
