"""Service orders through the API: the supplier's way, visits, evidence, and what each side may see."""

from datetime import timedelta

from app.core import clock
from app.core.db import session
from workflows.orders_models import FIRST_ORDER, ServiceOrder

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


def window(days: int = 1) -> dict[str, str]:
    begin = clock.now() + timedelta(days=days)
    return {"from": begin.isoformat(), "to": (begin + timedelta(hours=2)).isoformat()}


def upload(call, content=PNG, name="after.png"):
    body = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: image/png\r\n\r\n%s\r\n--cut--\r\n'
    return call.post("files", body % (name.encode(), content), Content_Type="multipart/form-data; boundary=cut")


def code_of(number: int) -> str:
    session().rollback()
    return session().get_one(ServiceOrder, number - FIRST_ORDER).code


def bring(desk, number: int) -> str:
    """Up to the work on site."""
    item = f"orders/{number}"
    desk.does(desk.dispatcher, item, "accept")
    desk.does(desk.dispatcher, item, "assign", technician=desk.technician.user_id)
    desk.does(desk.dispatcher, item, "appoint", window=window())
    desk.does(desk.technician, item, "plan", steps="看风扇\n换风扇", parts=["风扇 1"], warranty="in")
    desk.does(desk.technician, item, "depart")
    desk.does(desk.technician, item, "arrive", place="31.2,121.4")
    desk.does(desk.technician, item, "start")
    return item


def test_an_order_goes_its_way(desk):
    ticket = desk.working()
    made = desk.agent.post(f"tickets/{ticket}/orders", {"reason": "检查风扇", "work": "repair"})
    assert made.status_code == 201, made.get_json()
    body = made.get_json()
    assert body["ticket"] == ticket and body["state"] == "created" and body["supplier"]["name"] == "宏控自动化"
    assert {"technician", "window", "visits", "hold", "due", "actions", "version"} <= set(body) and body["visits"] == []
    assert desk.agent.get(made.headers["Location"]).get_json() == body
    item = f"orders/{body['number']}"
    covered = desk.dispatcher.get(item).get_json()
    assert covered["contact"]["name"] == "王**" and covered["actions"] == ["accept", "reject", "hold", "extend"]
    bring(desk, body["number"])
    assert desk.technician.get(item).get_json()["contact"]["name"] == "王工"
    photo = upload(desk.technician).get_json()["id"]
    lacking = desk.technician.post(f"{item}/steps/deliver", {"solution": "换了风扇"})
    assert lacking.status_code == 409 and "照片" in lacking.get_json()["message"]
    assert list(desk.technician.post(f"{item}/steps/deliver", {"evidence": [photo]}).get_json()["errors"]) == ["solution"]
    assert desk.technician.get(item).get_json()["evidence"] == []  # both or neither
    delivered = desk.does(
        desk.technician, item, "deliver", solution="换了风扇", evidence=[photo], code=code_of(body["number"])
    )
    assert delivered["state"] == "checking" and [e["kind"] for e in delivered["evidence"]] == ["photo"]
    desk.does(desk.technician, item, "leave", result="done")
    (visit,) = desk.agent.get(f"{item}/visits").get_json()["items"]
    assert visit["place"] == "31.2,121.4" and visit["result"] == "done" and visit["technician"]["id"] == desk.technician.user_id
    reworked = desk.does(desk.agent, item, "rework", reason="照片看不清")
    assert reworked["state"] == "scheduled" and reworked["reworks"] == 1 and reworked["window"] is None
    desk.does(desk.dispatcher, item, "appoint", window=window(3))
    for step, given in (("plan", {"simple": False, "steps": "再看"}), ("depart", {}), ("arrive", {}), ("start", {})):
        desk.does(desk.technician, item, step, **given)
    sign = upload(desk.technician, PNG + b"1", "sign.png").get_json()["id"]
    desk.does(desk.technician, item, "deliver", solution="好了", evidence=[photo], signature=sign)
    assert desk.does(desk.agent, item, "pass")["state"] == "closed"
    (shown,) = desk.agent.get(f"tickets/{ticket}/orders").get_json()["items"]
    assert shown["state"] == "closed" and [e["kind"] for e in shown["evidence"]] == ["photo", "photo", "signature"]
    file = shown["evidence"][0]["file"]["id"]
    for who, status in ((desk.agent, 200), (desk.technician, 200), (desk.dispatcher, 200), (desk.foreign, 404), (desk.client, 404)):
        assert who.get(f"files/{file}").status_code == status


def test_the_other_steps_of_the_order_law(desk):
    soon = (clock.now() + timedelta(days=2)).isoformat()
    item = f"orders/{desk.order()}"
    desk.does(desk.dispatcher, item, "accept")
    assert desk.does(desk.dispatcher, item, "hold", party="permit", reason="等入厂证", until=soon)["hold"]["party"] == "permit"
    desk.does(desk.dispatcher, item, "resume")
    late = (clock.now() + timedelta(days=20)).isoformat()
    desk.does(desk.dispatcher, item, "extend", reason="备件", until=late)
    desk.does(desk.dispatcher, item, "appoint", window=window())
    moved = desk.does(desk.dispatcher, item, "reappoint", window=window(2), party="customer", reason="客户改期")
    assert moved["window"]["from"].endswith("Z")
    desk.does(desk.dispatcher, item, "assign", technician=desk.technician.user.name)
    assert desk.does(desk.dispatcher, item, "unable", reason="停产")["state"] == "unable"
    rejected = desk.does(desk.dispatcher, f"orders/{desk.order()}", "reject", reason="不归我们", why="not_ours")
    assert rejected["supplier"]["name"] == "平台" and rejected["actions"] == []
    assert desk.dispatcher.get(f"orders/{rejected['number']}").status_code == 404
    again = f"orders/{desk.order()}"
    assert desk.does(desk.agent, again, "cancel", reason="客户自己修好了")["state"] == "cancelled"


def test_what_an_order_step_lacks_or_cannot_do(desk):
    number = desk.order()
    item = f"orders/{number}"
    for step, body, field in [
        ("reject", {}, "reason"), ("reject", {"reason": "x", "why": "mood"}, "why"),
    ]:  # fmt: skip
        answer = desk.dispatcher.post(f"{item}/steps/{step}", body)
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == [field]
    assert desk.dispatcher.post(f"{item}/steps/assign", {"technician": 1}).status_code == 409
    desk.does(desk.dispatcher, item, "accept")
    far = {"from": "2150-01-01T00:00:00Z", "to": "2150-01-01T02:00:00Z"}
    for step, body, field in [
        ("assign", {}, "technician"), ("assign", {"technician": desk.foreign.user_id}, "technician"),
        ("assign", {"technician": True}, "technician"), ("assign", {"technician": ["x"]}, "technician"),
        ("appoint", {}, "window"), ("appoint", {"window": {}}, "window"), ("appoint", {"window": "tomorrow"}, "window"),
        ("appoint", {"window": {"from": "2026-01-01T00:00:00Z"}}, "window"), ("appoint", {"window": far}, "window"),
        ("appoint", {"window": {"from": "9999-12-30T00:00:00Z", "to": "9999-12-31T00:00:00Z"}}, "window.from"),
        ("appoint", {"window": {"from": "morning", "to": "noon"}}, "window.from"),
    ]:  # fmt: skip
        answer = desk.dispatcher.post(f"{item}/steps/{step}", body)
        assert answer.status_code == 422 and field in answer.get_json()["errors"], (step, body, answer.get_json())
    assert desk.dispatcher.post(f"{item}/steps/pass", {}).status_code == 403
    assert desk.technician.post(f"{item}/steps/accept", {}).status_code == 404
    assert desk.foreign.post(f"{item}/steps/accept", {}).status_code == 404
    assert desk.dispatcher.post(f"{item}/steps/fly", {}).status_code == 404
    for query in ("state=x", "work=x", "ticket=x", "limit=0", "cursor=%00", "updated_since=1"):
        assert desk.dispatcher.get(f"orders?{query}").status_code == 422
    assert [o["number"] for o in desk.dispatcher.get("orders?state=open&q=E07").get_json()["items"]] == [number]
    assert desk.dispatcher.get("orders?state=closed").get_json()["items"] == []
    ticket = desk.agent.get(item).get_json()["ticket"]
    assert [o["number"] for o in desk.agent.get(f"orders?ticket={ticket}").get_json()["items"]] == [number]
    for body, field in (({}, "reason"), ({"reason": "x", "supplier": 999}, "supplier"), ({"reason": "x", "work": "magic"}, "work"),
                        ({"reason": "x", "relation": "after", "other": "1"}, "other"), ({"reason": "x", "product": "none"}, "product")):  # fmt: skip
        answer = desk.agent.post(f"tickets/{ticket}/orders", body)
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == [field], (body, answer.get_json())


def test_wrong_codes_are_counted_whatever_the_key(desk):
    number = desk.order()
    item = bring(desk, number)
    photo = upload(desk.technician).get_json()["id"]
    right = code_of(number)
    wrong = "000000" if right != "000000" else "111111"
    for n in range(5):
        body = {"solution": "x", "evidence": [photo], "code": wrong}
        keys = {"Idempotency_Key": f"k{n}"} if n % 2 else {}
        assert desk.technician.post(f"{item}/steps/deliver", body, **keys).status_code == 409
    late = desk.technician.post(f"{item}/steps/deliver", {"solution": "x", "evidence": [photo], "code": right})
    assert late.status_code == 409 and "签字" in late.get_json()["message"]


def test_uploads_are_the_uploaders_own(desk, app):
    made = upload(desk.technician)
    assert made.status_code == 201 and made.get_json()["name"] == "after.png", made.get_json()
    file = made.get_json()["id"]
    mine = desk.technician.get(f"files/{file}")
    assert mine.status_code == 200 and mine.get_data() == PNG and mine.headers["Content-Disposition"].startswith("attachment")
    assert desk.dispatcher.get(f"files/{file}").status_code == 404
    item = bring(desk, desk.order())
    stolen = desk.dispatcher.post(f"{item}/steps/deliver", {"solution": "x", "evidence": [file]})
    assert stolen.status_code == 422 and list(stolen.get_json()["errors"]) == ["evidence"]
    assert upload(desk.technician, b"").status_code == 422
    assert desk.technician.post("files", {"file": "x"}).status_code == 415
    assert desk.technician.post("files", b"--x", Content_Type="multipart/form-data").status_code in (400, 422)
    assert desk.technician.post("files", b"--x\r\n", Content_Type="multipart/form-data; boundary=x").status_code == 422
    assert upload(desk.technician, b"\0" * (15 * 1024 * 1024 + 70_000)).status_code == 413
    nasty = upload(desk.technician, b"<script>", "../../etc/\u202epass\x00wd<script>.html")
    assert nasty.status_code == 201 and "/" not in nasty.get_json()["name"]
    page = desk.technician.get(nasty.headers["Location"])
    assert page.mimetype == "application/octet-stream" and "sandbox" in page.headers["Content-Security-Policy"]
    refused = desk.technician.post(f"{item}/evidence", {"kind": "photo", "file": nasty.get_json()["id"]})
    assert refused.status_code == 422 and list(refused.get_json()["errors"]) == ["file"]
    kept = desk.technician.post(f"{item}/evidence", {"kind": "reading", "text": "62 ℃", "client_id": "a"})
    assert kept.status_code == 201
    again = desk.technician.post(f"{item}/evidence", {"kind": "reading", "text": "62 ℃", "client_id": "a"})
    assert [e["text"] for e in again.get_json()["evidence"]] == ["62 ℃"]
    assert desk.technician.post(f"{item}/evidence", {"kind": "photo"}).status_code == 422
    assert desk.technician.get("files/99999999999999").status_code == 404
