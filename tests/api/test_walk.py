"""The walk of docs/api.md, run as it stands there: each block is one request, and what it takes from the answer."""

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

from app.core import clock
from tests.api.test_orders import PNG

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
FILES = {"after.png": PNG, "signature.png": PNG + b"1"}


def filled(text, names):
    """Shell variables as a shell would put them in: none of the values has a blank."""
    return re.sub(r"\$([A-Z_]+)", lambda found: str(names[found[1]]), text)


def run(flask, line):
    """What curl would send."""
    words = shlex.split(line.replace("\\\n", " "))
    assert words[:2] == ["curl", "-s"], words
    method, headers, data, address, rest = "GET", {}, None, "", words[2:]
    while rest:
        word = rest.pop(0)
        if word == "-X":
            method = rest.pop(0)
        elif word == "-H":
            name, value = rest.pop(0).split(": ", 1)
            headers[name] = value
        elif word == "-d":
            method, data = "POST", rest.pop(0).encode()
            json.loads(data)
        elif word == "-F":
            name = rest.pop(0).removeprefix("file=@")
            head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
            method, data = "POST", head.encode() + FILES[name] + b"\r\n--cut--\r\n"
            headers["Content-Type"] = "multipart/form-data; boundary=cut"
        else:
            address = word.removeprefix("http://huiyin.test")
    return flask.test_client(use_cookies=False).open(address, method=method, headers=headers, data=data)


def test_the_walk_of_the_page(desk, app, drain):
    begin = clock.now() + timedelta(days=1)
    names = {
        "HOST": "http://huiyin.test", "AGENT": desk.agent.token, "LEADER": desk.leader.token,
        "DISPATCHER": desk.dispatcher.token, "TECHNICIAN": desk.technician.token, "AGENT_ID": desk.agent.user_id,
        "TECHNICIAN_ID": desk.technician.user_id, "PRODUCT": desk.ids["drive"],
        "FROM": begin.isoformat(), "TO": (begin + timedelta(hours=2)).isoformat(),
    }  # fmt: skip
    walked = []
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        request = "\n".join(x for x in block.splitlines() if not re.match(r"#|[A-Z]+=", x))
        answer = run(app, filled(request, names))
        body = answer.get_json()
        refused = re.search(r"^# (\d+) (\w+)", block, re.MULTILINE)
        if refused:
            assert (answer.status_code, body["code"]) == (int(refused[1]), refused[2]), body
        else:
            assert answer.status_code in (200, 201), (request, body)
        for name, key in re.findall(r"^([A-Z]+)=\$\(jq -r \.(\w+)\)", block, re.MULTILINE):
            names[name] = body[key]
        walked.append((answer.request.path, body))
        drain()  # the worker is never far
    path, ticket = walked[-2]
    assert path.endswith(f"/tickets/{names['TICKET']}")
    assert ticket["state"] == "closed" and ticket["restored_at"] and ticket["closed_at"]
    assert len(walked) > 20 and walked[-1][0].endswith("/reports/overview")
    said = desk.agent.get(f"tickets/{names['TICKET']}/messages").get_json()["items"]
    assert [m["direction"] for m in said][:2] == ["in", "out"] and all(m["state"] != "failed" for m in said)


def test_every_address_of_the_page_is_there(client):
    """What the tables name is what the description describes."""
    text = PAGE.read_text(encoding="utf-8")
    paths = client.get("/openapi.json").get_json()["paths"]
    known = {re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1/")) for path in paths}
    (resources,) = re.findall(r"## Resources\n(.*?)\n\nA ticket's", text, re.DOTALL)
    for row in resources.splitlines()[3:]:
        for address in re.findall(r"`([a-z]+(?:/[^`?]*)?)[^`]*`", row.split("|")[1]):
            plain = re.sub(r"\{[^}]*\}", "{}", address)
            assert plain in known, address
