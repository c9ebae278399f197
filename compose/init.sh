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

text() {
    [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
}

password postgres_password
password broker_password
password s3_secret_key
password flower_password
password api_secret
text database_url "postgresql://callscope:$(cat secrets/postgres_password)@postgres:5432/callscope"
text broker_url "redis://:$(cat secrets/broker_password)@valkey:6379/0"
# Whoever is called back checks the signature with it: 32 bytes, in the form of Standard Webhooks.
text callback_secret "whsec_$(head -c 32 /dev/urandom | base64)"
# Empty until callscope is to tell others; docs/notifications.md says what stands in them.
for name in targets smtp_url translator_key; do
    [ -e "secrets/$name" ] || : > "secrets/$name"
done
chmod 444 secrets/*
