"""/knowledge/import and /knowledge/releases in a browser's words: upload, look, import, undo; check, refuse, publish."""

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge import gate
from knowledge.gate import GUIDE
from knowledge.gate_models import ReleaseGate
from knowledge.intake_models import ImportJob
from knowledge.models import Article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House

MakeUser = Callable[..., User]
CODES = "故障代码,含义,处理方法,安全提示\nE21,输入缺相,查三相,断电等十分钟\nE22,输出短路,查电缆,无\n"


def upload(client: FreshClient, files: dict[str, bytes], **given: Any) -> str:
    data = {"files": [(io.BytesIO(content), name) for name, content in files.items()], "level": "public", **given}
    answer = client.post("/knowledge/import", data=data, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    assert work_once()
    return str(answer.location)


def test_from_the_upload_to_the_row_that_a_search_opens(editor: FreshClient, house: House, drain: Callable[[], int]) -> None:
    assert "还没有导入过" in editor.get("/knowledge/import").text
    url = upload(editor, {"V20 故障代码.csv": CODES.encode("gb18030"), "bad.pdf": b"%PDF-1.4"}, product=house.drive.id)
    page = editor.get(url).text
    assert "预览好了" in page and "输入缺相" in page and "PDF 损坏" in page and "故障代码，每个产品一篇" in page
    assert session().scalar(select(Article.id).where(Article.title == "V20 故障代码")) is None
    assert editor.post(f"{url}/start", data={"publish": "1"}).status_code == 303
    running = editor.get(url).text
    assert "every 1s" in running and "<progress" in running
    assert work_once()
    drain()
    done = editor.get(url).text
    assert "已导入" in done and "every 1s" not in done
    report = editor.get(f"{url}/report.csv")
    assert report.mimetype == "text/csv" and "V20 故障代码" in report.text and "PDF 损坏" in report.text
    assert "<mark>E21</mark> 输入缺相" in editor.get("/search?q=E21").text
    assert "以前的导入" in editor.get("/knowledge/import").text and "V20 故障代码.csv" in editor.get("/knowledge/import").text
    editor.post(f"{url}/undo")
    assert "已撤销" in editor.get(url).text
    drain()
    assert "输入缺相" not in editor.get("/search?q=E21").text


def test_columns_put_right_and_nothing_imported(editor: FreshClient) -> None:
    url = upload(editor, {"t.csv": "甲,乙\n怎么重启,长按五秒\n".encode()})
    page = editor.get(url).text
    assert "要指定列" in page and f"{url}/start" not in page
    action = re.search(r'action="([^"]+/mapping/\d+)"', page)
    assert action
    data = {"sheet": "0", "kind": "questions", "column-0": "question", "column-1": "answer"}
    assert editor.post(action[1], data=data).status_code == 303
    work_once()
    assert "长按五秒" in editor.get(url).text
    assert editor.post(action[1], data=data | {"sheet": "7"}).status_code == 404
    editor.post(f"{url}/drop")
    assert "没有导入" in editor.get(url).text and editor.post(f"{url}/start", follow_redirects=True).status_code == 200
    assert session().scalar(select(Article.id).where(Article.title == "怎么重启")) is None


def test_an_upload_without_files_says_so(editor: FreshClient) -> None:
    answer = editor.post("/knowledge/import", data={"level": "public"})
    assert answer.status_code == 422 and "请选择文件" in answer.text


def test_authors_draft_and_see_their_own(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "author"))
    url = upload(client, {"a.md": b"# Ours\n\ntext"}, product=house.drive.id)
    page = client.get(url).text
    assert "导入为草稿" in page and "导入并发布" not in page
    assert client.post(f"{url}/start", data={"publish": "1"}).status_code == 303
    assert not work_once(), "publishing was refused"
    client.post(f"{url}/start")
    work_once()
    names = zipfile.ZipFile(io.BytesIO(client.get("/knowledge/export.zip").data)).namelist()
    assert "HK-V20/a.md" in names and not any("TL-G300" in name for name in names)
    client.log_in(make_user("author", organisation=house.other))
    assert client.get(url).status_code == 404 and client.get(f"{url}/report.csv").status_code == 404
    assert client.post(f"{url}/undo").status_code == 404 and "a.md" not in client.get("/knowledge/import").text


def test_a_supplier_works_through_the_gate(client: FreshClient, house: House, make_user: MakeUser) -> None:
    with unit_of_work():
        gate.set_requirements(SYSTEM, "", [GUIDE])
    client.log_in(house.user(make_user, "author"))
    assert "还没有版本" in client.get("/knowledge/releases").text
    made = client.post("/knowledge/releases", data={"product": house.drive.id, "name": "2.4"})
    assert made.status_code == 303
    url = str(made.location)
    page = client.get(url).text
    assert "还没有这样的知识" not in page, "the house has an article of that kind"
    assert "版本建立之后还没有复核" in page and "还没有测试问题" in page and "steps/publish" not in page and "缺项也发布" not in page
    client.post(f"{url}/queries", data={"text": "变频器跳 E07", "article": house.articles["hot"]})
    assert "第 1 位" in client.get(url).text
    refused = client.post(f"{url}/steps/publish", follow_redirects=True)
    assert "还差 1 项" in refused.text
    assert "没有这个权限" in client.post(f"{url}/steps/override", data={"reason": "x"}, follow_redirects=True).text
    wrong = client.post(f"{url}/queries", data={"text": "x", "article": house.articles["sim"]})
    assert wrong.status_code == 422 and "只能选这个产品的知识" in wrong.text
    assert client.post("/knowledge/releases", data={"product": house.drive.id, "name": "2.4"}).status_code == 409
    assert client.post("/knowledge/releases", data={"product": house.gateway.id, "name": "1"}).status_code == 404
    assert client.get("/knowledge/gate").status_code == 403
    client.log_in(make_user("author", organisation=house.other))
    assert client.get(url).status_code == 404 and "HK-V20" not in client.get("/knowledge/releases").text
    client.log_in(house.user(make_user, "editor"))
    assert "缺项也发布" in client.get(url).text
    client.post(f"{url}/documents/guide/review")
    assert "资料齐了" in client.get(url).text
    client.log_in(house.user(make_user, "author"))
    client.post(f"{url}/steps/publish")
    session().rollback()
    assert session().scalars(select(ReleaseGate)).one().state == "published"
    assert "已发布" in client.get(url).text
    kept = client.post(f"{url}/edit", data={"name": "9", "supported_until": ""}, follow_redirects=True)
    assert "名称由知识编辑改" in kept.text
    assert client.post(f"{url}/edit", data={"name": "2.4", "supported_until": "soon"}).status_code == 422


def test_editors_write_the_list(editor: FreshClient, house: House) -> None:
    assert "使用指南" in editor.get("/knowledge/gate").text
    data = {"category": "", "rows": "2", "code-0": "guide", "name-0": "指南", "kinds-0": ["howto", "wizard"], "name-1": "联系人", "kinds-1": "faq", "words-1": "联系、电话"}
    assert editor.post("/knowledge/gate", data=data).status_code == 303
    assert [(r.name, r.kinds, r.words) for r in gate.requirements_of("")] == [("指南", ("howto", "wizard"), ()), ("联系人", ("faq",), ("联系", "电话"))]
    wrong = editor.post("/knowledge/gate", data={"category": "", "rows": "1", "name-0": "空"})
    assert wrong.status_code == 422 and "要选一种知识类型" in wrong.text
    editor.post("/knowledge/gate", data={"category": "", "rows": "0", "reset": "1"})
    assert len(gate.requirements_of("")) == 5
    assert editor.get("/knowledge/gate?category=nothing").status_code == 404


def test_the_page_says_how_far_a_long_table_is(editor: FreshClient) -> None:
    url = upload(editor, {"qa.csv": "问题,答案\n怎么办,这样办\n".encode()})
    with unit_of_work() as s:
        job = s.scalars(select(ImportJob)).one()
        job.state, job.done, job.total, job.files[0].state = "reading", 30, 60, "waiting"
    page = editor.get(url).text
    assert 'value="0.5"' in page and "试到第 30 篇，共 60 篇" in page
