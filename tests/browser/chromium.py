"""A headless Chromium driven over its debugging pipe: no driver, no port, no package besides the browser itself."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0
"""Seconds one command may take on a busy machine."""


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A running browser; use it in a `with` block."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.waiting = b""

    def __enter__(self) -> Chromium:
        self.profile = tempfile.mkdtemp()
        from_us, self.to_browser = os.pipe()
        self.from_browser, from_browser = os.pipe()

        def wire() -> None:
            high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_us, from_browser)]
            for place, end in zip((3, 4), high, strict=True):
                os.dup2(end, place)

        flags = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-extensions",
            "--no-first-run",
            "--disable-component-update",
            "--disable-sync",
            "--mute-audio",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        )
        self.process = subprocess.Popen(
            [self.path, *flags, f"--user-data-dir={self.profile}", "about:blank"],
            preexec_fn=wire,  # noqa: PLW1509 -- the two pipes must stand at 3 and 4 in the child
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(from_browser)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.command("Browser.close")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired, TimeoutError):
            self.process.kill()
        os.close(self.to_browser)
        os.close(self.from_browser)
        shutil.rmtree(self.profile, ignore_errors=True)

    def command(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events that come meanwhile are kept."""
        number = next(self.numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self.events.append(answer)
        raise TimeoutError(method)

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.from_browser], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser is silent")
            piece = os.read(self.from_browser, 1 << 20)
            if not piece:
                raise OSError("the browser has gone")
            self.waiting += piece
        line, _, self.waiting = self.waiting.partition(b"\0")
        return dict(json.loads(line))

    def open(self, page: Path, *, width: int, dark: bool = False, printing: bool = False, script: bool = True) -> Page:
        """A file of this machine in a new tab of so many pixels, once it has loaded."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.command(f"{domain}.enable")
        tab.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        tab.command(
            "Emulation.setEmulatedMedia",
            media="print" if printing else "screen",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        tab.command("Emulation.setScriptExecutionDisabled", value=not script)
        self.events.clear()
        failed = tab.command("Page.navigate", url=page.resolve().as_uri()).get("errorText")
        if failed:
            raise FileNotFoundError(f"{page}: {failed}")
        tab.wait_until("location.protocol === 'file:' && document.readyState === 'complete'")
        return tab


class Page:
    """One tab."""

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self.browser = browser
        self.session = session
        self.target = target

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this tab."""
        return self.browser.command(method, self.session, **params)

    def evaluate(self, script: str) -> Any:
        """Value of a script in the page; a promise is awaited."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def wait_until(self, script: str) -> None:
        """Wait until a script is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(script):
            if time.monotonic() > deadline:
                raise TimeoutError(script)
            time.sleep(0.02)

    def complaints(self) -> list[str]:
        """Console errors, exceptions and refused resources so far."""
        self.evaluate("1")
        found = []
        for event in self.browser.events:
            params = event.get("params", {})
            method = event.get("method")
            if method == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"].get("text")))
            if method == "Runtime.consoleAPICalled" and params.get("type") in ("error", "warning"):
                found.append(str([argument.get("value") for argument in params.get("args", [])]))
            if method == "Log.entryAdded" and params["entry"].get("level") in ("error", "warning"):
                found.append(str(params["entry"].get("text")))
        return found

    def requests(self) -> list[str]:
        """Addresses the page asked for, itself and data inside it left out."""
        self.evaluate("1")
        asked = [
            str(event["params"]["request"]["url"])
            for event in self.browser.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        own = self.evaluate("location.href.split('#')[0]")
        return [url for url in asked if not url.startswith("data:") and url.split("#")[0] != own]

    def screenshot(self, out: Path) -> None:
        """The whole page as png."""
        out.parent.mkdir(parents=True, exist_ok=True)
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        shot = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        out.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.browser.command("Target.closeTarget", targetId=self.target)
