"""A verdict as text, for the record: one JSON object, the same for the same verdict. Holds none of what was judged."""

import json

from extproc.model.guard import Direction, Finding, Result, Verdict


def write_verdict(verdict: Verdict) -> str:
    """ASCII JSON: ``{"count", "direction", "findings": [{"kind", "place", "start", "end", "score", "via"}], …}``."""
    return json.dumps(
        {
            "scanner": verdict.scanner,
            "direction": verdict.direction.value,
            "result": verdict.result.value,
            "policy": verdict.policy,
            "latency_us": verdict.latency_us,
            "count": verdict.count,
            "findings": [
                {
                    "kind": each.kind,
                    "place": each.place,
                    "start": each.start,
                    "end": each.end,
                    # As it is after it has travelled in single precision.
                    "score": round(each.score, 3),
                    "via": each.via,
                }
                for each in verdict.findings
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def read_verdict(text: str) -> Verdict:
    """What ``write_verdict`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    found = json.loads(text)
    return Verdict(
        scanner=found["scanner"],
        direction=Direction(found["direction"]),
        result=Result(found["result"]),
        policy=found["policy"],
        latency_us=found["latency_us"],
        findings=tuple(
            Finding(each["kind"], tuple(each["place"]), each["start"], each["end"], each["score"], tuple(each["via"]))
            for each in found["findings"]
        ),
        count=found["count"],
    )
