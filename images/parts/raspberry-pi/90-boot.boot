#!/bin/sh
# Fills the FAT partition ($2) from the finished root ($1): firmware, kernel,
# initial RAM disk, device trees, settings.
set -eu
root=$1
boot=$2
share=$root/usr/share/conpaas-raspberry-pi

cp "$root"/usr/lib/raspi-firmware/* "$boot/"
cp "$share/config.txt" "$boot/config.txt"
[ "$ARCH" = arm64 ] || sed -i 's/^arm_64bit=1/arm_64bit=0/; s/in 64-bit mode/in 32-bit mode/' "$boot/config.txt"
cp "$share/cmdline.$ARCH.txt" "$boot/cmdline.txt"
cp "$root/usr/share/conpaas/conpaas.txt" "$boot/conpaas.txt"

version=$(cd "$root/boot" && ls vmlinuz-* | sed 's/^vmlinuz-//' | sort -V | tail -n 1)
sh "$root/usr/sbin/conpaas-pi-boot" "$version" "$root" "$boot"
# What the package put there while it was installed is behind the mount.
rm -rf "$root/boot/firmware"
mkdir "$root/boot/firmware"
