// `strftime` as the C library of Linux has it: with flags (`-`, `_`, `0`, `^`, `#`) and widths for all conversions. The texts
// are the C library's, one conversion at a time.

#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

/** Where the text goes; `length` counts on when there is no room. */
struct output {
  char *text;
  size_t room, length;
};

static void put(struct output *output, const char *text, size_t length) {
  if (output->length + length < output->room) memcpy(output->text + output->length, text, length);
  output->length += length;
}

static void pad(struct output *output, int count, char with) {
  while (count-- > 0) put(output, &with, 1);
}

/** What is between the percent sign and the letter. */
struct conversion {
  char pad, modifier, letter;
  int upper, swap, width;
};

static void put_text(struct output *output, const char *text, struct conversion as, int lower) {
  int length = (int)strlen(text);
  pad(output, as.width - length, as.pad == '0' ? '0' : ' ');
  for (; *text; text++) {
    char c = (char)(lower ? tolower((unsigned char)*text) : as.upper ? toupper((unsigned char)*text) : *text);
    put(output, &c, 1);
  }
}

static void put_number(struct output *output, long long value, int digits, char usual, struct conversion as) {
  char text[24];
  int length = snprintf(text, sizeof text, "%lld", value < 0 ? -value : value);
  char with = as.pad ? as.pad : usual;
  int width = as.width >= 0 ? as.width : with == '-' ? 0 : digits;
  int missing = width - length - (value < 0);
  if (with != '0') pad(output, missing, ' ');
  if (value < 0) put(output, "-", 1);
  if (with == '0') pad(output, missing, '0');
  put(output, text, (size_t)length);
}

static void put_offset(struct output *output, const struct tm *tm, struct conversion as) {
  long minutes = tm->tm_gmtoff / 60;
  char text[24];
  snprintf(text, sizeof text, "%c%0*ld", minutes < 0 ? '-' : '+', as.pad == '-' ? 1 : 4, labs(minutes) / 60 * 100 + labs(minutes) % 60);
  put_text(output, text, as, 0);
}

static int hour_of_twelve(const struct tm *tm) { return tm->tm_hour % 12 ? tm->tm_hour % 12 : 12; }

/** A number of the C library's: ISO's weeks and years. */
static int asked(const struct tm *tm, const char *format) {
  char text[16] = "0";
  strftime(text, sizeof text, format, tm);
  int value = 0;
  sscanf(text, "%d", &value);
  return value;
}

/** Conversions that a modifier makes no sense with are text. */
static int is_modified(char modifier, char letter) {
  return !strchr(modifier == 'E' ? "aAbBdDeFgGhHIjklmMSUVwW" : "aAcDFxXY", letter);
}

static void format_all(struct output *output, const char *format, const struct tm *tm);

/** A conversion that is short for several. */
static void put_format(struct output *output, const char *format, const struct tm *tm, struct conversion as) {
  char text[128];
  struct output inner = {text, sizeof text, 0};
  format_all(&inner, format, tm);
  text[inner.length < sizeof text ? inner.length : sizeof text - 1] = 0;
  put_text(output, text, as, 0);
}

static int put_conversion(struct output *output, const struct tm *tm, struct conversion as) {
  long long year = tm->tm_year + 1900LL;
  char text[64] = "";
  switch (as.letter) {
    case 'C': put_number(output, (year - (((year % 100) + 100) % 100)) / 100, 2, '0', as); return 1;
    case 'd': put_number(output, tm->tm_mday, 2, '0', as); return 1;
    case 'e': put_number(output, tm->tm_mday, 2, '_', as); return 1;
    case 'g': put_number(output, asked(tm, "%g"), 2, '0', as); return 1;
    case 'G': put_number(output, asked(tm, "%G"), 4, '0', as); return 1;
    case 'H': put_number(output, tm->tm_hour, 2, '0', as); return 1;
    case 'I': put_number(output, hour_of_twelve(tm), 2, '0', as); return 1;
    case 'j': put_number(output, tm->tm_yday + 1, 3, '0', as); return 1;
    case 'k': put_number(output, tm->tm_hour, 2, '_', as); return 1;
    case 'l': put_number(output, hour_of_twelve(tm), 2, '_', as); return 1;
    case 'm': put_number(output, tm->tm_mon + 1, 2, '0', as); return 1;
    case 'M': put_number(output, tm->tm_min, 2, '0', as); return 1;
    case 's': put_number(output, seconds_since_1970(tm), 1, '0', as); return 1;
    case 'S': put_number(output, tm->tm_sec, 2, '0', as); return 1;
    case 'u': put_number(output, (tm->tm_wday + 6) % 7 + 1, 1, '0', as); return 1;
    case 'U': put_number(output, (tm->tm_yday - tm->tm_wday + 7) / 7, 2, '0', as); return 1;
    case 'V': put_number(output, asked(tm, "%V"), 2, '0', as); return 1;
    case 'w': put_number(output, tm->tm_wday, 1, '0', as); return 1;
    case 'W': put_number(output, (tm->tm_yday - (tm->tm_wday + 6) % 7 + 7) / 7, 2, '0', as); return 1;
    case 'y': put_number(output, ((year % 100) + 100) % 100, 2, '0', as); return 1;
    case 'Y': put_number(output, year, 4, '0', as); return 1;
    case 'z': put_offset(output, tm, as); return 1;
    case 'Z': put_text(output, zone_name(tm), as, as.swap); return 1;
    case 'c': put_format(output, "%a %b %e %H:%M:%S %Y", tm, as); return 1;
    case 'D':
    case 'x': put_format(output, "%m/%d/%y", tm, as); return 1;
    case 'F': put_format(output, "%Y-%m-%d", tm, as); return 1;
    case 'r': put_format(output, "%I:%M:%S %p", tm, as); return 1;
    case 'R': put_format(output, "%H:%M", tm, as); return 1;
    case 'T':
    case 'X': put_format(output, "%H:%M:%S", tm, as); return 1;
    case 'n': put_text(output, "\n", as, 0); return 1;
    case 't': put_text(output, "\t", as, 0); return 1;
    case '%': put_text(output, "%", as, 0); return 1;
    case 'p':
    case 'P': put_text(output, tm->tm_hour >= 12 ? "PM" : "AM", as, as.swap || as.letter == 'P'); return 1;
    case 'a':
    case 'A':
    case 'b':
    case 'B':
    case 'h':
      strftime(text, sizeof text, (const char[]){'%', as.letter, 0}, tm);
      as.upper |= as.swap;
      put_text(output, *text == '-' ? "?" : text, as, 0);
      return 1;
    default: return 0;
  }
}

static void format_all(struct output *output, const char *format, const struct tm *tm) {
  while (*format) {
    const char *start = format;
    if (*format++ != '%') {
      put(output, start, 1);
      continue;
    }
    struct conversion as = {.width = -1};
    for (; *format && strchr("_-0^#", *format); format++) {
      if (*format == '^') as.upper = 1;
      else if (*format == '#') as.swap = 1;
      else as.pad = *format;
    }
    if (isdigit((unsigned char)*format)) as.width = 0;
    for (; isdigit((unsigned char)*format); format++) as.width = as.width < 9999 ? as.width * 10 + (*format - '0') : as.width;
    if (*format == 'E' || *format == 'O') as.modifier = *format++;
    as.letter = *format ? *format++ : 0;
    int fits = as.letter && (!as.modifier || is_modified(as.modifier, as.letter));
    if (!fits || !put_conversion(output, tm, as)) put(output, start, (size_t)(format - start));
  }
}

size_t jq_strftime(char *text, size_t room, const char *format, const struct tm *tm) {
  struct output output = {text, room, 0};
  format_all(&output, format, tm);
  if (output.length >= room) return 0;
  text[output.length] = 0;
  return output.length;
}
