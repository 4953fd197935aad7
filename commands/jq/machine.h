// What comes before every source of jq: functions that it asks for and that the C library has otherwise, or not at all.

#ifndef SECURE_EXEC_MACHINE_H
#define SECURE_EXEC_MACHINE_H

#include <math.h>
#include <stdlib.h>
#include "clock.h"

// glibc's old name of it.
static inline double gamma(double x) { return lgamma(x); }

// The C library's ends the program when it is asked for more than a memory can have.
static inline void *bounded_malloc(size_t size) { return size < 0x7fff0000 ? malloc(size) : NULL; }
static inline void *bounded_realloc(void *start, size_t size) { return size < 0x7fff0000 ? realloc(start, size) : NULL; }
#define malloc(size) bounded_malloc(size)
#define realloc(start, size) bounded_realloc(start, size)

#define localtime_r jq_localtime_r
#define strptime jq_strptime
#define strftime jq_strftime

#endif
