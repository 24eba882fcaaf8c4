#!/bin/bash
# Starts the web program and becomes it: the node shows RUNNING for as long
# as it serves. An argument is the port, 8080 if there is none.
set -eu
code=${0%/*}
# The agent gives three variables and nothing else; programs expect a PATH.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec python3 -u "$code/server.py" --address "$MY_IP" --port "${1:-8080}" --agents "$code/../agents.json"
