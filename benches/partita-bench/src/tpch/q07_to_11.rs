//! Queries 7 to 11: volumes between nations, shares and profits by year, and a group filter against a total.

use partita::prelude::*;

use super::{Tables, keys, volume};

/// Volume shipping between two nations, by year.
pub(super) fn q7(tables: &Tables<'_>) -> PartitionedFrame {
    let both = tables.nation().filter(col("n_name").is_in(["FRANCE", "GERMANY"]));
    let of = |name: &str| both.select([col("n_nationkey"), col("n_name").alias(name)]);
    let suppliers = tables.supplier().merge(&of("supp_nation"), keys("s_nationkey", "n_nationkey"));
    let customers = tables.customer().merge(&of("cust_nation"), keys("c_nationkey", "n_nationkey"));
    let orders = tables.orders().merge(&customers, keys("o_custkey", "c_custkey"));
    tables
        .lineitem()
        .filter(col("l_shipdate").between("1995-01-01", "1996-12-31"))
        .merge(&suppliers, keys("l_suppkey", "s_suppkey"))
        .merge(&orders, keys("l_orderkey", "o_orderkey"))
        .filter(col("supp_nation").ne(col("cust_nation")))
        .assign([col("l_shipdate").dt().year().alias("l_year"), volume().alias("volume")])
        .groupby(["supp_nation", "cust_nation", "l_year"])
        .agg([col("volume").sum().alias("revenue")])
        .sort_values(["supp_nation", "cust_nation", "l_year"])
}

/// National market share within a region, by year.
pub(super) fn q8(tables: &Tables<'_>) -> PartitionedFrame {
    let parts = tables.part().filter(col("p_type").eq("ECONOMY ANODIZED STEEL"));
    let customers = tables
        .customer()
        .merge(&tables.nations_of("AMERICA"), keys("c_nationkey", "n_nationkey").how(How::Semi));
    let orders = tables
        .orders()
        .filter(col("o_orderdate").between("1995-01-01", "1996-12-31"))
        .merge(&customers, keys("o_custkey", "c_custkey").how(How::Semi));
    let suppliers = tables.supplier().merge(&tables.nation(), keys("s_nationkey", "n_nationkey"));
    let of_brazil = when(col("n_name").eq("BRAZIL")).then(col("volume")).otherwise(0);
    tables
        .lineitem()
        .merge(&parts, keys("l_partkey", "p_partkey").how(How::Semi))
        .merge(&orders, keys("l_orderkey", "o_orderkey"))
        .merge(&suppliers, keys("l_suppkey", "s_suppkey"))
        .assign([col("o_orderdate").dt().year().alias("o_year"), volume().alias("volume")])
        .groupby(["o_year"])
        .agg([(of_brazil.sum() / col("volume").sum()).alias("mkt_share")])
        .sort_values(["o_year"])
}

/// Product type profit, by nation and year.
pub(super) fn q9(tables: &Tables<'_>) -> PartitionedFrame {
    let parts = tables.part().filter(col("p_name").str().contains("green"));
    let offers = tables.partsupp().merge(&parts, keys("ps_partkey", "p_partkey").how(How::Semi)).select([
        "ps_partkey",
        "ps_suppkey",
        "ps_supplycost",
    ]);
    let suppliers = tables.supplier().merge(&tables.nation(), keys("s_nationkey", "n_nationkey"));
    let offered = Merge::left_right(["l_partkey", "l_suppkey"], ["ps_partkey", "ps_suppkey"]);
    tables
        .lineitem()
        .merge(&parts, keys("l_partkey", "p_partkey").how(How::Semi))
        .merge(&offers, offered)
        .merge(&tables.orders(), keys("l_orderkey", "o_orderkey"))
        .merge(&suppliers, keys("l_suppkey", "s_suppkey"))
        .select([
            col("n_name").alias("nation"),
            col("o_orderdate").dt().year().alias("o_year"),
            (volume() - col("ps_supplycost") * col("l_quantity")).alias("amount"),
        ])
        .groupby(["nation", "o_year"])
        .agg([col("amount").sum().alias("sum_profit")])
        .sort_values([col("nation").asc(), col("o_year").desc()])
}

/// Returned items: the customers who lost most revenue by them.
pub(super) fn q10(tables: &Tables<'_>) -> PartitionedFrame {
    let orders =
        tables.orders().filter(col("o_orderdate").ge("1993-10-01").and(col("o_orderdate").lt("1994-01-01")));
    let lost = tables
        .lineitem()
        .filter(col("l_returnflag").eq("R"))
        .merge(&orders, keys("l_orderkey", "o_orderkey"))
        .groupby(["o_custkey"])
        .agg([volume().sum().alias("revenue")]);
    let worst = lost.sort_values([col("revenue").desc()]).head(20);
    tables
        .customer()
        .merge(&worst, keys("c_custkey", "o_custkey"))
        .merge(&tables.nation(), keys("c_nationkey", "n_nationkey"))
        .select([
            "c_custkey",
            "c_name",
            "revenue",
            "c_acctbal",
            "n_name",
            "c_address",
            "c_phone",
            "c_comment",
        ])
        .sort_values([col("revenue").desc()])
}

/// Important stock: parts whose offers in a nation are worth more than a share of all, a frame of one row.
pub(super) fn q11(tables: &Tables<'_>) -> PartitionedFrame {
    let nation = tables.nation().filter(col("n_name").eq("GERMANY"));
    let suppliers = tables.supplier().merge(&nation, keys("s_nationkey", "n_nationkey").how(How::Semi));
    let offers = tables.partsupp().merge(&suppliers, keys("ps_suppkey", "s_suppkey").how(How::Semi));
    let value = (col("ps_supplycost") * col("ps_availqty")).sum();
    let least = offers.agg([(value.clone() * (0.0001 / tables.scale)).alias("least")]);
    offers
        .groupby(["ps_partkey"])
        .agg([value.alias("value")])
        .merge(&least, Merge::cross())
        .filter(col("value").gt(col("least")))
        .select(["ps_partkey", "value"])
        .sort_values([col("value").desc()])
}
