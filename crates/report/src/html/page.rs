//! Head and end of a page, which may run a script of ours and nothing else.

use crate::canvas::escaped;
use mdl_artifact::output::sha256;

/// End of a page.
pub(crate) const END: &str = "</main>\n</body>\n</html>\n";

/// Head of a page, up to its heading. It loads nothing, and runs only `script`, which [`script`] writes.
pub(crate) fn head(title: &str, style: &str, script: &str) -> String {
    let title = escaped(title);
    let allowed =
        if script.is_empty() { String::new() } else { format!("; script-src 'sha256-{}'", base64_sha256(script)) };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'{allowed}\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    )
}

/// The script of a page, before its end.
pub(crate) fn script(script: &str) -> String {
    format!("<script>{script}</script>\n")
}

/// SHA-256 in base 64, as a Content-Security-Policy has it.
fn base64_sha256(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hex = sha256(text.as_bytes());
    let byte = |pair: usize| u32::from_str_radix(hex.get(2 * pair..2 * pair + 2).unwrap_or("0"), 16).unwrap_or(0);
    let mut base64 = String::new();
    for group in (0..32).step_by(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | if group + at < 32 { byte(group + at) } else { 0 });
        for digit in 0..4 {
            let beyond = group + digit > 32;
            let value = bits >> (18 - 6 * digit) & 63;
            base64.push(if beyond { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    base64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_other_programs() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert_eq!(base64_sha256("alert(1)"), "bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=");
    }
}
