//! From observations of libraries and frameworks to verdicts.
