"""Knowledge through the API: who reads what, writing, steps, searching."""

import pytest

from app.core.db import session
from app.core.people import Organisation
from tests.web.knowledge_house import build


@pytest.fixture
def library(app, api):
    """The articles of the knowledge house, and callers by role."""
    house = build(app)

    def of(company):
        return session().get_one(Organisation, company.id)

    ids = {name: getattr(house, name).id for name in ("supplier", "other", "client", "stranger", "drive", "gateway")}
    callers = {
        "agent": api("agent"), "editor": api("editor"), "client": api("client", of(house.client)),
        "stranger": api("client", of(house.stranger)), "author": api("author", of(house.supplier)),
        "technician": api("technician", of(house.supplier)),
    }  # fmt: skip
    return callers, house.articles, ids


READS = {
    "client": {"hot", "sim", "mes", "own"},
    "stranger": {"hot", "sim", "mes"},
    "agent": {"hot", "sim", "mes", "own", "guide"},
    "editor": {"hot", "sim", "mes", "own", "guide", "secret"},
    "author": {"hot", "sim", "mes", "guide"},
    "technician": {"hot", "sim", "mes"},
}


@pytest.mark.parametrize("role", READS)
def test_each_reads_what_is_for_them(library, role):
    callers, articles, ids = library
    call = callers[role]
    seen = {row["id"] for row in call.get("articles?limit=200").get_json()["items"]}
    assert seen == {articles[name] for name in READS[role]}
    for name, number in articles.items():
        answer = call.get(f"articles/{number}")
        assert answer.status_code == (200 if name in READS[role] else 404), name
        if name == "hot":
            assert answer.get_json()["phone_script"] == ("先请客户停机断电。" if role in ("agent", "editor", "author") else "")
        if name == "own" and answer.status_code == 200:
            named = [o["id"] for o in answer.get_json()["audience"]["organisations"]]
            assert named == ([] if role == "agent" else [ids["client"]])
    for path in ("knowledge/search?q=E07&limit=50", "knowledge/suggest?q=E07&limit=20"):
        hits = call.get(path).get_json()["hits"]
        assert hits and {hit["id"] for hit in hits} <= seen, path


def test_the_search_answers_as_the_command_does(library):
    callers, articles, ids = library
    found = callers["client"].get("knowledge/search?q=变频器 E07").get_json()
    assert set(found) == {"total", "did_you_mean", "hits"} and found["total"] >= 1
    hit = found["hits"][0]
    assert set(hit) == {"id", "title", "product", "score", "passage", "anchor"}
    assert hit["id"] == articles["hot"] and hit["product"] == "HK-V20"
    narrowed = callers["client"].get(f"knowledge/search?q=E07&product={ids['gateway']}").get_json()
    assert [h["id"] for h in narrowed["hits"]] == [articles["sim"]]
    (best, *_) = callers["client"].get(f"knowledge/suggest?q=设备报 E07 跳停了怎么办&product={ids['gateway']}").get_json()["hits"]
    assert best["id"] == articles["sim"]
    for query in ("search", "search?q=", "search?q=%20&limit=0", "search?q=x&limit=201", "search?q=x&product=-1", "search?q=" + "x" * 301,
                  "suggest", "suggest?q=x&limit=21", "search?q=x&page=2"):  # fmt: skip
        assert callers["client"].get(f"knowledge/{query}").status_code == 422, query
    for query in ("%00", "%ED%A0%80", "\U0001f600", "%27%20OR%201%3D1", "AND%20OR%20(", "%22", "*", "2147483647"):
        assert callers["client"].get(f"knowledge/search?q=x{query}&product=2147483647").status_code == 200, query


def test_a_search_is_narrowed_and_counted(library):
    callers, articles, ids = library
    plain = callers["client"].get("knowledge/search?q=E07&limit=50").get_json()
    assert "facets" not in plain and plain["total"] > 1
    counted = callers["client"].get("knowledge/search?q=E07&facets=true").get_json()
    facets = counted["facets"]
    assert set(facets) == {"product", "category", "level"} and {row["value"] for row in facets["level"]} <= {"public", "client"}
    assert sum(row["count"] for row in facets["level"]) == counted["total"]
    gateway = next(row for row in facets["product"] if row["value"] == str(ids["gateway"]))
    narrowed = callers["client"].get(f"knowledge/search?q=E07&facets=true&product={ids['gateway']}").get_json()
    assert narrowed["total"] == gateway["count"] < counted["total"] and gateway["name"] == "TL-G300"
    assert narrowed["facets"]["product"] == facets["product"]  # counted without their own filter
    for row in facets["level"]:
        assert callers["client"].get(f"knowledge/search?q=E07&level={row['value']}").get_json()["total"] == row["count"]
    hidden = callers["client"].get("knowledge/search?q=E07&level=agent&facets=true").get_json()
    assert hidden == {"total": 0, "did_you_mean": None, "hits": [], "facets": {"product": [], "category": [], "level": []}}
    assert callers["client"].get("knowledge/search?q=E07&language=en").get_json()["total"] == 0
    assert callers["client"].get("knowledge/search?q=E07&category=没有这一类").get_json()["total"] == 0
    for query in ("level=secret", "language=fr", "facets=maybe", "category=" + "x" * 61):
        assert callers["client"].get(f"knowledge/search?q=E07&{query}").status_code == 422, query


def test_without_an_index_searching_says_so(api):
    answer = api("agent").get("knowledge/search?q=E07")
    assert answer.status_code == 503 and answer.get_json()["code"] == "index_unavailable"


def test_an_article_is_written_reviewed_published_and_retired(library):
    callers, _articles, ids = library
    author, editor = callers["author"], callers["editor"]
    made = author.post("articles", {"title": "HK-V20 参数备份", "body": "## 步骤\n\n1. 进 P00。\n", "products": [ids["drive"]],
                                    "questions": ["怎么备份参数"], "level": "client"})  # fmt: skip
    assert made.status_code == 201, made.get_json()
    body, path = made.get_json(), made.headers["Location"]
    assert body["state"] == "draft" and body["actions"] == ["submit"] and body["draft"]["number"] == 1
    assert callers["client"].get(path).status_code == 404
    changed = author.patch(path, {"body": "## 步骤\n\n1. 进 P01。\n", "safety": True}, If_Match=made.headers["ETag"])
    assert changed.get_json()["draft"]["number"] == 2 and changed.get_json()["safety"] is True
    assert author.patch(path, {"title": "x"}, If_Match=made.headers["ETag"]).status_code == 412
    assert author.post(f"{path}/steps/publish").status_code == 403
    assert author.post(f"{path}/steps/submit").get_json()["state"] == "review"
    assert author.post(f"{path}/steps/submit").status_code == 409
    assert editor.post(f"{path}/steps/publish", {}).get_json()["state"] == "published"
    read = callers["client"].get(path).get_json()
    assert "P01" in read["body"] and read["draft"] is None and read["actions"] == []
    put = editor("PUT", path, {"title": "新标题", "body": "全新。", "comment": "重写"})
    assert put.status_code == 200 and put.get_json()["draft"]["title"] == "新标题" and put.get_json()["title"] == "HK-V20 参数备份"
    why = editor.post(f"{path}/steps/retire", {})
    assert why.status_code == 422 and list(why.get_json()["errors"]) == ["reason"]
    assert editor.post(f"{path}/steps/retire", {"reason": "过时"}).get_json()["state"] == "retired"
    assert callers["client"].get(path).status_code == 404 and editor.post(f"{path}/steps/burn").status_code == 404
    assert callers["agent"].post(f"{path}/steps/publish").status_code == 403


def test_what_an_author_may_not_write(library):
    callers, articles, ids = library
    author = callers["author"]
    text = {"title": "x", "body": "y"}
    for body, field in [
        ({"body": "y"}, "title"), ({"title": "x"}, "body"), ({"title": "x", "body": "  ", "products": [ids["drive"]]}, "body"), (text, "products"),
        ({**text, "products": [ids["gateway"]]}, "products"), ({**text, "products": [2**31]}, "products.0"),
        ({**text, "products": "x"}, "products"), ({**text, "level": "secret"}, "level"), ({**text, "kind": 1}, "kind"),
        ({**text, "products": [ids["drive"]], "organisations": [ids["client"]]}, "organisations"),
        ({**text, "title": "x" * 201}, "title"), ({**text, "body": "x" * 200_001}, "body"),
    ]:  # fmt: skip
        answer = author.post("articles", body)
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == [field], (body.keys(), answer.get_json())
    assert author.patch(f"articles/{articles['sim']}", {"title": "x"}).status_code == 404
    assert author.patch(f"articles/{articles['hot']}", {"title": "另一标题"}).status_code == 200
    assert author.patch(f"articles/{articles['hot']}", {"safety": False}).status_code == 403
    assert callers["agent"].post("articles", text).status_code == 403
    assert callers["editor"].get(f"articles?product={ids['drive']}&state=published&level=public&q=E07").get_json()["items"]
    assert callers["editor"].get("articles?state=x").status_code == 422
