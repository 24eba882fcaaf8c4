#!/bin/sh
# On an image: /boot/firstrun.sh, on the root file system.
#
# An Imager that was not told the image's format writes a script of that name
# to the FAT partition and makes the kernel start /boot/firstrun.sh instead of
# the system. What starts is this file: it takes the order off the card, and
# the machine then starts as it should. The script itself is only read.
exec /usr/bin/conpaas first-boot forget-script
