"""Finding shown questions by their words: in the database itself, so that they are there as soon as they are shown."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from app.core.db import session
from knowledge.analysis import query_tokens, tokens
from knowledge.community_models import SHOWN, CommunityTerm, Question

TITLE, BODY = 3, 1
TERMS_AT_MOST, ROWS_AT_MOST, LONGEST = 120, 4000, 40
ENOUGH = 0.34
"""A question must hold this share of the words' weight: half a match is a false friend."""


# Made once: putting it together costs more than running it.
_HELD = (
    select(CommunityTerm.term, CommunityTerm.question_id, CommunityTerm.weight)
    .where(CommunityTerm.term.in_(bindparam("terms", expanding=True)))
    .order_by(CommunityTerm.question_id.desc())
    .limit(ROWS_AT_MOST)
)


def put(question: Question, cut: Sequence[tuple[str, int]] | None = None) -> None:
    """Make a shown question findable, or an other one not. `cut` are its terms, cut outside the unit of work."""
    session().execute(delete(CommunityTerm).where(CommunityTerm.question_id == question.id))
    if question.state != SHOWN:
        return
    found = cut if cut is not None else terms_of(question.title, question.body)
    session().add_all([CommunityTerm(question_id=question.id, term=term, weight=weight) for term, weight in found])
    session().flush()


def terms_of(title: str, body: str) -> list[tuple[str, int]]:
    """The words of a question with their weights."""
    weights: Counter[str] = Counter()
    for text, weight in ((title, TITLE), (body[:1000], BODY)):
        cut = tokens(text)
        for term in {*cut.words, *cut.pairs}:
            weights[term[:LONGEST]] = max(weights[term[:LONGEST]], weight)
    return sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:TERMS_AT_MOST]


def similar(text: str, product_id: int | None = None, limit: int = 5) -> list[Question]:
    """Shown questions about these words, the best first. Two statements, however many questions there are."""
    asked = query_tokens(text[:300])
    terms = sorted({term[:LONGEST] for term in (*asked.words, *asked.pairs)})[:TERMS_AT_MOST]
    if not terms:
        return []
    rows = session().execute(_HELD, {"terms": terms}).all()
    if not rows:
        return []
    held: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for term, question_id, weight in rows:
        held[term][question_id] = weight
    number = len({question_id for _term, question_id, _weight in rows})
    worth = {term: math.log(1 + (number + 1) / (len(held.get(term, ())) + 0.5)) for term in terms}
    whole = sum(worth.values())
    scores: defaultdict[int, float] = defaultdict(float)
    share: defaultdict[int, float] = defaultdict(float)
    for term, questions in held.items():
        for question_id, weight in questions.items():
            scores[question_id] += worth[term] * (1 + math.log(weight))
            share[question_id] += worth[term]
    ranked = sorted(scores, key=lambda n: (-scores[n], -n))
    best = [n for n in ranked if share[n] / whole >= ENOUGH][: limit * 4]
    if not best:
        return []
    wanted = select(Question).where(Question.id.in_(best), Question.state == SHOWN)
    if product_id is not None:
        wanted = wanted.where(Question.product_id == product_id)
    found = {question.id: question for question in session().scalars(wanted)}
    return [found[n] for n in best if n in found][:limit]
