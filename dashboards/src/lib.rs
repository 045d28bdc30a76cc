//! The script pages, embedded: every file raw, gzip and brotli, with its type and its tag.
//!
//! It promises that a build without npm still compiles; [`built`] then says that the pages are not there, and the
//! server-rendered pages take their place. It must never read a file at run time.

/// One file of the bundle, ready to be sent in the form that a browser asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// `index.html`, `assets/…`: relative, with forward slashes.
    pub path: &'static str,
    pub mime: &'static str,
    /// In quotes, ready for `ETag`; it names the raw bytes, so send `Vary: Accept-Encoding` beside it.
    pub etag: &'static str,
    pub raw: &'static [u8],
    /// Chromium refuses brotli on plain HTTP, so gzip is the form that a village sees most.
    pub gzip: Option<&'static [u8]>,
    pub brotli: Option<&'static [u8]>,
    /// The name changes with the content: may be kept for a year.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file under `path`, without a leading slash.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Every file of the bundle, sorted by path.
#[must_use]
pub fn assets() -> &'static [Asset] {
    ASSETS
}

/// Whether the script pages are there at all.
#[must_use]
pub fn built() -> bool {
    INDEX.is_some()
}

/// `index.html` in two halves: the boot JSON goes between them, with every `<` in it written as `\u003c`.
#[must_use]
pub fn split_index() -> Option<(&'static str, &'static str)> {
    INDEX
}

/// What `style-src` needs for the inline style sheet: `sha256-…`, to be put in single quotes.
#[must_use]
pub fn csp_style_hashes() -> &'static [&'static str] {
    STYLE_HASHES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gzip bytes of the phone's start path: the page with its style, and its one script (UX section 7).
    const START_PATH_MAX: usize = 45 * 1024;

    #[test]
    fn page_and_table_agree_on_whether_the_pages_are_there() {
        assert_eq!(built(), asset("index.html").is_some());
        assert_eq!(built(), !csp_style_hashes().is_empty());
        assert_eq!(asset("no/such/file"), None);
    }

    #[test]
    fn the_halves_meet_where_the_boot_json_belongs() {
        let Some((before, after)) = split_index() else { return };
        assert!(before.ends_with(r#"<script type="application/json" id="boot">"#));
        assert!(after.starts_with("</script>"));
        let index = asset("index.html").expect("a built bundle has its page");
        assert_eq!([before, after].concat().as_bytes(), index.raw);
    }

    #[test]
    fn every_script_of_the_page_is_embedded_and_may_be_kept() {
        let Some((before, after)) = split_index() else { return };
        let page = [before, after].concat();
        let named: Vec<&str> =
            page.split("src=\"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(!named.is_empty());
        for name in named {
            assert!(asset(name).is_some_and(|found| found.immutable), "{name}");
        }
    }

    #[test]
    fn the_start_path_fits_a_slow_phone() {
        let small = |asset: &Asset| asset.gzip.unwrap_or(asset.raw).len();
        let start =
            |asset: &&Asset| asset.path == "index.html" || asset.path.starts_with("assets/index-");
        let sum: usize = assets().iter().filter(start).map(small).sum();
        assert!(sum <= START_PATH_MAX, "{sum} bytes");
    }

    #[test]
    fn only_named_files_are_kept_for_ever() {
        for asset in assets() {
            assert_eq!(asset.immutable, asset.path.starts_with("assets/"), "{}", asset.path);
            assert!(asset.etag.starts_with('"') && asset.etag.len() == 34, "{}", asset.etag);
        }
    }
}
