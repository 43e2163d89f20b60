#!/bin/sh
# What set-up needs from the machine, checked before minutes are spent: each miss is one sentence.
python=${PYTHON:-python3.11}
fail() { echo "posemill: $1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 ||
    fail "no $python on PATH: install Python 3.11 (Debian: apt-get install python3.11 python3.11-venv python3.11-dev) or say make PYTHON=/path/to/python3.11"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "$python does not run"
[ "$version" = 3.11 ] || fail "$python is Python $version, posemill needs 3.11: say make PYTHON=/path/to/python3.11"
command -v g++ >/dev/null 2>&1 ||
    fail "no g++: OpenPifPaf's decoder is compiled during set-up (Debian: apt-get install g++)"
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "$python cannot make environments: install its venv package (Debian: apt-get install python3.11-venv)"
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
[ -f "$header" ] || fail "no $header: install Python's headers (Debian: apt-get install python3.11-dev)"
