"""How sure a machine may be of its first hit."""

from dataclasses import replace

import pytest

from knowledge.confidence import MOST_MISSING, THRESHOLD, confidence, evidence
from knowledge.index import Hit, Hits

QUESTION = "变频器过热报警"


def hit(score: float, missing: float, coverage: float = 0.0, lacks: tuple[str, ...] = ()) -> Hit:
    return Hit("1", score, (), coverage=coverage or 1 - missing, strength=1 - missing, missing=missing, lacks=lacks)


def found(*hits: Hit, said: float = 2.0) -> Hits:
    return Hits(len(hits), hits, said=said)


def test_far_ahead_and_nothing_missing_is_sure() -> None:
    assert confidence(found(hit(10, 0), hit(4, 0.6)), QUESTION) >= THRESHOLD


def test_a_tie_is_not_sure() -> None:
    tie = [hit(10, 0), *(hit(9.9 - n / 10, 0) for n in range(9))]
    assert confidence(found(*tie), QUESTION) < THRESHOLD


def test_a_hit_that_lacks_much_of_the_question_is_never_the_answer_however_it_leads() -> None:
    assert confidence(found(hit(10, MOST_MISSING + 0.01)), QUESTION) == 0
    assert confidence(found(), QUESTION) == 0
    assert confidence(found(hit(0, 0)), QUESTION) == 0


def test_more_lead_less_missing_and_more_said_are_surer() -> None:
    near, far = found(hit(10, 0.2), hit(9, 0.4)), found(hit(10, 0.2), hit(5, 0.4))
    assert confidence(far, QUESTION) > confidence(near, QUESTION)
    assert confidence(found(hit(10, 0.1), hit(5, 0.4)), QUESTION) > confidence(found(hit(10, 0.3), hit(5, 0.4)), QUESTION)
    assert confidence(far, QUESTION) > confidence(replace(far, said=0.5), QUESTION)


@pytest.mark.parametrize(("lacks", "silent"), [(("ora-600",), True), (("e07",), True), (("40399",), True), (("scada",), False), (("12",), False), (("过热",), False)])
def test_what_lacks_a_code_of_the_question_is_about_something_else(lacks: tuple[str, ...], silent: bool) -> None:
    sure = confidence(found(hit(10, 0.1, lacks=lacks)), QUESTION)
    assert (sure == 0) is silent


@pytest.mark.parametrize(("question", "lacks", "foreign"), [("变频器连 SCADA", ("scada",), 1.0), ("变频器过热", ("过热",), 0.0), ("drive too hot", ("hot",), 0.0)])
def test_a_name_that_stands_nowhere_speaks_against_it(question: str, lacks: tuple[str, ...], foreign: float) -> None:
    told = evidence(found(hit(10, 0.3, lacks=lacks)), question)
    assert told is not None and told.foreign == foreign
    if foreign:
        assert confidence(found(hit(10, 0.3, lacks=lacks)), question) < confidence(found(hit(10, 0.3)), question)
