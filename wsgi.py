"""The door for web servers (`gunicorn wsgi:app`) and for `flask …`; `python wsgi.py` starts web and worker together."""

if __name__ == "__main__":
    from app.processes import main

    raise SystemExit(main())

from app.config import BadSetting
from app.factory import create_app

try:
    app = create_app()
except BadSetting as problem:
    raise SystemExit(str(problem)) from None
