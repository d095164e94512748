//! Products: integers checked in 64 bits, floats in row order.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{Number, Parts, for_each, native_array, natives};
use crate::{Error, Result};

struct Product<S> {
    products: Vec<S>,
    data_type: DataType,
}

fn product<S: Number>(data_type: DataType) -> Parts {
    let types = [data_type.clone()];
    Parts::new(&types, &types, data_type.clone(), move || Product::<S> {
        products: Vec::new(),
        data_type: data_type.clone(),
    })
}

pub(super) fn parts(args: &[DataType]) -> Result<Parts> {
    Ok(match &args[0] {
        DataType::Null | DataType::Boolean => product::<i64>(DataType::Int64),
        unsigned if unsigned.is_unsigned_integer() => product::<u64>(DataType::UInt64),
        signed if signed.is_signed_integer() => product::<i64>(DataType::Int64),
        float if float.is_floating() => product::<f64>(DataType::Float64),
        other => return Err(Error::unsupported("product", other)),
    })
}

impl<S: Number> Aggregator for Product<S> {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.products.resize(groups, S::ONE);
        let products = self.products.as_mut_slice();
        let mut is_over = false;
        for_each(group_ids, &natives::<S>(&args[0]), args[0].nulls(), |group, value| {
            is_over |= products[group].multiply(value);
        });
        if is_over { Err(Error::overflow("product", &self.data_type)) } else { Ok(()) }
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.update(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        native_array(&self.data_type, std::mem::take(&mut self.products), None)
    }

    fn size_bytes(&self) -> usize {
        self.products.capacity() * size_of::<S>()
    }
}
