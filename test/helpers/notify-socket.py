"""Stands in for a service manager: prints what comes to its datagram socket, a JSON text a line.

Usage: notify-socket.py PATH     (a path that begins with @ is abstract)
"""

import json
import socket
import sys

path = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind('\0' + path[1:] if path.startswith('@') else path)
print(json.dumps('listening'), flush=True)
while True:
    print(json.dumps(manager.recv(4096).decode()), flush=True)
