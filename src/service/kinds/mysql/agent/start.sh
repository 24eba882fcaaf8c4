#!/bin/sh
# Starts MariaDB as a member of its cluster; $1 is its configuration.
# The position of its data is found out before every start, so that members can be compared, and the data goes on
# counting from there.
set -eu
directory={{ directory }}
run={{ run }}
# MariaDB tells the real path of its configuration to the programs that copy its data to new members, as long as it runs.
# The agent's file is gone after two changes; this one stays until the next start.
defaults=$run/mariadb.cnf
cp "$1" "$defaults.new"
mv "$defaults.new" "$defaults"
cp "${1%/*}/accounts.sql" "$run/accounts.sql"
is_alone={{ is_alone }}
data=$directory/data

cd "$directory"
mkdir -p -m 700 tmp
rm -rf tmp/*

# The data of another member was not all there when this one died: what there is of it is no data. The program that copies
# it makes .sst before it removes anything, and removes that when all is in its place. So it goes last here, too.
if [ -e "$data/.sst" ]; then
    find "$data" -mindepth 1 -maxdepth 1 ! -name .sst -exec rm -rf {} +
    sync -f "$data"
    rm -rf "$data/.sst"
fi
# It looks for those who serve, and not for those who were there last. Older configurations had servers remember these.
rm -f "$data/gvwstate.dat" forget

# Data that is older than the last restoration gives way to it. Who has the backup begins with it, others get it from there.
restored={{ restored }}
has_backup={{ has_backup }}
if [ "$restored" -gt "$(cat restored 2>/dev/null || echo 0)" ]; then
    if [ -d "restored-$restored" ]; then
        rm -rf data
        mv "restored-$restored" data
        touch bootstrap
    elif [ "$has_backup" = no ]; then
        rm -rf data
    fi
    echo "$restored" >restored.new
    sync -f restored.new
    mv restored.new restored
fi

# Who is the only member begins a cluster; of several the one that was chosen.
begins=
if [ "$is_alone" = yes ] || [ -e "$directory/bootstrap" ]; then
    begins=yes
fi

mkdir -p -m 700 "$data"
position=
if [ -e "$data/ibdata1" ]; then
    if mariadbd --defaults-file="$defaults" --wsrep-recover --log-error="$run/recover.log"; then
        position=$(sed -n 's/.*WSREP: Recovered position: *//p' "$run/recover.log" | tail -n 1)
    elif [ "$begins" ]; then
        cat "$run/recover.log" >&2
        exit 1
    fi
    rm -f "$run/recover.log"
fi
# The file is whole or absent, and names its process: who reads it knows whether it is of this start.
note() {
    echo "$$ ${position:--} $1" >"$run/position.new"
    mv "$run/position.new" "$run/position"
}
# Returns whether another member serves: its agent says so.
serves() {
    # shellcheck disable=SC2034
    timeout 2 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && read -r version status rest <&3 &&
        [ "$status" = 200 ]' health "$1" {{ health_port }} 2>/dev/null
}
# A server that looks for others while nobody serves gives them up one by one, and does not find whoever begins then.
while [ ! "$begins" ]; do
    note waits
    for other in {% for ip in others %}{{ ip }} {% endfor %}; do
        if serves "$other"; then
            break 2
        fi
    done
    for part in 1 2 3 4 5; do
        if [ -e "$directory/bootstrap" ]; then
            begins=yes
            break
        fi
        sleep 0.2
    done
done
note "${begins:+begins}"

if [ "$begins" ] && [ ! -e "$data/ibdata1" ]; then
    rm -rf "$data" "$directory/data.new"
    mkdir -m 700 "$directory/data.new"
    # Without --force it asks for the name of this machine in the whole net.
    mariadb-install-db --defaults-file="$defaults" --force --skip-test-db --auth-root-authentication-method=socket \
        --wsrep-on=OFF --datadir="$directory/data.new" --extra-file="$run/accounts.sql" >"$run/install.log" 2>&1 || {
        cat "$run/install.log" >&2
        exit 1
    }
    sync -f "$directory/data.new"
    mv "$directory/data.new" "$data"
fi
if [ "$begins" ] && [ -e "$data/grastate.dat" ]; then
    sed -i 's/^safe_to_bootstrap: 0/safe_to_bootstrap: 1/' "$data/grastate.dat"
fi
rm -f "$directory/bootstrap"
exec mariadbd --defaults-file="$defaults" ${position:+--wsrep-start-position="$position"} ${begins:+--wsrep-new-cluster}
