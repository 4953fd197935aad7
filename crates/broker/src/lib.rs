//! The host side of a VM.
