// Times and time zones as the C library of Linux has them. jq's sources call them by their usual names (`machine.h`).

#ifndef SECURE_EXEC_CLOCK_H
#define SECURE_EXEC_CLOCK_H

#include <time.h>

struct tm *jq_localtime_r(const time_t *seconds, struct tm *tm);
char *jq_strptime(const char *text, const char *format, struct tm *tm);
size_t jq_strftime(char *text, size_t room, const char *format, const struct tm *tm);

/** The name of the zone that a time says that it is in, else of the one of the environment. */
const char *zone_name(const struct tm *tm);

/** What `mktime` makes of a time. */
long long seconds_since_1970(const struct tm *tm);

#endif
