"""Makes prelude/assets/fonts/NotoSansKR-subset.otf, the font of all figures.

Run with Python 3.11 and fonttools, after unpacking Debian's package fonts-noto-cjk (1:20220127+repack1-1):

    python make_font.py NotoSansCJK-Regular.ttc

Kept are the 2,350 Korean syllables of KS X 1001 and its letters, Latin with accents, Greek, Cyrillic,
punctuation, arrows and mathematical signs. Outlines are unchanged; layout tables that ab_glyph does not read are
dropped. The font's licence (OFL 1.1) allows that; it lies beside the font.
"""

import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont

KOREAN_FACE = 1  # Of the collection's nine; the others draw the same characters as China and Japan write them.
OUT = pathlib.Path(__file__).parent.parent.parent / "prelude/assets/fonts/NotoSansKR-subset.otf"


def in_ks_x_1001(code):
    try:
        # Syllables outside the standard are spelled out in eight bytes.
        return len(chr(code).encode("euc_kr")) == 2
    except UnicodeEncodeError:
        return False


wanted = {code for code in range(0xAC00, 0xD7A4) if in_ks_x_1001(code)}
assert len(wanted) == 2350, len(wanted)
for first, last in [
    (0x20, 0x7E),
    (0xA0, 0x24F),  # Latin
    (0x300, 0x301),
    (0x370, 0x3FF),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x2000, 0x206F),  # Punctuation
    (0x2070, 0x209F),  # Superscripts and subscripts
    (0x20A0, 0x20BF),  # Currencies
    (0x2100, 0x21FF),  # Letterlike, numbers, arrows
    (0x2200, 0x22FF),  # Mathematics
    (0x25A0, 0x25FF),  # Shapes
    (0x2713, 0x2717),
    (0x3000, 0x3015),
    (0x3131, 0x3163),  # Single Korean letters
]:
    wanted.update(range(first, last + 1))

options = subset.Options()
options.layout_features = []
options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG"]
options.hinting = False
options.notdef_outline = True  # The box that stands for what is missing.
options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14]
options.name_languages = [0x409]
font = TTFont(sys.argv[1], fontNumber=KOREAN_FACE)
subsetter = subset.Subsetter(options)
subsetter.populate(unicodes=wanted)
subsetter.subset(font)
font.save(OUT)
print(f"{OUT.name}: {len(font.getGlyphOrder())} glyphs, {OUT.stat().st_size} bytes")
