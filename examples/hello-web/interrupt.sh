#!/bin/bash
# Runs before the agent ends what still runs: the place to save work. The
# web program has none.
set -eu
echo "interrupt: node $MY_IP stops serving"
