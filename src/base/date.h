/* date.h - civil dates in text: 1949, 1949-01, 1981-01-01, 2016-07-01 13:00:00.
 *
 * Seconds are counted from 1970-01-01 in the proleptic Gregorian calendar, without zones or leap seconds.
 * Layer: base.  Read next: date.c. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum date_unit { DATE_YEAR, DATE_MONTH, DATE_DAY, DATE_MINUTE, DATE_SECOND } date_unit;

typedef struct date {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
} date;

/* All of the text is a date of a form above ('-' or '/' between its numbers, 'T' or a blank before the hour); *unit is how fine. */
bool date_read(const char *text, date *, date_unit *unit);
void date_write(date, date_unit, char *text, size_t size);

int64_t date_seconds(date);
date date_of_seconds(int64_t);
int date_weekday(date); /* Monday is 0 */
int date_days_in_month(int64_t year, int month);

#endif
