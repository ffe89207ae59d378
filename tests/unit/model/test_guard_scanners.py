from pathlib import Path

from extproc.model.catalog import CredentialRef
from extproc.model.guard import Trust
from extproc.model.guard_scanners import (
    WORDS_OF_OTHERS,
    AzureShieldsSettings,
    BedrockSettings,
    EntailedSettings,
    GroundedSettings,
    LakeraSettings,
    OnnxSettings,
    ServiceSettings,
    credentials_of,
)

KEY, SECRET, TOKEN = (CredentialRef("scanners/x", name) for name in ("key", "secret", "token"))


def test_each_kind_names_what_it_needs_of_the_vault() -> None:
    bedrock = BedrockSettings(KEY, SECRET, "eu-west-1", "abc")
    temporary = BedrockSettings(KEY, SECRET, "eu-west-1", "abc", session_token=TOKEN)
    assert credentials_of(LakeraSettings(KEY)) == credentials_of(AzureShieldsSettings(KEY, "https://x")) == (KEY,)
    assert (credentials_of(bedrock), credentials_of(temporary)) == ((KEY, SECRET), (KEY, SECRET, TOKEN))
    for settings in (
        OnnxSettings(Path("/m"), ()),
        ServiceSettings("unix:/s", "x"),
        GroundedSettings(),
        EntailedSettings(Path("/m")),
    ):
        assert credentials_of(settings) == ()


def test_the_applications_own_instructions_are_left_out_unless_asked_for() -> None:
    assert set(Trust) - set(WORDS_OF_OTHERS) == {Trust.TRUSTED}
