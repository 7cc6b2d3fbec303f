//! Vectors, generators and an independent oracle for the tests of divert.
//!
//! Integration tests and fuzz targets are glue; what they share is here.

pub mod bench;
pub mod checks;
pub mod differential;
pub mod generators;
pub mod meaning;
pub mod oracle;
pub mod plain;
pub mod trees;
pub mod vectors;
