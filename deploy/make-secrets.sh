#!/bin/sh
# Makes the secrets that docker-compose.yml mounts. What is there already is kept.
#
#   sh deploy/make-secrets.sh [folder]      (default: secrets beside this file)
set -eu
folder=${1:-$(dirname "$0")/secrets}

# Nobody else enters the folder. The files themselves can be read by all, because Compose mounts them with the owner and the
# mode that they have here, and the users in the containers are others than whoever runs this.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

# Complete or not there at all, also when this is interrupted.
keep() {
  cat >"$folder/.$1.new"
  mv "$folder/.$1.new" "$folder/$1"
}

for name in redis-password secrets-key author-token publish-1-token publish-2-token; do
  [ -s "$folder/$name" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' | keep "$name"
done

# The same password in the form that Redis reads, anew each time: it follows the other file.
printf 'requirepass "%s"\n' "$(cat "$folder/redis-password")" | keep redis-auth.conf
