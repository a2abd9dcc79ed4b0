"""How a kind of account is set up: each setting with its name, words and check, so that form, command and docs agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One setting of an account. `label` and `help` are messages for people. `check` returns one sentence when a value
    is wrong, else an empty string; it is not asked about empty values. `secret`: sealed at rest and masked everywhere;
    its name must then match channels.accounts.SECRET. `long`: several lines. `required`: the account does not work without."""

    name: str
    label: str
    help: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    check: Callable[[str], str] | None = None
    secret: bool = False
    long: bool = False
    required: bool = False


SPECS: Mapping[str, Sequence[Setting]] = {}
"""The kinds whose settings are described this way; a channel joins by its line here."""


def problem_of(kind: str, name: str, value: str) -> str:
    """What is wrong with a value, as one sentence; empty when nothing is, or the kind is not described here."""
    spec = next((one for one in SPECS.get(kind, ()) if one.name == name), None)
    if spec is None or value == "":
        return ""
    if spec.choices and value not in spec.choices:
        return "这里只能选列出的值。"
    if "\n" in value and not spec.long:
        return "不能换行。"
    return spec.check(value) if spec.check else ""
