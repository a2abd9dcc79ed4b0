"""The worker fetches recordings where an account says so: providers keep them for a while only."""

from app.core.db import session
from app.core.errors import Refused
from app.core.outbox import Job, Retry
from app.core.uow import unit_of_work
from channels.base import SendFailed
from channels.calls import recordings
from channels.calls.events import RecordingWanted
from channels.calls.models import Call


def fetch_recording(event: RecordingWanted, job: Job) -> None:
    """Fetch one into our files. It may not be there yet right after the call: then it is tried again."""
    call = session().get(Call, event.call_id)
    if call is None or not call.recording or call.recording_state == "fetched":
        with job.done():
            return
    try:
        source = recordings.source_of(call)
        content = recordings.load(source)
    except Refused:
        with job.done():
            _mark(event.call_id, "failed")
        return
    except (SendFailed, OSError) as problem:
        if job.last or getattr(problem, "final", False):
            with job.done():
                _mark(event.call_id, "failed")
            return
        session().rollback()
        raise Retry(str(problem)) from None
    with job.done():
        recordings.keep(session().get_one(Call, event.call_id), content, source.mime)


def _mark(call_id: int, state: str) -> None:
    with unit_of_work():
        session().get_one(Call, call_id).recording_state = state
        session().flush()
