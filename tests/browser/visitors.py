"""What browser tests of the chat share: a page of somebody else's site with our line, and a visitor who opens and writes."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import FrameLocator, Page, expect


@contextmanager
def serve_pages(page_of: Callable[[str], str]) -> Iterator[str]:
    """Serves pages from another origin while the block lasts; `page_of` makes each of what stands behind the question mark
    of its address. Gives the address."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page_of(self.path.partition("?")[2]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def open_chat(page: Page) -> FrameLocator:
    """The visitor opens the chat of the page; gives its frame, with the field in focus."""
    page.get_by_role("button", name=re.compile("在线客服")).first.click()
    frame = page.frame_locator("iframe[title='在线客服']")
    expect(frame.locator("#text")).to_be_focused()
    return frame


def say(frame: FrameLocator, text: str) -> None:
    """The visitor writes and sends."""
    frame.locator("#text").fill(text)
    frame.locator("#text").press("Enter")
