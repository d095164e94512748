//! Pearson's correlation: means, squared distances and their product of two columns, updated and merged as in `variance`.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{COUNTS, Parts, counts_array, counts_of, for_each_valid, native_array, natives};
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, Default)]
struct Joint {
    count: i64,
    mean_x: f64,
    mean_y: f64,
    squares_x: f64,
    squares_y: f64,
    products: f64,
}

impl Joint {
    #[inline(always)]
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1;
        let inverse = 1.0 / self.count as f64;
        let (delta_x, delta_y) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += delta_x * inverse;
        self.mean_y += delta_y * inverse;
        let rest_y = y - self.mean_y;
        self.squares_x += delta_x * (x - self.mean_x);
        self.squares_y += delta_y * rest_y;
        self.products += delta_x * rest_y;
    }

    fn merge(&mut self, other: Joint) {
        if self.count == 0 || other.count == 0 {
            if other.count != 0 {
                *self = other;
            }
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let (delta_x, delta_y) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        let share = theirs / (ours + theirs);
        self.count += other.count;
        self.mean_x += delta_x * share;
        self.mean_y += delta_y * share;
        self.squares_x += other.squares_x + delta_x * delta_x * ours * share;
        self.squares_y += other.squares_y + delta_y * delta_y * ours * share;
        self.products += other.products + delta_x * delta_y * ours * share;
    }

    fn correlation(&self) -> f64 {
        let squares = self.squares_x * self.squares_y;
        // One root is closer, but the product of two sums of squares may leave the range of a float.
        let is_in_range = squares.is_normal() || self.squares_x == 0.0 || self.squares_y == 0.0;
        let root = if is_in_range { squares.sqrt() } else { self.squares_x.sqrt() * self.squares_y.sqrt() };
        let r = self.products / root;
        if r.is_nan() { r } else { r.clamp(-1.0, 1.0) }
    }
}

#[derive(Default)]
struct Correlation {
    joints: Vec<Joint>,
}

pub(super) fn parts(args: &[DataType]) -> Result<Parts> {
    if let Some(other) = args.iter().find(|arg| !arg.is_numeric() && **arg != DataType::Null) {
        return Err(Error::unsupported("corr", other));
    }
    let float = DataType::Float64;
    let mut states = vec![float.clone(); 6];
    states[0] = COUNTS;
    Ok(Parts::new(&[float.clone(), float.clone()], &states, float, Correlation::default))
}

impl Aggregator for Correlation {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.joints.resize(groups, Joint::default());
        let joints = self.joints.as_mut_slice();
        let (xs, ys) = (natives::<f64>(&args[0]), natives::<f64>(&args[1]));
        let nulls = NullBuffer::union(args[0].nulls(), args[1].nulls());
        for_each_valid(group_ids, nulls.as_ref(), |group, row| joints[group].add(xs[row], ys[row]));
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.joints.resize(groups, Joint::default());
        let counts = counts_of(&states[0]);
        let floats: Vec<_> = states[1..].iter().map(natives::<f64>).collect();
        for (row, &group) in group_ids.iter().enumerate() {
            self.joints[group as usize].merge(Joint {
                count: i64::from(counts[row]),
                mean_x: floats[0][row],
                mean_y: floats[1][row],
                squares_x: floats[2][row],
                squares_y: floats[3][row],
                products: floats[4][row],
            });
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let joints = std::mem::take(&mut self.joints);
        let float =
            |get: fn(&Joint) -> f64| native_array(&DataType::Float64, joints.iter().map(get).collect(), None);
        Ok(vec![
            counts_array(joints.iter().map(|joint| joint.count))?,
            float(|joint| joint.mean_x)?,
            float(|joint| joint.mean_y)?,
            float(|joint| joint.squares_x)?,
            float(|joint| joint.squares_y)?,
            float(|joint| joint.products)?,
        ])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let joints = std::mem::take(&mut self.joints);
        let valid: Vec<bool> = joints.iter().map(|joint| joint.count >= 2).collect();
        let values = joints.iter().map(Joint::correlation).collect();
        native_array(&DataType::Float64, values, Some(valid.into()))
    }

    fn size_bytes(&self) -> usize {
        self.joints.capacity() * size_of::<Joint>()
    }
}
