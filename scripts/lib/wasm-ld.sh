#!/bin/sh
# Debian's wasm-ld for a compiler without start-up objects of its own. A command is given the start-up
# code of wasi-libc; a library, which rustc links with --no-entry, has no main for it to call.
# WASM_LD is the linker, WASI_CRT1 the object.
for argument in "$@"; do
  if [ "$argument" = --no-entry ]; then
    exec "$WASM_LD" "$@"
  fi
done
exec "$WASM_LD" "$@" "$WASI_CRT1"
