"""A real desk with demo data, a letterbox that takes its mail, and a browser that looks at it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes.conftest import ROOT, Desk, free_port, until

CHROMIUM = os.environ.get("HUIYIN_TEST_CHROMIUM") or shutil.which("chromium") or ""
PASSWORD = "huiyin-demo"


class Letterbox:
    """Takes every mail and keeps it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


class House:
    """The running desk: its address, its data folder, and its commands."""

    def __init__(self, desk: Desk, environment: dict[str, str], letterbox: Letterbox) -> None:
        self.url = f"http://127.0.0.1:{desk.port}"
        self.desk, self.environment, self.letterbox = desk, environment, letterbox

    def flask(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def receive(self, folder: Path, **headers: str) -> None:
        """A mail of the outside arrives."""
        mail = EmailMessage()
        text = headers.pop("text")
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        folder.mkdir(exist_ok=True)
        path = folder / f"{len(list(folder.iterdir()))}.eml"
        path.write_bytes(mail.as_bytes())
        self.flask("channel", "import-mail", "--account", "support", str(path))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    box, mail_port, port = Letterbox(), free_port(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=mail_port)
    controller.start()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
    environment = {
        **clean,
        "HUIYIN_DATA_DIR": str(tmp_path_factory.mktemp("house")),
        "HUIYIN_PORT": str(port),
        "HUIYIN_DEMO": "1",
        "HUIYIN_UNDO_SECONDS": "6",
    }
    process = subprocess.Popen(
        [sys.executable, "wsgi.py", "--demo"],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    desk = Desk(process, port)
    until(lambda: "listens on" in desk.output, 120)
    found = House(desk, environment, box)
    found.flask("channel", "account", "set", "support", "smtp_host=127.0.0.1", f"smtp_port={mail_port}")
    yield found
    process.terminate()
    process.wait(10)
    desk.reader.join(5)
    if process.stdout:
        process.stdout.close()
    controller.stop()
    assert "Traceback" not in desk.output, desk.output


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Browser, house: House) -> Iterator[Callable[..., Page]]:
    """open_page("agent") logs in; open_page() is a stranger. A console error or a broken script fails the test."""
    problems: list[str] = []
    contexts = []

    def make(login: str = "", *, width: int = 1440, path: str = "/", javascript: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai", java_script_enabled=javascript
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" and "status of 422" not in m.text else None)
        if login:
            page.goto(house.url + "/login")
            page.fill("input[name=login]", login)
            page.fill("input[name=password]", PASSWORD)
            page.click("main button[type=submit]:has-text('登录')")
            page.wait_for_url(lambda url: "/login" not in url)
        page.goto(house.url + path)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not problems, problems


