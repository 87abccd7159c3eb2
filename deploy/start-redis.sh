#!/bin/sh
# Starts Redis as the arguments behind the first say, once its append-only file, in the folder that the first names, ends
# with a whole batch.
#
# After its machine has failed the file may end in the middle of one. Redis itself would cut off only the last command of that
# batch (aof-load-truncated yes), take what comes then for the rest of it, and lose it at its next start. redis-check-aof
# cuts off the batch, of which nobody was told that it was done. But it also cuts off all that is behind a damage in the
# middle: so what is more than a batch is left to somebody who looks at it.
set -eu

manifest=$1/appendonlydir/appendonly.aof.manifest
shift
most=67108864

if [ -f "$manifest" ] && ! said=$(redis-check-aof "$manifest"); then
  rest=$(printf '%s\n' "$said" | sed -n 's/^AOF analyzed: .* diff=\([0-9]*\)$/\1/p' | tail -n 1)
  if [ "${rest:-$((most + 1))}" -gt "$most" ]; then
    printf '%s\n' "$said" >&2
    echo "The append-only file is damaged before its end: copy it, then see redis-check-aof --fix $manifest" >&2
    exit 1
  fi
  echo y | redis-check-aof --fix "$manifest"
fi
exec "$@"
