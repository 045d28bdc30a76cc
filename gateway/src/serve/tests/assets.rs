//! The script pages: compressed, tagged, and with data that cannot end its element.

use axum::http::{Method, StatusCode, header};

use super::{CANARY, ask, gateway_with, settings};
use crate::serve::{Asset, Bundle};

static SCRIPT: Asset = Asset {
    path: "assets/app-1.js",
    mime: "text/javascript",
    etag: "\"abc\"",
    raw: b"raw",
    gzip: Some(b"gzip"),
    brotli: Some(b"br"),
    immutable: true,
};
static WORKER: Asset =
    Asset { path: "sw.js", immutable: false, gzip: None, brotli: None, ..SCRIPT };

fn bundle() -> Bundle {
    Bundle {
        asset: |path| match path {
            "assets/app-1.js" => Some(&SCRIPT),
            "sw.js" => Some(&WORKER),
            _ => None,
        },
        index: Some(("<html><script id=\"boot\">", "</script></html>")),
        style_hashes: vec!["sha256-x".to_owned()],
    }
}

#[tokio::test]
async fn a_file_is_sent_as_the_browser_takes_it_and_not_twice() {
    let gateway = gateway_with(settings(), bundle());
    for (accepts, expected, encoding) in
        [("gzip, br", "br", "br"), ("gzip, deflate", "gzip", "gzip"), ("", "raw", "")]
    {
        let mut request = ask("", Method::GET, "/assets/app-1.js", "");
        request.headers_mut().insert("accept-encoding", accepts.parse().unwrap());
        let answer = gateway.send(request).await;
        assert_eq!(
            (answer.text().as_str(), answer.header(header::CONTENT_ENCODING)),
            (expected, encoding)
        );
        assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(answer.header(header::VARY), "Accept-Encoding");
        assert_eq!(answer.header(header::CONTENT_TYPE), "text/javascript");
    }
    let mut request = ask("", Method::GET, "/sw.js", "");
    request.headers_mut().insert("if-none-match", "W/\"abc\"".parse().unwrap());
    let answer = gateway.send(request).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-cache");
    assert_eq!(answer.header(header::ETAG), "\"abc\"");
}

#[tokio::test]
async fn the_first_page_holds_its_data_and_no_name_can_end_the_element() {
    let gateway = gateway_with(settings(), bundle());
    for path in ["/", "/wall"] {
        let answer = gateway.get("doctor", path).await;
        let text = answer.text();
        let boot = text.strip_prefix("<html><script id=\"boot\">").unwrap();
        let boot = boot.strip_suffix("</script></html>").unwrap();
        assert!(!boot.contains('<'), "{boot}");
        let boot: serde_json::Value = serde_json::from_str(boot).unwrap();
        assert_eq!(boot["alerts"][0]["person_name"], format!("{CANARY}1"));
        assert_eq!(boot["me"]["doctor"], "DR1");
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("style-src 'self' 'sha256-x'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    }
    assert_eq!(gateway.get("", "/").await.status, StatusCode::UNAUTHORIZED);
    let inside = gateway.get("doctor", "/inbox").await;
    assert_eq!(inside.header(header::LOCATION), "/");
    assert_eq!(gateway.get("doctor", "/assets/gone.js").await.status, StatusCode::NOT_FOUND);
}
