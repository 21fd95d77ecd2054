//! Tests.

mod activation;
