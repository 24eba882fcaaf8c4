# Mounts a volume of shared storage for as long as it runs. $1: its configuration, $2: where, $3 and $4: who is asked,
# $5: the options of a guard.
# What a mount that was killed left behind is taken away first.
if grep -qF " $2 fuse" /proc/self/mounts; then umount -l "$2"; fi
mkdir -p "$2" || exit 1
# Below the volume nothing can be written: what a program wrote there while the volume is away would be acknowledged, and
# hidden later.
if [ -n "$5" ] && ! grep -qF " $2 tmpfs " /proc/self/mounts; then
    mount -t tmpfs -o "$5" guard "$2" || echo "programs may write to $2 while the volume is not mounted" >&2
fi
until (exec 3<>"/dev/tcp/$3/$4") 2>/dev/null; do sleep 0.3; done
exec mfsmount -f -c "$1" "$2"
