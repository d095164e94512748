//! `any` and `all` over booleans, and over numbers by whether they are not zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{Parts, for_each_valid};
use crate::{Error, Result};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Any,
    All,
}

struct Logic {
    rule: Rule,
    results: Vec<bool>,
}

pub(super) fn parts(args: &[DataType], rule: Rule) -> Result<Parts> {
    match &args[0] {
        DataType::Boolean | DataType::Null => {}
        number if number.is_numeric() && !number.is_decimal() => {}
        other => return Err(Error::unsupported(if rule == Rule::Any { "any" } else { "all" }, other)),
    }
    let types = [DataType::Boolean];
    Ok(Parts::new(&types, &types, DataType::Boolean, move || Logic { rule, results: Vec::new() }))
}

impl Aggregator for Logic {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.results.resize(groups, self.rule == Rule::All);
        let values = args[0].as_boolean();
        let (results, bits) = (self.results.as_mut_slice(), values.values());
        match self.rule {
            Rule::Any => {
                for_each_valid(group_ids, values.nulls(), |group, row| results[group] |= bits.value(row))
            }
            Rule::All => {
                for_each_valid(group_ids, values.nulls(), |group, row| results[group] &= bits.value(row))
            }
        }
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.update(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(BooleanArray::from(std::mem::take(&mut self.results))))
    }

    fn size_bytes(&self) -> usize {
        self.results.capacity()
    }
}
