#!/bin/sh
# Runs MiniStack on a port of 127.0.0.1, with its files in a folder, until standard input ends: that is when whoever started this
# has ended, however it ended. Then the server is stopped by its process ID and the folder goes.
# Usage: serve.sh PORT FOLDER URL; the functions make their AWS calls to URL.
set -u

port=$1
folder=$2
tools=$(cd "$(dirname "$0")/../../.tools/aws/bin" && pwd) || exit 1

# Nothing of the caller's environment reaches the server, because it hands its own on to the functions. A minute of a workflow
# passes in 0.3 s.
env -i PATH="$PATH" HOME="$folder" TMPDIR="$folder" BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT="$port" \
    AWS_ENDPOINT_URL="$3" AUTH=true SFN_WAIT_SCALE=0.005 LAMBDA_EXECUTOR=local \
    "$tools/ministack" >"$folder/log" 2>&1 </dev/null &
server=$!

cat >/dev/null

kill -TERM "$server" 2>/dev/null
tries=0
while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -KILL "$server" 2>/dev/null
rm -rf "$folder"
