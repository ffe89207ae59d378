"""A verdict as text, for the record: one JSON object, the same for the same verdict. Holds none of what was judged."""

import json

from extproc.model.guard import Verdict


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
