"""Names of the machine that people meet have words."""

import ast
import re
from pathlib import Path

from app.core.events import Event
from app.reactions import REACTIONS
from app.web import words
from workflows.tickets import TICKET

ROOT = Path(__file__).parents[2]
HOUSE = ("app", "channels", "knowledge", "workflows")


def noted_actions() -> set[str]:
    """The second argument of every `note(…)` of the house, where it is written out."""
    found = set[str]()
    for place in HOUSE:
        for path in (ROOT / place).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(call, ast.Call)
                    and "note" in (getattr(call.func, "id", ""), getattr(call.func, "attr", ""))
                    and len(call.args) > 1
                ):
                    for part in ast.walk(call.args[1]):
                        if (
                            isinstance(part, ast.Constant)
                            and isinstance(part.value, str)
                            and re.fullmatch(r"[a-z]+\.[a-z_]+", part.value)
                        ):
                            found.add(part.value)
    return found


def test_every_action_has_words() -> None:
    wanted = noted_actions() | {f"ticket.{step.name}" for step in TICKET.steps}
    assert sorted(wanted - words.ACTIONS.keys()) == []


def test_every_event_and_reaction_has_words() -> None:
    named = {kind.__name__ for kind in Event.registry.values() if kind.__module__.split(".")[0] in HOUSE}
    assert sorted(named - words.EVENTS.keys()) == []
    assert not {r.__name__ for made in REACTIONS.values() for r in made} - words.REACTIONS.keys()


def test_browsers_are_named_as_people_name_them() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
    )
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 MicroMessenger/8.0"
    assert words.browser(chrome) == "Chrome · Windows"
    assert words.browser(chrome + " Edg/126.0") == "Edge · Windows"
    assert words.browser(phone) == "WeChat · iOS"
    assert words.browser("") == "—" and words.browser("weird" * 100) == ("weird" * 100)[:60]
