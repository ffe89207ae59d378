"""What was found never shows what it says."""

from extproc.model.guard import Edit, Redaction


def test_originals_do_not_show() -> None:
    assert "4111" not in repr(Redaction("[card-1]", "4111111111111111", "pii.card"))
    assert "4111" not in repr(Edit(0, 8, "4111111111111111"))
