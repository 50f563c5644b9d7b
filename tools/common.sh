# Shared by the shell scripts in tools/; sourced, never run.

say() { echo "${0##*/}: $*"; }
die() { echo "${0##*/}: $*" >&2; exit 1; }

# Find out how to become root, for as_root.  False when there is no way.
find_root() {
    if [ "$(id -u)" = 0 ]; then
        root_prefix=()
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        root_prefix=(sudo -n)
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        root_prefix=(sudo)
    else
        return 1
    fi
}

as_root() { "${root_prefix[@]}" "$@"; }

# True when apt has no package lists, or only lists older than a day: the
# archive drops old versions, so that an old list names files that are gone.
apt_lists_old() {
    local fresh
    fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null)
    [ -z "$fresh" ]
}
