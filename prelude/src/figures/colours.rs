//! Names of colours, as matplotlib has them.

use super::axes::CYCLE;
use super::scene::Rgb;

/// What [`parse`] understands, in words.
pub(super) const KNOWN: &str =
    "a name such as black, gray, red, tab:blue, tab:orange or C0, or #rrggbb";

const CYCLE_NAMES: [&str; 10] = [
    "blue", "orange", "green", "red", "purple", "brown", "pink", "gray", "olive", "cyan",
];

/// The colour of a name or of six hexadecimal digits behind `#`.
pub(super) fn parse(text: &str) -> Option<Rgb> {
    if let Some(digits) = text.strip_prefix('#') {
        let is_hexadecimal = digits.len() == 6 && digits.bytes().all(|c| c.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_hexadecimal)?;
        return Some([(number >> 16) as u8, (number >> 8) as u8, number as u8]);
    }
    if let Some(name) = text.strip_prefix("tab:") {
        let place = CYCLE_NAMES.iter().position(|known| *known == name)?;
        return Some(CYCLE[place]);
    }
    if let Some(Ok(number)) = text.strip_prefix('C').map(str::parse::<usize>) {
        return Some(CYCLE[number % CYCLE.len()]);
    }
    // CSS's colours of these names.
    Some(match text {
        "black" | "k" => [0, 0, 0],
        "white" | "w" => [255, 255, 255],
        "gray" | "grey" => [128, 128, 128],
        "red" | "r" => [255, 0, 0],
        "green" | "g" => [0, 128, 0],
        "blue" | "b" => [0, 0, 255],
        "orange" => [255, 165, 0],
        "purple" => [128, 0, 128],
        "brown" => [165, 42, 42],
        "pink" => [255, 192, 203],
        "olive" => [128, 128, 0],
        "cyan" | "c" => [0, 255, 255],
        "magenta" | "m" => [255, 0, 255],
        "yellow" | "y" => [255, 255, 0],
        "navy" => [0, 0, 128],
        "teal" => [0, 128, 128],
        "crimson" => [220, 20, 60],
        "gold" => [255, 215, 0],
        "steelblue" => [70, 130, 180],
        "tomato" => [255, 99, 71],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digits_are_colours_and_nothing_else_is() {
        assert_eq!(parse("#1f77b4"), Some(CYCLE[0]));
        assert_eq!(parse("tab:blue"), Some(CYCLE[0]));
        assert_eq!(parse("C11"), Some(CYCLE[1]));
        assert_eq!(parse("crimson"), Some([220, 20, 60]));
        for wrong in [
            "",
            "#",
            "#12345",
            "#+12345",
            "#ÄÄÄ",
            "C",
            "tab:mauve",
            "mauve",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
