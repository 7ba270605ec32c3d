//! The local side of Offsite.
