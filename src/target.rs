//! PostgreSQL servers to assess: the inventory and connections to them.
