// Time zones are read, not mapped: `zone_files.c`.

#include <stddef.h>

const unsigned char *__map_file(const char *path, size_t *size);
int __munmap(void *start, size_t length);
