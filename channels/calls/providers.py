"""The field maps of the cloud providers that are known by their published field lists. Each is a start: an account may hold
a map of its own instead, tried on a sample of what really comes."""

from collections.abc import Mapping
from typing import Any

MOOR = {
    "fields": {
        "external_id": "CallSheetID",
        "caller": "CallNo",
        "callee": "CalledNo",
        "direction": "CallType",
        "queue": ["QueueName", "Queue"],
        "agent": ["Exten", "Agent"],
        "outcome": "State",
        "started_at": ["Ring", "OfferingTime", "RingTime"],
        "answered_at": ["Begin", "BeginTime"],
        "ended_at": ["End", "EndTime"],
        "recording": ["{FileServer}/{RecordFile}", "RecordFile"],
        "caller_name": "CustomerName",
    },
    "values": {
        "direction": {"normal": "inbound", "transfer": "inbound", "dialout": "outbound", "dialTransfer": "outbound"},
        "outcome": {
            "dealing": "answered", "notDeal": "no_answer", "leak": "no_answer", "queueLeak": "abandoned",
            "blackList": "failed", "voicemail": "ivr_only",
        },
    },
    "time": "text",
    "live": {"field": "CallState", "values": {"Ring": "ring", "Ringing": "ring", "Link": "answer", "Hangup": "hangup"}},
    "meta": {"agent_name": "AgentName", "ivr_keys": "IVRKEY", "province": "Province", "city": "District"},
}  # fmt: skip
TENCENT = {
    "fields": {
        "external_id": "SessionId",
        "caller": "Caller",
        "callee": "Callee",
        "direction": "Direction",
        "queue": ["QueuedSkillGroupName", "SkillGroup", "QueuedSkillGroupId"],
        "agent": ["SeatUser.StaffNumber", "SeatUser.StaffExtensionNumber", "SeatUser.UserId", "SeatUser.Mail"],
        "outcome": "EndStatusString",
        "started_at": ["StartTimestamp", "Timestamp"],
        "answered_at": ["AcceptTimestamp", "AcceptedTimestamp"],
        "ended_at": "EndedTimestamp",
        "billsec": "Duration",
        "recording": "RecordURL",
    },
    "values": {
        "direction": {"0": "inbound", "1": "outbound"},
        "outcome": {
            "ok": "answered", "normal": "answered", "notAnswer": "no_answer", "userReject": "no_answer", "userGiveUp": "abandoned",
            "seatGiveUp": "no_answer", "giveUp": "abandoned", "busy": "busy", "errorCode": "failed", "numberNotExist": "failed",
            "unreachable": "failed", "powerOff": "failed", "ivrGiveUp": "ivr_only", "ivrEnd": "ivr_only", "voicemail": "ivr_only",
        },
    },
    "time": "s",
    "meta": {"record_id": "RecordId", "hung_up": "HungUpSide", "rating": "PostIVRKeyPressed[0].Key", "ivr_keys": "IVRKeyPressed"},
}  # fmt: skip
ALIYUN = {
    "list": "Data.List",
    "fields": {
        "external_id": "ContactId",
        "caller": "CallingNumber",
        "callee": "CalledNumber",
        "direction": "ContactType",
        "queue": ["SkillGroupNames", "SkillGroupIds"],
        "agent": ["AgentNames", "AgentIds"],
        "outcome": "ContactDisposition",
        "started_at": "StartTime",
        "answered_at": "EstablishedTime",
        "ended_at": "ReleaseTime",
        "billsec": "TalkTime",
        "hold_s": "HoldTime",
        "wrap_up_s": "WorkTime",
    },
    "values": {
        "direction": {
            "INBOUND": "inbound", "OUTBOUND": "outbound", "BACK2BACK": "outbound", "PREDICTIVE": "outbound", "INTERNAL": "internal",
            "Inbound": "inbound", "Outbound": "outbound", "Back2Back": "outbound", "Predictive": "outbound", "Internal": "internal",
        },
        "outcome": {
            "Success": "answered", "AbandonedInIVR": "ivr_only", "AbandonedInQueue": "abandoned", "AbandonedInRing": "abandoned",
            "NoAnswer": "no_answer", "QueuingTimeout": "no_answer", "QueuingOverflow": "no_answer", "Voicemail": "ivr_only",
            "Reject": "no_answer", "Busy": "busy", "PowerOff": "failed", "EmptyNumber": "failed",
        },
    },
    "time": "ms",
    "meta": {"hung_up": "ReleaseInitiator", "rating": "SatisfactionIndex"},
}  # fmt: skip
TINET = {
    "fields": {
        "external_id": ["uniqueId", "mainUniqueId", "cdr_main_unique_id"],
        "caller": ["customerNumber", "cdr_customer_number"],
        "callee": ["hotline", "numberTrunk", "cdr_number_trunk"],
        "direction": "callType",
        "queue": ["queueName", "qname", "qno"],
        "agent": ["cno", "exten", "bridgedCno"],
        "outcome": "status",
        "started_at": "startTime",
        "answered_at": "bridgeTime",
        "ended_at": "endTime",
        "billsec": ["bridgeDuration", "billDuration"],
        "recording": ["recordFile", "recordUrl"],
    },
    "values": {
        "direction": {"1": "inbound", "2": "inbound", "3": "outbound", "4": "outbound", "5": "outbound", "6": "outbound"},
        "outcome": {"1": "answered", "2": "no_answer", "3": "ivr_only", "4": "abandoned"},
    },
    "time": "s",
    "meta": {"agent_name": "agentName"},
}  # fmt: skip
PROVIDERS: Mapping[str, Mapping[str, Any]] = {"7moor": MOOR, "tencent": TENCENT, "aliyun": ALIYUN, "tinet": TINET}
