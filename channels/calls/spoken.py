"""A call in words, for the history of a conversation. The words are stored with the message, in the language of the house,
as those of a letter are; pages may say the same in another language by its `meta`."""

from channels.calls.models import Call

# data
OUTCOME_WORDS = {"no_answer": "无人接听", "busy": "占线", "failed": "未接通", "abandoned": "排队中挂断", "ivr_only": "仅听语音导航"}
# data
WAYS = {"inbound": "呼入", "outbound": "呼出", "internal": "内线", None: "通话"}
# data
AGENT, WAITED, RANG, QUEUED, COMMA = "坐席 ", "等待 ", "响铃 ", "队列 ", "，"
# data
HOURS, MINUTES, SECONDS = "小时", "分", "秒"


def in_words(call: Call, agent: str) -> str:
    """Direction, talk, who talked, the wait and the queue in one line. `agent` is who talked, by name."""
    out = call.direction == "outbound"
    way = WAYS.get(call.direction, WAYS[None])
    if call.outcome == "answered":
        parts = [way + " " + seconds_in_words(call.billsec)]
        if agent:
            parts.append(AGENT + agent)
        if call.wait and not out:
            parts.append(WAITED + seconds_in_words(call.wait))
    else:
        parts = [way, OUTCOME_WORDS.get(call.outcome or "failed", OUTCOME_WORDS["failed"])]
        if call.outcome == "ivr_only" and call.billsec:
            parts.append(seconds_in_words(call.billsec))
        elif call.wait:
            parts.append((RANG if out else WAITED) + seconds_in_words(call.wait))
    if call.queue:
        parts.append(QUEUED + call.queue)
    return COMMA.join(parts)


def seconds_in_words(seconds: int | None) -> str:
    """192 is three minutes and twelve seconds; parts that are nought are left out."""
    minutes, rest = divmod(max(0, seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    words = [f"{n} {unit}" for n, unit in ((hours, HOURS), (minutes, MINUTES), (rest, SECONDS)) if n]
    return " ".join(words) or f"0 {SECONDS}"


def facts(call: Call, agent: str) -> dict[str, object]:
    """What a page needs to say the same in another language: the `meta` of the message."""
    told = {
        "call_id": call.id, "direction": "out" if call.direction == "outbound" else "in", "outcome": call.outcome, "seconds": call.billsec,
        "wait": call.wait, "agent": agent, "queue": call.queue, "number": call.number,
        "recording": bool(call.recording),
    }  # fmt: skip
    return {k: v for k, v in told.items() if v not in (None, "", False)}
