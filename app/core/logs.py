"""Structured logs: one JSON object a line, with the request id, without secrets and without the texts of messages."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from app.core.trace import request_id

# A field is logged only when it is on this list: a new field is thought about before it can leak.
ALLOWED = frozenset(
    "event level logger timestamp request_id outbox_id reaction attempts problem method path status ms endpoint "
    "user_id account kind count seconds signal child pid exit_code raw_id message_id ticket exception port".split()
)


def _request_id(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request_id():
        fields["request_id"] = request_id()
    return fields


def _only_allowed(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: v for k, v in fields.items() if k in ALLOWED}


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to standard error as JSON lines. Calling it again replaces the set-up."""
    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _request_id,
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _only_allowed,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "huiyin", False)]:
        root.removeHandler(old)
    handler.huiyin = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    for noisy in ("werkzeug", "engineio", "socketio", "huey", "jieba", "alembic", "gunicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
