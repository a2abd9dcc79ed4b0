"""Several files that came together: which of them are texts, and how a text finds the picture beside it."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from knowledge.intake.archives import safe_path, unpacked
from knowledge.intake.pictures import ATTACHED, PICTURES, Lookup
from knowledge.intake.reading import format_of
from knowledge.intake.shapes import Limits

Read = Callable[[], bytes]
CLOSED = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".doc", ".xls", ".ppt")


class Bundle:
    """Files by their paths; their bytes are fetched when asked for. `taken` are those that a text has shown or attached:
    a manual that a page links to is its attachment and no article of its own."""

    def __init__(self, files: Mapping[str, Read]) -> None:
        self._files = dict(files)
        self.taken: set[str] = set()

    @property
    def documents(self) -> list[str]:
        """The texts and tables: first those that may attach others, drafts (`name.draft.md`) after what is published."""
        names = (name for name in self._files if format_of(name) not in ("", "zip"))
        return sorted(names, key=lambda name: (format_of(name) not in ("markdown", "html"), name.lower().endswith(".draft.md"), name))

    @property
    def closed(self) -> list[str]:
        """Archives inside, and old office files, that no text attached: not read, and worth a line in the report."""
        return sorted(name for name in self._files if name not in self.taken and not is_companion(name) and name.lower().endswith(CLOSED))

    def content(self, name: str) -> bytes:
        return self._files[name]()

    def beside(self, name: str) -> Lookup:
        """How the text of this name finds what it links to: never outside of what came together."""
        folder = posixpath.dirname(name)

        def look(path: str) -> bytes | None:
            for start in (folder, ""):
                wanted = safe_path(posixpath.normpath(posixpath.join(start, path)).lstrip("/"))
                if wanted in self._files:
                    self.taken.add(wanted)
                    return self._files[wanted]()
            return None

        return look


def is_companion(name: str) -> bool:
    """Whether a file is only there for a text to show or attach."""
    ending = name.rpartition(".")[2].lower()
    return ending in PICTURES or (ending in ATTACHED and not format_of(name))


def on_disk(path: Path, limits: Limits) -> Bundle:
    """A folder with all below it, a single file with what lies around it, or a ZIP. Links out of the folder lead nowhere."""
    if path.is_file() and format_of(path.name) == "zip":
        return Bundle({name: _kept(content) for name, content in unpacked(path.read_bytes(), limits)})
    if path.is_file():
        around = (other for other in path.parent.rglob("*") if is_companion(other.name)) if path.suffix.lower() in (".md", ".markdown", ".html", ".htm") else ()
        return Bundle(_below(path.parent, [path, *around]))
    return Bundle(_below(path, path.rglob("*")))


def _kept(content: bytes) -> Read:
    return lambda: content


def _below(root: Path, paths: Iterable[Path]) -> dict[str, Read]:
    inside = root.resolve()
    return {
        name: path.read_bytes
        for path in paths
        if path.is_file() and path.resolve().is_relative_to(inside) and (name := safe_path(path.relative_to(root).as_posix()))
    }
