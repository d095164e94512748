//! Sums: integers and durations checked in 64 bits, decimals in their widest precision, floats in row order.

use std::marker::PhantomData;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{ArrowNativeType, DataType, i256};
use half::f16;

use super::Aggregator;
use super::native::{Number, Parts, as_sums, check_precision, for_each, native_array, natives};
use crate::{Error, Result};

struct Sum<I, S> {
    sums: Vec<S>,
    data_type: DataType,
    input: PhantomData<fn(I)>,
}

fn sum<I, S>(args: &[DataType], result: DataType) -> Parts
where
    I: ArrowNativeType + Into<S>,
    S: Number,
{
    let data_type = result.clone();
    let states = [result];
    Parts::new(args, &states, data_type.clone(), move || Sum::<I, S> {
        sums: Vec::new(),
        data_type: data_type.clone(),
        input: PhantomData,
    })
}

pub(super) fn parts(args: &[DataType]) -> Result<Parts> {
    let [arg] = args else { return Err(Error::invalid("sum takes one argument")) };
    Ok(match arg {
        DataType::Boolean => sum::<i64, i64>(&[DataType::Int64], DataType::Int64),
        DataType::Int8 => sum::<i8, i64>(args, DataType::Int64),
        DataType::Int16 => sum::<i16, i64>(args, DataType::Int64),
        DataType::Int32 => sum::<i32, i64>(args, DataType::Int64),
        DataType::Int64 => sum::<i64, i64>(args, DataType::Int64),
        DataType::UInt8 => sum::<u8, u64>(args, DataType::UInt64),
        DataType::UInt16 => sum::<u16, u64>(args, DataType::UInt64),
        DataType::UInt32 => sum::<u32, u64>(args, DataType::UInt64),
        DataType::UInt64 => sum::<u64, u64>(args, DataType::UInt64),
        DataType::Float16 => sum::<f16, f64>(args, DataType::Float64),
        DataType::Float32 => sum::<f32, f64>(args, DataType::Float64),
        DataType::Float64 => sum::<f64, f64>(args, DataType::Float64),
        DataType::Decimal32(_, scale) => sum::<i32, i128>(args, DataType::Decimal128(38, *scale)),
        DataType::Decimal64(_, scale) => sum::<i64, i128>(args, DataType::Decimal128(38, *scale)),
        DataType::Decimal128(_, scale) => sum::<i128, i128>(args, DataType::Decimal128(38, *scale)),
        DataType::Decimal256(_, scale) => sum::<i256, i256>(args, DataType::Decimal256(76, *scale)),
        DataType::Duration(_) => sum::<i64, i64>(args, arg.clone()),
        DataType::Null => sum::<i64, i64>(&[DataType::Int64], DataType::Int64),
        other => return Err(Error::unsupported("sum", other)),
    })
}

impl<I, S> Sum<I, S>
where
    I: ArrowNativeType,
    S: Number,
{
    fn add<T: ArrowNativeType + Into<S>>(
        &mut self,
        group_ids: &[u32],
        groups: usize,
        values: &ArrayRef,
    ) -> Result<()> {
        self.sums.resize(groups, S::ZERO);
        let sums = self.sums.as_mut_slice();
        let mut is_over = false;
        for_each(group_ids, &natives::<T>(values), values.nulls(), |group, value| {
            is_over |= sums[group].add(value.into());
        });
        if is_over { Err(Error::overflow("sum", &self.data_type)) } else { Ok(()) }
    }
}

impl<I, S> Aggregator for Sum<I, S>
where
    I: ArrowNativeType + Into<S>,
    S: Number,
{
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.add::<I>(group_ids, groups, &args[0])
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.add::<S>(group_ids, groups, &states[0])
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn rows_as_states(&self, _: usize, args: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        Ok(as_sums::<I, S>(&args[0], &self.data_type)?.map(|sums| vec![sums]))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let sums = native_array(&self.data_type, std::mem::take(&mut self.sums), None)?;
        check_precision("sum", &sums)?;
        Ok(sums)
    }

    fn size_bytes(&self) -> usize {
        self.sums.capacity() * size_of::<S>()
    }
}
