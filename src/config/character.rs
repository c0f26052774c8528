//! Characters that people paste without noticing: invisible ones, and those that look like characters of a keyboard.

/// Names of characters that cannot be seen.
const NAMES: [(char, &str); 28] = [
    ('\0', "NUL"),
    ('\t', "TAB"),
    ('\n', "LINE FEED"),
    ('\r', "CARRIAGE RETURN"),
    (' ', "SPACE"),
    ('\u{7f}', "DELETE"),
    ('\u{a0}', "NO-BREAK SPACE"),
    ('\u{ad}', "SOFT HYPHEN"),
    ('\u{2002}', "EN SPACE"),
    ('\u{2003}', "EM SPACE"),
    ('\u{2009}', "THIN SPACE"),
    ('\u{200a}', "HAIR SPACE"),
    ('\u{200b}', "ZERO WIDTH SPACE"),
    ('\u{200c}', "ZERO WIDTH NON-JOINER"),
    ('\u{200d}', "ZERO WIDTH JOINER"),
    ('\u{200e}', "LEFT-TO-RIGHT MARK"),
    ('\u{200f}', "RIGHT-TO-LEFT MARK"),
    ('\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202d}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202e}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{202f}', "NARROW NO-BREAK SPACE"),
    ('\u{2060}', "WORD JOINER"),
    ('\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{feff}', "ZERO WIDTH NO-BREAK SPACE"),
    ('\u{fffd}', "REPLACEMENT CHARACTER"),
];

/// Characters that look like one of a keyboard, besides the full-width forms.
const FOREIGN: [(&str, char); 10] = [
    (
        "\u{201c}\u{201d}\u{201e}\u{201f}\u{2018}\u{2019}\u{201a}\u{201b}\u{2033}\u{300c}\u{300d}\u{300e}\u{300f}\u{ab}\u{bb}",
        '"',
    ),
    ("\u{3001}", ','),
    ("\u{3002}", '.'),
    ("\u{3010}\u{3014}", '['),
    ("\u{3011}\u{3015}", ']'),
    ("\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}", '-'),
    ("\u{2215}\u{2044}", '/'),
    ("\u{a6}", '|'),
    ("\u{2236}", ':'),
    ("\u{204f}", ';'),
];

/// Returns a character as a report names it: `U+200B ZERO WIDTH SPACE`, or its number and itself.
pub(super) fn named(char: char) -> String {
    let code = format!("U+{:04X}", u32::from(char));
    let name = NAMES.iter().find(|(known, _)| *known == char).map(|(_, name)| *name);
    match (name, keyboard(char)) {
        (Some(name), _) => format!("{code} {name}"),
        (None, _) if is_invisible(char) => code,
        (None, Some(own)) if is_full_width(char) => format!("{code} {char} (a full-width {own})"),
        (None, _) => format!("{code} {char}"),
    }
}

/// Whether a character is invisible, or looks like an ordinary blank and is not one.
pub(super) fn is_invisible(char: char) -> bool {
    (char.is_whitespace() && char != ' ')
        || char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e01ef}')
}

fn is_full_width(char: char) -> bool {
    matches!(char, '\u{ff01}'..='\u{ff5e}')
}

/// Returns the character of a keyboard that was probably meant.
pub(super) fn keyboard(char: char) -> Option<char> {
    if is_full_width(char) {
        return char::from_u32(u32::from(char) - 0xfee0);
    }
    if char.is_whitespace() && char != ' ' {
        return Some(' ');
    }
    FOREIGN
        .iter()
        .find(|(foreign, _)| foreign.contains(char))
        .map(|(_, own)| *own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_names_that_can_be_looked_up() {
        for (char, name) in [
            ('\u{200b}', "U+200B ZERO WIDTH SPACE"),
            ('\u{ff0c}', "U+FF0C ， (a full-width ,)"),
            ('\u{201c}', "U+201C “"),
            ('\u{e0041}', "U+E0041"),
            ('中', "U+4E2D 中"),
        ] {
            assert_eq!(named(char), name);
        }
        assert_eq!(
            ['：', '」', '\u{a0}', '【', 'é'].map(keyboard),
            [Some(':'), Some('"'), Some(' '), Some('['), None]
        );
        assert!(!is_invisible(' ') && !is_invisible('ä') && is_invisible('\u{fe0f}') && is_invisible('\t'));
    }
}
