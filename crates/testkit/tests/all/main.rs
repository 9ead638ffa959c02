//! Tests of the programs that are part of the test kit.

mod crash;
