//! A partitioned lazy dataframe engine on Apache Arrow.
