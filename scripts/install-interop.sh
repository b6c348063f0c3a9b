#!/bin/sh
# Installs the independent checkers that tests/interop.rs runs: Python packages into target/interop-venv, nothing else.
# The rest (openssl, ssh-keygen, sha256sum, unzip) comes from the system; what is missing is named.
set -eu
cd "$(dirname "$0")/.."

for tool in python3 openssl ssh-keygen sha256sum unzip; do
    command -v "$tool" > /dev/null || missing="${missing:-} $tool"
done
if [ -n "${missing:-}" ]; then
    echo "missing:$missing; on Debian or Ubuntu: apt-get install python3-venv openssl openssh-client coreutils unzip" >&2
    exit 1
fi

venv=target/interop-venv
wanted=scripts/interop-requirements.txt
if cmp -s "$wanted" "$venv/installed.txt"; then
    exit 0
fi
rm -rf "$venv"
mkdir -p target
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$venv/installed.txt"
