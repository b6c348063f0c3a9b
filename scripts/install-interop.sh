#!/bin/sh
# Installs the independent checkers that tests/interop.rs runs: Python packages into target/interop-venv, packages of npm
# into target/interop-node, nothing else.
# The rest (openssl, ssh-keygen, sha256sum, unzip) comes from the system; what is missing is named.
set -eu
cd "$(dirname "$0")/.."

for tool in python3 npm openssl ssh-keygen sha256sum unzip; do
    command -v "$tool" > /dev/null || missing="${missing:-} $tool"
done
if [ -n "${missing:-}" ]; then
    echo "missing:$missing; on Debian or Ubuntu: apt-get install python3-venv npm openssl openssh-client coreutils unzip" >&2
    exit 1
fi

venv=target/interop-venv
wanted=scripts/interop-requirements.txt
if ! cmp -s "$wanted" "$venv/installed.txt"; then
    rm -rf "$venv"
    mkdir -p target
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
fi

node=target/interop-node
wanted=scripts/interop-package.json
if ! cmp -s "$wanted" "$node/installed.json"; then
    rm -rf "$node"
    mkdir -p "$node"
    cp "$wanted" "$node/package.json"
    npm install --prefix "$node" --silent --no-audit --no-fund --ignore-scripts
    cp "$wanted" "$node/installed.json"
fi
