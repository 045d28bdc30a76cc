//! The script pages, as the `dashboards` crate embeds them.

use std::fmt;

pub use dashboards::Asset;

/// Where the files of the script pages come from.
#[derive(Clone)]
pub struct Bundle {
    /// A file by its path.
    pub asset: fn(&str) -> Option<&'static Asset>,
    /// `index.html` before and after the boot JSON; `None`: the pages were not built.
    pub index: Option<(&'static str, &'static str)>,
    /// Hashes of the inline styles of `index.html`, as `sha256-…`.
    pub style_hashes: Vec<String>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("built", &self.index.is_some()).finish_non_exhaustive()
    }
}

impl Bundle {
    /// The files inside this program.
    #[must_use]
    pub fn embedded() -> Self {
        let hashes = dashboards::csp_style_hashes();
        Self {
            asset: dashboards::asset,
            index: if dashboards::built() { dashboards::split_index() } else { None },
            style_hashes: hashes.iter().map(|hash| (*hash).to_owned()).collect(),
        }
    }
}
