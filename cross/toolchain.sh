# shellcheck shell=sh
# Finds a Rust for another architecture; part of cross/build, which sets here,
# out, arch and target, say and fail.
#
# choose_toolchain sets cargo, RUSTC and build_std (an option of cargo, or
# nothing). It asks nobody: this machine's own target needs nothing more, then
# comes rustup where it has the target or can fetch it, then Debian's compiler.

choose_toolchain() {
    cargo=cargo
    build_std=
    if command -v cargo >/dev/null && is_own_target; then
        say "$arch: compiling for this machine with $(rustc --version)"
    elif rustup target list --installed 2>/dev/null | grep -qx "$target" ||
        timeout 300 rustup target add "$target" >/dev/null 2>&1; then
        say "$arch: compiling with rustup's $(rustc --version) and its $target"
    else
        choose_debian
    fi
}

is_own_target() { [ "$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')" = "$target" ]; }

choose_debian() {
    package=$(dpkg -S /usr/bin/rustc 2>/dev/null | cut -d: -f1)
    [ -n "$package" ] ||
        fail "there is no Rust for $target here: rustup target add $target, or sudo .ci/deps cross"
    cargo=/usr/bin/cargo
    export RUSTC=/usr/bin/rustc
    variant=${package#rustc}
    version=$(dpkg-query -W -f '${Version}' "$package")
    source_version=$(dpkg-query -W -f '${Version}' "rust$variant-src" 2>/dev/null) || source_version=
    if ensure_debian_std "libstd-rust$variant-dev" "$version"; then
        RUSTC=$out/rust-$arch/rustc
        say "$arch: compiling with Debian's $package $version and its standard library for $arch"
    elif [ "$source_version" = "$version" ]; then
        # Only a compiler that is told to be a nightly one builds its standard library.
        export RUSTC_BOOTSTRAP=1
        build_std=-Zbuild-std=std,panic_unwind
        say "$arch: compiling with Debian's $package $version, the standard library from rust$variant-src"
    else
        fail "Debian has no standard library of Rust $version for $arch: apt-get install rust$variant-src to build it"
    fi
}

# Unpacks Debian's standard library for the other architecture beside links to
# this one's; dpkg is not told of the architecture.
ensure_debian_std() {
    std=$out/rust-$arch
    [ "$(cat "$std/version" 2>/dev/null)" != "$1 $2" ] || return 0
    mkdir -p "$out"
    new=$(mktemp -d "$std.XXXXXX")
    if ! fetch_debian_std "$1=$2" >"$new/log" 2>&1; then
        rm -rf "$new"
        return 1
    fi
    mkdir -p "$new/lib/rustlib"
    ln -s /usr/lib/rustlib/* "$new/lib/rustlib/"
    mv "$new/unpacked/usr/lib/rustlib/$target" "$new/lib/rustlib/"
    # shellcheck disable=SC2016  # "$@" is for the script that is written
    printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot "%s" "$@"\n' "$std" >"$new/rustc"
    chmod +x "$new/rustc"
    rm -rf "$new/apt" "$new/unpacked" "$new/"*.deb
    echo "$1 $2" >"$new/version"
    rm -rf "$std"
    mv "$new" "$std"
}

fetch_debian_std() (
    "$here/private-apt" "$new/apt" "$arch" &&
        cd "$new" &&
        APT_CONFIG=$new/apt/apt.conf apt-get -q download "$1" &&
        dpkg-deb -x ./*.deb unpacked &&
        [ -d "unpacked/usr/lib/rustlib/$target" ]
)
