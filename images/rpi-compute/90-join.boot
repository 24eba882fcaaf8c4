#!/bin/sh
# What an operator of a backend fills in lies where any computer can write it: on the FAT partition ($2).
set -eu
cp "$1/usr/share/conpaas-compute/openstack.env.example" "$2/openstack.env.example"
