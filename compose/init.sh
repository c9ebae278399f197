#!/bin/sh
# Makes what compose.yaml needs and a repository must not hold: .env and secrets/. What is there already is kept.
set -eu
cd "$(dirname "$0")"

[ -e .env ] || cp .env.example .env
mkdir -p checkpoints rules
# Nobody else on this host gets into the folder; inside, the files must be readable to each container's own user.
mkdir -p -m 700 secrets

password() {
    [ -e "secrets/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$1"
}

url() {
    [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
}

password postgres_password
password broker_password
password s3_secret_key
password flower_password
url database_url "postgresql://callscope:$(cat secrets/postgres_password)@postgres:5432/callscope"
url broker_url "redis://:$(cat secrets/broker_password)@valkey:6379/0"
# Empty until callscope is to tell others; docs/notifications.md says what stands in them.
for name in targets smtp_url translator_key; do
    [ -e "secrets/$name" ] || : > "secrets/$name"
done
chmod 444 secrets/*
