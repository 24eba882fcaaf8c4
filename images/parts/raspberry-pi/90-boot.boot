#!/bin/sh
# Fills the FAT partition ($2) from the finished root ($1): firmware, kernel,
# initial RAM disk, device trees, settings.
set -eu
root=$1
boot=$2
share=$root/usr/share/conpaas-raspberry-pi

# With its directories: Debian 13 has one for overlays.
cp -r "$root"/usr/lib/raspi-firmware/. "$boot/"
cp "$share/config.txt" "$boot/config.txt"
[ "$ARCH" = arm64 ] || sed -i 's/^arm_64bit=1/arm_64bit=0/; s/in 64-bit mode/in 32-bit mode/' "$boot/config.txt"
cp "$share/cmdline.$ARCH.txt" "$boot/cmdline.txt"
cp "$root/usr/share/conpaas/conpaas.txt" "$boot/conpaas.txt"
# Kernels that know Raspberry Pi 5 describe the first stepping of its processor; the firmware corrects that for the second.
if [ -n "$(find "$root/usr/lib" -name bcm2712-rpi-5-b.dtb)" ]; then
    command -v dtc > /dev/null || { echo "dtc is missing: apt-get install device-tree-compiler" >&2; exit 1; }
    mkdir -p "$boot/overlays"
    dtc -@ -q -I dts -O dtb -o "$boot/overlays/bcm2712d0.dtbo" "$FILES/bcm2712d0.dts"
fi

version=$(cd "$root/boot" && ls vmlinuz-* | sed 's/^vmlinuz-//' | sort -V | tail -n 1)
sh "$root/usr/sbin/conpaas-pi-boot" "$version" "$root" "$boot"
# What the package put there while it was installed is behind the mount.
rm -rf "$root/boot/firmware"
mkdir "$root/boot/firmware"
