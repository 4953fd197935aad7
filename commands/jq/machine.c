// What jq needs of the machine and preview 1 does not have: `docs/design/wasm-imports.md` has the functions.

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define IMPORT(name) __attribute__((import_module("secure_exec"), import_name(name)))

/** Of expressions; each level takes about 700 bytes of the 1 MiB that the stack of compiled code has. */
static const unsigned deepest_expression = 1000;

int onig_set_parse_depth_limit(unsigned depth);

IMPORT("path_getcwd") int machine_getcwd(char *buffer, int room, int *length);
IMPORT("tty_isatty") int machine_isatty(int fd);

__attribute__((constructor)) static void bound_expressions(void) {
  onig_set_parse_depth_limit(deepest_expression);
}

/** What the C library puts before relative paths. */
extern char *__wasilibc_cwd;

// The C library begins in the root directory. Where the machine's working directory has no path any more, relative paths
// must not begin there.
__attribute__((constructor)) static void enter_working_directory(void) {
  char path[PATH_MAX + 1];
  int length;
  if (machine_getcwd(path, PATH_MAX, &length) == 0) {
    path[length] = 0;
    if (chdir(path) == 0) return;
  }
  __wasilibc_cwd = "/proc/self/cwd";
}

// The C library's takes every character device for a terminal, /dev/null too.
int isatty(int fd) {
  if (machine_isatty(fd)) return 1;
  errno = ENOTTY;
  return 0;
}
