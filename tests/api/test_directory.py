"""The directory through the API: making, reading, changing, merging, and whose rows one sees."""

from datetime import date


def test_an_organisation_is_made_read_changed_and_listed(api):
    call = api("supervisor")
    made = call.post("organisations", {"kind": "client", "name": "远洲纺织", "email_domains": ["YuanZhou.example.com"]})
    assert made.status_code == 201, made.json
    body = made.get_json()
    assert body["email_domains"] == ["yuanzhou.example.com"] and body["version"] == 1 and body["manager"] is None
    assert made.headers["ETag"] == '"1"'
    path = made.headers["Location"]
    assert call.get(path).get_json() == body
    changed = call.patch(path, {"short_name": "远洲"})
    assert changed.get_json()["version"] == 2 and changed.headers["ETag"] == '"2"'
    page = call.get("organisations?q=远洲&kind=client").get_json()
    assert [row["id"] for row in page["items"]] == [body["id"]] and page["next"] is None


def test_a_contact_with_identities_in_normal_form(api, world):
    call = api("agent")
    made = call.post(
        "contacts",
        {
            "name": "赵工",
            "organisation": world["lake"],
            "identities": [
                {"kind": "email", "value": "Zhao@ChengHu.example.com"},
                {"kind": "phone", "value": "+86 139-1234-5678"},
            ],
        },
    )
    assert made.status_code == 201, made.json
    body = made.get_json()
    assert [i["value"] for i in body["identities"]] == ["zhao@chenghu.example.com", "+8613912345678"]
    assert body["organisation"] == {"id": world["lake"], "name": "澄湖轴承"}
    found = call.get("contacts?phone=139 1234 5678").get_json()["items"]
    assert [row["id"] for row in found] == [body["id"]]
    assert call.get("contacts?email=nobody@example.com").get_json()["items"] == []
    assert call.get("contacts?phone=x").get_json()["items"] == []
    taken = call.post("contacts", {"name": "另一位", "identities": [{"kind": "phone", "value": "13912345678"}]})
    assert taken.status_code == 409 and list(taken.get_json()["errors"]) == ["identities.0.value"]
    bad = call.post("contacts", {"identities": [{"kind": "phone", "value": "1001"}]})
    assert bad.status_code == 422 and list(bad.get_json()["errors"]) == ["identities.0.value"]
    assert call.post("contacts", {}).status_code == 422


def test_identities_are_added_shared_and_removed(api, world):
    call = api("agent")
    path = f"contacts/{world['wang']}"
    added = call.post(f"{path}/identities", {"kind": "email", "value": "service@chenghu.example.com"})
    assert added.status_code == 201
    identity = added.get_json()["identities"][-1]
    shared = call.patch(f"{path}/identities/{identity['id']}", {"shared": True}).get_json()
    assert shared["identities"][-1]["shared"] is True and shared["version"] == added.get_json()["version"] + 1
    assert call.patch(f"contacts/{world['li']}/identities/{identity['id']}", {"shared": False}).status_code == 404
    assert call.delete(f"{path}/identities/{identity['id']}").status_code == 204
    assert len(call.get(path).get_json()["identities"]) == 1


def test_merge_and_unmerge(api, world):
    call = api("agent")
    kept = call.post(f"contacts/{world['li']}/merge", {"into": world["wang"]})
    assert kept.status_code == 200, kept.json
    body = kept.get_json()
    assert body["id"] == world["wang"]
    assert [merged["contact"] for merged in body["merged"]] == [world["li"]]
    assert [identity["contact"] for identity in body["identities"]] == [world["wang"], world["li"]]
    assert call.get(f"contacts/{world['li']}").get_json()["merged_into"] == world["wang"]
    assert [row["id"] for row in call.get("contacts").get_json()["items"]] == [world["wang"]]
    assert len(call.get("contacts?merged=true").get_json()["items"]) == 2
    found = call.get("contacts?email=LI@beiling.example.com").get_json()["items"]
    assert [row["id"] for row in found] == [world["wang"]]
    again = call.post(f"contacts/{world['li']}/merge", {"into": world["wang"]})
    assert again.status_code == 409 and again.get_json()["code"] == "refused"
    own = call.post(f"contacts/{world['li']}/unmerge")
    assert own.status_code == 200 and own.get_json()["merged_into"] is None
    assert call.post(f"contacts/{world['li']}/unmerge").status_code == 409
    assert call.post(f"contacts/{world['li']}/merge", {"merge": world["wang"]}).get_json()["id"] == world["li"]
    for body in ({}, {"into": 1, "merge": 2}, {"into": 999}, {"into": world["wang"]}):
        assert call.post(f"contacts/{world['wang']}/merge", body).status_code in (409, 422)
    assert call.post("contacts/999/merge", {"into": world["wang"]}).status_code == 404


def test_a_product_with_releases(api):
    call = api("administrator")
    made = call.post("products", {"code": "MX-VB3", "name": "无线振动传感器"}).get_json()
    path = f"products/{made['id']}"
    with_release = call.post(f"{path}/releases", {"name": "1.0", "released_on": "2026-01-31"})
    assert with_release.status_code == 201
    release = with_release.get_json()["releases"][0]
    assert release["released_on"] == "2026-01-31"
    assert call.post(f"{path}/releases", {"name": "1.0"}).status_code == 409
    early = call.patch(f"{path}/releases/{release['id']}", {"supported_until": "2025-01-01"})
    assert early.status_code == 422 and "supported_until" in early.get_json()["errors"]
    late = call.patch(f"{path}/releases/{release['id']}", {"supported_until": "2030-01-01"})
    assert late.get_json()["releases"][0]["supported_until"] == "2030-01-01"
    assert call.post("products", {"code": "MX-VB3", "name": "x"}).status_code == 409
    assert [p["code"] for p in call.get("products?q=振动&active=true").get_json()["items"]] == ["MX-VB3"]


def test_sites_and_devices(api, world):
    call = api("administrator")
    site = call.post("sites", {"organisation": world["lake"], "name": "二号厂区", "time_zone": "Asia/Shanghai"})
    assert site.status_code == 201
    assert call.post("sites", {"organisation": world["lake"], "name": "二号厂区"}).status_code == 409
    assert call.post("sites", {"organisation": world["lake"], "name": "x", "time_zone": "Mars/Base"}).status_code == 422
    new = {"organisation": world["lake"], "product": world["drive"], "serial": "V-77", "site": site.get_json()["id"]}
    made = call.post("devices", {**new, "release": world["release"], "installed_on": "2024-02-29"})
    assert made.status_code == 201, made.json
    body = made.get_json()
    assert body["installed_on"] == date(2024, 2, 29).isoformat() and len(body["tag"]) >= 12
    assert call.post("devices", new).status_code == 409
    foreign = call.patch(f"devices/{body['id']}", {"organisation": world["hill"]})
    assert foreign.status_code == 422 and list(foreign.get_json()["errors"]) == ["site"]
    moved = call.patch(f"devices/{body['id']}", {"organisation": world["hill"], "site": None})
    assert moved.get_json()["organisation"]["id"] == world["hill"] and moved.get_json()["site"] is None
    assert [d["id"] for d in call.get(f"devices?tag={body['tag']}").get_json()["items"]] == [body["id"]]
    assert call.get("devices?q=v-77").get_json()["items"]


def test_a_resident_sees_the_clients_of_own_products_only(api, world, app):
    from app.core.db import session
    from app.core.people import Organisation

    call = api("resident", organisation=session().get(Organisation, world["tuolian"]))
    assert [d["id"] for d in call.get("devices").get_json()["items"]] == [world["device"]]
    assert {o["id"] for o in call.get("organisations").get_json()["items"]} == {world["lake"], world["tuolian"]}
    assert [c["id"] for c in call.get("contacts").get_json()["items"]] == [world["wang"]]
    assert call.get(f"contacts/{world['wang']}").status_code == 200
    for path in (f"contacts/{world['li']}", f"organisations/{world['hill']}", f"devices/{world['other']}"):
        assert call.get(path).status_code == 404
    assert call.patch(f"contacts/{world['wang']}", {"name": "x"}).status_code == 403
