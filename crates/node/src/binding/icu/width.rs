//! How many columns text takes on a terminal.

use icu_properties::props::{
    EastAsianWidth, Emoji, EmojiModifier, EmojiPresentation, GeneralCategory,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::callback::{Args, Return, Scope};
use crate::js::string_bytes::{self, Units};

const ZERO_WIDTH_JOINER: u32 = 0x200d;
/// A format character that is visible all the same.
const SOFT_HYPHEN: u32 = 0x00ad;

/// `getStringWidth(string, ambiguousAsFullWidth = false, expandEmojiSequence = true)`.
pub fn get_string_width(scope: Scope, args: Args, mut rv: Return) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return;
    };
    let ambiguous_is_wide = args.get(1).is_true();
    let expand = !args.get(2).is_boolean() || args.get(2).is_true();
    let width = string_bytes::with_units(scope, string, |units| match units {
        Units::One(units) => width(
            units.iter().map(|unit| u32::from(*unit)),
            ambiguous_is_wide,
            expand,
        ),
        Units::Two(units) => {
            let points = char::decode_utf16(units.iter().copied());
            let points =
                points.map(|c| c.map_or_else(|lone| lone.unpaired_surrogate().into(), u32::from));
            width(points, ambiguous_is_wide, expand)
        }
    });
    rv.set_double(width);
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "options of `getStringWidth`"
)]
fn width(points: impl Iterator<Item = u32>, ambiguous_is_wide: bool, expand: bool) -> f64 {
    let mut total = 0.0;
    let mut previous = 0;
    for point in points {
        let joined = previous == ZERO_WIDTH_JOINER
            && (CodePointSetData::new::<EmojiPresentation>().contains32(point)
                || CodePointSetData::new::<EmojiModifier>().contains32(point));
        if expand || !joined {
            total += columns(point, ambiguous_is_wide);
        }
        previous = point;
    }
    total
}

fn columns(point: u32, ambiguous_is_wide: bool) -> f64 {
    match CodePointMapData::<EastAsianWidth>::new().get32(point) {
        EastAsianWidth::Fullwidth | EastAsianWidth::Wide => return 2.0,
        EastAsianWidth::Ambiguous if ambiguous_is_wide => return 2.0,
        EastAsianWidth::Ambiguous | EastAsianWidth::Neutral
            if CodePointSetData::new::<Emoji>().contains32(point) =>
        {
            return 2.0;
        }
        _ => {}
    }
    let invisible = matches!(
        CodePointMapData::<GeneralCategory>::new().get32(point),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::EnclosingMark
            | GeneralCategory::NonspacingMark
    ) || CodePointSetData::new::<EmojiModifier>().contains32(point);
    if invisible && point != SOFT_HYPHEN {
        0.0
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::width;

    fn of(text: &str, expand: bool) -> f64 {
        width(text.chars().map(u32::from), false, expand)
    }

    #[test]
    fn wide_narrow_and_combining() {
        assert_eq!(of("aé中\u{301}", true), 4.0);
        assert_eq!(of("\u{ad}\u{7f}", true), 1.0);
    }

    #[test]
    fn joined_emoji_count_once_unless_expanded() {
        let family = "👩\u{200d}👩";
        assert_eq!(of(family, true), 4.0);
        assert_eq!(of(family, false), 2.0);
    }
}
