"""Tickets through the API: written down, listed, answered, moved through every step, and what is refused."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import event

from app.api.step_bodies import ORDER_STEPS, TICKET_STEPS
from app.core import clock
from app.core.db import db, session
from app.core.people import Contact
from app.core.uow import unit_of_work
from workflows.orders import ORDER
from workflows.tickets import TICKET

KEYS = {
    "number", "subject", "state", "kind", "impact", "priority", "product", "contact", "organisation", "assignee", "team",
    "channel", "hold", "created_at", "restored_at", "resolved_at", "closed_at", "due", "actions", "version",
}  # fmt: skip
WRAP_UP = {"category": "hardware", "cause": "风扇积灰"}


def test_a_ticket_has_the_keys_of_the_contract(desk):
    made = desk.agent.post(
        "tickets",
        {
            "subject": "网关离线", "text": "四点开始离线", "kind": "fault", "impact": "line_down",
            "product": desk.ids["gateway"], "contact": {"name": "赵工", "email": "zhao@chenghu.example.com", "phone": "13912345678"},
        },
    )  # fmt: skip
    assert made.status_code == 201, made.get_json()
    body = made.get_json()
    assert set(body) == KEYS and body["state"] == "created" and body["priority"] == "P1" and body["hold"] is None
    assert body["organisation"] == {"id": desk.ids["lake"], "name": "澄湖轴承"} and body["contact"]["name"] == "赵工"
    assert body["created_at"].endswith("Z") and body["due"]["resolve"].endswith("Z")
    assert {"dispatch", "solve_now", "cancel"} <= set(body["actions"]) and "close" not in body["actions"]
    assert made.headers["ETag"] == f'"{body["version"]}"'
    path = made.headers["Location"]
    assert desk.agent.get(path).get_json() == body
    assert desk.agent.get(path, If_None_Match=made.headers["ETag"]).status_code == 304
    contact = desk.agent.get(f"contacts/{body['contact']['id']}").get_json()
    assert {i["kind"] for i in contact["identities"]} == {"email", "phone"}


def test_a_known_address_finds_its_owner(desk):
    number = desk.ticket(contact={"phone": "+86 138-0013-8000"})
    assert desk.agent.get(f"tickets/{number}").get_json()["contact"] == {"id": desk.ids["wang"], "name": "王工"}
    assert desk.agent.get("contacts").get_json()["items"][-1]["name"] in ("王工", "李工")


def test_what_a_new_ticket_lacks_is_named(desk):
    for body, field in [
        ({"contact": {"email": "a@b.cn"}}, "subject"),
        ({"subject": " ", "contact": {"email": "a@b.cn"}}, "subject"),
        ({"subject": "x"}, "contact"),
        ({"subject": "x", "contact": {}}, "contact"),
        ({"subject": "x", "contact": {"id": 999}}, "contact"),
        ({"subject": "x", "contact": {"id": 1, "name": "x"}}, "contact.id"),
        ({"subject": "x", "contact": {"email": "no address"}}, "contact.email"),
        ({"subject": "x", "contact": {"email": "a@b.cn"}, "kind": "joke"}, "kind"),
        ({"subject": "x", "contact": {"email": "a@b.cn"}, "impact": "joke"}, "impact"),
        ({"subject": "x", "contact": {"email": "a@b.cn"}, "product": 999}, "product"),
        ({"subject": "x", "contact": {"email": "a@b.cn"}, "device": 999}, "device"),
        ({"subject": "x", "contact": {"email": "a@b.cn"}, "state": "closed"}, "state"),
    ]:
        answer = desk.agent.post("tickets", body)
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == [field], (body, answer.get_json())
    assert desk.agent.get("tickets").get_json()["items"] == []


def test_the_late_worker_does_not_take_the_first_words_for_an_answer(desk, drain):
    number = desk.ticket()
    item = f"tickets/{number}"
    assert desk.does(desk.agent, item, "solve_now", resolution="清了灰", wrap_up=WRAP_UP)["state"] == "following_up"
    drain()
    assert desk.agent.get(item).get_json()["state"] == "following_up"
    assert len(desk.agent.get("tickets").get_json()["items"]) == 1


def test_every_step_has_a_body_that_the_law_knows(desk):
    assert set(TICKET_STEPS) == set(TICKET.by_name) and set(ORDER_STEPS) == set(ORDER.by_name)
    spec = desk.agent.get("/openapi.json").get_json()
    for path, law in (("tickets", TICKET), ("orders", ORDER)):
        (step,) = [p for p in spec["paths"][f"/api/v1/{path}/{{number}}/steps/{{step}}"]["parameters"] if p["name"] == "step"]
        assert set(step["schema"]["enum"]) == set(law.by_name)


@pytest.mark.parametrize(
    ("step", "missing"),
    [("dispatch", "assignee"), ("solve_now", "resolution"), ("hold", "party"), ("cancel", "reason"), ("merge", "into"),
     ("split", "subject"), ("extend", "reason"), ("raise", "reason")],
)  # fmt: skip
def test_a_missing_field_is_named(desk, step, missing):
    number = desk.ticket()
    for body in ({}, {missing: None}, {missing: ""}, {missing: "  "}):
        if missing in ("assignee", "party", "resolution", "reason", "subject", "into") or not body:
            answer = desk.agent.post(f"tickets/{number}/steps/{step}", body)
            assert answer.status_code == 422 and missing in answer.get_json()["errors"], (body, answer.get_json())
    assert desk.agent.get(f"tickets/{number}").get_json()["version"] == 1


def test_what_is_not_possible_now_says_why(desk):
    number = desk.ticket()
    for step, body in (("start", {}), ("resume", {}), ("unmerge", {}), ("close", {"rating": 5}), ("reopen", {"reason": "x"})):
        answer = desk.agent.post(f"tickets/{number}/steps/{step}", body)
        assert answer.status_code == 409 and answer.get_json()["code"] == "refused", (step, answer.get_json())
    item = f"tickets/{desk.working()}"
    desk.order(int(item.partition("/")[2]))
    refused = desk.agent.post(f"{item}/steps/resolve", {"resolution": "x", "wrap_up": WRAP_UP})
    assert refused.status_code == 409 and "1" in refused.get_json()["message"]
    assert "resolve" not in desk.agent.get(item).get_json()["actions"]
    assert desk.agent.post(f"{item}/steps/dance", {}).status_code == 404
    assert desk.manager.post(f"{item}/steps/cancel", {"reason": "x"}).status_code == 403


def test_the_whole_law_by_http(desk):
    soon = (clock.now() + timedelta(days=2)).isoformat()
    due = (clock.now() + timedelta(days=9)).isoformat()
    number, other = desk.working(), desk.ticket()
    item, second = f"tickets/{number}", f"tickets/{other}"
    held = desk.does(desk.agent, item, "hold", party="part", reason="等风扇", until=soon)
    assert held["hold"]["party"] == "part" and held["hold"]["until"].endswith("Z")
    assert desk.does(desk.agent, item, "resume")["hold"] is None
    desk.does(desk.agent, item, "raise", reason="停线")
    desk.does(desk.client, item, "urge")
    desk.does(desk.leader, item, "supervise", reason="今天答复", until=soon)
    assert desk.does(desk.leader, item, "extend", reason="客户同意", until=due)["due"]["resolve"][:10] == due[:10]
    desk.does(desk.agent, item, "split", subject="另一件事")
    assert desk.does(desk.agent, item, "transfer", assignee=desk.leader.user.name, reason="他熟")["assignee"]["id"] == desk.leader.user_id
    assert desk.does(desk.leader, item, "return", reason="信息不全")["state"] == "created"
    assert desk.does(desk.agent, second, "merge", into=f"#{number}")["state"] == "merged"
    assert desk.does(desk.agent, second, "unmerge")["state"] == "created"
    assert desk.does(desk.agent, second, "cancel", reason="重复")["state"] == "cancelled"
    desk.does(desk.agent, item, "dispatch", assignee=desk.agent.user_id)
    desk.does(desk.agent, item, "start")
    restored = clock.now().isoformat()
    solved = desk.does(desk.agent, item, "resolve", resolution="清了灰", wrap_up=WRAP_UP, restored_at=restored)
    assert solved["state"] == "following_up" and solved["restored_at"][:19] == restored[:19]
    assert desk.agent.post(f"{item}/steps/close", {"rating": 5}).status_code == 409  # who asks is not who solved
    assert desk.does(desk.leader, item, "close", rating=5, comment="满意")["state"] == "closed"
    assert desk.does(desk.agent, item, "reopen", reason="又来了")["state"] == "executing"


def test_answers_notes_and_what_was_said(desk, drain):
    number = desk.ticket(contact={"name": "赵工", "email": "zhao@chenghu.example.com"})
    path = f"tickets/{number}/messages"
    answer = desk.agent.post(path, {"text": "请先断电十分钟。"})
    assert answer.status_code == 201 and answer.get_json()["state"] == "queued", answer.get_json()
    assert desk.agent.post(path, {"text": "客户急", "note": True}).get_json()["note"] is True
    said = desk.agent.get(path).get_json()["items"]
    assert [(m["note"], m["direction"], m["text"]) for m in said] == [
        (False, "in", "早上跳停两次"), (False, "out", "请先断电十分钟。"), (True, None, "客户急")
    ]  # fmt: skip
    assert said[0]["author"] == {"type": "contact", "name": "赵工"} and said[1]["author"]["type"] == "agent"
    theirs = desk.client.get(path).get_json()["items"]
    assert [m["text"] for m in theirs] == ["早上跳停两次", "请先断电十分钟。"]
    pages, cursor = [], ""
    while cursor is not None:
        page = desk.agent.get(f"{path}?limit=1&cursor={cursor}").get_json()
        pages += page["items"]
        cursor = page["next"]
    assert pages == said
    for body, field in (({}, "text"), ({"text": " "}, "text"), ({"text": "x", "articles": [999]}, "articles"),
                        ({"text": "x", "conversation": 999}, "conversation"), ({"text": "x", "note": "yes"}, "note")):  # fmt: skip
        refused = desk.agent.post(path, body)
        assert refused.status_code == 422 and any(f.startswith(field) for f in refused.get_json()["errors"]), refused.get_json()
    drain()


def test_nobody_to_be_answered_is_said_in_words(desk):
    number = desk.ticket(contact={"name": "过路人"})
    refused = desk.agent.post(f"tickets/{number}/messages", {"text": "您好"})
    assert refused.status_code == 409 and refused.get_json()["code"] == "refused" and "备注" in refused.get_json()["message"]
    (note,) = desk.agent.get(f"tickets/{number}/messages").get_json()["items"]
    assert note["note"] and "早上跳停两次" in note["text"]


def test_the_list_is_narrowed_paged_and_synchronised(desk):
    first, second = desk.ticket(), desk.working(kind="consult", product=desk.ids["gateway"])
    third = desk.ticket(subject="100% 报错_x", contact={"id": desk.ids["li"]})

    def found(query):
        answer = desk.agent.get(f"tickets?{query}")
        assert answer.status_code == 200, answer.get_json()
        return [t["number"] for t in answer.get_json()["items"]]

    assert found("") == [third, second, first]
    assert found("state=executing") == [second] and found("state=open") == [third, second, first]
    assert found("kind=consult") == found(f"assignee={desk.agent.user_id}") == found(f"product={desk.ids['gateway']}") == [second]
    assert found(f"contact={desk.ids['li']}") == found("q=" + quote("100%")) == found(f"q=%23{third}") == [third]
    assert found("team=1") == [] and found("contact=99999") == [] and found("q=%20") == [third, second, first]
    since = clock.now()
    desk.does(desk.agent, f"tickets/{first}", "urge")
    assert found(f"updated_since={quote(since.isoformat())}") == [first]
    page = desk.agent.get("tickets?limit=2").get_json()
    rest = desk.agent.get(f"tickets?limit=2&cursor={page['next']}").get_json()
    assert [t["number"] for t in page["items"] + rest["items"]] == [third, second, first] and rest["next"] is None
    changed = desk.agent.get("tickets?limit=1&updated_since=2020-01-01T00:00:00Z").get_json()
    onward = desk.agent.get(f"tickets?limit=5&updated_since=2020-01-01T00:00:00Z&cursor={changed['next']}").get_json()
    assert len({t["number"] for t in changed["items"] + onward["items"]}) == 3
    for query in ("state=asleep", "kind=x", "product=x", "assignee=0", "limit=-1", "limit=201", "cursor=x", "updated_since=x",
                  "updated_since=9999-12-31T23:59:59Z", "updated_since=2026-01-01T00:00:00", "colour=red", "contact=9223372036854775808"):  # fmt: skip
        assert desk.agent.get(f"tickets?{query}").status_code == 422, query


@pytest.mark.parametrize("path", ["tickets", "orders", "conversations"])
def test_a_longer_list_takes_no_more_statements(desk, app, path):
    def statements():
        seen = []
        with app.app_context():
            listener = lambda *given: seen.append(given[2])  # noqa: E731
            event.listen(db.engine, "before_cursor_execute", listener)
            try:
                assert desk.agent.get(f"{path}?limit=200").status_code == 200
            finally:
                event.remove(db.engine, "before_cursor_execute", listener)
        return len(seen)

    desk.order()
    few = statements()
    for n in range(4):
        desk.order(desk.working(contact={"name": f"客户{n}", "email": f"c{n}@example.org"}))
    assert statements() == few


def test_versions_and_keys(desk):
    number = desk.ticket()
    item = f"tickets/{number}"
    seen = desk.agent.get(item).headers["ETag"]
    assert desk.agent.post(f"{item}/steps/urge", {}, If_Match=seen).status_code == 200
    stale = desk.agent.post(f"{item}/steps/cancel", {"reason": "x"}, If_Match=seen)
    assert stale.status_code == 412 and stale.get_json()["code"] == "stale"
    assert desk.agent.post(f"{item}/messages", {"text": "x"}, If_Match=seen).status_code == 412
    new = {"subject": "同一件", "contact": {"email": "a@example.org"}}
    once, twice = (desk.agent.post("tickets", new, Idempotency_Key="k") for _ in range(2))
    assert once.get_data() == twice.get_data() and twice.headers["Idempotency-Replayed"] == "true"
    other = desk.agent.post("tickets", {**new, "subject": "别的"}, Idempotency_Key="k")
    assert other.status_code == 409 and other.get_json()["code"] == "conflict"
    for _ in range(2):
        assert desk.agent.post(f"{item}/messages", {"text": "一次"}, Idempotency_Key="m").status_code == 201
    assert [m["text"] for m in desk.agent.get(f"{item}/messages").get_json()["items"]].count("一次") == 1


def test_conversations_hold_what_was_said(desk):
    number = desk.ticket(contact={"name": "赵工", "email": "zhao@chenghu.example.com"})
    (row,) = desk.agent.get(f"conversations?ticket={number}").get_json()["items"]
    assert row["tickets"] == [number] and row["contact"]["name"] == "赵工" and row["organisation"]["id"] == desk.ids["lake"]
    whole = desk.agent.get(f"conversations/{row['id']}").get_json()
    assert [m["text"] for m in whole["messages"]] == ["早上跳停两次"]
    assert desk.agent.get(f"conversations/{row['id']}/messages").get_json()["items"] == whole["messages"]
    assert desk.agent.get("conversations?updated_since=2020-01-01T00:00:00Z&channel=portal").get_json()["items"] == [row]
    assert desk.agent.get("conversations/999").status_code == 404 and desk.client.get("conversations").status_code == 403
    assert desk.resident.get(f"conversations/{row['id']}").status_code == 200
    elsewhere = desk.ticket(product=desk.ids["gateway"])
    (other,) = desk.agent.get(f"conversations?ticket={elsewhere}").get_json()["items"]
    assert desk.resident.get(f"conversations/{other['id']}").status_code == 404


def test_a_client_asks_for_the_own_company_only(desk):
    with unit_of_work():
        desk.client.user.email = "chef@chenghu.example.com"
    made = desk.client.post("tickets", {"subject": "开票", "text": "要专票"})
    assert made.status_code == 201, made.get_json()
    assert made.get_json()["organisation"]["id"] == desk.ids["lake"]
    assert {"urge"} <= set(made.get_json()["actions"]) <= {"urge"}
    free = {"subject": "x", "contact": {"email": "somebody@mail.example", "phone": "+8613912345678"}}
    named = [desk.client.post("tickets", free).get_json() for _n in range(2)]
    assert [t["organisation"] for t in named] == [made.get_json()["organisation"]] * 2
    person = session().get_one(Contact, named[0]["contact"]["id"])
    assert person.organisation_id is None, "what this person writes to us elsewhere is not for whoever named them first"
    assert [i.suspect for i in person.identities] == [True, True] and named[1]["contact"] == named[0]["contact"]
    foreign = desk.client.post("tickets", {"subject": "x", "contact": {"email": "li@beiling.example.com"}})
    assert foreign.status_code == 422 and list(foreign.get_json()["errors"]) == ["contact"]
    stolen = desk.stranger.post("tickets", {"subject": "x", "contact": {"email": "neu@chenghu.example.com"}})
    assert stolen.status_code == 422 and list(stolen.get_json()["errors"]) == ["contact"]
    assert desk.stranger.post("tickets", {"subject": "x", "contact": {"id": desk.ids["wang"]}}).status_code == 422
    assert desk.client.post("tickets", {"subject": "x", "device": desk.ids["other"]}).status_code == 422


def test_a_resident_writes_down_own_products_only(desk):
    body = {"subject": "x", "contact": {"email": "neu@example.org"}}
    assert desk.resident.post("tickets", {**body, "product": desk.ids["drive"]}).status_code == 201
    other = {"email": "noch@example.org"}
    refused = desk.resident.post("tickets", {"subject": "x", "contact": other, "product": desk.ids["gateway"]})
    assert refused.status_code == 422 and list(refused.get_json()["errors"]) == ["product"]


def test_articles_of_the_wrap_up_exist(desk):
    number = desk.ticket()
    answer = desk.agent.post(
        f"tickets/{number}/steps/solve_now", {"resolution": "x", "wrap_up": {**WRAP_UP, "articles": [999]}}
    )
    assert answer.status_code == 422 and list(answer.get_json()["errors"]) == ["wrap_up"]
    for wrap_up, field in (("x", "wrap_up"), ({"category": "x"}, "wrap_up.category"), ({}, "wrap_up"), ({"cause": "x"}, "wrap_up")):
        answer = desk.agent.post(f"tickets/{number}/steps/solve_now", {"resolution": "x", "wrap_up": wrap_up})
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == [field], answer.get_json()
