"""How one setting of an account is described. Apart from channels/settings.py, so that each kind can describe its own."""

from collections.abc import Callable
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
