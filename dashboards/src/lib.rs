//! The web pages, embedded.

/// One embedded file with its compressed copies.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its path below `/`.
    pub path: &'static str,
    /// Its media type.
    pub mime: &'static str,
    /// A strong entity tag, with its quotes.
    pub etag: &'static str,
    /// As it is.
    pub raw: &'static [u8],
    /// Compressed with gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// Compressed with brotli, where that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// Its path names its content, so it may be kept for ever.
    pub immutable: bool,
}

/// A file by its path.
#[must_use]
pub const fn asset(_path: &str) -> Option<&'static Asset> {
    None
}

/// Whether the script pages are there.
#[must_use]
pub const fn built() -> bool {
    false
}

/// `index.html` before and after the boot JSON.
#[must_use]
pub const fn split_index() -> Option<(&'static str, &'static str)> {
    None
}

/// Hashes of the inline styles of `index.html`, as `sha256-…`.
#[must_use]
pub const fn csp_style_hashes() -> &'static [&'static str] {
    &[]
}
