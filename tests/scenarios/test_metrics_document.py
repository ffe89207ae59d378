"""What docs/metrics.md says is what the code has."""

import re
from pathlib import Path

from extproc.adapters import metered
from extproc.model.guard import Direction, Result
from extproc.model.ledger import Flag
from extproc.model.limits import Level
from extproc.model.metrics import METRICS

TEXT = (Path(__file__).parents[2] / "docs/metrics.md").read_text()


def test_the_table_has_every_metric_with_its_kind_labels_and_meaning() -> None:
    rows = re.findall(r"^\| `(gateway_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", TEXT, re.MULTILINE)
    told = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), about) for name, kind, labels, about in rows]
    assert told == [(each.name, each.shape.value, each.labels, each.about) for each in METRICS]


def test_every_labels_values_are_told() -> None:
    labels = {label for each in METRICS for label in each.labels} - {"deployment", "model"}
    rows = {
        name: values
        for names, values in re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \| (.+) \|$", TEXT, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert set(rows) == labels
    for level in Level:
        assert level.value in rows["level"]
    for result in (*metered._RESULTS, "answered", "rejected", "rate_limited", "failed"):
        assert result in rows["result"]
    for verdict in Result:
        assert verdict.value in rows["result"]
    for direction in Direction:
        assert direction.value in rows["direction"]
    assert Flag.OWED.value in rows["flag"]
