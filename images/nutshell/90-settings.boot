#!/bin/sh
# The settings lie in the partition that UEFI reads ($2), where other systems can write them too.
set -eu
sed -e 's/^# hostname =$/hostname = nutshell/' -e 's/^# user = pi$/user = nutshell/' \
    "$1/usr/share/conpaas/conpaas.txt" > "$2/conpaas.txt"
for line in 'hostname = nutshell' 'user = nutshell'; do
    grep -qx "$line" "$2/conpaas.txt" || { echo "conpaas.txt has changed: '$line' is not in it" >&2; exit 1; }
done
