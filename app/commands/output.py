"""What all commands share: one JSON document or words, and refusals in one line."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from app.core.errors import DeskError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def answer(as_json: bool, value: Any, words: str) -> None:
    """Print the result for a program or for a person."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str) if as_json else words)


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A refusal ends the command with one line on standard error and status 1, never with a traceback."""

    @wraps(command)
    def run(*args: Any, **given: Any) -> Any:
        try:
            return command(*args, **given)
        except DeskError as problem:
            details = "; ".join(f"{name}: {' '.join(words)}" for name, words in problem.errors.items())
            click.echo(f"{problem}{' ' + details if details else ''}", err=True)
            sys.exit(1)

    return run
