"""Making the file of words: all of it anew, when it is missing, no longer fits, or much has changed since. The worker's work,
outside a unit of work; searches and suggestions go on with the file before.
"""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from app.core.clock import now
from app.core.db import session
from knowledge import lexicon, lexicon_rows, word_file
from knowledge.analysis import fingerprint, look_for_words

AGAIN = timedelta(minutes=10)
"""A file that was just made is not made anew because of a few words or articles more: processes read those by themselves."""
OLD = timedelta(days=7)
"""Words of articles that were taken away, or counted twice, are forgotten so."""
MANY = 20
"""One article in so many changed since: reading them would make each start of a process slow."""


def analysis_sum() -> str:
    """Changes when titles could be cut into other words: another release, words of editors, names of products."""
    words = sorted(lexicon_rows.list_words())
    return f"{fingerprint()}-{sha256(chr(10).join(words).encode()).hexdigest()[:12]}"


def reason(folder: Path) -> str:
    """In a word, why the file has to be made; empty where it need not be. Reads all of it: a damaged one is missing."""
    published = lexicon_rows.published()
    if published < lexicon.LARGE:
        return ""
    try:
        told = word_file.read_told(folder, str(session().get_bind()))
        word_file.read_parts(folder, told)
    except word_file.NoWords:
        return "missing"
    if not told.analysis.startswith(f"{fingerprint()}-"):
        return "outdated"
    age = now() - told.made_at
    if timedelta() <= age < AGAIN:
        return ""
    if told.analysis != analysis_sum():
        return "outdated"
    newest = lexicon_rows.newest()
    if told.changed is not None and (newest is None or newest[0] < told.changed[0]):
        return "ahead"  # the database was brought back to an earlier day, or its youngest article was taken away
    if lexicon_rows.count_changed(told.changed) * MANY > published:
        return "changes"
    return "old" if not timedelta() <= age < OLD else ""


def make(folder: Path, pause: Callable[[], object] = lambda: None) -> word_file.Told:
    """Read all titles and put what they hold in force; `pause` after every few hundred."""
    with word_file.lock(folder):
        session().rollback()
        look_for_words(now=True)
        address, made_at, analysis = str(session().get_bind()), now(), analysis_sum()
        changed, event = lexicon_rows.newest(), lexicon_rows.newest_event()
        fresh, number, ended = lexicon.shipped(), 0, False
        while not ended:
            rows, ended, number = lexicon_rows.rows_by_number(number, lexicon.AT_ONCE)
            session().rollback()
            for row in rows:
                fresh.add(row.texts)
            pause()
        lexicon.meet_lists(fresh)
        session().rollback()

        def told(file: str, size: int, crc: int) -> word_file.Told:
            database = word_file.database_sum(address)
            return word_file.Told(file, size, crc, database, analysis, made_at, number, changed, event)

        return word_file.put_in_force(folder, fresh.packed(), told)


def ensure(folder: Path, pause: Callable[[], object] = lambda: None) -> str:
    """Make the file if it has to be; gives why, or nothing."""
    why = reason(folder)
    session().rollback()
    if why:
        make(folder, pause)
    return why
