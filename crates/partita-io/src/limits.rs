//! Bounds on what a file may declare, so that a bomb is an error and not an abort.

/// Limits on sizes that a file declares about itself. All are settable; each error names its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest CSV or NDJSON line in bytes. Default 256 MiB.
    pub line_bytes: usize,
    /// Largest single cell in bytes. Default 256 MiB.
    pub cell_bytes: usize,
    /// Largest uncompressed Parquet page in bytes. Default 256 MiB.
    pub page_bytes: usize,
    /// Largest Parquet or IPC footer in bytes. Default 256 MiB.
    pub footer_bytes: usize,
    /// Deepest nesting of lists, structs and maps. Default 64.
    pub nesting: usize,
    /// Most columns. Default 100,000.
    pub columns: usize,
    /// Largest ratio of decompressed to compressed bytes, once past 64 MiB. Default 1,000.
    pub decompression_ratio: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes: 256 << 20,
            cell_bytes: 256 << 20,
            page_bytes: 256 << 20,
            footer_bytes: 256 << 20,
            nesting: 64,
            columns: 100_000,
            decompression_ratio: 1_000,
        }
    }
}
