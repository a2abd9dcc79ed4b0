"""Which words of a question a hit lacks."""

import numpy as np

from knowledge.analysis import LEAST_RARITY, rarity_in_talk, use_terms
from knowledge.lacking import Asked

TERMS = [("w", "变频器"), ("w", "过热"), ("p", "变频"), ("p", "频器"), ("p", "过热"), ("w", "e07"), ("w", "hk"), ("w", "v20")]
RARITY = {"变频器": 1.0, "过热": 1.0, "e-07": 1.0, "e07": 0.5, "hk-v20": 1.0, "hkv20": 1.0, "hk": 0.4, "v20": 0.4}


def lacks(*held: tuple[str, str]) -> tuple[float, tuple[str, ...]]:
    (told,) = Asked(RARITY, TERMS).lacks(np.asarray([[term in held for term in TERMS]]))
    return told.missing, told.words


def test_nothing_and_everything() -> None:
    assert lacks() == (1.0, ("变频器", "过热", "hk-v20", "e-07"))
    assert lacks(*TERMS) == (0.0, ())


def test_half_a_word_is_half_missing_and_pieces_of_a_code_are_half_of_it() -> None:
    missing, words = lacks(("p", "变频"), ("w", "过热"), ("w", "e07"), ("w", "v20"))
    assert words == () and missing == 0.25  # half of two of four


def test_spellings_of_a_code_are_one_word() -> None:
    assert "e-07" not in lacks(("w", "e07"))[1]
    assert Asked({"e-07": 1.0, "e07": 1.0, "e7": 1.0}, []).words == ["e-07"]


def test_what_was_not_looked_for_is_not_missing() -> None:
    """Of a long question only the rarest words are looked for."""
    assert Asked({"变频器": 1.0, "长": 0.5}, [("w", "变频器")]).words == ["变频器"]
    assert Asked({"新词": 1.0}, []).words == ["新词"]
    (nothing,) = Asked({}, []).lacks(np.zeros((1, 0), bool))
    assert nothing.missing == 0 and nothing.words == ()


def test_words_that_everybody_says_weigh_little_and_trade_words_whole() -> None:
    assert rarity_in_talk("处理") == rarity_in_talk("故障") == LEAST_RARITY
    assert LEAST_RARITY <= rarity_in_talk("说") < rarity_in_talk("设备") < rarity_in_talk("变频器") == rarity_in_talk("e07") == 1
    use_terms(["设备"])
    assert rarity_in_talk("设备") == 1, "an editor's word is a trade word"
    use_terms([])
