//! Empty: the package exists for its one test binary, `it`.
