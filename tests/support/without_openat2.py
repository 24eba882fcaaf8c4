"""Runs a program that has no system call openat2, as below a unit with RestrictSUIDSGID=.

    python3 without_openat2.py PROGRAM [WORD ...]
"""

import ctypes
import os
import struct
import sys

OPENAT2 = 437
LINES = [
    (0x20, 0, 0, 0),  # the number of the call
    (0x15, 0, 1, OPENAT2),
    (0x06, 0, 0, 0x00050000 | 38),  # ENOSYS
    (0x06, 0, 0, 0x7FFF0000),  # all others are let through
]


class Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
lines = b"".join(struct.pack("HBBI", *line) for line in LINES)
chosen = Filter(len(LINES), lines)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(chosen), 0, 0):
    sys.exit("the filter of system calls is refused: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
