"""A visitor's page for tests of the chat."""

from typing import Any

from flask import Flask

SPACE = "/visitor"


class Browser:
    """A visitor's page: what it hears, and what it is answered."""

    def __init__(self, app: Flask, account: Any = "portal", token: Any = None, **given: Any) -> None:
        auth = given.pop("auth", {"account": account, "token": token})
        self.app = app
        self.socket = app.extensions["socketio"].test_client(app, namespace=SPACE, auth=auth, **given)
        self.inside = self.socket.is_connected(SPACE)
        self.joined = self.heard("joined")[0] if self.inside else {}
        self.token = self.joined.get("token")

    def say(self, given: Any, event: str = "message") -> Any:
        return self.socket.emit(event, given, namespace=SPACE, callback=True)

    def heard(self, name: str) -> list[Any]:
        """Everything of this name since the last time; the test client unpacks what is called "message"."""
        found = [m["args"] for m in self.socket.get_received(SPACE) if m["name"] == name]
        return [args[0] if isinstance(args, list) else args for args in found]
