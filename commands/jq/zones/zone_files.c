// The files of time zones: those that the machine has, else those of the database that the program carries, as `date`
// carries it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "zone_names.h"

extern const unsigned char zone_data[];

/** More than any zone has, in bytes. */
static const size_t largest_file = 1 << 20;

static const char folder[] = "/usr/share/zoneinfo/";

static const unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  unsigned char *content = malloc(largest_file);
  *size = content ? fread(content, 1, largest_file, file) : 0;
  fclose(file);
  if (*size) return content;
  free(content);
  return NULL;
}

static const unsigned char *carried(const char *path, size_t *size) {
  if (strncmp(path, folder, sizeof folder - 1)) return NULL;
  const char *name = path + sizeof folder - 1;
  for (size_t i = 0; i < sizeof zone_names / sizeof *zone_names; i++) {
    if (strcmp(name, zone_names[i].name)) continue;
    *size = zone_names[i].end - zone_names[i].start;
    return zone_data + zone_names[i].start;
  }
  return NULL;
}

const unsigned char *__map_file(const char *path, size_t *size) {
  const unsigned char *found = read_file(path, size);
  return found ? found : carried(path, size);
}

// A program reads one zone or two, and ends.
int __munmap(void *start, size_t length) {
  (void)start;
  (void)length;
  return 0;
}
