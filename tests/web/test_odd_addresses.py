"""Whatever stands in an address, no page breaks: it is shown, not found, or refused."""

import random
import re
from urllib.parse import quote

from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from workflows.models import FIRST_NUMBER
from workflows.opening import open_ticket

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
ODD = [
    "\x00", "a\x00b", "\ud800", "😀" * 50, "-1", "0", "9" * 30, "9" * 3000, "1e400", "%", "%s%(x)s", "{{7*7}}", "../../etc/passwd",
    "'\"><script>", "2024-99-99", FIRST, LAST, "²", "١٢", "１", "x" * 3000, "\r\nX: y", "\\", "*", "(", "OR AND NOT", "a:b", "1_000",
    "1~2026-01-01~7",
]  # fmt: skip
MOMENTS = [FIRST, LAST, f"{FIRST}~1", f"0~{FIRST}~1", f"1~{LAST}~7"]
NAMES = (
    "q state kind product cursor view sort before since from to limit next account action team contact device level "
    "organisation reason revision subject user who s v page id"
).split()
FILLED = {"number": str(FIRST_NUMBER + 1), "slug": "a", "step": "resolve", "name": "publish", "what": "cancel", "decision": "approve"}


def odd(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def pages(app):
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.rule.startswith(("/static", "/api", "/metrics")):
            yield rule.rule, re.findall(r"<(?:[^:>]+:)?(\w+)>", rule.rule)


def filled(rule: str, parts: list[str], **given: str) -> str:
    for part in parts:
        rule = re.sub(rf"<(?:[^:>]+:)?{part}>", lambda _: given.get(part) or FILLED.get(part, "1"), rule)  # noqa: B023
    return rule


def test_no_address_breaks_a_page(app, client, make_user):
    with unit_of_work():
        open_ticket(SYSTEM, subject="E07", channel="email")
    client.log_in(make_user("administrator"))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    dice, broken = random.Random(7), set()
    for rule, parts in pages(app):
        asked = [filled(rule, parts, **{part: value}) for part in parts for value in (*map(odd, dice.sample(ODD, 2)), str(2**31), str(2**63))]
        for turn in range(8):
            given = dict.fromkeys(NAMES, MOMENTS[turn]) if turn < len(MOMENTS) else {name: dice.choice(ODD) for name in NAMES}
            asked.append(f"{filled(rule, parts)}?" + "&".join(f"{name}={odd(text)[:900]}" for name, text in given.items()))
        for address in asked:
            status = client.get(address).status_code
            if status >= 500 and status != 503:  # 503: no index stands in this test
                broken.add((rule, address[:120]))
    assert not broken
