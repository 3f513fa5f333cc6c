"""What a figure's PDF says of itself, read as a viewer would: from its end to its page."""

import re
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The only page of a PDF.

    Attributes:
        width: in inches.
        height: likewise.
        drawing: the operators that draw it.
        fonts: what the file names of fonts; none where letters are outlines.
    """

    width: float
    height: float
    drawing: bytes
    fonts: tuple[bytes, ...]


def sheet_of(data: bytes) -> Sheet:
    """Read a PDF of one page, with a plain table of objects, as vl-convert writes it.

    Raises:
        AssertionError: a viewer would have to mend it, or it has another number of pages.
    """
    assert data.startswith(b"%PDF-1.")
    ending = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", data)
    assert ending
    table = re.match(rb"xref\s+0 (\d+)\s", data[int(ending[1]) :])
    assert table
    begin = int(ending[1]) + table.end()
    entries = re.findall(rb"(\d{10}) \d{5} ([nf])", data[begin : data.index(b"trailer", begin)])
    assert len(entries) == int(table[1])
    for number, (place, kind) in enumerate(entries):
        assert kind == b"f" or data[int(place) :].startswith(b"%d 0 obj" % number)

    def held(reference: bytes | None) -> bytes:
        assert reference is not None
        begin = int(entries[int(reference)][0])
        return data[begin : data.index(b"endobj", begin)]

    def found(pattern: bytes, text: bytes) -> bytes:
        (one,) = re.findall(pattern, text)
        return bytes(one)

    pages = held(found(rb"/Pages (\d+) 0 R", held(found(rb"/Root (\d+) 0 R", data[begin:]))))
    assert found(rb"/Count (\d+)", pages) == b"1"
    page = held(found(rb"/Kids \[(\d+) 0 R\]", pages))
    sides = found(rb"/MediaBox \[0 0 ([\d. ]+)\]", page).split()
    content = held(found(rb"/Contents (\d+) 0 R", page))
    packed = content.partition(b"stream")[2].lstrip(b"\r\n")
    return Sheet(
        width=float(sides[0]) / 72,
        height=float(sides[1]) / 72,
        drawing=zlib.decompressobj().decompress(packed),
        fonts=tuple(re.findall(rb"/Font\w*|/Type3", data)),
    )
