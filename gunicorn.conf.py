"""How the web process serves: one process, and a thread per open page with live hints.

Every open WebSocket holds a thread, so there are as many as HUIYIN_WEB_THREADS says. No preload: it hung the first
request. A second process would need a shared message queue, so scale is more instances behind a proxy.
"""

import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from app import serving  # noqa: E402  the line above lets it start from any folder
from app.config import BadSetting, load_settings  # noqa: E402
from app.processes import LEAVE_SECONDS, address, end_with  # noqa: E402

try:
    _settings = load_settings()
except BadSetting as problem:
    raise SystemExit(str(problem)) from None

bind = [address(_settings.host, _settings.port)]
pythonpath = str(ROOT)
worker_class = "app.serving.DeskWorker"
workers = 1
threads = _settings.web_threads
limit_request_line = serving.LONGEST_LINE
worker_connections = _settings.web_threads + 200
preload_app = False
control_socket_disable = True
keepalive = 5
timeout = 60
graceful_timeout = LEAVE_SECONDS - 1
loglevel = "warning"


def post_fork(server, worker):
    """A server killed with -9 must not leave its worker behind."""
    end_with(server.pid)
    serving.share_memory()


def worker_exit(server, worker):
    """The worker has served its last request."""
    serving.leave(worker)

def post_worker_init(worker):
    """The words of the search are read before the first question, beside the first requests."""
    from app.kb.index import warm  # here, because the server itself needs nothing of the house

    def settle():
        warm(worker.wsgi)
        serving.settle()

    threading.Thread(target=settle, name="index", daemon=True).start()
