//! The sealed folder and archive that an auditor receives.
