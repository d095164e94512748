//! Pure functions over Arrow arrays: hashes, packed keys, group and join tables, sort keys, aggregate states.
