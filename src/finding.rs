//! The conclusion for one control on one target.
