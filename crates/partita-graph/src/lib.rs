//! A keyed lazy task graph and its scheduler on a rayon pool; knows no Arrow, no plans, no files.
