"""How sure a machine may be of its first hit."""

from knowledge.confidence import THRESHOLD, confidence
from knowledge.index import Hit


def hit(score: float, coverage: float) -> Hit:
    return Hit("1", score, (), coverage=coverage)


def test_far_ahead_and_all_covered_is_sure() -> None:
    assert confidence([hit(10, 1.0), hit(4, 0.4)], "变频器过热报警") >= THRESHOLD


def test_a_tie_is_not_sure() -> None:
    assert confidence([hit(10, 1.0), hit(9.8, 1.0)], "变频器过热报警") < THRESHOLD


def test_a_hit_that_holds_little_is_never_the_answer() -> None:
    assert confidence([hit(10, 0.2)], "变频器过热报警") == 0
    assert confidence([], "变频器") == 0


def test_more_lead_and_more_coverage_are_surer() -> None:
    near, far = [hit(10, 0.8), hit(9, 0.6)], [hit(10, 0.8), hit(5, 0.6)]
    assert confidence(far, "变频器过热报警") > confidence(near, "变频器过热报警")
    assert confidence([hit(10, 0.9), hit(5, 0.6)], "变频器过热") > confidence([hit(10, 0.6), hit(5, 0.6)], "变频器过热")
