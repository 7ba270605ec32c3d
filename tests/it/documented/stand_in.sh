#!/usr/bin/env bash
# Stands in for a program that the tests of the documents do not run; it is called by the name of what it stands in for.
# Notes its arguments, answers what a page goes on with, and does what is left of the command when that program is taken away.
set -uo pipefail
name=$(basename "$0")
here=$(dirname "$0")
printf '%s %s\n' "$name" "$(printf '%q ' "$@")" >>"$here/../called"

# An output of the stack, by name, or the policy that was put.
kept() { cat "$here/../kept/$1" 2>/dev/null || printf 'https://%s.invalid\n' "$1"; }

case "$name $*" in
"cargo run -p offsite -- "* | "cargo run --release -p offsite -- "*)
    while [[ $1 != -- ]]; do shift; done
    exec offsite "${@:2}"
    ;;
# Without its lock file it would be built of other versions than were tested.
"cargo install "*) [[ " $* " == *" --locked "* ]] ;;
"sudo -u offsite "*) exec "${@:3}" ;;
"install "*)
    # Without the group, which nobody has made.
    arguments=()
    while (($#)); do
        if [[ $1 == -g ]]; then shift; else arguments+=("$1"); fi
        shift
    done
    exec "$here/../bin/real-install" "${arguments[@]}"
    ;;
"curl "*http://127.0.0.1:*) [[ ! -x $here/../bin/real-curl ]] || exec "$here/../bin/real-curl" "$@" ;;
"curl "* | "apprise "*)
    cat >>"$here/../called"
    echo "$name was called"
    ;;
"aws ssm put-parameter "*)
    while [[ $1 != --value ]]; do shift; done
    printf '%s\n' "$2" >"$here/../kept/policy"
    ;;
"aws ssm get-parameter "*) kept policy ;;
"aws cloudformation describe-stacks "*"OutputKey=='"*)
    asked=$*
    output=${asked##*OutputKey==\'}
    kept "${output%%\'*}"
    ;;
"aws lambda get-function-configuration "*ACCOUNTS*) kept accounts ;;
"aws lambda invoke "*)
    printf '{}' >answer.json
    echo None
    ;;
"aws configure export-credentials "*) ;;
"aws "*) echo None ;;
"git rev-parse "*) echo 1a2b3c4 ;;
esac
