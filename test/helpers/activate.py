"""Stands in for a service manager that opens sockets: binds, listens, and becomes the program.

Usage: activate.py ADDRESS[,ADDRESS...] NAME[:NAME...] PROGRAM ARGUMENT...
An ADDRESS is HOST:PORT, with +share for SO_REUSEPORT, or udp for a socket that fits nothing.
"""

import os
import socket
import sys

addresses, names, program = sys.argv[1].split(','), sys.argv[2], sys.argv[3:]
made = []
for address in addresses:
    if address == 'udp':
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(('127.0.0.1', 0))
    else:
        place, _, share = address.partition('+')
        host, _, port = place.rpartition(':')
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((host, int(port)))
        one.listen(128)
    made.append(one)
# Out of the way first: the numbers from 3 on may be their own.
high = [os.dup2(one.fileno(), 100 + at) for at, one in enumerate(made)]
for one in made:
    one.close()
for at, descriptor in enumerate(high):
    os.dup2(descriptor, 3 + at, inheritable=True)
    os.close(descriptor)
os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.execvp(program[0], program)
