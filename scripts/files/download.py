"""A file is fetched from a web server: resumed where it broke off, and at its place only when it is complete."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from scripts.errors import LaunchError, RunError
from scripts.output import Output

ATTEMPTS = 5
_CHUNK = 1 << 18
_TIMEOUT = 60.0


def fetch(url: str, to: Path, output: Output) -> Path:
    """The file at `to`, fetched unless it is there. What has come lies in `to`.part with the server's ETag in its name's end.

    Raises LaunchError for an address that is wrong, RunError when the server or the network fails for good.
    """
    if to.exists():
        output.line(f"{to} is there ({to.stat().st_size / 1e6:.1f} MB)")
        return to
    if urlsplit(url).scheme not in ("http", "https"):
        raise LaunchError(f"--url {url}: need an http or https address")
    to.parent.mkdir(parents=True, exist_ok=True)
    part, tag = to.with_name(to.name + ".part"), to.with_name(to.name + ".part.etag")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _get(url, part, tag, output)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise LaunchError(f"{url}: the server says {error.code} {error.reason}; check the address") from None
            problem = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        have = part.stat().st_size if part.exists() else 0
        if attempt == ATTEMPTS:
            raise RunError(f"{url}: {problem}; {have / 1e6:.1f} MB are kept in {part}, the same command goes on from there")
        output.line(f"{url}: {problem}; going on from {have / 1e6:.1f} MB")
        time.sleep(0.2 * 2**attempt)
    part.replace(to)
    tag.unlink(missing_ok=True)
    return to


def _get(url: str, part: Path, tag: Path, output: Output) -> None:
    """One request for what is missing. Raises OSError or HTTPException when it breaks off."""
    have = part.stat().st_size if part.exists() and tag.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        # Another file under the same address is sent whole, not glued to the old one's beginning.
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text()}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing, or what we have is longer than the file: begin again
            part.unlink(missing_ok=True)
            raise ConnectionError("what was kept is not part of this file") from None
        raise
    with response:
        resumed = response.status == 206
        start = have if resumed else 0
        mark = response.headers.get("ETag") or response.headers.get("Last-Modified") or "W/"
        if not mark.startswith("W/"):
            tag.write_text(mark)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            with output.progress(f"fetching {part.name.removesuffix('.part')}", "bytes") as show:
                _copy(response, file.write, start, lambda done: show(done, total or done))
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"broke off at {part.stat().st_size:,} of {total:,} bytes")


def _copy(response: http.client.HTTPResponse, write: Callable[[bytes], object], done: int, show: Callable[[int], None]) -> None:
    while piece := response.read1(_CHUNK):
        write(piece)
        done += len(piece)
        show(done)
