"""The words that editors teach the search, and how every process comes to know them without a restart.

Names of products come from the database by themselves. A process asks for a small stamp of the three tables at most
once a second (see `knowledge.analysis.look_for_words`) and reads the words only where it has changed.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, String, cast, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from app.core.audit import note
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.permissions import Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.analysis import HAN_WORD, fold, shipped_terms, traditional, use_terms
from knowledge.models import Article, Revision
from knowledge.synonyms import Synonyms, use_synonyms
from knowledge.term_events import TermChanged
from knowledge.term_models import SynonymGroup, Term

log = logging.getLogger("huiyin.knowledge")
LONGEST, LONGEST_NAME = 40, 6
MOST_WORDS = 12
_lock = threading.Lock()
_stamp: tuple[Any, ...] | None = None


def catch_up() -> bool:
    """Bring this process's words to what the database says now. True if they had changed. Never breaks a search."""
    global _stamp
    try:
        stamp = _read_stamp()
        if stamp == _stamp:
            return False
        with _lock:
            use_terms([*_names(), *session().scalars(select(Term.text))])
            use_synonyms(Synonyms(session().scalars(select(SynonymGroup.words))))
            _stamp = stamp
    except SQLAlchemyError as problem:
        told = str(problem).splitlines()[0][:200]
        log.warning("words of editors could not be read; searching with the ones known", extra={"problem": told})
        return False
    return True


def _read_stamp() -> tuple[Any, ...]:
    def of(table: Any) -> Select[Any]:
        return select(func.count(), func.max(table.id), func.sum(table.version), func.max(table.created_at))

    address = str(session().get_bind())
    return (address, *(tuple(session().execute(of(table)).one()) for table in (Product, Term, SynonymGroup)))


def _names() -> list[str]:
    return [word for name in session().scalars(select(Product.name)) for word in name_words(name)]


def name_words(name: str) -> list[str]:
    """The words that a product's name teaches: its short Han parts. A long one would become a word that nobody types."""
    return [word for word in HAN_WORD.findall(fold(name)) if 1 < len(word) <= LONGEST_NAME]


def holding_name(product_id: int) -> list[int]:
    """Ids of published articles that hold a word of this product's name. Shipped words are whole everywhere already."""
    product = session().get(Product, product_id)
    fresh = set(name_words(product.name)).difference(shipped_terms()) if product is not None else set()
    return sorted({number for word in fresh for number in holding(word)})


def _word(text: str, field: str) -> str:
    word = " ".join(fold(clean(text)).split())
    if not 2 <= len(word) <= LONGEST:
        raise Invalid.of(field, "每个词 2 到 %(most)s 个字。", most=LONGEST)
    return word


def whole_word(text: str) -> str:
    """The word as it would be kept. Raises Invalid, or Conflict where it is known already."""
    word = _word(text, "text")
    if session().scalar(select(Term.id).where(Term.text == word)):
        raise Conflict("「%(word)s」已经在词表里。", word=word)
    return word


def add_term(actor: Actor, text: str, told: str = "") -> Term:
    """Keep a word whole from now on. Raises Invalid, or Conflict where it is known already."""
    require(actor, "article.publish")
    in_turn(actor)
    word = whole_word(text)
    term = Term(text=word, note=clean(told).strip()[:200], created_by=actor.name[:80])
    session().add(term)
    session().flush()
    note(actor, "term.add", term, after=word)
    record(TermChanged(text=word))
    return term


def remove_term(actor: Actor, term_id: int) -> None:
    """Let the cutter take a word apart again. Raises NotFound."""
    require(actor, "article.publish")
    term = session().get(Term, term_id)
    if term is None:
        raise NotFound()
    note(actor, "term.remove", term, before=term.text)
    session().delete(term)
    session().flush()
    record(TermChanged(text=term.text))


def synonym_words(text: str) -> list[str]:
    """The words of a group as an editor wrote them: split by =, commas or line ends. Raises Invalid."""
    for sign in "=＝，,、;；\n":
        text = text.replace(sign, "|")
    words = list(dict.fromkeys(_word(part, "words") for part in text.split("|") if part.strip()))
    if not 2 <= len(words) <= MOST_WORDS:
        raise Invalid.of("words", "写 2 到 %(most)s 个意思相同的词。", most=MOST_WORDS)
    return words


def add_synonyms(actor: Actor, words: Sequence[str], told: str = "") -> SynonymGroup:
    """Let each of the words find the others too. Raises Invalid, or Conflict where one already belongs to a group."""
    require(actor, "article.publish")
    words = synonym_words("|".join(words))
    in_turn(actor)
    for group in session().scalars(select(SynonymGroup)):
        if shared := set(words) & set(group.words):
            raise Conflict("「%(word)s」已经在另一组里：%(group)s", word=sorted(shared)[0], group=group.label)
    group = SynonymGroup(words=words, note=clean(told).strip()[:200], created_by=actor.name[:80])
    session().add(group)
    session().flush()
    note(actor, "synonym.add", group, after=group.label)
    return group


def remove_synonyms(actor: Actor, group_id: int) -> None:
    """Let the words of a group stand for themselves again. Raises NotFound."""
    require(actor, "article.publish")
    group = session().get(SynonymGroup, group_id)
    if group is None:
        raise NotFound()
    note(actor, "synonym.remove", group, before=group.label)
    session().delete(group)
    session().flush()


def holding(word: str) -> list[int]:
    """Ids of published articles whose text holds the word, in either script: what must be cut again."""
    spellings = {word, traditional(word)}
    held = [
        column.icontains(spelling, autoescape=True)
        for spelling in spellings
        for column in (Revision.title, Revision.body)
    ]
    rows = (
        select(Article.id)
        .join(Revision, Revision.id == Article.current_revision_id)
        .where(Article.state == "published", or_(*held, *(_in_questions(spelling) for spelling in spellings)))
        .order_by(Article.id)
    )
    return list(session().scalars(rows))


def _in_questions(spelling: str) -> Any:
    # As JSON some databases keep Han text escaped: both spellings of it are looked for.
    told = cast(Revision.questions, String)
    escaped = spelling.encode("ascii", "backslashreplace").decode()
    return or_(told.icontains(spelling, autoescape=True), told.icontains(escaped, autoescape=True))
