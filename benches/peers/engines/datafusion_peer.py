"""DataFusion, through its SQL."""

import datafusion
import pyarrow as pa

import suites

VERSION = datafusion.__version__


def context(job):
    config = datafusion.SessionConfig().with_target_partitions(job.threads)
    # By default it does not compress as the others do; the codec is the same for all.
    if job.codec:
        codec = "zstd(3)" if job.codec == "zstd" else job.codec
        config = config.set("datafusion.execution.parquet.compression", codec)
    runtime = datafusion.RuntimeEnvBuilder()
    if job.memory:
        runtime = runtime.with_disk_manager_os().with_fair_spill_pool(job.memory)
    return datafusion.SessionContext(config, runtime)


def run(job):
    ctx = context(job)
    for name in job.tables:
        register = ctx.register_parquet if job.form == "parquet" else ctx.register_csv
        register(name, job.path(name))
    frame = ctx.sql(suites.sql(job.suite, job.query, job.scale))
    if job.codec:
        if by := suites.partition_by(job.suite, job.query):
            options = datafusion.DataFrameWriteOptions(partition_by=by)
            frame.write_parquet(f"{job.out}/x", compression=job.codec, write_options=options)
            return None
        # One file: with a directory as its target, DataFusion deals rows out to several files in turn.
        frame.write_parquet(f"{job.out}/x.parquet", compression=job.codec, compression_level=level(job))
        return None
    return frame.schema(), frame.collect()


def level(job):
    return 3 if job.codec == "zstd" else None


def to_arrow(result):
    schema, batches = result
    return pa.Table.from_batches(batches) if batches else schema.empty_table()
