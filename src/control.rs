//! Controls: the YAML files, what they mean, and the catalog they make.
