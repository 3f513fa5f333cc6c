"""Where text from outside becomes ours: bounded before it is read, checked before it is used.

A study file, an override, a ledger, a provenance and a table's metadata may come from anywhere.
Whatever reads one reads it through this module, which says of each in one line why it is refused:
what is no regular file (it might never end), what is larger, deeper or longer than any that is
honest, a number that no computation could use, text that is none. Arrays are bounded where they are
unpacked (`study.analysis.exhibits`, `classcomp.populations.own_examples`), tables where they are
decoded (`study.analysis.files`); classcomp, which may not know this module, has `classcomp.outside`
for a user's code, data and weights.
"""

import errno
import json
import math
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

MOST_STUDY_FILE = 16 * 2**20
"""Bytes: a mixture of Gaussians may have its matrices in it."""
MOST_TEXT = 16 * 2**20
"""Bytes of a JSON text, be it a record's line."""
MOST_FILE = 4 * 2**30
"""Bytes of any other file that is read whole, such as a ledger's segment."""
CHUNK = 2**20
"""Bytes that are asked for at once: room is made for as many."""
MOST_DEPTH = 32
"""Lists and tables within each other, and parts of a dotted key."""
LARGEST_INTEGER = 2**63
"""Beyond it no table has a place for a whole number, and TOML allows none."""


TOO_LONG = "a whole number of more than 64 bits"


class OutsideError(ValueError):
    """What was read cannot be used; the message is one line that follows the name of its source."""


def read_bytes(path: Path, most: int = MOST_FILE) -> bytes:
    """The bytes of a regular file that is no larger than `most`.

    Raises:
        OutsideError: it is larger, or is a pipe, a device or a socket, which might have no end.
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK a pipe that nobody writes to would hold the call itself up for ever.
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:  # a NUL
        raise OutsideError("is no file's name") from None
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        os.close(file)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OutsideError("is no regular file")
    with os.fdopen(file, "rb") as held:
        data = held.read(status.st_size) if status.st_size <= most else b""
        size = max(len(data), status.st_size)
        while size <= most and (more := held.read(CHUNK)):  # it grows, or says no size
            data += more
            size += len(more)
    if size > most:
        raise OutsideError(f"is larger than {most / 2**20:g} MiB")
    return data


def parse_json(text: bytes) -> Any:
    """A JSON text as plain values.

    Raises:
        OutsideError: it is too long, is not JSON, or holds what `check` refuses.
    """
    if len(text) > MOST_TEXT:
        raise OutsideError(f"is longer than {MOST_TEXT / 2**20:g} MiB")
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):  # of a whole number of thousands of digits, too
        raise OutsideError("is not JSON") from None
    check(found, is_text=b"\\u" not in text)  # UTF-8 has no lone surrogate but by its escape
    return found


def parse_toml(text: str) -> dict[str, Any]:
    """A TOML text as plain values; numbers that are not finite are left to whose key it is.

    Raises:
        OutsideError: it is not TOML, or holds what `check` refuses.
    """
    # tomllib takes time and memory that grow with the square of a key's parts.
    tokens = re.split(r"[=,\[\]{}\n]", text.replace(" ", "").replace("\t", ""))
    if any(sum(map(bool, t.split("."))) > MOST_DEPTH for t in tokens if t.count(".") >= MOST_DEPTH):
        raise OutsideError(f"has a key of more than {MOST_DEPTH} parts")
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OutsideError(f"is not TOML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise OutsideError(f"is nested more than {MOST_DEPTH} deep") from None
    except ValueError:  # what Python itself says of a whole number of thousands of digits
        raise OutsideError(f"holds {TOO_LONG}") from None
    check(found, is_finite=False)
    return found


def check(value: Any, *, is_finite: bool = True, is_text: bool = False) -> None:
    """Refuses plain values that no table, file or computation has a place for.

    Args:
        value: of JSON or TOML.
        is_finite: whether NaN and infinity are refused, too.
        is_text: whether every text is known to be one.

    Raises:
        OutsideError: it is nested too deep, or holds a whole number of more than 64 bits, one that
            is not finite, or text with a lone surrogate; the message names the key.
    """
    try:
        _check(value, is_finite, is_text, 0)
    except _Refusal as refusal:
        where = ".".join(map(str, reversed(refusal.path)))
        raise OutsideError(f"{where} {refusal.why}".strip()) from None


class _Refusal(Exception):
    """Why a value is refused; the keys that lead to it gather on its way out."""

    def __init__(self, why: str) -> None:
        self.why = why
        self.path: list[Any] = []


def _check(value: Any, is_finite: bool, is_text: bool, depth: int) -> None:
    kind = type(value)
    if kind is float:
        if is_finite and not math.isfinite(value):
            raise _Refusal(f"is {value}, no finite number")
    elif kind is int:
        if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
            raise _Refusal(f"is {TOO_LONG}")
    elif kind is str:
        if not is_text:
            _check_text(value)
    elif kind is dict or kind is list:
        if depth == MOST_DEPTH:
            raise _Refusal(f"is nested more than {MOST_DEPTH} deep")
        key: Any = ""
        try:
            for key, held in value.items() if kind is dict else enumerate(value):
                if kind is dict and not is_text:
                    _check_text(key)
                what = type(held)
                if (
                    held is None
                    or (what is float and held - held == 0.0)
                    or (is_text and what is str)
                ):
                    continue  # nearly all of a record is: not worth a call
                _check(held, is_finite, is_text, depth + 1)
        except _Refusal as refusal:
            refusal.path.append(key)
            raise


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _Refusal("is no text: it has a lone surrogate") from None
