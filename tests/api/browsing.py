"""Chromium for tests: a page as it has been built, and a page that is used. Nothing is installed for it.

Belongs here: starting it and speaking to it. Does not belong here: what a page must show.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

#: None where there is none: tests that need one are skipped then.
CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def built_page(address: str, folder: Path) -> str:
    """The document that a browser has built once everything has been asked for. folder: its profile."""
    words = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
             "--virtual-time-budget=15000", "--dump-dom", address]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


class Browser:
    """Chromium with one page, driven through a pipe by the protocol of its developer tools."""

    def __init__(self, folder: Path) -> None:
        words = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
                 "--remote-debugging-pipe", "about:blank"]  # fmt: skip
        # the protocol is spoken over descriptors 3 and 4
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 >/dev/null 2>&1 </dev/null', "sh", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._last = 0
        self._session: str | None = None
        #: What the browser has told without being asked, as it came.
        self.heard: list[dict[str, Any]] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        self._process.stdin.flush()
        while True:
            told = json.loads(self._read())
            if told.get("id") == self._last:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            if "method" in told:
                self.heard.append(told)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        message = bytearray()
        while (byte := self._process.stdout.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        return bytes(message)

    def listen(self) -> None:
        """From now on the page's complaints are among what is `heard`: errors, and what a policy forbids."""
        for domain in ("Log", "Runtime", "Audits"):
            self._ask(f"{domain}.enable")

    def send(self, headers: dict[str, str]) -> None:
        """Send these with every request of the page."""
        self._ask("Network.enable")
        self._ask("Network.setExtraHTTPHeaders", headers=headers)

    def complaints(self) -> list[str]:
        """What the page and the browser have complained about since `listen`."""
        found = []
        for told in self.heard:
            params = told.get("params", {})
            if told["method"] == "Log.entryAdded" and params["entry"]["level"] != "info":
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            if told["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            if told["method"] == "Audits.issueAdded" and "SecurityPolicy" in params["issue"]["code"]:
                found.append(json.dumps(params["issue"]))
        return found

    def go(self, address: str) -> None:
        """Open an address."""
        self._ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 15.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, (script, self.run("document.body.innerText.slice(0, 3000)"))
            time.sleep(0.05)

    def resize(self, width: int) -> None:
        """Make the page so many CSS pixels wide."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )

    def press(self, key: str) -> None:
        """Press a key, and let go of it."""
        text = {"text": "\r"} if key == "Enter" else {}
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **text,
                  windowsVirtualKeyCode={"Enter": 13, "Escape": 27}[key])  # fmt: skip
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=15)
