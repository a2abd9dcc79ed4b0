"""Reading in a process of its own: what a file does to a library there is over when the process is.

`python -m knowledge.intake.guarded IN OUT` is that process; nobody else calls it.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.core.errors import Invalid
from knowledge.intake.pictures import Lookup
from knowledge.intake.reading import HEAVY, format_of, read_file
from knowledge.intake.shapes import LIMITS, Document, Limits, Unreadable, dump, load

MEMORY = 2_000_000_000
ROOT = Path(__file__).resolve().parents[2]


def read_guarded(
    path: str,
    content: bytes,
    *,
    mapping: Mapping[str, Any] | None = None,
    split: bool = False,
    limits: Limits = LIMITS,
    lookup: Lookup | None = None,
) -> Document:
    """As `read_file`; heavy formats in a process with little memory and time. Raises Unreadable when it does not answer."""
    if format_of(path) not in HEAVY or len(content) > limits.file_bytes or not content.strip():
        return read_file(path, content, mapping=mapping, split=split, limits=limits, lookup=lookup)
    with tempfile.TemporaryDirectory(prefix="huiyin-import-") as folder:
        given, out = Path(folder, "in"), Path(folder, "out")
        given.write_bytes(content)
        asked = {"path": path, "mapping": mapping or {}, "split": split, "limits": limits.__dict__}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUIYIN_")}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "knowledge.intake.guarded", str(given), str(out)],
                input=json.dumps(asked).encode(),
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limits.seconds,
            )
        except subprocess.TimeoutExpired:
            raise Unreadable("读了 %(n)s 秒还没有读完，放弃了。请拆成几份再导入。", n=limits.seconds) from None
        if done.returncode or not out.exists():
            raise Unreadable("文件太复杂或已损坏，读的时候停下了。请另存一份再试。")
        found = out.read_bytes()
    if found[:1] == b"!":
        told = json.loads(found[1:])
        raise Unreadable(told["message"], **told["data"])
    return load(found)


def main(given: Path, out: Path) -> None:
    """Read one file within limits and write the result, or the refusal, for the parent."""
    asked = json.loads(sys.stdin.buffer.read())
    limits = Limits(**asked["limits"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    os.nice(5)  # whoever waits for an answer goes first
    try:
        found = dump(read_file(asked["path"], given.read_bytes(), mapping=asked["mapping"], split=asked["split"], limits=limits))
    except Invalid as problem:
        reason = next((reason for reasons in problem.errors.values() for reason in reasons), problem.message)
        found = b"!" + json.dumps({"message": reason, "data": problem.data}, ensure_ascii=False, default=str).encode()
    out.write_bytes(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
