"""Each file that decides something has a mirrored unit test.

``extproc/<room>/<file>.py`` is tested in ``tests/unit/<room>/test_<file>.py``.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "extproc"
UNIT = ROOT / "tests" / "unit"

# A package's docstring and the entry point hold no behaviour; generated code has contract tests.
_WITHOUT_TEST = {"__init__.py", "__main__.py"}
_GENERATED = PACKAGE / "wire" / "gen"

DECLARATIONS = {
    "config/cache_sections.py": "shapes without a branch; test_cache has what they take",
    "config/guard_sections.py": "shapes without a branch; test_guard has what they take",
    "config/limit_sections.py": "shapes without a branch; test_limits has what they take",
    "config/scanner_sections.py": "shapes without a branch; test_scanners has what they take",
    "dialects/surface.py": "protocols and one value; surface_openai and surface_anthropic implement them",
    "exchange/events.py": "what doors are told and answer: values without methods",
    "guard/rule.py": "a protocol; rules has its implementations",
    "local/part.py": "what the supervisor must know of a program: one value",
    "local/reporting.py": "a protocol; progress implements it",
    "model/cache.py": "values without methods",
    "model/cache_embedders.py": "values without methods",
    "model/adjustments.py": "one value, and why it cannot be",
    "model/chat.py": "one value without methods",
    "model/credentials.py": "values without methods",
    "model/embedders.py": "values without methods",
    "model/exchange.py": "values without methods",
    "model/ids.py": "names of types",
    "model/limit_records.py": "values without a branch",
    "model/limits.py": "values without a branch",
    "model/money.py": "values without methods",
    "model/plan.py": "values without methods",
    "model/reports.py": "values, and their sum",
    "model/routing.py": "values without methods",
    "model/seams.py": "names that both sides share; contracts and e2e hold them to Envoy",
    "model/vault_state.py": "values without methods",
    "model/uses.py": "values without methods",
    "policy/money_ports.py": "protocols; tests/contracts holds their implementations to them",
    "policy/cache_ports.py": "protocols; tests/contracts holds their implementations to them",
    "policy/hosted_ports.py": "a protocol and one value; hosted_llm_guard and hosted_presidio implement it",
    "policy/guard_ports.py": "protocols and one value",
    "policy/limit_ports.py": "protocols; tests/contracts/test_limits holds their implementations to them",
    "policy/adjustment_port.py": "a protocol; tests/contracts/test_adjustments holds its implementations to it",
    "policy/meter_port.py": "a protocol; adapters.memory_metrics and adapters.otel_metrics implement it",
    "policy/ports.py": "protocols; tests/contracts holds their implementations to them",
}
"""Files without a decision, and why. One that grows a branch needs a test and leaves this list."""

ALSO_TESTED = {
    "adapters/test_postgres_schema.py": "the triggers in migrations/*.sql, which no Python file holds",
    "exchange/test_admission_judged.py": "admission where a request is judged; test_admission has all else of it",
    "policy/test_closing_cached.py": "ends that a remembered answer made; test_closing has all others",
    "exchange/test_delivery_judged.py": "delivery where an answer is judged; test_delivery has all else of it",
}
"""Unit tests in a room that mirror no Python file, and what they are about."""

_BRANCHES = (ast.If, ast.IfExp, ast.Match, ast.For, ast.While, ast.Try, ast.BoolOp, ast.Compare)


def _sources() -> list[Path]:
    return [p for p in PACKAGE.rglob("*.py") if p.name not in _WITHOUT_TEST and _GENERATED not in p.parents]


def _mirror(source: Path) -> Path:
    return UNIT / source.relative_to(PACKAGE).with_name(f"test_{source.name}")


def _name(source: Path) -> str:
    return source.relative_to(PACKAGE).as_posix()


def _branches(text: str) -> list[int]:
    """The lines on which something is decided."""
    return [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, _BRANCHES)]


def test_every_file_that_decides_something_has_its_mirrored_unit_test() -> None:
    missing = sorted(
        str(_mirror(source).relative_to(ROOT))
        for source in _sources()
        if _name(source) not in DECLARATIONS and not _mirror(source).is_file()
    )
    assert missing == [], "missing:\n" + "\n".join(missing)


def test_every_unit_test_of_a_room_mirrors_a_file() -> None:
    expected = {_mirror(source) for source in _sources()} | {UNIT / name for name in ALSO_TESTED}
    rooms = [directory for directory in UNIT.iterdir() if (PACKAGE / directory.name / "__init__.py").is_file()]
    found = {path for room in rooms for path in room.rglob("test_*.py")}
    assert sorted(str(path.relative_to(ROOT)) for path in found - expected) == []
    assert all((UNIT / name).is_file() for name in ALSO_TESTED)


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_file_without_a_test_decides_nothing(name: str) -> None:
    source = PACKAGE / name
    assert source.is_file(), f"{name} is gone: take it off the list"
    assert not _mirror(source).exists(), f"{name} has a test: take it off the list"
    assert _branches(source.read_text()) == [], f"{name} decides something: test it"


@pytest.mark.parametrize(
    "decision",
    [
        "def f(a):\n    if a:\n        return 1",
        "def f(a):\n    return 1 if a else 2",
        "def f(a):\n    return a or 2",
        "def f(a):\n    return a == 2",
        "def f(a):\n    for b in a:\n        pass",
        "class C:\n    def f(self, a):\n        match a:\n            case 1:\n                pass",
        "async def f(a):\n    try:\n        await a\n    except ValueError:\n        pass",
    ],
)
def test_a_decision_is_seen_wherever_it_stands(decision: str) -> None:
    assert _branches(decision)
    assert not _branches("class P:\n    def f(self) -> int | None:\n        ...")
