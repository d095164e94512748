//! Queries 1 to 6: sums by group, the cheapest offer of each part, joins from the largest table to smaller ones.

use partita::prelude::*;

use super::{Tables, keys, volume};

/// The mean of a decimal column with all digits of a float; as a decimal it would have four more than the column.
fn mean(column: &str) -> Expr {
    col(column).sum().cast(DataType::Float64) / size()
}

/// Pricing summary: what was shipped until a day, by flag and status.
pub(super) fn q1(tables: &Tables<'_>) -> PartitionedFrame {
    tables
        .lineitem()
        .filter(col("l_shipdate").le("1998-09-02"))
        .groupby(["l_returnflag", "l_linestatus"])
        .agg([
            col("l_quantity").sum().alias("sum_qty"),
            col("l_extendedprice").sum().alias("sum_base_price"),
            volume().sum().alias("sum_disc_price"),
            (volume() * (1 + col("l_tax"))).sum().alias("sum_charge"),
            mean("l_quantity").alias("avg_qty"),
            mean("l_extendedprice").alias("avg_price"),
            mean("l_discount").alias("avg_disc"),
            size().alias("count_order"),
        ])
        .sort_values(["l_returnflag", "l_linestatus"])
}

/// Minimum cost supplier: the least price of each part is joined back to the offers that have it.
pub(super) fn q2(tables: &Tables<'_>) -> PartitionedFrame {
    let parts = tables.part().filter(col("p_size").eq(15).and(col("p_type").str().ends_with("BRASS")));
    let suppliers = tables.supplier().merge(&tables.nations_of("EUROPE"), keys("s_nationkey", "n_nationkey"));
    let offers = tables
        .partsupp()
        .merge(&parts, keys("ps_partkey", "p_partkey"))
        .merge(&suppliers, keys("ps_suppkey", "s_suppkey"));
    let least = offers.groupby(["p_partkey"]).agg([col("ps_supplycost").min().alias("ps_supplycost")]);
    offers
        .merge(&least, on(["p_partkey", "ps_supplycost"]).how(How::Semi))
        .select(["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"])
        .sort_values([
            col("s_acctbal").desc(),
            col("n_name").asc(),
            col("s_name").asc(),
            col("p_partkey").asc(),
        ])
        .head(100)
}

/// Shipping priority: the unshipped orders of a segment that are worth most.
pub(super) fn q3(tables: &Tables<'_>) -> PartitionedFrame {
    let customers = tables.customer().filter(col("c_mktsegment").eq("BUILDING"));
    let orders = tables
        .orders()
        .filter(col("o_orderdate").lt("1995-03-15"))
        .merge(&customers, keys("o_custkey", "c_custkey").how(How::Semi));
    tables
        .lineitem()
        .filter(col("l_shipdate").gt("1995-03-15"))
        .merge(&orders, keys("l_orderkey", "o_orderkey"))
        .groupby(["l_orderkey", "o_orderdate", "o_shippriority"])
        .agg([volume().sum().alias("revenue")])
        .select(["l_orderkey", "revenue", "o_orderdate", "o_shippriority"])
        .sort_values([col("revenue").desc(), col("o_orderdate").asc()])
        .head(10)
}

/// Order priority: orders with a line that came late, by priority.
pub(super) fn q4(tables: &Tables<'_>) -> PartitionedFrame {
    let late = tables.lineitem().filter(col("l_commitdate").lt(col("l_receiptdate")));
    tables
        .orders()
        .filter(col("o_orderdate").ge("1993-07-01").and(col("o_orderdate").lt("1993-10-01")))
        .merge(&late, keys("o_orderkey", "l_orderkey").how(How::Semi))
        .groupby(["o_orderpriority"])
        .agg([size().alias("order_count")])
        .sort_values(["o_orderpriority"])
}

/// Local supplier volume: lines whose customer and supplier are of one nation.
pub(super) fn q5(tables: &Tables<'_>) -> PartitionedFrame {
    let nations = tables.nations_of("ASIA");
    let customers = tables.customer().merge(&nations, keys("c_nationkey", "n_nationkey"));
    let orders = tables
        .orders()
        .filter(col("o_orderdate").ge("1994-01-01").and(col("o_orderdate").lt("1995-01-01")))
        .merge(&customers, keys("o_custkey", "c_custkey"));
    let at_home = Merge::left_right(["l_suppkey", "c_nationkey"], ["s_suppkey", "s_nationkey"]);
    tables
        .lineitem()
        .merge(&orders, keys("l_orderkey", "o_orderkey"))
        .merge(&tables.supplier(), at_home)
        .groupby(["n_name"])
        .agg([volume().sum().alias("revenue")])
        .sort_values([col("revenue").desc()])
}

/// Forecasting revenue change: what small discounts cost in a year.
pub(super) fn q6(tables: &Tables<'_>) -> PartitionedFrame {
    tables
        .lineitem()
        .filter(col("l_shipdate").ge("1994-01-01").and(col("l_shipdate").lt("1995-01-01")))
        .filter(col("l_discount").between(0.05, 0.07).and(col("l_quantity").lt(24)))
        .agg([(col("l_extendedprice") * col("l_discount")).sum().alias("revenue")])
}
