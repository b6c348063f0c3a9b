//! A day, as files write it: of the calendar, or a point in time that is taken to its day in UTC.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Months, NaiveDate, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Day(NaiveDate);

impl Day {
    /// The day that a clock shows in UTC.
    pub fn of(time: DateTime<Utc>) -> Self {
        Self(time.date_naive())
    }

    /// Days from `earlier` to this one; negative when this one comes first.
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).num_days()
    }

    /// The day before; itself at the beginning of time.
    pub fn previous(self) -> Self {
        Self(self.0.pred_opt().unwrap_or(self.0))
    }

    /// The same day of the month, this many months later; the month's last where it has no such day.
    pub fn plus_months(self, months: u32) -> Self {
        Self(
            self.0
                .checked_add_months(Months::new(months))
                .unwrap_or(NaiveDate::MAX),
        )
    }

    /// This many days later.
    pub fn plus_days(self, days: u64) -> Self {
        Self(
            self.0
                .checked_add_days(chrono::Days::new(days))
                .unwrap_or(NaiveDate::MAX),
        )
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = match is_plain(text) {
            true => text.parse::<NaiveDate>(),
            false => DateTime::parse_from_rfc3339(text).map(|time| time.to_utc().date_naive()),
        };
        day.map(Self)
            .map_err(|_| format!("`{text}` is not a day; write 2026-11-23 or 2026-11-23T09:00:00Z"))
    }
}

/// Whether it is written with four, two and two digits: nothing else is read as a day of the calendar.
fn is_plain(text: &str) -> bool {
    let digit_or_hyphen = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(digit_or_hyphen)
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$",
            "examples": ["2026-11-23", "2026-11-23T09:00:00Z"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_its_day_in_utc() {
        for (text, day) in [
            ("2026-11-23", "2026-11-23"),
            ("2026-11-23T23:30:00-05:00", "2026-11-24"),
            ("2026-11-23T00:30:00+02:00", "2026-11-22"),
            ("2024-02-29", "2024-02-29"),
        ] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), day, "{text}");
        }
        for wrong in [
            "2026-02-29",
            "23.11.2026",
            "2026-11-23T25:00:00Z",
            "",
            "today",
            "2026-1-05",
            " 2026-11-5",
            "+2026-11-5",
            "+262142-12-31",
        ] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn months_end_where_they_end() {
        let plus = |day: &str, months| day.parse::<Day>().unwrap().plus_months(months).to_string();
        assert_eq!(plus("2024-02-29", 12), "2025-02-28");
        assert_eq!(plus("2026-11-30", 3), "2027-02-28");
        assert_eq!(plus("2027-11-30", 3), "2028-02-29");
    }
}
