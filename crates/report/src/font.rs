//! The embedded font, Noto Sans: for PNGs on machines without fonts, and to measure text.

use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use std::sync::{Arc, OnceLock};

/// Name of the embedded family.
pub(crate) const FAMILY: &str = "Noto Sans";

/// The embedded fonts only, so that a PNG is the same on every machine.
pub(crate) fn database() -> Arc<fontdb::Database> {
    static DATABASE: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut database = fontdb::Database::new();
        for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            database.load_font_source(fontdb::Source::Binary(Arc::new(font)));
        }
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    };
    DATABASE.get_or_init(load).clone()
}

/// Width of a line of text in px.
pub(crate) fn width(text: &str, size: u32, bold: bool) -> f64 {
    let data = if bold { notosans::BOLD_TTF } else { notosans::REGULAR_TTF };
    let Ok(font) = FontRef::new(data) else { return 0.6 * f64::from(size) * text.chars().count() as f64 };
    let (map, metrics) = (font.charmap(), font.glyph_metrics(Size::new(size as f32), LocationRef::default()));
    let advance = |ch| metrics.advance_width(map.map(ch).unwrap_or_default()).unwrap_or_default();
    text.chars().map(|ch| f64::from(advance(ch))).sum()
}

/// Breaks `text` at spaces into lines of at most `room` px; a longer word gets its own line.
pub(crate) fn wrap(text: &str, size: u32, bold: bool, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, bold) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_font_has_every_symbol_of_the_field() {
        for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            let map = FontRef::new(font).unwrap().charmap();
            for symbol in "±−×·–—…→≤≥≈∞√λτκμσξΞφ½²³ᵀ°%".chars() {
                assert!(map.map(symbol).is_some(), "{symbol}");
            }
        }
    }

    #[test]
    fn text_is_wrapped_between_words_only() {
        assert!(width("mmm", 10, false) > width("iii", 10, false));
        assert_eq!(wrap("a  b", 10, false, 100.0), ["a b"]);
        assert_eq!(wrap("aaaaaaaaaa b", 10, true, 5.0), ["aaaaaaaaaa", "b"]);
    }
}
