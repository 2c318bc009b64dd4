#!/usr/bin/env python3
"""Asks a running Daruma by its control socket: control.py DATA COMMAND [KEY]. Prints the result, or one of its numbers."""
import json
import os
import socket
import sys

data, command, key = sys.argv[1], sys.argv[2], (sys.argv[3:] + [None])[0]
os.chdir(data)  # a socket path is short (107 octets)
asking = socket.socket(socket.AF_UNIX)
asking.connect("control.sock")
asking.sendall(json.dumps({"command": command, "args": {}}).encode() + b"\n")
answer = b""
while not answer.endswith(b"\n"):
    chunk = asking.recv(1 << 16)
    if not chunk:
        break
    answer += chunk
result = json.loads(answer)
if not result.get("ok"):
    sys.exit(str(result))
print(result["result"][key] if key else json.dumps(result["result"]))
