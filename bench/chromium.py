"""A headless Chromium, told what to do over its debugging pipe: no package is needed, and it reaches no network."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OFF = ("gpu", "quic", "background-networking", "component-update", "sync", "dev-shm-usage")
_ON = ("headless", "no-sandbox", "no-first-run", "hide-scrollbars", "remote-debugging-pipe")
_SWITCHES = [*(f"--disable-{name}" for name in _OFF), *(f"--{name}" for name in _ON)]


def chromium() -> str:
    """Return the Chromium on this machine: ``CHROME``, or one on ``PATH``; without one, end with how to install it."""
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, _NAMES)), None)
    if not found or not shutil.which(found):
        sys.exit("Chromium is needed: apt install chromium, or name one with CHROME=<its program>")
    return found


class Browser:
    """One page in a browser of its own; a context, which owns its process and its profile.

    Example:
        >>> with Browser() as page:
        ...     page.open(Path("report.html").resolve().as_uri())
        ...     title = page.evaluate("document.title")
    """

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp()
        to_browser, self._write = os.pipe()
        read, from_browser = os.pipe()
        command = [chromium(), *_SWITCHES, f"--user-data-dir={self._profile}", "about:blank"]
        # The browser reads its file descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["sh", "-c", shell, "sh", *command], pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._read, self._numbers, self._held = os.fdopen(read, "rb"), itertools.count(1), b""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        self._read.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str, *, ready: str = "true") -> float:
        """Open a page; return the seconds until the expression ``ready`` was true in it."""
        self.call("Page.navigate", url=url)
        look = f"const look = () => ({ready}) ? done(performance.now()) : setTimeout(look, 5); look();"
        return float(self.evaluate(f"new Promise(done => {{ {look} }})")) / 1000

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; a promise's, if it is one.

        Raises:
            RuntimeError: it throws.
        """
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "it throws"))
        return answer["result"].get("value")

    def look(self, path: Path, width: int, height: int, *, dark: bool = False, media: str = "screen") -> None:
        """Write a picture of the page at a size, light or dark, on screen or as printed."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.evaluate("new Promise(done => setTimeout(done, 500))")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the debugging protocol on the page."""
        return self._call(method, self._session, **parameters)

    def _call(self, method: str, session: str = "", **parameters: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]

    def _message(self) -> bytes:
        while b"\0" not in self._held:
            chunk = os.read(self._read.fileno(), 1024 * 1024)
            if not chunk:
                raise RuntimeError("the browser has ended")
            self._held += chunk
        message, self._held = self._held.split(b"\0", 1)
        return message
