//! TPC-H as dataframe chains, by number: queries 1 to 22 of the specification with its validation parameters. They
//! double as a cookbook: what SQL says with sub-queries is said here with semi and anti joins, with a frame of one
//! row that is merged into every row, and with groups that are joined back. Their SQL is in `benches/peers/tpch.py`.

mod q01_to_06;
mod q07_to_11;
mod q12_to_17;
mod q18_to_22;

use partita::prelude::*;

/// The eight tables, and the scale factor, on which query 11 depends.
pub(crate) struct Tables<'a> {
    pub(crate) read: &'a dyn Fn(&str) -> PartitionedFrame,
    pub(crate) scale: f64,
}

impl Tables<'_> {
    fn customer(&self) -> PartitionedFrame {
        (self.read)("customer")
    }
    fn lineitem(&self) -> PartitionedFrame {
        (self.read)("lineitem")
    }
    fn nation(&self) -> PartitionedFrame {
        (self.read)("nation")
    }
    fn orders(&self) -> PartitionedFrame {
        (self.read)("orders")
    }
    fn part(&self) -> PartitionedFrame {
        (self.read)("part")
    }
    fn partsupp(&self) -> PartitionedFrame {
        (self.read)("partsupp")
    }
    fn region(&self) -> PartitionedFrame {
        (self.read)("region")
    }
    fn supplier(&self) -> PartitionedFrame {
        (self.read)("supplier")
    }

    /// The nations of a region.
    fn nations_of(&self, region: &str) -> PartitionedFrame {
        let region = self.region().filter(col("r_name").eq(region));
        self.nation().merge(&region, keys("n_regionkey", "r_regionkey").how(How::Semi))
    }
}

/// What a line brings in after its discount.
fn volume() -> Expr {
    col("l_extendedprice") * (1 - col("l_discount"))
}

/// A merge on one column of each side.
fn keys(left: &str, right: &str) -> Merge {
    Merge::left_right([left], [right])
}

/// The chain of a query.
pub(crate) fn query(name: &str, tables: &Tables<'_>) -> Option<PartitionedFrame> {
    Some(match name {
        "q1" => q01_to_06::q1(tables),
        "q2" => q01_to_06::q2(tables),
        "q3" => q01_to_06::q3(tables),
        "q4" => q01_to_06::q4(tables),
        "q5" => q01_to_06::q5(tables),
        "q6" => q01_to_06::q6(tables),
        "q7" => q07_to_11::q7(tables),
        "q8" => q07_to_11::q8(tables),
        "q9" => q07_to_11::q9(tables),
        "q10" => q07_to_11::q10(tables),
        "q11" => q07_to_11::q11(tables),
        "q12" => q12_to_17::q12(tables),
        "q13" => q12_to_17::q13(tables),
        "q14" => q12_to_17::q14(tables),
        "q15" => q12_to_17::q15(tables),
        "q16" => q12_to_17::q16(tables),
        "q17" => q12_to_17::q17(tables),
        "q18" => q18_to_22::q18(tables),
        "q19" => q18_to_22::q19(tables),
        "q20" => q18_to_22::q20(tables),
        "q21" => q18_to_22::q21(tables),
        "q22" => q18_to_22::q22(tables),
        _ => return None,
    })
}
