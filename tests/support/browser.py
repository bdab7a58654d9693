"""A real browser, headless, spoken to over its debugging pipe: what it says on its console, what it asks for, what it drew."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page. `complaints`: what went to the console as a warning or error. `requests`: every address it asked for."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="k-browser-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # The pipe is the browser's file descriptors 3 and 4; ours lie above them, so that none is taken before it is moved.
        low, theirs_in, theirs_out = (
            (theirs_in, theirs_out),
            *(fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)),
        )
        shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        switches += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            ["bash", "-c", shell, PROGRAM, *switches, f"--user-data-dir={self._profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for descriptor in (*low, theirs_in, theirs_out):
            os.close(descriptor)
        self._in, self._out, self._held, self._number = ours_in, ours_out, b"", 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._session: str | None = None
        page = next(one for one in self._ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def open(self, path: Path, *, width: int = 1100, height: int = 900, dark: bool = False, script: bool = True) -> None:
        """Shows a file, and waits until it is there."""
        self.complaints.clear()
        self.requests.clear()
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Emulation.setScriptExecutionDisabled", value=not script)
        self._ask("Page.navigate", url=path.resolve().as_uri())
        limit = time.monotonic() + 60
        while self.run("document.readyState") != "complete":
            assert time.monotonic() < limit, f"{path} is not there after a minute"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def move(self, x: float, y: float) -> None:
        """The pointer goes there."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, file: Path) -> None:
        """The whole page as a PNG."""
        shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(b64decode(shot["data"]))

    def close(self) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self._session = None
            self._ask("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._out, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self._note(answer.get("method", ""), answer.get("params", {}))

    def _note(self, event: str, about: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif event == "Log.entryAdded" or event == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(about))

    def _next(self, seconds: float = 60) -> dict[str, Any]:
        while b"\0" not in self._held:
            assert select.select([self._in], [], [], seconds)[0], f"the browser said nothing for {seconds} s"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has gone"
            self._held += part
        message, self._held = self._held.split(b"\0", 1)
        return json.loads(message)
