//! The demo: two clusters, one weak and one hardened, assessed as one assessment.
