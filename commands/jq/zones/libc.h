// The C library's own header of this name, as far as its time zones ask for it.

#ifndef SECURE_EXEC_LIBC_H
#define SECURE_EXEC_LIBC_H

#include <limits.h>

#define hidden __attribute__((__visibility__("hidden")))
// The other names stay the C library's.
#define weak_alias(old, new) _Static_assert(1, "")

// No program of the machine runs with more rights than its caller.
static const struct {
  int secure;
} libc;

#endif
