# Mounts a volume of shared storage for as long as it runs. $1: its configuration, $2: where.
# What a mount that was killed left behind is taken away first.
umount -l "$2" 2>/dev/null
mkdir -p "$2" || exit 1
exec mfsmount -f -c "$1" "$2"
