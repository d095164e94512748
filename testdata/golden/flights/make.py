# /// script
# requires-python = ">=3.11"
# dependencies = ["pandas==3.1.1", "numpy==2.4.6"]
# ///
"""Answers to questions about testdata/nycflights13, made once with pandas: `python3 make.py` writes them beside itself.

One CSV file per question. Its header is `name:type` with the types int, float, text, bool, seconds (of a time, since
1970), date and ints (a list, joined by `|`); `\\N` is null, and floats have all digits that tell them apart.
`manifest.csv` has one line per question: its name, whether the order of rows is part of the answer, the question.
"""

import csv
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "nycflights13"
NULL = r"\N"
QUESTIONS = []


def read(name, **options):
    return pd.read_csv(
        DATA / name, keep_default_na=False, na_values=["", "NA"], dtype_backend="numpy_nullable", **options
    )


F = pd.concat([read(f"flights/2013-{month:02}.csv", parse_dates=["time_hour"]) for month in range(1, 13)])
F = F.reset_index(drop=True)
AIRLINES, AIRPORTS, PLANES = read("airlines.csv"), read("airports.csv"), read("planes.csv")
WEATHER = read("weather.csv", parse_dates=["time_hour"])


def question(text, ordered=True):
    def keep(answer):
        QUESTIONS.append((answer.__name__, ordered, text, answer))
        return answer

    return keep


def by(frame, *keys, **options):
    return frame.groupby(list(keys), dropna=False, sort=False, **options)


def stable(frame, keys, ascending=True):
    return frame.sort_values(keys, ascending=ascending, kind="stable", na_position="last")


# Rows and columns


@question("month, day, carrier, flight, dep_delay of the flights from JFK that left more than 300 minutes late")
def filter_very_late():
    kept = F[(F.origin == "JFK").fillna(False) & (F.dep_delay > 300).fillna(False)]
    return kept[["month", "day", "carrier", "flight", "dep_delay"]]


@question("flights of HA, OO, F9 over 200 to 1700 miles, both ends included, whose arr_delay is null or above 120")
def filter_is_in_between_null():
    kept = F[F.carrier.isin(["HA", "OO", "F9"]) & F.distance.between(200, 1700)]
    kept = kept[kept.arr_delay.isna() | (kept.arr_delay > 120).fillna(False)]
    return kept[["month", "day", "carrier", "flight", "distance", "arr_delay"]]


@question("not (dep_delay > 0 or arr_delay > 0) by Kleene's logic: how many flights have it true, false, null")
def kleene():
    early = ~((F.dep_delay > 0) | (F.arr_delay > 0))
    return by(F.assign(early=early), "early").size().reset_index(name="flights").sort_values("early", na_position="last")


@question(
    "the first 60 flights of 1 February: gain = dep_delay - arr_delay, miles per hour = distance / (air_time / 60),"
    " hour and minute of dep_time by // 100 and % 100, minus gain, gain * 2 + 1"
)
def derived_numbers():
    x = F[(F.month == 2) & (F.day == 1)].head(60)
    gain = x.dep_delay - x.arr_delay
    return pd.DataFrame(
        {
            "carrier": x.carrier,
            "flight": x.flight,
            "gain": gain,
            "miles_per_hour": x.distance / (x.air_time / 60),
            "dep_hour": x.dep_time // 100,
            "dep_minute": x.dep_time % 100,
            "loss": -gain,
            "twice": gain * 2 + 1,
        }
    )


@question("// and % round towards minus infinity: arr_delay // 7 and arr_delay % 7 of UA 1545's flights")
def floor_division():
    x = F[(F.carrier == "UA") & (F.flight == 1545)]
    return pd.DataFrame({"arr_delay": x.arr_delay, "weeks": x.arr_delay // 7, "days": x.arr_delay % 7})


@question("flights by kind: cancelled if dep_delay is null, else early (< 0), on time (<= 15), late; by kind")
def when_then():
    kind = pd.Series("late", index=F.index, dtype="string")
    kind[(F.dep_delay <= 15).fillna(False)] = "on time"
    kind[(F.dep_delay < 0).fillna(False)] = "early"
    kind[F.dep_delay.isna()] = "cancelled"
    return by(F.assign(kind=kind), "kind").size().reset_index(name="flights").sort_values("kind")


@question("planes with 2 engines or fewer built before 1970: year or 0 as built, speed or seats as figure, type renamed")
def fill_and_coalesce():
    x = PLANES[(PLANES.engines <= 2) & (PLANES.year.fillna(0) < 1970)]
    return pd.DataFrame(
        {"tailnum": x.tailnum, "built": x.year.fillna(0), "figure": x.speed.combine_first(x.seats), "kind": x.type}
    )


@question("planes without a null in year and speed, without the columns model and engine")
def dropna_and_drop():
    return PLANES.dropna(subset=["year", "speed"]).drop(columns=["model", "engine"])


@question("the first 20 airports: faa, alt as float, tz as text, lat cut to an integer")
def casts():
    x = AIRPORTS.head(20)
    return pd.DataFrame(
        {"faa": x.faa, "alt": x.alt.astype("Float64"), "tz": x.tz.astype("string"), "lat": x.lat.astype("float64").astype("int64")}
    )


# Text and time


@question("airlines: name in upper case, its length, first 5 characters, whether it contains Air, Inc. replaced by -, padded code")
def text_functions():
    name = AIRLINES.name
    return pd.DataFrame(
        {
            "carrier": AIRLINES.carrier,
            "upper": name.str.upper(),
            "length": name.str.len(),
            "head": name.str.slice(0, 5),
            "air": name.str.contains("Air", regex=False),
            "short": name.str.replace("Inc.", "-", regex=False),
            "ends": name.str.endswith("Inc."),
            "padded": AIRLINES.carrier.str.rjust(4, "*"),
        }
    )


@question("flights by the last two characters of tailnum where these are letters (pattern [A-Z]{2}$), 20 most, then by letters")
def text_groups():
    x = F[F.tailnum.str.contains("[A-Z]{2}$").fillna(False)]
    counted = by(x.assign(ends=x.tailnum.str[-2:]), "ends").size().reset_index(name="flights")
    return counted.sort_values(["flights", "ends"], ascending=[False, True]).head(20)


@question("by UTC weekday (Monday 0) and whether time_hour is before noon: flights and the mean dep_delay")
def time_parts():
    x = F.assign(weekday=F.time_hour.dt.day_of_week, morning=F.time_hour.dt.hour < 12)
    grouped = by(x, "weekday", "morning").agg(flights=("day", "size"), mean_delay=("dep_delay", "mean"))
    return grouped.reset_index().sort_values(["weekday", "morning"])


@question("by UTC date in July: flights, first and last time_hour")
def dates():
    x = F.assign(date=F.time_hour.dt.date)
    x = x[(F.time_hour.dt.month == 7) & (F.time_hour.dt.year == 2013)]
    grouped = by(x, "date").agg(flights=("day", "size"), first=("time_hour", "min"), last=("time_hour", "max"))
    return grouped.reset_index().sort_values("date")


# Groups


@question("by carrier: sum, mean, min, max, count of arr_delay, and size; by carrier")
def group_basic():
    grouped = by(F, "carrier").arr_delay.agg(["sum", "mean", "min", "max", "count", "size"])
    return grouped.reset_index().sort_values("carrier")


@question("by origin and month: std, var, median, quantiles 0.1 and 0.9 of dep_delay; by origin, month")
def group_spread():
    grouped = by(F, "origin", "month").dep_delay
    spread = pd.DataFrame(
        {
            "std": grouped.std(),
            "var": grouped.var(),
            "median": grouped.median(),
            "p10": grouped.quantile(0.1),
            "p90": grouped.quantile(0.9),
        }
    )
    return spread.reset_index().sort_values(["origin", "month"])


@question("by dest, in the order of the files: first and last dep_time and first tailnum that are not null, distinct carriers, tailnums; by dest")
def group_first_last_nunique():
    grouped = by(F, "dest")
    ends = {
        "first_dep": grouped.dep_time.first(),
        "last_dep": grouped.dep_time.last(),
        "first_plane": grouped.tailnum.first(),
        "carriers": grouped.carrier.nunique(),
        "planes": grouped.tailnum.nunique(),
    }
    return pd.DataFrame(ends).reset_index().sort_values("dest")


@question("of the flights that arrived, by dest: was any more than 180 minutes late, were all at most 60 late; by dest")
def group_any_all():
    x = F.dropna(subset=["arr_delay"])
    x = x.assign(very=x.arr_delay > 180, calm=x.arr_delay <= 60)
    return by(x, "dest").agg(any_very=("very", "any"), all_calm=("calm", "all")).reset_index().sort_values("dest")


@question("by origin: correlation of dep_delay and arr_delay over the flights that have both; by origin")
def group_corr():
    x = F.dropna(subset=["dep_delay", "arr_delay"]).astype({"dep_delay": float, "arr_delay": float})
    return pd.DataFrame(
        [(origin, part.dep_delay.corr(part.arr_delay)) for origin, part in x.groupby("origin")],
        columns=["origin", "corr"],
    )


@question("by carrier: the 3 greatest and the 2 least dep_delay, null left out; by carrier")
def group_top_k():
    rows = [
        (carrier, part.dep_delay.dropna().nlargest(3).tolist(), part.dep_delay.dropna().nsmallest(2).tolist())
        for carrier, part in F.groupby("carrier")
    ]
    return pd.DataFrame(rows, columns=["carrier", "greatest", "least"])


@question("planes by year of building, null a year of its own and last: how many, mean seats")
def group_null_key():
    grouped = by(PLANES, "year").agg(planes=("tailnum", "size"), seats=("seats", "mean"))
    return grouped.reset_index().sort_values("year", na_position="last")


@question("planes by year of building, null left out: how many")
def group_dropna():
    return PLANES.groupby("year").size().reset_index(name="planes")


@question("of all flights: size, count, sum, mean, min, max, std, median of air_time, distinct dest, first carrier")
def whole_table():
    a = F.air_time
    row = [len(F), a.count(), a.sum(), a.mean(), a.min(), a.max(), a.std(), a.median(), F.dest.nunique(), F.carrier.iloc[0]]
    names = ["size", "count", "sum", "mean", "min", "max", "std", "median", "dests", "carrier"]
    return pd.DataFrame([row], columns=names)


@question("by carrier: miles per hour as 60 * sum(distance) / sum(air_time) of the flights with an air_time; by carrier")
def aggregate_expression():
    x = F.dropna(subset=["air_time"])
    sums = by(x, "carrier")[["distance", "air_time"]].sum().reset_index().sort_values("carrier")
    return pd.DataFrame({"carrier": sums.carrier, "miles_per_hour": 60 * sums.distance / sums.air_time})


@question("of no rows (flights to nowhere): size, count and sum of distance")
def no_rows():
    return pd.DataFrame([(0, 0, 0)], columns=["size", "count", "sum"])


# Joins


@question("flights inner planes on tailnum, by manufacturer with 1000 flights or more: flights, mean seats; most first")
def join_inner():
    x = F.merge(PLANES.dropna(subset=["tailnum"]), on="tailnum")
    grouped = by(x, "manufacturer").agg(flights=("day", "size"), seats=("seats", "mean")).reset_index()
    return grouped[grouped.flights >= 1000].sort_values(["flights", "manufacturer"], ascending=[False, True])


@question("the flights of 1 January before 6:00 left airlines on carrier: carrier, flight, name", ordered=False)
def join_left():
    x = F[(F.month == 1) & (F.day == 1) & (F.sched_dep_time < 600)]
    return x.merge(AIRLINES, on="carrier", how="left")[["carrier", "flight", "name"]]


@question("flights left airports on dest = faa: dest of the flights without an airport, how many; by dest")
def join_left_unmatched():
    x = F.merge(AIRPORTS, left_on="dest", right_on="faa", how="left")
    return by(x[x.faa.isna()], "dest").size().reset_index(name="flights").sort_values("dest")


@question("dests farther than 2400 miles with their flights, right airports west of 155 degrees west, on dest = faa", ordered=False)
def join_right():
    far = by(F[F.distance > 2400], "dest").size().reset_index(name="flights")
    x = far.merge(AIRPORTS[AIRPORTS.lon < -155], left_on="dest", right_on="faa", how="right")
    return x[["dest", "flights", "faa", "name"]].astype({"flights": "Int64"})


@question("the same two tables, outer", ordered=False)
def join_outer():
    far = by(F[F.distance > 2400], "dest").size().reset_index(name="flights")
    x = far.merge(AIRPORTS[AIRPORTS.lon < -155], left_on="dest", right_on="faa", how="outer")
    return x[["dest", "flights", "faa", "name"]].astype({"flights": "Int64"})


@question("airports semi flights on faa = dest, by tzone: how many; by tzone")
def join_semi():
    x = AIRPORTS[AIRPORTS.faa.isin(F.dest)]
    return by(x, "tzone").size().reset_index(name="airports").sort_values("tzone")


@question("flights anti planes on tailnum (a null tailnum matches nothing), by carrier: how many, how many with a tailnum")
def join_anti():
    x = F[~F.tailnum.isin(PLANES.tailnum.dropna()).fillna(False)]
    grouped = by(x, "carrier").agg(flights=("day", "size"), named=("tailnum", "count"))
    return grouped.reset_index().sort_values("carrier")


@question("flights inner weather on origin and time_hour, by origin and visib < 2: flights, mean dep_delay, greatest wind_gust")
def join_two_keys():
    x = F.merge(WEATHER, on=["origin", "time_hour"])
    grouped = by(x.assign(murky=x.visib < 2), "origin", "murky")
    grouped = grouped.agg(flights=("flight", "size"), delay=("dep_delay", "mean"), gust=("wind_gust", "max"))
    return grouped.reset_index().sort_values(["origin", "murky"])


@question("flights of HA inner planes on tailnum: both have a year, year_x and year_y", ordered=False)
def join_suffixes():
    return F[F.carrier == "HA"].merge(PLANES, on="tailnum")[["month", "day", "year_x", "year_y", "seats"]].drop_duplicates()


@question("the airlines whose code begins with a digit, crossed with the origins in the order of their first flight", ordered=False)
def join_cross():
    origins = F[["origin"]].drop_duplicates()
    return AIRLINES[AIRLINES.carrier.str[0].str.isdigit()].merge(origins, how="cross")


# Order, duplicates, pieces


@question("planes by speed falling with null last, then year rising with null first, then tailnum: the first 60")
def sort_nulls():
    x = PLANES.sort_values("tailnum").sort_values("year", kind="stable", na_position="first")
    x = x.sort_values("speed", ascending=False, kind="stable", na_position="last")
    return x.head(60)[["tailnum", "year", "speed", "seats"]]


@question("stable: flights of 25 December by dep_delay falling, null last, equals in the order of the files: the first 100")
def sort_stable():
    x = F[(F.month == 12) & (F.day == 25)]
    x = x.sort_values("dep_delay", ascending=False, kind="stable", na_position="last").head(100)
    return x[["dep_time", "carrier", "flight", "dep_delay"]]


@question("the 10 flights with the greatest dep_delay and then the 10 with the least distance, each by itself, put together")
def nlargest_nsmallest():
    columns = ["month", "day", "carrier", "flight", "dep_delay", "distance"]
    return pd.concat([F.nlargest(10, "dep_delay", keep="first"), F.nsmallest(10, "distance", keep="first")])[columns]


@question("how often each manufacturer occurs in planes, most first, equals by name")
def value_counts():
    counted = by(PLANES, "manufacturer").size().reset_index(name="count")
    return counted.sort_values(["count", "manufacturer"], ascending=[False, True])


@question("the first flight of each carrier in the order of the files", ordered=False)
def duplicates_first():
    return F.drop_duplicates(["carrier"], keep="first")[["carrier", "month", "day", "flight", "tailnum"]]


@question("the last flight of each carrier in the order of the files", ordered=False)
def duplicates_last():
    return F.drop_duplicates(["carrier"], keep="last")[["carrier", "month", "day", "flight", "tailnum"]]


@question("the routes (carrier, origin, dest) that were flown just once, with their month and day", ordered=False)
def duplicates_none():
    return F.drop_duplicates(["carrier", "origin", "dest"], keep=False)[["carrier", "origin", "dest", "month", "day"]]


@question("the distinct rows of engines, engine of planes", ordered=False)
def duplicates_whole_rows():
    return PLANES[["engines", "engine"]].drop_duplicates()


@question("time_hour, carrier, flight of the first 5 flights, then rows 150000 to 150004, then the last 5")
def head_slice_tail():
    return pd.concat([F.head(5), F.iloc[150000:150005], F.tail(5)])[["time_hour", "carrier", "flight"]]


@question("faa, name of airports with alt > 7000, then tailnum, seats of planes with seats > 400: columns by name, absent is null")
def concat_differing():
    high = AIRPORTS[AIRPORTS.alt > 7000][["faa", "name"]]
    large = PLANES[PLANES.seats > 400][["tailnum", "seats"]].assign(name="large")
    return pd.concat([high, large])[["faa", "name", "tailnum", "seats"]]


@question("for each carrier the dest with the most flights, of equals the first by name; by carrier")
def top_per_group():
    routes = by(F, "carrier", "dest").size().reset_index(name="flights")
    routes = routes.sort_values(["carrier", "flights", "dest"], ascending=[True, False, True])
    return routes.drop_duplicates("carrier")


# Writing


def column_type(column):
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "bool", lambda value: "true" if value else "false"
    if pd.api.types.is_integer_dtype(dtype):
        return "int", lambda value: str(int(value))
    if pd.api.types.is_float_dtype(dtype):
        return "float", lambda value: repr(float(value))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "seconds", lambda value: str(int(value.timestamp()))
    first = column.dropna().iloc[0]
    if isinstance(first, list):
        return "ints", lambda value: "|".join(str(int(item)) for item in value)
    if isinstance(first, str):
        return "text", str
    return "date", lambda value: value.isoformat()


def write(name, frame):
    columns = []
    header = []
    for column in frame.columns:
        kind, spell = column_type(frame[column])
        header.append(f"{column}:{kind}")
        columns.append([spell(value) if isinstance(value, list) or not pd.isna(value) else NULL for value in frame[column]])
    with open(HERE / f"{name}.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(zip(*columns))


def main():
    with open(HERE / "manifest.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "ordered", "question"])
        for name, ordered, text, answer in QUESTIONS:
            write(name, answer())
            writer.writerow([name, "true" if ordered else "false", text])


if __name__ == "__main__":
    main()
