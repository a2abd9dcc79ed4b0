"""What an editor in a hurry drops on the page: each file and row is said in plain words, nothing stops, nothing is lost."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from app.core.db import session
from app.core.errors import Invalid
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge import service
from knowledge.intake import jobs, writing_jobs
from knowledge.intake.jobs import begin
from knowledge.intake.report import report_lines
from knowledge.models import Article
from tests.unit.knowledge.intake_files import docx, paragraph, png, xlsx

from .conftest import Market
from .test_intake_jobs import article, results, run

MakeActor = Callable[..., Actor]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def lines(job: Any) -> str:
    return "".join(report_lines(job, str, str))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("空的.docx", b"", "文件是空的"), ("空.csv", b"", "文件是空的"), ("老文档.docx", OLE, "旧格式或加了密码"), ("加密.xlsx", OLE, "旧格式或加了密码"),
        ("半截.docx", docx(paragraph("一"))[:300], "损坏或没有传完"), ("文本.docx", "记事本".encode("gbk"), "内容和扩展名不符"), ("old.doc", OLE, "另存为 .docx"),
        ("只有表头.csv", "问题,答案\n".encode("gbk"), "没有数据行"), ("图.png", png(), "没有文档用到"),
        ("语言.csv", "问题,答案,语言\n怎么改,按 SET,某种谁也没听过的语言\n".encode("gbk"), "语言写 zh 或 en"),
    ],
)  # fmt: skip
def test_each_file_is_said(market: Market, actor: MakeActor, name: str, content: bytes, words: str) -> None:
    job = run(actor("editor"), {name: content, "好的.md": "# 好的\n\n正文\n".encode(), "~$好的.docx": b"lock"}, publish=False)
    assert words in lines(job) and "~$" not in lines(job) and "error" not in job.options
    assert article("好的").draft is not None


def test_only_leavings_and_empty_files_are_no_import(market: Market, actor: MakeActor) -> None:
    with pytest.raises(Invalid), unit_of_work():
        begin(actor("editor"), [("~$a.docx", b"lock"), ("a.csv", b"")])


def test_codes_of_full_width_twice_and_made_dates(market: Market, actor: MakeActor) -> None:
    rows: list[list[object]] = [
        ["变频器代码一览"], ["整理：小李"], ["故障码", "含义", "处理"], ["Ｅ０１", "过流", "查电缆"], [], ["E01", "过流", "再查"],
        [datetime.date(2026, 3, 5), "改成了日期", "查"], [7, "过热", "清洗"],
    ]  # fmt: skip
    job = run(actor("editor"), {"代码.xlsx": xlsx({"S": rows, "空表": [["说明"]]})}, publish=False)
    draft = article("代码 S").draft
    assert draft is not None and "## E01 过流" in draft.body and "Ｅ" not in draft.body and "## 7 过热" in draft.body
    assert "每行都留着：E01" in lines(job) and "2026-03-05 看着是日期" in lines(job) and "“空表”里没有数据行" in lines(job)


def test_same_titles_are_said_and_lost_is_nothing(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    with unit_of_work():
        service.draft_article(editor, service.Content("换风扇", "旧的"), service.Properties(), "fan")
    again = docx(paragraph("装滤棉", "1") + paragraph("正文"))
    job = run(editor, {"a.md": "# 换风扇\n\n新的\n".encode(), "b.docx": again, "b 副本.docx": again}, publish=False)
    assert "知识库里已有同名的一篇" in lines(run(editor, {"c.md": "# 换风扇\n\n新的\n".encode()}))
    assert list(results(job).values()) == ["imported"] * 2 and job.total == 3 and session().query(Article).count() == 4
    planned = lines(run(editor, {"d.docx": docx(paragraph("甲", "1") + paragraph("正文")), "e.docx": docx(paragraph("甲", "1") + paragraph("文"))}))
    assert "这次导入里有同名的一篇" in planned


def test_a_dry_run_costs_the_same_few_statements_however_long_the_table_is(market: Market, actor: MakeActor) -> None:
    editor, counted = actor("editor"), list[int]()

    def dry(rows: int) -> int:
        seen: list[str] = []
        text = "产品,问题,答案\n" + "".join(f"HK-V20,第 {n} 问怎么办,做第 {n} 步。\n" for n in range(rows))
        with unit_of_work():
            begin(editor, [(f"{rows}.csv", text.encode())])

        def hear(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        event.listen(Engine, "before_cursor_execute", hear)
        try:
            assert work_once()
        finally:
            event.remove(Engine, "before_cursor_execute", hear)
        assert not [one for one in seen if one.startswith("INSERT INTO article")]
        return len(seen)

    counted = [dry(10), dry(150)]
    assert counted[0] == counted[1] < 60


def test_an_article_that_somebody_changes_meanwhile_costs_the_others_nothing(
    market: Market, actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = actor("editor")
    job = run(editor, {"a.csv": "问题,答案\n一问,甲\n二问,乙\n三问,丙\n".encode()})
    with unit_of_work():
        jobs.start(editor, jobs.access_job(editor, job.id), False)
    real, tried = writing_jobs.write_entry, list[str]()

    def races(*given: Any) -> Any:
        tried.append(given[1].title)
        if given[1].title == "二问":
            raise writing_jobs.StaleDataError
        return real(*given)

    monkeypatch.setattr(writing_jobs, "write_entry", races)
    assert work_once()
    session().expire_all()
    assert (results(job), job.state) == ({"一问": "imported", "二问": "failed", "三问": "imported"}, "done")
    assert 1 < tried.count("二问") <= writing_jobs.RACES + 1 and set(session().scalars(select(Article.title))) == {"一问", "三问"}
