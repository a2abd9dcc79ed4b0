"""How often the answer service would be right, and how often it would speak where there is nothing to say:

    python -m bench.answers FOLDER… [--questions N] [--fit] [--json FILE]

Each FOLDER is a judged set (`flask knowledge evaluate`). It is asked whole, and as knowledge bases of 40 and 500 articles:
most desks have few. Precision and coverage are those of `knowledge.confidence`; `same title` counts what bears the title of a
right answer as right too (sets that cut a page into pieces call its table of contents wrong); `unfounded` is the share of questions that
would be answered with the right articles taken out, or that belong to articles which a small base does not have. Questions
of even numbers are for tuning, those of odd numbers for checking.

`--fit` learns the weights of knowledge/confidence.py from the even half by logistic regression and prints them.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.measure import table
from knowledge import judged
from knowledge.analysis import prepare, use_shipped_words
from knowledge.confidence import THRESHOLD, Evidence, confidence, evidence
from knowledge.evaluate import DEPTH, MOST_RIGHT, first
from knowledge.index import Index, IndexDocument, Query
from knowledge.learning.model import use_shipped_model
from knowledge.whoosh_index import WhooshIndex

SMALL = ((40, 10, 30), (500, 2, 150))
"""Articles of a small knowledge base, how many such bases are made for each half, and how many questions each can answer.
As many again are asked that it cannot."""
Floats = NDArray[np.float64]
Asked = tuple[str, str]


@dataclass(frozen=True)
class Told:
    """One question to one knowledge base: the evidence and confidence with all that it has (None: it cannot answer), whether
    its first hit is right, or at least bears the title of what is right, and both without what is right."""

    base: str
    tuning: bool
    evidence: Evidence | None
    sure: float | None
    right: bool
    same_title: bool
    without: Evidence | None
    sure_without: float


class JudgedSet:
    """A set in memory: its documents, its questions in an order of chance that is always the same, and what is right."""

    def __init__(self, folder: Path) -> None:
        files = [judged.find(folder, names) for names in (judged.DOCS, judged.QUERIES, judged.QRELS)]
        documents, queries, qrels = files
        if documents is None or queries is None or qrels is None:
            sys.exit(f"{folder} has no documents, queries or judgements")
        self.name = folder.name
        self.documents = {document.id: document for document in judged.documents(documents)}
        grades = judged.qrels(qrels)
        self.right = {number: {name for name, grade in row.items() if grade > 0} for number, row in grades.items()}
        self.asked = [(str(row["id"]), str(row["text"])) for row in judged.rows(queries) if str(row["id"]) in grades]
        random.Random(7).shuffle(self.asked)

    def half(self, tuning: bool) -> list[Asked]:
        """The questions of even numbers, or of odd ones."""
        return [asked for asked in self.asked if (int("".join(filter(str.isdigit, asked[0])) or 0) % 2 == 0) is tuning]


def ask(index: Index, one: JudgedSet, questions: Iterable[Asked], held: Iterable[str], base: str, tuning: bool) -> list[Told]:
    """Each question to an index that holds these documents of the set."""
    known = set(held)
    found = []
    for number, text in questions:
        rights = one.right[number]
        hits = index.search(Query(text, limit=DEPTH + min(len(rights), MOST_RIGHT), passages=False))
        with_all, less = first(hits, set()), first(hits, rights)
        can = bool(rights & known)
        is_right = can and bool(hits.items) and hits.items[0].id in rights
        sure = confidence(with_all, text) if can else None
        seen = evidence(with_all, text) if can else None
        named = {one.documents[name].title for name in rights & known} - {""}
        near = is_right or (can and bool(hits.items) and one.documents[hits.items[0].id].title in named)
        found.append(Told(base, tuning, seen, sure, is_right, near, evidence(less, text), confidence(less, text)))
    return found


def indexed(documents: Iterable[IndexDocument], folder: str) -> WhooshIndex:
    index = WhooshIndex(Path(folder))
    index.rebuild(documents)
    return index


def gather(one: JudgedSet, most: int) -> list[Told]:
    """All that a set tells: asked whole, and in small pieces."""
    told: list[Told] = []
    with tempfile.TemporaryDirectory(prefix="huiyin-") as folder:
        index = indexed(one.documents.values(), folder)
        for tuning in (True, False):
            told += ask(index, one, one.half(tuning)[:most], one.documents, f"{one.name} {len(one.documents)}", tuning)
        index.close()
    chance = random.Random(11)
    for tuning in (True, False):
        pool = one.half(tuning)[: 5 * most]
        for size, bases, answered in SMALL:
            for _base in range(bases):
                questions = chance.sample(pool, min(2 * answered, len(pool)))
                held = set().union(*(one.right[number] for number, _ in questions[:answered])) & one.documents.keys()
                for name in chance.sample(sorted(one.documents), min(size, len(one.documents))):
                    if len(held) >= size:
                        break
                    held.add(name)
                with tempfile.TemporaryDirectory(prefix="huiyin-") as folder:
                    index = indexed((one.documents[name] for name in sorted(held)), folder)
                    told += ask(index, one, questions, held, f"{one.name} {size}", tuning)
                    index.close()
    return told


def figures(told: Sequence[Told], threshold: float = THRESHOLD) -> dict[str, float]:
    """Precision and coverage where there is an answer, and the share answered where there is none."""
    able = [one for one in told if one.sure is not None]
    given = [one for one in able if (one.sure or 0) >= threshold]
    return {
        "questions": len(told),
        "precision": round(sum(one.right for one in given) / len(given), 4) if given else 1.0,
        "same title": round(sum(one.same_title for one in given) / len(given), 4) if given else 1.0,
        "coverage": round(len(given) / len(able), 4) if able else 0.0,
        "unfounded": round(sum(one.sure_without >= threshold for one in told) / len(told), 4) if told else 0.0,
    }


def fit(told: Sequence[Told]) -> tuple[float, Floats]:
    """Constant and weights of the logistic regression; every base weighs the same."""
    rows: list[tuple[float, ...]] = []
    right: list[bool] = []
    shares: list[float] = []
    for base in {one.base for one in told}:
        mine = [(one.evidence, one.right) for one in told if one.base == base and one.evidence]
        mine += [(one.without, False) for one in told if one.base == base and one.without]
        rows += [astuple(seen) for seen, _ in mine if seen]
        right += [is_right for _, is_right in mine]
        shares += [1 / len(mine)] * len(mine)
    return logistic(np.asarray(rows, np.float64), np.asarray(right, np.float64), np.asarray(shares) * len(rows) / sum(shares))


def logistic(rows: Floats, right: Floats, shares: Floats, calm: float = 1.0) -> tuple[float, Floats]:
    """Newton's method; `calm` keeps weights small that little speaks for."""
    middle, width = rows.mean(0), rows.std(0) + 1e-9
    scaled = np.c_[np.ones(len(rows)), (rows - middle) / width]
    penalty = np.eye(scaled.shape[1]) * calm
    penalty[0, 0] = 0
    weights = np.zeros(scaled.shape[1])
    for _step in range(50):
        sure = 1 / (1 + np.exp(-scaled @ weights))
        slope = scaled.T @ (shares * (sure - right)) + penalty @ weights
        bend = (scaled * (shares * sure * (1 - sure))[:, None]).T @ scaled + penalty
        weights -= np.linalg.solve(bend, slope)
    per_unit = weights[1:] / width
    return float(weights[0] - per_unit @ middle), per_unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--questions", type=int, default=600, help="of each half, for the whole set (600)")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    prepare()
    use_shipped_words()
    use_shipped_model()
    sets = [gather(JudgedSet(folder), given.questions) for folder in given.folders]
    told = [one for some in sets for one in some]
    report = {
        f"{base} {'even' if tuning else 'odd'}": figures([one for one in told if (one.base, one.tuning) == (base, tuning)])
        for base in dict.fromkeys(one.base for one in told)
        for tuning in (True, False)
    }
    head = ["set, articles, half", "questions", "precision", "same title", "coverage", "unfounded"]
    print(table(head, [[name, *row.values()] for name, row in report.items()]))
    if given.json:
        given.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    if given.fit:
        whole = {some[0].base for some in sets}
        constant, weights = fit([one for one in told if one.tuning and one.base in whole])
        named = ", ".join(f"{field.name}={weight:.2f}" for field, weight in zip(fields(Evidence), weights, strict=True))
        print(f"_WEIGHTS = Evidence({named})\n_CONSTANT = {constant:.2f}")


if __name__ == "__main__":
    main()
