"""The colour of an attachment of Slack's, as that of a card's header."""

import colorsys
import re

__all__ = ["header_colour"]

_NAMED = {"good": "green", "warning": "orange", "danger": "red"}
_HEX = re.compile(r"#?([0-9a-fA-F]{6})", re.ASCII)
#: Below this share of colour it is grey.
_LEAST_SATURATION = 0.15
#: Up to these degrees of the circle of colours.
_HUES = (
    (20, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (195, "turquoise"),
    (255, "blue"),
    (330, "purple"),
)


def header_colour(colour: str) -> str:
    """`red` for `danger` and `#D63232`, `blue` for what has no colour."""
    if named := _NAMED.get(colour.strip().lower()):
        return named
    found = _HEX.fullmatch(colour.strip())
    if found is None:
        return "blue"
    red, green, blue = bytes.fromhex(found[1])
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if saturation < _LEAST_SATURATION:
        return "grey"
    return next((name for most, name in _HUES if hue * 360 <= most), "red")
