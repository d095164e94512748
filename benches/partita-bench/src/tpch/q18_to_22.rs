//! Queries 18 to 22: large groups, alternatives across two tables, sub-queries as semi and anti joins.

use partita::prelude::*;

use super::{Tables, keys, volume};

/// Large volume customers: orders of more than 300 pieces.
pub(super) fn q18(tables: &Tables<'_>) -> PartitionedFrame {
    let large = tables
        .lineitem()
        .groupby(["l_orderkey"])
        .agg([col("l_quantity").sum().alias("sum_qty")])
        .filter(col("sum_qty").gt(300));
    let orders = tables.orders().merge(&large, keys("o_orderkey", "l_orderkey"));
    tables
        .customer()
        .merge(&orders, keys("c_custkey", "o_custkey"))
        .select(["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice", "sum_qty"])
        .sort_values([col("o_totalprice").desc(), col("o_orderdate").asc()])
        .head(100)
}

/// Discounted revenue of three kinds of parts, each with its own quantities. What all three have in common is
/// filtered before the join.
pub(super) fn q19(tables: &Tables<'_>) -> PartitionedFrame {
    let parts = |brand: &str, containers: [&str; 4], largest: i64| {
        let brand = col("p_brand").eq(brand);
        brand.and(col("p_container").is_in(containers)).and(col("p_size").between(1, largest))
    };
    let small = parts("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 5);
    let middle = parts("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10);
    let large = parts("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 15);
    let wanted = tables.part().filter(small.or(middle).or(large));
    let pieces =
        |brand: &str, least: i64| col("p_brand").eq(brand).and(col("l_quantity").between(least, least + 10));
    tables
        .lineitem()
        .filter(col("l_shipmode").is_in(["AIR", "AIR REG"]))
        .filter(col("l_shipinstruct").eq("DELIVER IN PERSON").and(col("l_quantity").between(1, 30)))
        .merge(&wanted, keys("l_partkey", "p_partkey"))
        .filter(pieces("Brand#12", 1).or(pieces("Brand#23", 10)).or(pieces("Brand#34", 20)))
        .agg([volume().sum().alias("revenue")])
}

/// Potential part promotion: suppliers with more of a part in stock than half of what they shipped in a year.
pub(super) fn q20(tables: &Tables<'_>) -> PartitionedFrame {
    let forest = tables.part().filter(col("p_name").str().starts_with("forest"));
    let shipped = tables
        .lineitem()
        .filter(col("l_shipdate").ge("1994-01-01").and(col("l_shipdate").lt("1995-01-01")))
        .merge(&forest, keys("l_partkey", "p_partkey").how(How::Semi))
        .groupby(["l_partkey", "l_suppkey"])
        .agg([(0.5 * col("l_quantity").sum()).alias("half")]);
    let surplus = tables
        .partsupp()
        .merge(&shipped, Merge::left_right(["ps_partkey", "ps_suppkey"], ["l_partkey", "l_suppkey"]))
        .filter(col("ps_availqty").gt(col("half")));
    let canada = tables.nation().filter(col("n_name").eq("CANADA"));
    tables
        .supplier()
        .merge(&canada, keys("s_nationkey", "n_nationkey").how(How::Semi))
        .merge(&surplus, keys("s_suppkey", "ps_suppkey").how(How::Semi))
        .select(["s_name", "s_address"])
        .sort_values(["s_name"])
}

/// Suppliers who kept orders waiting: the only late one of several. Both sub-queries are about the suppliers of one
/// order: more than one if the least differs from the greatest, just one late if these two are the same.
pub(super) fn q21(tables: &Tables<'_>) -> PartitionedFrame {
    let late = || col("l_receiptdate").gt(col("l_commitdate"));
    let nation = tables.nation().filter(col("n_name").eq("SAUDI ARABIA"));
    let suppliers = tables.supplier().merge(&nation, keys("s_nationkey", "n_nationkey").how(How::Semi));
    let finished = tables.orders().filter(col("o_orderstatus").eq("F"));
    let waiting = tables
        .lineitem()
        .filter(late())
        .merge(&suppliers, keys("l_suppkey", "s_suppkey").how(How::Semi))
        .select(["l_orderkey"]);
    let orders =
        finished.merge(&waiting, keys("o_orderkey", "l_orderkey").how(How::Semi)).select(["o_orderkey"]);
    let late_supplier = || when(late()).then(col("l_suppkey"));
    tables
        .lineitem()
        .merge(&orders, keys("l_orderkey", "o_orderkey").how(How::Semi))
        .groupby(["l_orderkey"])
        .agg([
            col("l_suppkey").min().alias("first"),
            col("l_suppkey").max().alias("last"),
            late_supplier().end().min().alias("first_late"),
            late_supplier().end().max().alias("last_late"),
            late().sum().alias("lines"),
        ])
        .filter(col("first").ne(col("last")).and(col("first_late").eq(col("last_late"))))
        .merge(&suppliers, keys("first_late", "s_suppkey"))
        .groupby(["s_name"])
        .agg([col("lines").sum().alias("numwait")])
        .sort_values([col("numwait").desc(), col("s_name").asc()])
        .head(100)
}

/// Global sales opportunity: customers with more than the mean balance who ordered nothing.
pub(super) fn q22(tables: &Tables<'_>) -> PartitionedFrame {
    let customers = tables
        .customer()
        .assign([col("c_phone").str().slice(0, 2).alias("cntrycode")])
        .filter(col("cntrycode").is_in(["13", "31", "23", "29", "30", "18", "17"]));
    let mean = customers.filter(col("c_acctbal").gt(0)).agg([col("c_acctbal").mean().alias("mean")]);
    customers
        .merge(&mean, Merge::cross())
        .filter(col("c_acctbal").gt(col("mean")))
        .merge(&tables.orders(), keys("c_custkey", "o_custkey").how(How::Anti))
        .groupby(["cntrycode"])
        .agg([size().alias("numcust"), col("c_acctbal").sum().alias("totacctbal")])
        .sort_values(["cntrycode"])
}
