"""What readers chose: which article was opened, or said to have helped, after which words.

Words of tickets are no judgements here: they are searched already (`asked`), and learning from them would be learning
from the answer sheet.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from knowledge.analysis import fold
from knowledge.index import EVERYTHING, LEVELS, Index, Query, Reader
from knowledge.learning.model import TOP
from knowledge.learning.names import NAMES
from knowledge.learning.reordering import recording
from knowledge.learning.training import Asked
from knowledge.models import ArticleFeedback, SearchLog

OPENED, HELPED, MISLED = 1.0, 3.0, -2.0
MOST = 5000
_ASKED = NAMES.index("asked")
Judged = dict[tuple[str, str], dict[int, float]]


def judged(days: int) -> Judged:
    """(Folded words, widest level of who asked) → article → what its being chosen is worth, of the last days."""
    since = now() - timedelta(days=days)
    found: defaultdict[tuple[str, str], defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    opened = select(SearchLog.folded, SearchLog.level, SearchLog.opened_article_id)
    for words, level, article in session().execute(
        opened.where(SearchLog.at >= since, SearchLog.opened_article_id.is_not(None), SearchLog.folded != "")
    ):
        found[words, level][article or 0] += OPENED
    told = select(ArticleFeedback.query, ArticleFeedback.article_id, ArticleFeedback.helpful)
    for words, article, helpful in session().execute(
        told.where(ArticleFeedback.at >= since, ArticleFeedback.query != "")
    ):
        folded = " ".join(fold(words).split())
        levels = [level for level in LEVELS if (folded, level) in found] or ["public"]
        for level in levels:
            found[folded, level][article] += HELPED if helpful else MISLED
    chosen = {key: {a: worth for a, worth in of.items() if worth > 0} for key, of in found.items()}
    kept = sorted((key for key in chosen if chosen[key]), key=lambda key: -sum(chosen[key].values()))[:MOST]
    # By the words, so that one question is always on the same side of the test.
    return {key: chosen[key] for key in sorted(kept)}


def features_of(index: Index, questions: Judged, progress: Callable[[int], None] | None = None) -> list[Asked]:
    """Ask each question once and write down what its first hits look like. An engine that tells nothing gives nothing."""
    found = []
    for done, ((words, level), chosen) in enumerate(questions.items(), 1):
        reader = Reader(LEVELS[: LEVELS.index(level) + 1], all_organisations=True) if level in LEVELS else EVERYTHING
        with recording() as record:
            index.search(Query(words, reader, limit=TOP, passages=False))
        if record.ids:
            told = record.told.copy()
            told[:, _ASKED] = 0
            found.append(Asked(told, np.asarray([chosen.get(int(name), 0.0) for name in record.ids])))
        if progress and done % 50 == 0:
            progress(done)
    return found
