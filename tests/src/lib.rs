//! Vectors, generators and an independent oracle for the tests of divert.
//!
//! Integration tests and fuzz targets are glue; what they share is here.

pub mod checks;
pub mod generators;
pub mod oracle;
pub mod vectors;
