"""What a page that reads without a network carries inside: pictures, numbers, libraries."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

_KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def data_address(path: Path) -> str:
    """Return a picture as an address that holds all of it. Nothing in a picture can run."""
    return f"data:{_KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


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
