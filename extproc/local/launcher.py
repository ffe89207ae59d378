"""Becomes a part of the stack: dies with its supervisor and, where asked, is not root.

Run as a script (``python -I -S launcher.py PARENT SIGNAL USER COMMAND…``), because what it sets must be set in the
child after the fork, and code that runs between fork and exec in a process with threads may hang. It is replaced by
COMMAND, so the pid stays. Knows only the standard library.

PARENT is the pid of the supervisor, SIGNAL what the kernel sends when the supervisor is gone, USER ``-`` or the name to
run as. Postgres refuses to be root; the state directory usually lies where only root may look, so the one capability
kept is to pass permission checks on files.
"""

import ctypes
import os
import pwd
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Set what must be set and become the command."""
    parent, signal_number, user, *command = arguments
    if user != "-" and os.geteuid() == 0:
        _become(user)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        _prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):
            sys.exit("the supervisor is gone")
    os.execv(command[0], command)  # noqa: S606 - fixed by the supervisor, no shell


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    if sys.platform != "linux":
        os.setuid(entry.pw_uid)
        return
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setuid(entry.pw_uid)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if _LIBC.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        return  # a root without the capability: plain permissions then decide
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _LIBC.prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


_LIBC = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    main(sys.argv[1:])
