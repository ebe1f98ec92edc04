/* date.c - civil dates, their numbers, and back.
 *
 * Days from dates and back by eras of 400 years (Hinnant, "chrono-compatible low-level date algorithms").
 * Layer: base.  Read next: date.h. */
#include "base/date.h"

#include <stdio.h>

/* So many digits, no more; -1: they are not there. */
static int digits(const char **text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        const char c = (*text)[i];
        if (c < '0' || c > '9')
            return -1;
        value = 10 * value + (c - '0');
    }
    *text += n;
    return value;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int date_days_in_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* "THH:MM[:SS]" or the same after a blank. */
static bool read_time(const char *p, date *d, date_unit *unit)
{
    p++;
    d->hour = digits(&p, 2);
    if (*p++ != ':' || d->hour < 0 || d->hour > 23)
        return false;
    d->minute = digits(&p, 2);
    *unit = DATE_MINUTE;
    if (*p == ':') {
        p++;
        d->second = digits(&p, 2);
        *unit = DATE_SECOND;
    }
    return !*p && d->minute >= 0 && d->minute < 60 && d->second >= 0 && d->second < 60;
}

bool date_read(const char *text, date *out, date_unit *unit)
{
    const char *p = text;
    date d = { .year = digits(&p, 4), .month = 1, .day = 1 };
    const char between = *p;
    *unit = DATE_YEAR;
    if (d.year < 0 || (between && between != '-' && between != '/'))
        return false;
    if (between) {
        p++;
        d.month = digits(&p, 2);
        *unit = DATE_MONTH;
        if (d.month < 1 || d.month > 12 || (*p && *p != between))
            return false;
    }
    if (*p) {
        p++;
        d.day = digits(&p, 2);
        *unit = DATE_DAY;
        if (d.day < 1 || d.day > date_days_in_month(d.year, d.month) || (*p && *p != ' ' && *p != 'T'))
            return false;
    }
    if (*p && !read_time(p, &d, unit))
        return false;
    *out = d;
    return true;
}

void date_write(date d, date_unit unit, char *text, size_t size)
{
    int n = snprintf(text, size, "%04lld", (long long)d.year);
    if (unit >= DATE_MONTH)
        n += snprintf(text + n, size - (size_t)n, "-%02d", d.month);
    if (unit >= DATE_DAY)
        n += snprintf(text + n, size - (size_t)n, "-%02d", d.day);
    if (unit >= DATE_MINUTE)
        n += snprintf(text + n, size - (size_t)n, " %02d:%02d", d.hour, d.minute);
    if (unit >= DATE_SECOND)
        snprintf(text + n, size - (size_t)n, ":%02d", d.second);
}

static int64_t days_of(date d)
{
    const int64_t year = d.year - (d.month <= 2), era = (year >= 0 ? year : year - 399) / 400,
                  of_era = year - era * 400,
                  of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t date_seconds(date d)
{
    return ((days_of(d) * 24 + d.hour) * 60 + d.minute) * 60 + d.second;
}

date date_of_seconds(int64_t seconds)
{
    const int64_t day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400,
                  rest = seconds - day * 86400, z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097,
                  of_era = z - era * 146097,
                  year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365,
                  of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    date d = { .day = (int)(of_year - (153 * month + 2) / 5 + 1),
               .month = (int)(month < 10 ? month + 3 : month - 9),
               .hour = (int)(rest / 3600),
               .minute = (int)(rest / 60 % 60),
               .second = (int)(rest % 60) };
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

int date_weekday(date d)
{
    const int64_t day = days_of(d) + 3; /* 1970-01-01 was a Thursday */
    return (int)((day % 7 + 7) % 7);
}
