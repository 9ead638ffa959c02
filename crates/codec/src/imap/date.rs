//! `date` and `date-time` (RFC 3501 section 9): days and moments, without a calendar library.

use super::cursor::{Cursor, Fault, Parsed};

/// A day, as days since 1970-01-01; where a time belongs to a day, it is taken in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// The names of months on the wire.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY_MS: i64 = 86_400_000;

impl Day {
    /// The day of a moment, UTC.
    pub fn of_ms(at_ms: i64) -> Self {
        Self(at_ms.div_euclid(DAY_MS))
    }

    /// The day of the Gregorian calendar; `None` where there is none.
    pub fn from_civil(year: i64, month: i64, day: i64) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        if day < 1 || day > length {
            return None;
        }
        // Years begin in March here, so that the leap day is the last.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// Year, month and day.
    pub fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

/// The local time of a zone, minutes east of UTC, as if it were UTC: what days and hours are read from.
pub fn local_ms(at_ms: i64, zone_minutes: i16) -> i64 {
    at_ms.saturating_add(i64::from(zone_minutes) * 60_000)
}

/// A moment as `date-time` without its quotes: `17-Jul-1996 02:44:25 +0100`, in a zone of so many minutes east of UTC.
pub fn write_date_time(at_ms: i64, zone_minutes: i16) -> String {
    use std::fmt::Write as _;
    let at_ms = local_ms(at_ms, zone_minutes);
    let mut out = String::with_capacity(26);
    let (year, month, day) = Day::of_ms(at_ms).civil();
    let seconds = at_ms.rem_euclid(DAY_MS) / 1000;
    let name = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan");
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing into a String does not fail.
    let (sign, zone) = (if zone_minutes < 0 { '-' } else { '+' }, zone_minutes.unsigned_abs());
    let (zone_hour, zone_minute) = (zone / 60, zone % 60);
    let _ = write!(
        out,
        "{day:2}-{name}-{year:04} {hour:02}:{minute:02}:{second:02} {sign}{zone_hour:02}{zone_minute:02}"
    );
    out
}

fn month(cursor: &mut Cursor<'_>) -> Parsed<i64> {
    (1..)
        .zip(MONTHS)
        .find(|(_, name)| cursor.take_text(name))
        .map(|(number, _)| number)
        .ok_or(Fault::syntax("no month"))
}

fn digits(cursor: &mut Cursor<'_>, count: usize) -> Parsed<i64> {
    let mut value = 0;
    for _ in 0..count {
        let Some(byte @ b'0'..=b'9') = cursor.peek() else { return Err(Fault::syntax("a digit is missing")) };
        cursor.take(byte);
        value = value * 10 + i64::from(byte - b'0');
    }
    Ok(value)
}

/// `date`, quoted or not: `1-Feb-1994`.
pub(crate) fn date(cursor: &mut Cursor<'_>) -> Parsed<Day> {
    let quoted = cursor.take(b'"');
    let mut day = digits(cursor, 1)?;
    if cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        day = day * 10 + digits(cursor, 1)?;
    }
    cursor.expect(b'-', "no date")?;
    let month = month(cursor)?;
    cursor.expect(b'-', "no date")?;
    let year = digits(cursor, 4)?;
    if quoted {
        cursor.expect(b'"', "the date's quote is not closed")?;
    }
    Day::from_civil(year, month, day).ok_or(Fault::syntax("there is no such day"))
}

/// `date-time`, with its quotes: milliseconds since the epoch, and the zone in minutes east of UTC.
pub(crate) fn date_time(cursor: &mut Cursor<'_>) -> Parsed<(i64, i16)> {
    const FAULT: &str = "no date and time";
    cursor.expect(b'"', FAULT)?;
    let day = if cursor.take(b' ') { digits(cursor, 1)? } else { digits(cursor, 2)? };
    cursor.expect(b'-', FAULT)?;
    let month = month(cursor)?;
    cursor.expect(b'-', FAULT)?;
    let year = digits(cursor, 4)?;
    cursor.expect(b' ', FAULT)?;
    let hour = digits(cursor, 2)?;
    cursor.expect(b':', FAULT)?;
    let minute = digits(cursor, 2)?;
    cursor.expect(b':', FAULT)?;
    let second = digits(cursor, 2)?;
    cursor.expect(b' ', FAULT)?;
    let west = cursor.take(b'-');
    if !west {
        cursor.expect(b'+', FAULT)?;
    }
    let (zone_hour, zone_minute) = (digits(cursor, 2)?, digits(cursor, 2)?);
    cursor.expect(b'"', FAULT)?;
    if hour > 23 || minute > 59 || second > 60 || zone_minute > 59 {
        return Err(Fault::syntax("there is no such time"));
    }
    let Day(days) = Day::from_civil(year, month, day).ok_or(Fault::syntax("there is no such day"))?;
    let zone = (zone_hour * 60 + zone_minute) * if west { -1 } else { 1 };
    let at_ms = days * DAY_MS + ((hour * 60 + minute - zone) * 60 + second) * 1000;
    Ok((at_ms, i16::try_from(zone).map_err(|_| Fault::syntax("there is no such zone"))?))
}
