"""What a page carries inside: no text in it ends a script, and every value comes back."""

import base64
import gzip
import json
import math
from pathlib import Path

import pytest

from study.rendering.embedding import libraries, packed, script_json

HOSTILE = ["</script><script>alert(1)</script>", "<!--", "\u2028\u2029", "&lt;", "\ud800", '"\\']


def test_texts_come_back_and_end_nothing() -> None:
    held = {name: [name, 1.5, None] for name in HOSTILE}
    text = script_json(held)
    assert json.loads(text) == held
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_json({"risk": math.nan})


def test_a_picture_is_packed_alike_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_bytes(b"<svg>\xc3\xa9</svg>")
    text = packed(tmp_path / "a.svg")
    assert gzip.decompress(base64.b64decode(text)) == b"<svg>\xc3\xa9</svg>"
    assert packed(tmp_path / "a.svg") == text


def test_libraries_are_one_script() -> None:
    assert len(libraries()) > 500_000
    assert "window.vegaEmbed=" in libraries()
    assert "</script" not in libraries().lower()
