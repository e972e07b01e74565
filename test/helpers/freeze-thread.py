"""Stops one thread of a process, as a debugger does, until told to let go; the other threads run on.

usage: freeze-thread.py THREAD-ID; says "frozen", then waits for the end of its input.
"""
import ctypes
import os
import sys

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        sys.exit(f'ptrace: {os.strerror(number)}')


thread = int(sys.argv[1])
ptrace(SEIZE, thread)
ptrace(INTERRUPT, thread)
os.waitpid(thread, WALL)
print('frozen', flush=True)
sys.stdin.read()
ptrace(DETACH, thread)
