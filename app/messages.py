"""The catalogues of other languages: joined and compiled at set-up, and checked for holes.

The source strings are Chinese and stand in the code. Every other language has one readable `.po` file per area
(`app/translations/en/portal.po`), so that two people who translate two areas do not meet in one file.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "app" / "translations"

KEYWORDS: dict[str, Any] = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None, "_n": (1, 2), "lazy_ngettext": (1, 2)}

SPEAKING = ("channels", "knowledge", "workflows", "app/core", "app/reactions.py", "app/routing/rules.py", "app/talks.py", "app/customers.py", "app/askers.py", "app/bulk.py", "app/replies.py", "app/asking.py", "app/progress.py", "app/registering.py", "app/reach/reaching.py", "app/reach/reactions.py", "app/moving.py", "app/ways.py", "app/chat/rating.py", "app/kb/rebuilding.py")
"""Where translation happens later, at the edges: every Chinese string here is a message, unless its line or the line
above the statement carries the comment `# data`."""

EDGES = ("app/web", "app/api")
"""Where a Chinese string outside `_()` would stay Chinese for everybody: refused, with the same exception."""

_HAN = re.compile("[\u3400-\u9fff]")
_PATTERN = re.compile(r"\\[sdwSDWbB]|\(\?|\||\[\^?[^\]]+\]")  # a regular expression is for no reader
_PLACE = re.compile(r"%\((\w+)\)")

Key = tuple[str | None, str]


def _key(message: Message) -> Key:
    return message.context, message.id if isinstance(message.id, str) else message.id[0]


def _read(language: str) -> tuple[Catalog, list[str]]:
    joined, problems, origin = Catalog(locale=language), [], dict[Key, str]()
    for path in sorted((TRANSLATIONS / language).glob("*.po")):
        with path.open("rb") as source:
            catalogue = read_po(source, locale=language, abort_invalid=True)
        for message in catalogue:
            if not message.id:
                continue
            key = _key(message)
            if key in origin:
                problems.append(f"{path.name}: {key[1]!r} is already in {origin[key]}")
                continue
            origin[key] = path.name
            joined.add(message.id, message.string, flags=message.flags, context=message.context)
    return joined, problems


def compile_catalogue(language: str) -> list[str]:
    """Join the `.po` files of a language and compile them; returns what is doubled, in words."""
    joined, problems = _read(language)
    target = TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with fresh.open("wb") as out:
        write_mo(out, joined)
    fresh.replace(target)
    return problems


def _python_files(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def _templates() -> list[Path]:
    return [p for p in sorted((ROOT / "app").rglob("templates/**/*")) if p.suffix in (".html", ".txt", ".xml", ".js")]


def _template_messages(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as source:
        options = {"silent": "false", "encoding": "utf-8", "newstyle_gettext": "true"}
        for line, ids, _comments, _context in extract("jinja2", source, keywords=KEYWORDS, options=options):
            yield line, ids if isinstance(ids, str) else ids[0]


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Strings that are a statement of their own: docstrings, and notes below a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _data_lines(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0] for t in tokens if t.type == tokenize.COMMENT and re.match(r"#\s*data\b", t.string)}


def _formatted(path: Path) -> Iterator[int]:
    """Lines of f-strings with Chinese text: filled in before anybody could translate them."""
    source = path.read_text(encoding="utf-8")
    if not _HAN.search(source):
        return
    data = _data_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr) and not data & {node.lineno - 1, node.lineno, node.end_lineno or 0}:
            text = "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
            if _HAN.search(text) and not _PATTERN.search(text):
                yield node.lineno


def _chinese(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Chinese strings of a file that are not marked as data: line, text, and whether a gettext call holds it."""
    source = path.read_text(encoding="utf-8")
    if not _HAN.search(source):
        return
    tree, data = ast.parse(source), _data_lines(source)
    skipped = set(map(id, _docstrings(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # an f-string cannot be a message; its pieces are not looked up
            skipped.update(id(part) for part in node.values)
        marked = isinstance(node, ast.stmt) and node.lineno - 1 in data
        if marked and not isinstance(node, ast.ClassDef | ast.FunctionDef):
            skipped.update(map(id, ast.walk(node)))
    held = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in KEYWORDS:
                held.update(id(part) for given in node.args for part in ast.walk(given))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in skipped:
            continue
        if not _HAN.search(node.value) or _PATTERN.search(node.value):
            continue
        if not data & {node.lineno, node.end_lineno or node.lineno}:
            yield node.lineno, node.value, id(node) in held


def used_messages() -> dict[Key, str]:
    """Every message of code and templates, with the place where it was first seen."""
    used: dict[Key, str] = {}

    for path in _python_files("app"):
        with path.open("rb") as source:
            for line, ids, _comments, context in extract("python", source, keywords=KEYWORDS):
                first = ids if isinstance(ids, str) else ids[0]
                used.setdefault((context, first), f"{path.relative_to(ROOT)}:{line}")
    for path in _templates():
        for line, text in _template_messages(path):
            used.setdefault((None, text), f"{path.relative_to(ROOT)}:{line}")
    for path in _python_files(*SPEAKING):
        for line, text, _held in _chinese(path):
            used.setdefault((None, text), f"{path.relative_to(ROOT)}:{line}")
    return used


def _bare_template_text(path: Path) -> Iterator[int]:
    source = path.read_text(encoding="utf-8")
    inside, messages = False, {text for _line, text in _template_messages(path)}
    for line, kind, text in Environment(extensions=["jinja2.ext.i18n"]).lex(source):
        if kind == "name" and text in ("trans", "endtrans"):
            inside = text == "trans"
        elif kind == "data" and not inside and _HAN.search(text):
            yield line + text[: next(_HAN.finditer(text)).start()].count("\n")
        elif kind == "string" and _HAN.search(text) and ast.literal_eval(text) not in messages:
            yield line


def bare_texts() -> list[str]:
    """Chinese words for people that no translation can reach."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r} stands outside _()"
        for path in _python_files(*EDGES)
        for line, text, held in _chinese(path)
        if not held
    ]
    for path in _python_files(*EDGES, *SPEAKING):
        found += [f"{path.relative_to(ROOT)}:{line}: an f-string; use %(name)s" for line in _formatted(path)]
    for path in _templates():
        found += [f"{path.relative_to(ROOT)}:{line}: text outside _()" for line in _bare_template_text(path)]
    return found


def catalogue_problems(language: str = "en") -> list[str]:
    """Everything that is wrong with a language: doubled, missing, fuzzy or obsolete messages, and lost places."""
    catalogue, problems = _read(language)
    used = used_messages()
    have = {_key(message): message for message in catalogue if message.id}
    problems += [f"not translated: {key[1]!r} ({place})" for key, place in used.items() if key not in have]
    for key, message in have.items():
        texts = [message.string] if isinstance(message.string, str) else list(message.string or [""])
        if key not in used:
            problems.append(f"obsolete: {key[1]!r}")
        elif message.fuzzy or not all(texts):
            problems.append(f"empty or fuzzy: {key[1]!r} ({used[key]})")
        elif any(set(_PLACE.findall(text)) - set(_PLACE.findall(key[1])) for text in texts):
            problems.append(f"names a place that the message does not have: {key[1]!r}")
        elif set(_PLACE.findall(key[1])) - set(_PLACE.findall("".join(texts))):
            problems.append(f"loses a place of the message: {key[1]!r}")
    return problems
