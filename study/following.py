"""`study.report --follow`: a running study's report, made again as trials finish, on loopback."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from study.analysis.files import Stopping, write_table
from study.analysis.frames import TableError
from study.analysis.table import build_curves, build_trials, levels_of
from study.storage.ledger import Record
from study.storage.opening import open_ledger, store_at
from study.storage.outside import MOST_STUDY_FILE, OutsideError, parse_toml, read_bytes
from study.storage.store import KEPT_WITH_TRIALS

LOOPBACK = "127.0.0.1"
EVERY_S = 5.0
"""Seconds between two looks into the ledger, at least: a look takes a fifth of the time at most."""
SHARE = 5
RELOADING = b"""<script>
let seen = null;
setInterval(async () => {
  try {
    const now = await (await fetch("/version", {cache: "no-store"})).text();
    if (seen !== null && now !== seen) location.reload();
    seen = now;
  } catch (error) { /* whoever served it has ended */ }
}, 2000);
</script>
"""


class Follower:
    """The report of what is in a study's ledger, in a folder of its own.

    Attributes:
        version: how often the report was made.
        num_trials: that it is made of.
    """

    def __init__(self, place: str, folder: Path, write_report: Callable[[Path], Path]) -> None:
        """Makes nothing yet.

        Args:
            place: the study's folder or S3 address, which is only read.
            folder: to write to.
            write_report: writes the report of a study's folder into it, and returns its page.
        """
        self._place, self._folder, self._write_report = place, folder, write_report
        self.version, self.num_trials = 0, -1
        self.report: Path | None = None

    def look(self) -> bool:
        """Makes the report again if a trial has finished since; returns whether it did.

        Raises:
            TableError, LedgerError, StorageError, OSError: there is no study, or none to be read.
        """
        store = store_at(self._place)
        with store.workspace() as held:
            if not (held / "study.toml").is_file():
                raise TableError(
                    f"{self._place}: there is no study.toml; allowed is a study's own folder"
                )
            records, _ = open_ledger(store).read()
            if len(records) == self.num_trials:
                return False
            for kept in KEPT_WITH_TRIALS:
                store.fetch(held, kept)
            made = self._folder / f"{self.version + 1}"
            made.mkdir()
            _write_tables(records, _read_asked(held / "study.toml"), made)
            for kept in KEPT_WITH_TRIALS:
                if (held / kept).is_dir():
                    (made / kept).symlink_to((held / kept).absolute())
            page = self._write_report(made)
        earlier = self.report
        self.report, self.num_trials = page.parent, len(records)
        self.version += 1
        if earlier is not None:
            shutil.rmtree(earlier.parent, ignore_errors=True)
        return True


@contextmanager
def served(follower: Follower) -> Iterator[str]:
    """Serves a follower's report to this machine alone, from a port that is free: its address."""
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, follower)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def follow(
    place: str,
    write_report: Callable[[Path], Path],
    tell: Callable[[str], None],
    every_s: float = EVERY_S,
) -> None:
    """Makes the report as trials finish, and serves it, until somebody interrupts.

    Args:
        place: the study's folder or S3 address.
        write_report: as for `Follower`.
        tell: is given the address, and a line for each report.
        every_s: seconds between two looks, at least.

    Raises:
        TableError, LedgerError, StorageError, OSError: there is no study, or none to be read.
        KeyboardInterrupt: Ctrl-C.
    """
    with tempfile.TemporaryDirectory(prefix="classcomp-") as folder:
        follower = Follower(place, Path(folder), write_report)
        follower.look()
        with served(follower) as address:
            tell(f"{address} follows {place}; Ctrl-C ends it")
            tell(f"{follower.num_trials} trials")
            while True:
                begin = time.monotonic()
                if follower.look():
                    tell(f"{follower.num_trials} trials")
                time.sleep(max(every_s, SHARE * (time.monotonic() - begin)))


class _Handler(SimpleHTTPRequestHandler):
    """The page, the files beside it and the version; to nobody but this machine's own browsers."""

    def __init__(self, follower: Follower, *arguments: Any) -> None:
        self._follower = follower
        super().__init__(*arguments, directory=str(follower.report))

    def do_GET(self) -> None:  # the name is http.server's
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        path = self.path.partition("?")[0]
        if host not in (LOOPBACK, "localhost"):  # a page elsewhere whose name was led here
            self.send_error(HTTPStatus.FORBIDDEN)
        elif path == "/version":
            self._send(str(self._follower.version).encode(), "text/plain")
        elif path in ("/", "/index.html"):
            assert self._follower.report is not None
            page = (self._follower.report / "index.html").read_bytes()
            before, end, after = page.rpartition(b"</body>")
            self._send(before + RELOADING + end + after, "text/html; charset=utf-8")
        else:
            super().do_GET()

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def list_directory(self, path: Any) -> None:
        """Nobody needs to look around."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *arguments: Any) -> None:
        """Requests are nobody's concern."""


def _read_asked(path: Path) -> Mapping[str, Any]:
    """The study file as TOML has it: what tables are made with needs no check of the rest."""
    try:
        return parse_toml(read_bytes(path, MOST_STUDY_FILE).decode("utf-8"))
    except (OutsideError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {error}") from None


def _write_tables(records: list[Record], asked: Mapping[str, Any], folder: Path) -> None:
    """Writes `trials` and `curves`, as the driver will at its end."""
    try:
        distortions, families = asked.get("distortions", {}), list(map(str, asked["families"]))
        levels = levels_of({name: list(map(float, v)) for name, v in distortions.items()}, records)
        stopping = None
        if asked.get("precision") is not None:
            seeds, most = int(asked["seeds"]), int(asked["max_seeds"])
            precision = float(asked["precision"])
            stopping = Stopping(precision=precision, first_seeds=seeds, max_seeds=most)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableError(f"study.toml: no study file of this program: {error!r}") from None
    trials = build_trials(records, levels)
    write_table(trials, folder / "trials", levels=levels, stopping=stopping, families=families)
    write_table(build_curves(records), folder / "curves")
    name = asked.get("name", "")
    (folder / "provenance.json").write_text(json.dumps({"name": name}), encoding="utf-8")
