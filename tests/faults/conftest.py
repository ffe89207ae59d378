"""The rigs of the end-to-end tests."""

from tests.e2e.conftest import own_rig, rig

__all__ = ["own_rig", "rig"]
