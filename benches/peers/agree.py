"""Which engines' answers agree. Needs only the standard library."""

RELATIVE = 1e-6


def agree(a, b):
    """Whether two checksums (see `answers.py`) are those of the same rows."""
    if a["rows"] != b["rows"] or len(a["columns"]) != len(b["columns"]) or a.get("sorted") != b.get("sorted"):
        return False
    return a["row_hash"] == b["row_hash"] and all(map(columns_agree, a["columns"], b["columns"]))


def columns_agree(a, b):
    if a["nulls"] != b["nulls"] or ("hash" in a) != ("hash" in b):
        return False
    if "hash" in a:
        return a["hash"] == b["hash"]
    return all(close(a[name], b[name], max(a["abs"], b["abs"])) for name in ["sum", "abs", "weighted"])


def close(a, b, magnitude):
    # Where values cancel, a sum is judged by the size of what was summed.
    return abs(a - b) <= RELATIVE * max(abs(a), abs(b), 1e-3 * magnitude)


def judged(answers):
    """Per engine whether its answer is that of most engines; of equally many, that of DuckDB's side."""
    sides = []
    for engine in sorted(answers, key=lambda engine: engine != "duckdb"):
        side = next((side for side in sides if agree(answers[side[0]], answers[engine])), None)
        if side is None:
            sides.append([engine])
        else:
            side.append(engine)
    right = max(sides, key=len, default=[])
    return {engine: engine in right and answers[engine].get("sorted") is not False for engine in answers}
