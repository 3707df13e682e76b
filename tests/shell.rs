//! The daemon and its command line from outside.
