"""The 22 queries of TPC-H as Polars chains, for its SQL knows too few kinds of sub-queries."""

from datetime import date

import polars as pl

col = pl.col


def volume():
    return col("l_extendedprice") * (1 - col("l_discount"))


def query(name, read, scale):
    """The frame of a query; `read` gives a table by name."""
    return QUERIES[name](read, scale) if name == "q11" else QUERIES[name](read)


def q1(read):
    return (
        read("lineitem")
        .filter(col("l_shipdate") <= date(1998, 9, 2))
        .group_by("l_returnflag", "l_linestatus")
        .agg(
            col("l_quantity").sum().alias("sum_qty"),
            col("l_extendedprice").sum().alias("sum_base_price"),
            volume().sum().alias("sum_disc_price"),
            (volume() * (1 + col("l_tax"))).sum().alias("sum_charge"),
            col("l_quantity").mean().alias("avg_qty"),
            col("l_extendedprice").mean().alias("avg_price"),
            col("l_discount").mean().alias("avg_disc"),
            pl.len().alias("count_order"),
        )
        .sort("l_returnflag", "l_linestatus")
    )


def q2(read):
    offers = (
        read("part")
        .filter((col("p_size") == 15) & col("p_type").str.ends_with("BRASS"))
        .join(read("partsupp"), left_on="p_partkey", right_on="ps_partkey")
        .join(read("supplier"), left_on="ps_suppkey", right_on="s_suppkey")
        .join(read("nation"), left_on="s_nationkey", right_on="n_nationkey")
        .join(read("region").filter(col("r_name") == "EUROPE"), left_on="n_regionkey", right_on="r_regionkey")
    )
    columns = ["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"]
    return (
        offers.group_by("p_partkey")
        .agg(col("ps_supplycost").min())
        .join(offers, on=["p_partkey", "ps_supplycost"])
        .select(columns)
        .sort("s_acctbal", "n_name", "s_name", "p_partkey", descending=[True, False, False, False])
        .head(100)
    )


def q3(read):
    day = date(1995, 3, 15)
    return (
        read("customer")
        .filter(col("c_mktsegment") == "BUILDING")
        .join(read("orders").filter(col("o_orderdate") < day), left_on="c_custkey", right_on="o_custkey")
        .join(read("lineitem").filter(col("l_shipdate") > day), left_on="o_orderkey", right_on="l_orderkey")
        .group_by("o_orderkey", "o_orderdate", "o_shippriority")
        .agg(volume().sum().alias("revenue"))
        .select("o_orderkey", "revenue", "o_orderdate", "o_shippriority")
        .sort("revenue", "o_orderdate", descending=[True, False])
        .head(10)
    )


def q4(read):
    late = read("lineitem").filter(col("l_commitdate") < col("l_receiptdate"))
    return (
        read("orders")
        .filter(col("o_orderdate").is_between(date(1993, 7, 1), date(1993, 10, 1), closed="left"))
        .join(late, left_on="o_orderkey", right_on="l_orderkey", how="semi")
        .group_by("o_orderpriority")
        .agg(pl.len().alias("order_count"))
        .sort("o_orderpriority")
    )


def q5(read):
    orders = read("orders").filter(col("o_orderdate").is_between(date(1994, 1, 1), date(1995, 1, 1), closed="left"))
    return (
        read("region")
        .filter(col("r_name") == "ASIA")
        .join(read("nation"), left_on="r_regionkey", right_on="n_regionkey")
        .join(read("customer"), left_on="n_nationkey", right_on="c_nationkey")
        .join(orders, left_on="c_custkey", right_on="o_custkey")
        .join(read("lineitem"), left_on="o_orderkey", right_on="l_orderkey")
        .join(read("supplier"), left_on=["l_suppkey", "n_nationkey"], right_on=["s_suppkey", "s_nationkey"])
        .group_by("n_name")
        .agg(volume().sum().alias("revenue"))
        .sort("revenue", descending=True)
    )


def q6(read):
    return (
        read("lineitem")
        .filter(
            col("l_shipdate").is_between(date(1994, 1, 1), date(1995, 1, 1), closed="left")
            & col("l_discount").is_between(pl.lit("0.05").cast(pl.Decimal(15, 2)), pl.lit("0.07").cast(pl.Decimal(15, 2)))
            & (col("l_quantity") < 24)
        )
        .select((col("l_extendedprice") * col("l_discount")).sum().alias("revenue"))
    )


def q7(read):
    def shipped(supplied, ordered):
        nation = read("nation")
        return (
            nation.filter(col("n_name") == ordered)
            .select(n_nationkey="n_nationkey", cust_nation="n_name")
            .join(read("customer"), left_on="n_nationkey", right_on="c_nationkey")
            .join(read("orders"), left_on="c_custkey", right_on="o_custkey")
            .join(lines, left_on="o_orderkey", right_on="l_orderkey")
            .join(read("supplier"), left_on="l_suppkey", right_on="s_suppkey")
            .join(
                nation.filter(col("n_name") == supplied).select(n_nationkey="n_nationkey", supp_nation="n_name"),
                left_on="s_nationkey",
                right_on="n_nationkey",
            )
        )

    lines = read("lineitem").filter(col("l_shipdate").is_between(date(1995, 1, 1), date(1996, 12, 31)))
    return (
        pl.concat([shipped("FRANCE", "GERMANY"), shipped("GERMANY", "FRANCE")])
        .with_columns(l_year=col("l_shipdate").dt.year(), volume=volume())
        .group_by("supp_nation", "cust_nation", "l_year")
        .agg(col("volume").sum().alias("revenue"))
        .sort("supp_nation", "cust_nation", "l_year")
    )


def q8(read):
    nation = read("nation")
    brazil = pl.when(col("nation") == "BRAZIL").then(col("volume")).otherwise(0)
    return (
        read("part")
        .filter(col("p_type") == "ECONOMY ANODIZED STEEL")
        .join(read("lineitem"), left_on="p_partkey", right_on="l_partkey")
        .join(read("supplier"), left_on="l_suppkey", right_on="s_suppkey")
        .join(
            read("orders").filter(col("o_orderdate").is_between(date(1995, 1, 1), date(1996, 12, 31))),
            left_on="l_orderkey",
            right_on="o_orderkey",
        )
        .join(read("customer"), left_on="o_custkey", right_on="c_custkey")
        .join(nation.select("n_nationkey", "n_regionkey"), left_on="c_nationkey", right_on="n_nationkey")
        .join(read("region").filter(col("r_name") == "AMERICA"), left_on="n_regionkey", right_on="r_regionkey")
        .join(nation.select("n_nationkey", nation="n_name"), left_on="s_nationkey", right_on="n_nationkey")
        .select(o_year=col("o_orderdate").dt.year(), volume=volume(), nation="nation")
        .group_by("o_year")
        .agg((brazil.sum().cast(pl.Float64) / col("volume").sum().cast(pl.Float64)).alias("mkt_share"))
        .sort("o_year")
    )


def q9(read):
    amount = volume() - col("ps_supplycost") * col("l_quantity")
    return (
        read("part")
        .filter(col("p_name").str.contains("green", literal=True))
        .join(read("partsupp"), left_on="p_partkey", right_on="ps_partkey")
        .join(read("supplier"), left_on="ps_suppkey", right_on="s_suppkey")
        .join(read("lineitem"), left_on=["p_partkey", "ps_suppkey"], right_on=["l_partkey", "l_suppkey"])
        .join(read("orders"), left_on="l_orderkey", right_on="o_orderkey")
        .join(read("nation"), left_on="s_nationkey", right_on="n_nationkey")
        .select(nation="n_name", o_year=col("o_orderdate").dt.year(), amount=amount)
        .group_by("nation", "o_year")
        .agg(col("amount").sum().alias("sum_profit"))
        .sort("nation", "o_year", descending=[False, True])
    )


def q10(read):
    orders = read("orders").filter(col("o_orderdate").is_between(date(1993, 10, 1), date(1994, 1, 1), closed="left"))
    keys = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
    return (
        read("customer")
        .join(orders, left_on="c_custkey", right_on="o_custkey")
        .join(read("lineitem").filter(col("l_returnflag") == "R"), left_on="o_orderkey", right_on="l_orderkey")
        .join(read("nation"), left_on="c_nationkey", right_on="n_nationkey")
        .group_by(keys)
        .agg(volume().sum().alias("revenue"))
        .select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment")
        .sort("revenue", descending=True)
        .head(20)
    )


def q11(read, scale):
    value = (col("ps_supplycost") * col("ps_availqty")).sum()
    offers = (
        read("partsupp")
        .join(read("supplier"), left_on="ps_suppkey", right_on="s_suppkey")
        .join(read("nation").filter(col("n_name") == "GERMANY"), left_on="s_nationkey", right_on="n_nationkey")
    )
    least = offers.select((value.cast(pl.Float64) * (0.0001 / scale)).alias("least"))
    return (
        offers.group_by("ps_partkey")
        .agg(value.alias("value"))
        .join(least, how="cross")
        .filter(col("value").cast(pl.Float64) > col("least"))
        .select("ps_partkey", "value")
        .sort("value", descending=True)
    )


def q12(read):
    urgent = col("o_orderpriority").is_in(["1-URGENT", "2-HIGH"])
    lines = read("lineitem").filter(
        col("l_shipmode").is_in(["MAIL", "SHIP"])
        & (col("l_commitdate") < col("l_receiptdate"))
        & (col("l_shipdate") < col("l_commitdate"))
        & col("l_receiptdate").is_between(date(1994, 1, 1), date(1995, 1, 1), closed="left")
    )
    return (
        read("orders")
        .join(lines, left_on="o_orderkey", right_on="l_orderkey")
        .group_by("l_shipmode")
        .agg(urgent.sum().alias("high_line_count"), urgent.not_().sum().alias("low_line_count"))
        .sort("l_shipmode")
    )


def q13(read):
    orders = read("orders").filter(col("o_comment").str.contains("special.*requests").not_())
    return (
        read("customer")
        .join(orders, left_on="c_custkey", right_on="o_custkey", how="left")
        .group_by("c_custkey")
        .agg(col("o_orderkey").count().alias("c_count"))
        .group_by("c_count")
        .agg(pl.len().alias("custdist"))
        .sort("custdist", "c_count", descending=True)
    )


def q14(read):
    lines = read("lineitem").filter(col("l_shipdate").is_between(date(1995, 9, 1), date(1995, 10, 1), closed="left"))
    promo = pl.when(col("p_type").str.starts_with("PROMO")).then(volume()).otherwise(0)
    share = 100.0 * promo.sum().cast(pl.Float64) / volume().sum().cast(pl.Float64)
    return lines.join(read("part"), left_on="l_partkey", right_on="p_partkey").select(share.alias("promo_revenue"))


def q15(read):
    revenue = (
        read("lineitem")
        .filter(col("l_shipdate").is_between(date(1996, 1, 1), date(1996, 4, 1), closed="left"))
        .group_by("l_suppkey")
        .agg(volume().sum().alias("total_revenue"))
    )
    return (
        read("supplier")
        .join(revenue, left_on="s_suppkey", right_on="l_suppkey")
        .filter(col("total_revenue") == col("total_revenue").max())
        .select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue")
        .sort("s_suppkey")
    )


def q16(read):
    complained = read("supplier").filter(col("s_comment").str.contains("Customer.*Complaints"))
    parts = read("part").filter(
        (col("p_brand") != "Brand#45")
        & col("p_type").str.starts_with("MEDIUM POLISHED").not_()
        & col("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9])
    )
    return (
        parts.join(read("partsupp"), left_on="p_partkey", right_on="ps_partkey")
        .join(complained, left_on="ps_suppkey", right_on="s_suppkey", how="anti")
        .group_by("p_brand", "p_type", "p_size")
        .agg(col("ps_suppkey").n_unique().alias("supplier_cnt"))
        .sort("supplier_cnt", "p_brand", "p_type", "p_size", descending=[True, False, False, False])
    )


def q17(read):
    lines = (
        read("part")
        .filter((col("p_brand") == "Brand#23") & (col("p_container") == "MED BOX"))
        .join(read("lineitem"), left_on="p_partkey", right_on="l_partkey")
    )
    least = lines.group_by("p_partkey").agg((0.2 * col("l_quantity").cast(pl.Float64).mean()).alias("least"))
    return (
        lines.join(least, on="p_partkey")
        .filter(col("l_quantity").cast(pl.Float64) < col("least"))
        .select((col("l_extendedprice").sum().cast(pl.Float64) / 7.0).alias("avg_yearly"))
    )


def q18(read):
    large = read("lineitem").group_by("l_orderkey").agg(col("l_quantity").sum().alias("sum_qty"))
    return (
        read("orders")
        .join(large.filter(col("sum_qty") > 300), left_on="o_orderkey", right_on="l_orderkey")
        .join(read("customer"), left_on="o_custkey", right_on="c_custkey")
        .select("c_name", col("o_custkey").alias("c_custkey"), "o_orderkey", "o_orderdate", "o_totalprice", "sum_qty")
        .sort("o_totalprice", "o_orderdate", descending=[True, False])
        .head(100)
    )


def q19(read):
    def kind(brand, containers, least, most, size):
        return (
            (col("p_brand") == brand)
            & col("p_container").is_in(containers)
            & col("l_quantity").is_between(least, most)
            & col("p_size").is_between(1, size)
        )

    lines = read("lineitem").filter(
        col("l_shipmode").is_in(["AIR", "AIR REG"]) & (col("l_shipinstruct") == "DELIVER IN PERSON")
    )
    return (
        read("part")
        .join(lines, left_on="p_partkey", right_on="l_partkey")
        .filter(
            kind("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 11, 5)
            | kind("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 20, 10)
            | kind("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 30, 15)
        )
        .select(volume().sum().alias("revenue"))
    )


def q20(read):
    shipped = (
        read("lineitem")
        .filter(col("l_shipdate").is_between(date(1994, 1, 1), date(1995, 1, 1), closed="left"))
        .group_by("l_partkey", "l_suppkey")
        .agg((0.5 * col("l_quantity").sum().cast(pl.Float64)).alias("half"))
    )
    surplus = (
        read("part")
        .filter(col("p_name").str.starts_with("forest"))
        .join(read("partsupp"), left_on="p_partkey", right_on="ps_partkey")
        .join(shipped, left_on=["p_partkey", "ps_suppkey"], right_on=["l_partkey", "l_suppkey"])
        .filter(col("ps_availqty").cast(pl.Float64) > col("half"))
    )
    return (
        read("supplier")
        .join(read("nation").filter(col("n_name") == "CANADA"), left_on="s_nationkey", right_on="n_nationkey")
        .join(surplus, left_on="s_suppkey", right_on="ps_suppkey", how="semi")
        .select("s_name", "s_address")
        .sort("s_name")
    )


def q21(read):
    lines = read("lineitem")
    late = lines.filter(col("l_receiptdate") > col("l_commitdate"))
    several = lines.group_by("l_orderkey").agg(col("l_suppkey").n_unique().alias("suppliers"))
    waiting = late.join(several.filter(col("suppliers") > 1), on="l_orderkey")
    alone = waiting.group_by("l_orderkey").agg(col("l_suppkey").n_unique().alias("late_suppliers"))
    return (
        waiting.join(alone.filter(col("late_suppliers") == 1), on="l_orderkey")
        .join(read("orders").filter(col("o_orderstatus") == "F"), left_on="l_orderkey", right_on="o_orderkey")
        .join(read("supplier"), left_on="l_suppkey", right_on="s_suppkey")
        .join(read("nation").filter(col("n_name") == "SAUDI ARABIA"), left_on="s_nationkey", right_on="n_nationkey")
        .group_by("s_name")
        .agg(pl.len().alias("numwait"))
        .sort("numwait", "s_name", descending=[True, False])
        .head(100)
    )


def q22(read):
    customers = (
        read("customer")
        .with_columns(col("c_phone").str.slice(0, 2).alias("cntrycode"))
        .filter(col("cntrycode").is_in(["13", "31", "23", "29", "30", "18", "17"]))
        .select("c_acctbal", "c_custkey", "cntrycode")
    )
    mean = customers.filter(col("c_acctbal") > 0).select(col("c_acctbal").cast(pl.Float64).mean().alias("mean"))
    return (
        customers.join(mean, how="cross")
        .filter(col("c_acctbal").cast(pl.Float64) > col("mean"))
        .join(read("orders"), left_on="c_custkey", right_on="o_custkey", how="anti")
        .group_by("cntrycode")
        .agg(pl.len().alias("numcust"), col("c_acctbal").sum().alias("totacctbal"))
        .sort("cntrycode")
    )


QUERIES = {f"q{number}": globals()[f"q{number}"] for number in range(1, 23)}
