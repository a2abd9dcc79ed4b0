"""The door for web servers (`gunicorn wsgi:app`) and for `flask …`; `python wsgi.py` starts web and worker together."""

if __name__ == "__main__":
    from app.processes import main

    raise SystemExit(main())

import gc

# What is read at the start stays. To look through it for rubbish while it grows would be a third of the start.
gc.disable()

from app.config import BadSetting  # noqa: E402  the line above comes first
from app.factory import create_app  # noqa: E402

try:
    app = create_app()
except BadSetting as problem:
    raise SystemExit(str(problem)) from None
gc.freeze()
gc.enable()
