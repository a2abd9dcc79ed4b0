"""Learning an order from choices: it finds what was chosen for, and is refused where it proves nothing."""

from pathlib import Path

import numpy as np
import pytest

from knowledge.index import IndexDocument, Passage, Query
from knowledge.learning.model import Model, model_name, read_model, use_model_of, use_shipped_model, write_model
from knowledge.learning.names import NAMES
from knowledge.learning.reordering import recording
from knowledge.learning.training import FEWEST, OWN, Asked, learn
from knowledge.whoosh_index import WhooshIndex

HELD = NAMES.index("title_held")


def questions(count: int, *, by_title: bool) -> list[Asked]:
    """Five hits each; chosen is one whose title holds the question, or any one."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(count):
        told = np.zeros((5, len(NAMES)))
        told[:, 0] = [1, 0.95, 0.9, 0.85, 0.8]
        told[:, HELD] = random.permutation([1.0, 0, 0, 0, 0])
        chosen = int(told[:, HELD].argmax()) if by_title else int(random.integers(5))
        found.append(Asked(told, np.eye(5)[chosen]))
    return found


def test_what_readers_choose_by_is_learned() -> None:
    learned = learn(questions(4 * FEWEST, by_title=True), "test")
    assert learned.model.weights[HELD] > 0.5 and learned.after > learned.before + 0.2 and learned.better


def test_chance_is_not_put_in_force() -> None:
    assert not learn(questions(4 * FEWEST, by_title=False), "test").better


def test_few_questions_prove_nothing() -> None:
    learned = learn(questions(FEWEST, by_title=True), "test")
    assert not learned.better
    assert learn([], "test").model.weights[0] == OWN


@pytest.fixture
def index(tmp_path: Path) -> WhooshIndex:
    made = WhooshIndex(tmp_path / "index")
    made.rebuild(
        [
            IndexDocument("1", "网关离线", (Passage("网关离线时先看电源灯，再看天线。"),)),
            IndexDocument("2", "网关", (Passage("网关离线。离线的网关。离线网关。网关离线排查。"),)),
            IndexDocument("3", "振动传感器", (Passage("校准步骤。"),)),
        ]
    )
    return made


def test_weights_order_the_first_hits_and_can_be_switched_off(index: WhooshIndex, tmp_path: Path) -> None:
    def order() -> list[str]:
        return [hit.id for hit in index.search(Query("网关离线"))]

    use_shipped_model()
    shipped = order()
    with recording() as record:
        order()
    assert record.ids == shipped and record.told.shape == (2, len(NAMES))
    last = record.told[1] - record.told[0]
    feature = int(np.abs(last).argmax())
    weights = np.zeros(len(NAMES))
    weights[feature] = np.sign(last[feature])
    try:
        write_model(tmp_path / "learned.json", Model(tuple(weights.tolist()), "turned"), {})
        use_model_of(tmp_path)
        assert order() == shipped[::-1] and model_name() == "turned"
    finally:
        use_shipped_model()
    assert order() == shipped and model_name() == "shipped"


def test_weights_of_other_features_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "learned.json").write_text('{"name": "old", "weights": {"score": 1}}')
    assert read_model(tmp_path / "learned.json") is None
