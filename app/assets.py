"""Gathers at set-up what pages load: browser libraries, the icon sprite, the English catalogue.

Nothing third-party is committed. `python -m app.assets` copies the few files that pages need from `node_modules`
to `app/web/static/vendor/` under names that carry their content's hash, so that browsers may keep them for ever and
still get a new version at once. Our own files under `static/own/` carry the hash in `?v=`, taken when asked for, so
that editing one needs no build.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from app.messages import compile_catalogue

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "app" / "web" / "static"
VENDOR = STATIC / "vendor"
MANIFEST = VENDOR / "manifest.json"
ICONS = ROOT / "app" / "web" / "icons.txt"
MODULES = ROOT / "node_modules"
STATIC_URL = "/static/"

LIBRARIES: Mapping[str, str] = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "socket.io.js": "socket.io-client/dist/socket.io.min.js",
    "swagger-ui.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
}
"""The name that templates use, and the file in `node_modules` that is meant."""

LICENCES = ("@tabler/icons", "htmx.org", "socket.io-client", "swagger-ui-dist")
_SVG = "{http://www.w3.org/2000/svg}"


class MissingAsset(Exception):
    """A file that pages load is not there; `make setup` gathers it."""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def icon_names() -> list[str]:
    """The icons that pages use, in the order of `app/web/icons.txt`; `filled/star` names a filled one."""
    lines = (line.split("#", 1)[0].strip() for line in ICONS.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def icon_id(name: str) -> str:
    """The name of an icon inside the sprite: `star`, or `star-filled` for `filled/star`."""
    return name.removeprefix("filled/") + "-filled" if name.startswith("filled/") else name


def icon_sprite(names: list[str], source: Path) -> bytes:
    """One SVG file with a symbol per icon, drawn in the colour of the text around it."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    sprite = ElementTree.Element(f"{_SVG}svg")
    for name in sorted(set(names)):
        path = source / (name if "/" in name else f"outline/{name}")
        path = path.with_name(path.name + ".svg")
        if not path.is_file():
            raise MissingAsset(f"app/web/icons.txt: the icon set has no {name!r}")
        drawing = ElementTree.parse(path).getroot()
        kept = {k: v for k, v in drawing.attrib.items() if k not in ("class", "width", "height")}
        symbol = ElementTree.SubElement(sprite, f"{_SVG}symbol", {"id": icon_id(name), **kept})
        for shape in drawing:
            if shape.get("d") != "M0 0h24v24H0z":  # the invisible frame that the set draws round each icon
                shape.tail = None
                symbol.append(shape)
    drawn: bytes = ElementTree.tostring(sprite, encoding="utf-8")
    return drawn


def _library(path: str) -> bytes:
    source = MODULES / path
    if not source.is_file():
        raise MissingAsset(f"node_modules/{path} is missing; run: npm ci --ignore-scripts")
    text = source.read_bytes()
    # The maps are not served, and a browser's tools would ask for them on every page.
    return re.sub(rb"\s*(//# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ ?\*/)\s*$", b"\n", text)


def build() -> dict[str, str]:
    """Copy the libraries, draw the sprite, write the manifest; returns name → file name. Old versions are removed."""
    files = {name: _library(path) for name, path in LIBRARIES.items()}
    files["icons.svg"] = icon_sprite(icon_names(), MODULES / "@tabler" / "icons" / "icons")
    licences = (f"{name}\n\n{(MODULES / name / 'LICENSE').read_text(encoding='utf-8').strip()}\n" for name in LICENCES)
    files["licences.txt"] = ("\n" + "-" * 72 + "\n\n").join(licences).encode()
    VENDOR.mkdir(parents=True, exist_ok=True)
    names = {}
    for name, content in files.items():
        stem, dot, suffix = name.rpartition(".")
        names[name] = f"{stem}.{_hash(content)}{dot}{suffix}"
        target = VENDOR / names[name]
        if not target.is_file() or target.read_bytes() != content:
            target.write_bytes(content)
    fresh = MANIFEST.with_suffix(".new")
    fresh.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    fresh.replace(MANIFEST)
    for old in VENDOR.iterdir():
        if old.name not in (*names.values(), MANIFEST.name):
            old.unlink()
    manifest.cache_clear()
    return names


@cache
def manifest() -> dict[str, str]:
    """Name → file name of every gathered library; raises MissingAsset before set-up."""
    try:
        found: dict[str, str] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingAsset("the browser libraries are not gathered; run: make setup") from None
    return found


_own: dict[str, tuple[int, str, float]] = {}
LOOK_EVERY = 0.5
"""Seconds for which an own file is taken to be unchanged: every page names ten of them."""


def _own_hash(name: str, *, at_once: bool = False) -> str:
    """`at_once`: as the file is now. What is kept for ever under a name must be what the name says."""
    known = _own.get(name)
    if known is not None and not at_once and time.monotonic() - known[2] < LOOK_EVERY:
        return known[1]
    path = STATIC / "own" / name
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        raise MissingAsset(f"app/web/static/own/{name} does not exist") from None
    told = known[1] if known is not None and known[0] == changed else _hash(path.read_bytes())
    _own[name] = (changed, told, time.monotonic())
    return told


def asset_url(name: str) -> str:
    """The address of a library (`htmx.js`, `icons.svg`) or of an own file (`own/console.css`), for templates.

    Raises MissingAsset for a name that is neither, so that a typing error is seen by the first test and not by a
    reader of a page without style.
    """
    if name.startswith("own/"):
        return f"{STATIC_URL}{name}?v={_own_hash(name.removeprefix('own/'))}"
    try:
        return f"{STATIC_URL}vendor/{manifest()[name]}"
    except KeyError:
        raise MissingAsset(f"{name}: no such browser library; app/assets.py lists all") from None


IMMUTABLE = "public, max-age=31536000, immutable"
"""The Cache-Control of an address whose content can never change."""


def is_immutable(path: str, version: str | None = None) -> bool:
    """Whether the answer at `path` (with `?v=version`) may be kept for ever: its address names its present content."""
    if path.startswith(f"{STATIC_URL}vendor/"):
        return path.rpartition("/")[2] in manifest().values()
    if path.startswith(f"{STATIC_URL}own/") and version:
        try:
            return _own_hash(path.removeprefix(f"{STATIC_URL}own/"), at_once=True) == version
        except (MissingAsset, OSError, ValueError):
            return False
    return False


def main() -> int:
    """Gather everything; says what was done in one line, or what is missing."""
    try:
        names = build()
    except MissingAsset as missing:
        print(missing, file=sys.stderr)
        return 1
    problems = compile_catalogue("en")
    for problem in problems:
        print(f"app/translations/en: {problem}", file=sys.stderr)
    print(f"assets: {len(names)} files in app/web/static/vendor, catalogue en compiled")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
