"""Runs commands one after another in one process: `python -m app.prepare "desk init" "desk demo"`.

Each start of Python with the whole application costs more than a second; the parent of a one-machine desk pays it once.
"""

import gc
import sys
from collections.abc import Sequence

gc.disable()  # as in wsgi.py: what is read at the start stays

from app.config import BadSetting  # noqa: E402  the line above comes first
from app.factory import create_app  # noqa: E402

gc.freeze()
gc.enable()


def main(commands: Sequence[str]) -> int:
    """Run them until one fails; returns 0, or 1 after a line that names the failed one."""
    try:
        flask = create_app()
    except (BadSetting, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for command in commands:
        status: object = 0
        try:
            with flask.app_context():
                flask.cli.main(args=command.split(), prog_name="flask")
        except SystemExit as ended:
            status = ended.code
        if status:
            print(f"flask {command} failed", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
