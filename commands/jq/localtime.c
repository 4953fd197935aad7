// Local times. The C library of preview 1 knows no zones; `zones` has what does.

#define _GNU_SOURCE
#include "clock.h"

#include <errno.h>
#include <limits.h>

extern char *__tzname[2];
void zones_at(long long seconds, int local, int *is_summer, long *offset, long *other, const char **name);

struct tm *jq_localtime_r(const time_t *seconds, struct tm *tm) {
  int is_summer;
  long offset;
  const char *name;
  // A year that is no int has no rules of summer time.
  if (*seconds < INT_MIN * 31622400LL || *seconds > INT_MAX * 31622400LL) {
    errno = EOVERFLOW;
    return NULL;
  }
  zones_at(*seconds, 0, &is_summer, &offset, NULL, &name);
  time_t shifted = *seconds + offset;
  if (!gmtime_r(&shifted, tm)) return NULL;
  tm->tm_isdst = is_summer;
  tm->tm_gmtoff = (int)offset;
  tm->tm_zone = name;
  return tm;
}

const char *zone_name(const struct tm *tm) {
  if (tm->tm_zone) return tm->tm_zone;
  int is_summer;
  long offset;
  const char *name;
  zones_at(0, 0, &is_summer, &offset, NULL, &name);
  return __tzname[tm->tm_isdst > 0];
}

long long seconds_since_1970(const struct tm *tm) {
  struct tm date = *tm;
  long long seconds = timegm(&date);
  int is_summer;
  long offset, other;
  const char *name;
  zones_at(seconds, 1, &is_summer, &offset, &other, &name);
  if (tm->tm_isdst >= 0 && is_summer != (tm->tm_isdst > 0)) seconds += offset - other;
  return seconds - offset;
}
