//! Where servers stand, and what of physical security that leaves to somebody else.

use std::fmt;

/// Where the servers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// On premises of our own.
    Own,
    /// In a building that somebody else runs, on hardware of our own.
    CoLocation,
    /// On hardware of a cloud provider.
    Cloud,
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Own => "own premises",
            Self::CoLocation => "co-location",
            Self::Cloud => "cloud",
        })
    }
}

const NO_COLOCATION: &str = "The servers stand on premises of our own; no co-location provider is used.";
const CLOUD: &str = "The servers run on a cloud provider's hardware; what the provider does is answered by its certificate (physical-provider-certificate).";

impl Site {
    /// Controls that are not about such a site, each with the reason that a profile gives.
    pub fn not_asked(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Own => &[
                ("physical-colocation-policy", NO_COLOCATION),
                ("physical-locked-racks", NO_COLOCATION),
                ("physical-provider-certificate", NO_COLOCATION),
            ],
            Self::CoLocation => &[],
            Self::Cloud => &[
                ("media-disposed", CLOUD),
                ("physical-colocation-policy", CLOUD),
                ("physical-locked-racks", CLOUD),
                ("physical-server-room-access", CLOUD),
            ],
        }
    }

    /// Whether a provider runs the host, so that controls on its platforms are asked about.
    pub fn has_host_provider(self) -> bool {
        self == Self::Cloud
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Catalog;

    #[test]
    fn what_is_not_asked_is_answered_by_people_and_about_physical_access() {
        let catalog = Catalog::embedded().unwrap();
        for site in [Site::Own, Site::CoLocation, Site::Cloud] {
            for (id, reason) in site.not_asked() {
                let control = catalog.control(id).unwrap_or_else(|| panic!("{id}"));
                assert!(control.by_people(), "{id}");
                assert_eq!(control.section, "access/physical", "{id}");
                assert!(reason.ends_with('.'), "{id}");
            }
        }
    }
}
