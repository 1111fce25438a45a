"""A real Chromium as a phone of 360 x 740, spoken to over the DevTools protocol through two pipes."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 360, 740
#: Seconds for one command of the browser.
PATIENCE_S = 30


def installed() -> str | None:
    """Where Chromium is, if it is."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Phone:
    """One page of the browser."""

    reader: Any
    writer: Any
    session: str = ""
    last: int = 0
    #: Bytes that came over the wire for each address loaded, since the last `open`.
    loaded: dict[str, int] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Send one command and wait for its answer; fails with the browser's own words."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while (heard := self._hear()).get("id") != self.last:
            pass
        assert "error" not in heard, f"{method}: {heard.get('error')}"
        result: dict[str, Any] = heard["result"]
        return result

    def _hear(self) -> dict[str, Any]:
        raw = b"".join(iter(lambda: self.reader.read(1), b"\0"))
        heard: dict[str, Any] = json.loads(raw)
        params = heard.get("params", {})
        if heard.get("method") == "Network.responseReceived":
            self._addresses[params["requestId"]] = params["response"]["url"]
        elif heard.get("method") == "Network.loadingFinished":
            address = self._addresses.get(params["requestId"], "?")
            self.loaded[address] = self.loaded.get(address, 0) + int(params["encodedDataLength"])
        return heard

    def open(self, address: str) -> None:
        """Go there and wait until it is drawn."""
        self.loaded.clear()
        self.ask("Network.clearBrowserCache")
        before = self.run("performance.timeOrigin")
        self.ask("Page.navigate", url=address)
        self.arrived(before)

    def arrived(self, before: object) -> None:
        """Wait until another document than the one born at `before` is loaded."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if self.run("document.readyState === 'complete' && performance.timeOrigin") not in (False, before):
                    return
            except AssertionError:  # between two documents there is nothing to ask
                pass
            time.sleep(0.02)
        raise AssertionError("the page did not arrive")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self, selector: str = "body") -> str:
        """What a person reads there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def type(self, selector: str, words: str) -> None:
        """Fill a field by its keyboard events."""
        self.run(f"(e => {{ e.focus(); e.select(); }})(document.querySelector({json.dumps(selector)}))")
        self.ask("Input.insertText", text=words)

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in a field for files."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        field_id = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", files=[str(file)], nodeId=field_id)

    def tap(self, selector: str, *, leads: bool = True) -> None:
        """Tap the middle of a thing with a finger; wait for the next page where it leads to one."""
        x, y = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        before = self.run("performance.timeOrigin")
        point = [{"x": x, "y": y}]
        self.ask("Input.dispatchTouchEvent", type="touchStart", touchPoints=point)
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        if leads:
            self.arrived(before)

    def picture(self, file: Path, *, whole: bool = False) -> None:
        """A screenshot: of the screen, or of the whole page."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))


#: The browser wants its ends of the pipes as descriptors 3 and 4.
_ENDS = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def phone(program: str) -> Iterator[Phone]:
    """A phone with nothing in its memory; gone at the end."""
    to_browser, ours = os.pipe()
    theirs, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        child = subprocess.Popen(
            [sys.executable, "-c", _ENDS, str(to_browser), str(from_browser), program, "--headless", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        with open(theirs, "rb") as reader, open(ours, "wb") as writer:
            page = Phone(reader, writer)
            try:
                target = page.ask("Target.createTarget", url="about:blank")["targetId"]
                page.session = page.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
                page.ask("Network.enable")
                page.ask(
                    "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=2, mobile=True
                )
                page.ask("Emulation.setTouchEmulationEnabled", enabled=True)
                yield page
                page.session = ""
                page.ask("Browser.close")
            finally:
                child.terminate()
                child.wait(10)
