// `strptime` as the C library of Linux has it: that of preview 1 lacks conversions, takes no blanks before numbers, and leaves
// the day of the week and of the year alone. Conversions that both have are left to it, one by one.

#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

/** What has been read so far. */
struct seen {
  int date, weekday, day_of_year, month_day;
};

static const char *skip_blanks(const char *text) {
  while (isspace((unsigned char)*text)) text++;
  return text;
}

/** A number of at most `digits` digits within the bounds; NULL if there is none. */
static const char *number(const char *text, int digits, int low, int high, int *value) {
  if (!isdigit((unsigned char)*text)) return NULL;
  int sum = 0;
  while (digits-- > 0 && isdigit((unsigned char)*text)) sum = sum * 10 + (*text++ - '0');
  *value = sum;
  return sum >= low && sum <= high ? text : NULL;
}

/** `Z`, `+hh`, `+hhmm` or `+hh:mm`. */
static const char *offset(const char *text, struct tm *tm) {
  if (*text == 'Z') {
    tm->tm_gmtoff = 0;
    return text + 1;
  }
  if (*text != '+' && *text != '-') return NULL;
  int negative = *text++ == '-';
  int digits = 0, value = 0;
  while (digits < 4 && isdigit((unsigned char)*text)) {
    value = value * 10 + (*text++ - '0');
    digits++;
    if (*text == ':' && digits == 2 && isdigit((unsigned char)text[1])) text++;
  }
  if (digits == 2) value *= 100;
  else if (digits != 4) return NULL;
  if (value % 100 >= 60) return NULL;
  int seconds = value / 100 * 3600 + value % 100 * 60;
  tm->tm_gmtoff = negative ? -seconds : seconds;
  return text;
}

static const char *epoch(const char *text, struct tm *tm) {
  if (!isdigit((unsigned char)*text)) return NULL;
  char *end;
  time_t seconds = strtoll(text, &end, 10);
  return jq_localtime_r(&seconds, tm) ? end : NULL;
}

/** What a conversion is short for in the C locale, or NULL. */
static const char *longer(char letter) {
  switch (letter) {
    case 'c': return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x': return "%m/%d/%y";
    case 'F': return "%Y-%m-%d";
    case 'R': return "%H:%M";
    case 'r': return "%I:%M:%S %p";
    case 'T':
    case 'X': return "%H:%M:%S";
    default: return NULL;
  }
}

static const char *convert(char letter, const char *text, struct tm *tm, struct seen *seen) {
  int ignored;
  const char conversion[] = {'%', letter == 'k' ? 'H' : letter == 'l' ? 'I' : letter, 0};
  if (strchr("CdeGgHIjklMmSsUuVWwYyZz", letter)) text = skip_blanks(text);
  if (strchr("CYydembBh", letter)) seen->date = 1;
  if (strchr("demBbh", letter)) seen->month_day = 1;
  if (strchr("aAuw", letter)) seen->weekday = 1;
  switch (letter) {
    case 'z': return offset(text, tm);
    case 'Z':
      while (*text && !isspace((unsigned char)*text)) text++;
      return text;
    case 's': return epoch(text, tm);
    case 'G': return number(text, 4, 0, 9999, &ignored);
    case 'g': return number(text, 2, 0, 99, &ignored);
    case 'V': return number(text, 2, 0, 53, &ignored);
    case 'S': return number(text, 2, 0, 61, &tm->tm_sec);
    case 'j':
      text = number(text, 3, 1, 366, &tm->tm_yday);
      tm->tm_yday--;
      seen->day_of_year = 1;
      return text;
    case 'u':
      text = number(text, 1, 1, 7, &tm->tm_wday);
      tm->tm_wday %= 7;
      return text;
    default: return strptime(text, conversion, tm);
  }
}

static const char *scan(const char *text, const char *format, struct tm *tm, struct seen *seen) {
  while (text && *format) {
    char letter = *format++;
    if (isspace((unsigned char)letter)) {
      text = skip_blanks(text);
    } else if (letter != '%') {
      text = *text == letter ? text + 1 : NULL;
    } else {
      while (*format && strchr("EO_-0^#", *format)) format++;
      if (!*format) return NULL;
      letter = *format++;
      const char *whole = longer(letter);
      text = whole ? scan(text, whole, tm, seen) : convert(letter, text, tm, seen);
    }
  }
  return text;
}

/** Days since 1970 of a day of a month, which may be day 0, or of the year's first day. */
static long day_number(const struct tm *tm, int month, int day) {
  struct tm date = {.tm_year = tm->tm_year, .tm_mon = month, .tm_mday = day};
  time_t seconds = timegm(&date);
  return (long)(seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400));
}

static void complete(struct tm *tm, const struct seen *seen) {
  if (seen->day_of_year && !seen->month_day) {
    struct tm date = {.tm_year = tm->tm_year, .tm_mday = tm->tm_yday + 1};
    timegm(&date);
    if (date.tm_year == tm->tm_year) {
      tm->tm_mon = date.tm_mon;
      tm->tm_mday = date.tm_mday;
    }
  }
  if (!seen->date) return;
  long day = day_number(tm, tm->tm_mon, tm->tm_mday);
  if (!seen->weekday) tm->tm_wday = (int)(((day + 4) % 7 + 7) % 7);
  if (!seen->day_of_year) tm->tm_yday = (int)(day - day_number(tm, 0, 1));
}

char *jq_strptime(const char *text, const char *format, struct tm *tm) {
  struct seen seen = {0};
  const char *end = scan(text, format, tm, &seen);
  if (end) complete(tm, &seen);
  return (char *)end;
}
