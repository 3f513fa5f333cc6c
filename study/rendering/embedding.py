"""What a page that reads without a network carries inside: pictures, numbers, libraries."""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup


def packed(path: Path) -> str:
    """Return a file as base64 of its gzip, which unpack.js opens; the same file, the same text.

    An SVG whose letters are outlines is a tenth of itself then, and a page may have a hundred.
    """
    return base64.b64encode(gzip.compress(path.read_bytes(), mtime=0)).decode()


def script_json(value: Any) -> Markup:
    """Return plain values as JSON that ends no script element, whatever is in their texts.

    Raises:
        ValueError: a number is none that JSON has.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII: no U+2028
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def libraries() -> Markup:
    """Return Vega, Vega-Lite and vega-embed as one script, as the package vl-convert ships them."""
    import vl_convert

    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    assert "</script" not in text
    return Markup(text)
