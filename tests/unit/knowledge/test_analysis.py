"""What counts as the same text: codes, scripts, widths, questions."""

import threading

import pytest

from knowledge import analysis
from knowledge.analysis import fold, fold_in_place, query_tokens, tokens
from knowledge.synonyms import Synonyms, trying


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("FX3U-48MR", ["FX3U-48MR", "fx3u48mr", "FX3U", "48MR", "ＦＸ３Ｕ－４８ＭＲ"]),
        ("E-07", ["E07", "e-07", "E7", "E 07", "Ｅ０７"]),
        ("E07", ["E-07", "E7", "e07"]),
        ("E 07", ["E-07", "E07", "E7"]),
        ("E7", ["E07", "E-07"]),
        ("0x80070005", ["0X80070005", "80070005"]),
        ("0x8102", ["8102", "0X8102"]),
        ("8102", ["0x8102"]),
        ("G300网关", ["G300", "g300 网关", "Ｇ３００"]),
        ("TL-G300网关", ["G300网关", "tlg300"]),
        ("v4.2.1", ["V4.2.1", "4.2.1", "4.2", "v4.2.1"]),
        ("4.2.1", ["v4.2.1"]),
        ("C++", ["c++", "Ｃ＋＋"]),
        ("C#", ["c#"]),
        ("ORA-600", ["ora600", "ORA 600", "600"]),
        ("ORA-00600", ["ORA-600", "ora600"]),
        ("HK-P3-32MT", ["P3-32MT", "hkp3", "32mt", "HK-P3", "HKP332MT"]),
        ("TL-G300", ["TL G300", "g300", "tlg300"]),
        ("7.5 kW", ["7.5kW"]),
        ("7.5kW", ["7.5 kW"]),
        ("cdb_wr_active_session_history", ["cdbwractivesessionhistory", "cdb_wr_active_session_history"]),
        ("TCP/IP", ["tcpip", "tcp"]),
        ("gateways", ["gateway"]),
        ("gateway", ["Gateways"]),
        ("addresses", ["address"]),
        ("batteries", ["battery"]),
        ("變頻器過熱", ["变频器", "变频器过热"]),
        ("变频器过热", ["變頻器"]),
        ("网关离线", ["網關離線"]),
    ],
)
def test_a_thing_is_found_as_people_write_it(written: str, asked: list[str]) -> None:
    stored = set(tokens(written).words)
    for query in asked:
        assert stored & set(query_tokens(query).words), f"{query} does not reach {written}: {sorted(stored)}"


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("C", "C++"),
        ("C++", "C"),
        ("E07", "E08"),
        ("E70", "E7"),
        ("E7", "E08"),
        ("0x8102", "8103"),
        ("v4.2.1", "4.3"),
        ("FX3U-48MR", "FX5U"),
    ],
)
def test_different_things_stay_different(written: str, asked: str) -> None:
    assert not set(tokens(written).words) & set(query_tokens(asked).words)


def test_the_whole_code_weighs_more_than_its_parts() -> None:
    words = query_tokens("FX3U-48MR").words
    assert words["fx3u-48mr"] > words["48mr"]


def test_han_text_becomes_words_pairs_and_characters() -> None:
    cut = tokens("母线过压，E05")
    assert cut.words == ["母线过压", "e05", "e5"]
    assert cut.pairs == ["母线", "线过", "过压"]
    assert cut.chars == list("母线过压")


@pytest.mark.parametrize("word", ["变频器", "二级节点", "载频", "母线过压", "标识解析", "断点续传", "停机窗口"])
def test_the_shipped_dictionary_keeps_trade_words_whole(word: str) -> None:
    assert word in tokens(f"请检查{word}是否正常").words


def test_every_dictionary_line_is_one_run_of_simplified_han() -> None:
    lines = analysis._lines("dictionary.txt")
    assert len(lines) > 150
    for line in lines:
        assert analysis._RUNS.fullmatch(line)[1], line  # type: ignore[index]
        assert fold(line) == line, line
    assert len(set(lines)) == len(lines), sorted(line for line in set(lines) if lines.count(line) > 1)


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("变频器过热怎么办？", {"变频器", "过热"}),
        ("请问如何校准传感器呢", {"校准", "传感器"}),
        ("How do I reset the gateway?", {"reset", "gateway"}),
        ("什么是二级节点", {"二级节点"}),
    ],
)
def test_question_words_say_nothing(question: str, left: set[str]) -> None:
    assert set(query_tokens(question).words) == left


@pytest.mark.parametrize("question", ["怎么办", "什么", "how to", "如何？"])
def test_a_query_of_question_words_alone_is_still_a_query(question: str) -> None:
    assert query_tokens(question)


def test_stored_text_keeps_its_question_words() -> None:
    assert "如何" in tokens("如何升级").words


@pytest.mark.parametrize("char", ["泵", "卡", "Ｐ"])
def test_one_character_is_a_query(char: str) -> None:
    assert query_tokens(char)


def test_a_lone_character_is_also_looked_for_inside_words() -> None:
    assert set(query_tokens("泵").chars) == {"泵"}
    assert query_tokens("水泵").chars == {}


@pytest.mark.parametrize("nothing", ["", "   ", "？！", "——", "\u200b", "。"])
def test_nothing_is_no_query(nothing: str) -> None:
    assert not query_tokens(nothing)


@pytest.mark.parametrize("text", ["師傅說要等停機", "ＡＢＣ１２３", "①㎏", "İstanbul", "e\u0301", "", "網關—離線"])
def test_folding_in_place_keeps_every_place(text: str) -> None:
    assert len(fold_in_place(text)) == len(text)


def test_folding_in_place_agrees_with_folding() -> None:
    text = "師傅說變頻器ＦＸ３Ｕ過熱，E－07"
    assert fold_in_place(text) == fold(text)


def test_terms_are_learned_and_forgotten() -> None:
    sentence = "检查宏控调速柜接线，复位后记录"
    before = tokens(sentence).words
    assert "宏控调速柜" not in before and "复位" in before
    try:
        analysis.use_terms(["宏控调速柜", "复位", "X"])
        assert "宏控调速柜" in tokens(sentence).words
    finally:
        analysis.use_terms(())
    assert tokens(sentence).words == before, "a shipped word stays a word when an editor's is removed"


def test_editors_words_are_asked_for_at_most_once_a_second() -> None:
    asked: list[int] = []
    try:
        analysis.watch_words(lambda: asked.append(1))
        for _ in range(5):
            query_tokens("变频器")
        assert len(asked) == 1
        analysis.look_for_words(now=True)
        assert len(asked) == 2
    finally:
        analysis.watch_words(None)


def test_a_synonym_is_looked_for_beside_the_word_and_for_less() -> None:
    with trying(Synonyms([("烫手", "过热"), ("plc", "可编程控制器")])):
        found = query_tokens("变频器燙手")
        assert found.words["烫手"] == 1 and 0 < found.words["过热"] < 1
        assert "过热" in found.added and "烫手" not in found.added
        assert "可编程控制器" in query_tokens("PLC 报警").words
        assert "可编程控制器" not in query_tokens("plc2 报警").words
        assert not query_tokens("过热烫手").added
    assert "过热" not in query_tokens("变频器燙手").words


def test_threads_cut_alike() -> None:
    text = "變頻器報E-07，二级节点注册报302，网关换卡后离线。" * 20
    expected = tokens(text)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(tokens(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8
