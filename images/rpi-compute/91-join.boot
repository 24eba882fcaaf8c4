#!/bin/sh
# What is filled in before a Raspberry Pi starts lies where any computer can write it: on the FAT partition ($2).
set -eu
cp "$1/usr/share/conpaas-compute/openstack.env.example" "$2/openstack.env.example"
sed -i 's/^# role = director$/role = compute/' "$2/conpaas.txt"
grep -qx 'role = compute' "$2/conpaas.txt" || { echo "conpaas.txt has changed: 'role = compute' is not in it" >&2; exit 1; }
