"""What the docs promise is what the code does: generated pages are fresh, everything public is documented."""

import inspect
import re
from pathlib import Path

import pytest

from app.commands import docs as cli_docs
from app.core.events import Event

ROOT = Path(__file__).parents[1]


def test_generated_pages_are_fresh(app):
    stale = [
        name
        for name, text in cli_docs.pages(app).items()
        if not (cli_docs.DOCS / name).exists() or (cli_docs.DOCS / name).read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run `flask desk docs`: {stale}"


def test_every_event_says_what_happened():
    bare = [
        name
        for name, kind in Event.registry.items()
        if kind.__module__.split(".")[0] in ("app", "channels", "knowledge", "workflows")
        and (not inspect.getdoc(kind) or inspect.getdoc(kind).startswith(f"{name}("))
    ]
    assert not bare


def test_every_command_and_option_has_words(app):
    import click

    def walk(command, path):
        if command.hidden:
            return
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                yield from walk(child, f"{path} {name}")
            return
        if not command.help:
            yield path
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.help:
                yield f"{path} {parameter.opts[0]}"

    ours = [n for n in app.cli.commands if n in ("desk", "channel", "knowledge", "worker")]
    assert not [problem for name in ours for problem in walk(app.cli.commands[name], name)]


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "CHANGELOG.md"])
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} → {target}"


def test_readme_names_folders_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"^([a-z_]+/)", text, re.MULTILINE):
        assert (ROOT / name).is_dir(), name
