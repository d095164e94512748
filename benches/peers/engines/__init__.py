"""One module per peer: `run(job)` does the work that is timed, `to_arrow(result)` gives its rows afterwards."""
