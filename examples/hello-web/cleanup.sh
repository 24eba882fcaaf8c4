#!/bin/bash
# Removes what the program left behind, so that the next run starts clean.
set -eu
rm -rf "${0%/*}/__pycache__"
echo "cleanup: node $MY_IP is clean"
