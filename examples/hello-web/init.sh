#!/bin/bash
# Runs once on each node when this code version arrives there: look whether
# what the program needs is here.
set -eu
echo "init: node $MY_IP ($MY_ROLE), master $MASTER_IP"
command -v python3 >/dev/null || { echo "init: python3 is not installed on this node" >&2; exit 1; }
