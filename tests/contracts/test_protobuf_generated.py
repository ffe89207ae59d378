"""``make protos`` and what ``make check`` says when somebody forgot it."""

from pathlib import Path

from protos.generate import GENERATED, find_differences, generate, main, read_tree


def test_the_checked_in_code_is_what_the_protos_give(tmp_path: Path) -> None:
    generate(tmp_path)
    fresh = read_tree(tmp_path)
    assert len(fresh) == 2 * len([*GENERATED.parents[2].glob("protos/**/*.proto")])
    assert find_differences(fresh, read_tree(GENERATED)) == []
    assert main(["--check"]) == 0


def test_the_check_names_what_is_missing_stale_or_left_over() -> None:
    fresh = {"a_pb2.py": b"1", "b_pb2.py": b"1", "c_pb2.py": b"1"}
    checked_in = {"a_pb2.py": b"1", "b_pb2.py": b"0", "old_pb2.py": b"1"}
    assert find_differences(fresh, checked_in) == [
        "stale: b_pb2.py",
        "missing: c_pb2.py",
        "left over, its .proto is gone: old_pb2.py",
    ]
