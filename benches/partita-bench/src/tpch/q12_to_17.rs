//! Queries 12 to 17: conditional sums, groups of groups, the greatest of all groups, distinct counts.

use partita::prelude::*;

use super::{Tables, keys, volume};

/// Shipping modes and order priority: late lines of urgent and of other orders.
pub(super) fn q12(tables: &Tables<'_>) -> PartitionedFrame {
    let urgent = col("o_orderpriority").is_in(["1-URGENT", "2-HIGH"]);
    let lines = tables
        .lineitem()
        .filter(col("l_shipmode").is_in(["MAIL", "SHIP"]))
        .filter(col("l_receiptdate").ge("1994-01-01").and(col("l_receiptdate").lt("1995-01-01")))
        .filter(col("l_commitdate").lt(col("l_receiptdate")).and(col("l_shipdate").lt(col("l_commitdate"))));
    tables
        .orders()
        .merge(&lines, keys("o_orderkey", "l_orderkey"))
        .groupby(["l_shipmode"])
        .agg([urgent.clone().sum().alias("high_line_count"), (!urgent).sum().alias("low_line_count")])
        .sort_values(["l_shipmode"])
}

/// Customer distribution: how many customers have how many orders. Those without any are the ones that the groups
/// lack, so customers are merged into the groups, not orders into customers.
pub(super) fn q13(tables: &Tables<'_>) -> PartitionedFrame {
    let orders = tables
        .orders()
        .filter(!col("o_comment").str().like("%special%requests%"))
        .groupby(["o_custkey"])
        .agg([size().alias("orders")]);
    tables
        .customer()
        .merge(&orders, keys("c_custkey", "o_custkey").how(How::Left))
        .groupby([col("orders").fill_null(0).alias("c_count")])
        .agg([size().alias("custdist")])
        .sort_values([col("custdist").desc(), col("c_count").desc()])
}

/// Promotion effect: the share of revenue that promoted parts have.
pub(super) fn q14(tables: &Tables<'_>) -> PartitionedFrame {
    let promoted = when(col("p_type").str().starts_with("PROMO")).then(volume()).otherwise(0);
    tables
        .lineitem()
        .filter(col("l_shipdate").ge("1995-09-01").and(col("l_shipdate").lt("1995-10-01")))
        .merge(&tables.part(), keys("l_partkey", "p_partkey"))
        .agg([(lit(100) * promoted.sum() / volume().sum()).alias("promo_revenue")])
}

/// Top supplier: those whose revenue is the greatest of all. The revenues are computed once and read twice.
pub(super) fn q15(tables: &Tables<'_>) -> PartitionedFrame {
    let revenue = tables
        .lineitem()
        .filter(col("l_shipdate").ge("1996-01-01").and(col("l_shipdate").lt("1996-04-01")))
        .groupby(["l_suppkey"])
        .agg([volume().sum().alias("total_revenue")]);
    let greatest = revenue.agg([col("total_revenue").max().alias("total_revenue")]);
    let top = revenue.merge(&greatest, on(["total_revenue"]).how(How::Semi));
    tables
        .supplier()
        .merge(&top, keys("s_suppkey", "l_suppkey"))
        .select(["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"])
        .sort_values(["s_suppkey"])
}

/// Parts and suppliers: how many suppliers without complaints offer parts of some kinds.
pub(super) fn q16(tables: &Tables<'_>) -> PartitionedFrame {
    let complained = tables.supplier().filter(col("s_comment").str().like("%Customer%Complaints%"));
    let parts = tables
        .part()
        .filter(col("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9]))
        .filter(col("p_brand").ne("Brand#45"))
        .filter(!col("p_type").str().starts_with("MEDIUM POLISHED"));
    tables
        .partsupp()
        .merge(&complained, keys("ps_suppkey", "s_suppkey").how(How::Anti))
        .merge(&parts, keys("ps_partkey", "p_partkey"))
        .groupby(["p_brand", "p_type", "p_size"])
        .agg([col("ps_suppkey").nunique().alias("supplier_cnt")])
        .sort_values([
            col("supplier_cnt").desc(),
            col("p_brand").asc(),
            col("p_type").asc(),
            col("p_size").asc(),
        ])
}

/// Small-quantity orders: what lines below a fifth of their part's mean quantity bring in per year.
pub(super) fn q17(tables: &Tables<'_>) -> PartitionedFrame {
    let parts = tables.part().filter(col("p_brand").eq("Brand#23").and(col("p_container").eq("MED BOX")));
    let lines = tables.lineitem().merge(&parts, keys("l_partkey", "p_partkey").how(How::Semi));
    let small = lines.groupby(["l_partkey"]).agg([(0.2 * col("l_quantity").mean()).alias("small")]);
    lines.merge(&small, on(["l_partkey"])).filter(col("l_quantity").lt(col("small"))).agg([(col(
        "l_extendedprice",
    )
    .sum()
        / 7)
    .alias("avg_yearly")])
}
