//! Moments as JMAP writes them (RFC 8620 section 1.4).

use mail_parser::DateTime;

/// A `UTCDate`, in whole seconds.
pub(crate) fn utc(ms: i64) -> String {
    DateTime::from_timestamp(ms.div_euclid(1_000)).to_rfc3339()
}

/// The moment of a `Date` or `UTCDate`, in milliseconds since 1970.
pub(crate) fn read(text: &str) -> Option<i64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_dates_are_written_and_read() {
        assert_eq!(utc(1_414_609_330_000), "2014-10-29T19:02:10Z");
        assert_eq!(read("2014-10-30T14:12:00+08:00"), Some(1_414_649_520_000));
        assert_eq!(read("2014-10-30T06:12:00Z"), Some(1_414_649_520_000));
        assert_eq!(read("yesterday"), None);
    }
}
