"""A page served by the real command, and a real browser to open it; one server for each test file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, ROOT

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def flags() -> list[str]:
    """What else the command is given; a test file may have its own."""
    return []


@pytest.fixture(scope="module")
def url(folder: Path, flags: list[str]) -> Iterator[str]:
    """The page's address, served by the real command from a folder with something secret in it."""
    (folder / "cwd").mkdir()
    (folder / "cwd" / "secret.txt").write_text("secret")
    environment = {
        **os.environ, "VIDPAINT_HOME": str(folder / "home"), "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    port = str(_free_port())
    line = [sys.executable, "-m", "lib_vidpaint", "ui", "--root", str(folder / "pro jects #1"), "--port", port, *flags]
    log = (folder / "server.log").open("w+")
    server = subprocess.Popen(line, cwd=folder / "cwd", env=environment, stdout=log, stderr=log)
    try:
        for _ in range(240):
            if "http://" in (text := (folder / "server.log").read_text()):
                break
            assert server.poll() is None, text
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(browser: Any, url: str) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.faults = []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.goto(url)
    opened.wait_for_selector("#vidpaint_run_all")
    yield opened
    assert opened.faults == []
    opened.close()
