//! Keys, signatures and the auditor's trust policy.
