//! What people see on a phone: nothing is cut off, lies over something else or is too small to be
//! pressed, in both languages.

use end_to_end::{browser, browser::Browser, skip};
use serde_json::json;
use tempfile::tempdir;

use crate::setup;

/// What is wrong with the layout of a page, a line each. On a phone under 360 px a table may be moved
/// sideways within its frame.
const WRONG: &str = "(() => { const out = [], width = document.documentElement.clientWidth; \
    const name = (it) => it.tagName + ' ' + it.textContent.trim().slice(0, 40); \
    for (const it of document.querySelectorAll('body *')) { \
      const box = it.getBoundingClientRect(); \
      if (!box.width) continue; \
      if (box.right > width + 1 && !(width < 360 && it.closest('.wide'))) out.push('beyond the edge: ' + name(it)); \
      if (it.matches('a,button,input,select,textarea,summary') && it.type !== 'radio' \
          && box.height < 44) out.push('too small: ' + name(it)); \
      const tile = it.closest('.tile'); \
      if (tile && box.right > tile.getBoundingClientRect().right) out.push('cut off: ' + name(it)); \
    } return out.join('\\n') })()";

#[track_caller]
fn check(browser: &mut Browser, url: &str, width: u32) {
    let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", &metrics);
    browser.go(url);
    let wrong = browser.run(WRONG);
    assert_eq!(wrong, "", "{url} at {width} px: {}", browser.page().1);
}

#[test]
fn screens_of_a_van_and_its_centre_fit_a_phone_in_both_languages() {
    let test = "screens::screens_of_a_van_and_its_centre_fit_a_phone_in_both_languages";
    if !skip::has(test, &[browser::PROGRAM]) {
        return;
    }
    let (folder, profile) = (tempdir().unwrap(), tempdir().unwrap());
    let gateway = setup(folder.path()).start();
    let mut browser = Browser::start(profile.path());
    let bearer = json!({"headers": {"authorization": format!("Bearer {}", gateway.token)}});
    for (signed_in, paths) in [
        (false, &["/login"][..]),
        (true, &["/lite", "/lite/receipts", "/account", "/lite/inbox", "/lite/people"]),
    ] {
        if signed_in {
            browser.call("Network.enable", &json!({}));
            browser.call("Network.setExtraHTTPHeaders", &bearer);
        }
        for path in paths {
            for lang in ["zh", "en"] {
                for width in [320, 360] {
                    let url = format!("http://{}{path}?lang={lang}", gateway.http);
                    check(&mut browser, &url, width);
                }
            }
        }
    }
    drop(browser);
    gateway.stop();
}
