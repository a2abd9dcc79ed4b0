"""The version is the ETag: reading less, and never writing over what one has not seen."""


def test_if_none_match_answers_304_without_a_body(api, world):
    call = api()
    first = call.get(f"contacts/{world['wang']}")
    again = call.get(f"contacts/{world['wang']}", If_None_Match=first.headers["ETag"])
    assert again.status_code == 304 and again.get_data() == b""
    assert call.get(f"contacts/{world['wang']}", If_None_Match='"99"').status_code == 200


def test_if_match_is_honoured_when_sent(api, world):
    call = api()
    path = f"contacts/{world['wang']}"
    seen = call.get(path).headers["ETag"]
    assert call.patch(path, {"title": "设备主管"}, If_Match=seen).status_code == 200
    stale = call.patch(path, {"title": "别的"}, If_Match=seen)
    assert stale.status_code == 412 and stale.get_json()["code"] == "stale"
    assert call.patch(path, {"title": "别的"}, If_Match="garbage").status_code == 412
    assert call.patch(path, {"title": "别的"}, If_Match="*").status_code == 200
    assert call.patch(path, {"title": "第三"}).status_code == 200
    assert call.get(path).get_json()["title"] == "第三"


def test_every_write_of_a_part_counts_up_the_whole(api, world):
    call = api()
    path = f"contacts/{world['wang']}"
    seen = call.get(path).headers["ETag"]
    assert (
        call.post(f"{path}/identities", {"kind": "email", "value": "w@x.example.com"}, If_Match=seen).status_code == 201
    )
    assert (
        call.post(f"{path}/identities", {"kind": "email", "value": "v@x.example.com"}, If_Match=seen).status_code == 412
    )
    identity = call.get(path).get_json()["identities"][0]["id"]
    assert call.delete(f"{path}/identities/{identity}", If_Match=seen).status_code == 412
    product = f"products/{world['drive']}"
    seen = call.get(product).headers["ETag"]
    assert call.post(f"{product}/releases", {"name": "9"}, If_Match=seen).status_code == 201
    assert call.get(product).headers["ETag"] != seen


def test_a_merge_changes_the_version_of_both(api, world):
    call = api()
    before = {name: call.get(f"contacts/{world[name]}").headers["ETag"] for name in ("wang", "li")}
    assert call.post(f"contacts/{world['li']}/merge", {"into": world["wang"]}, If_Match='"77"').status_code == 412
    call.post(f"contacts/{world['li']}/merge", {"into": world["wang"]}, If_Match=before["li"])
    for name, seen in before.items():
        assert call.get(f"contacts/{world[name]}").headers["ETag"] != seen
