//! `strftime_now`: the date as a template asks for it.

use std::fmt::Write;

use chrono::NaiveDateTime;
use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
use minijinja::{Error, Value};

use super::budget::charge;
use super::ops::{invalid, written};

/// Tells the local date and time. One render asks once, whatever its template does.
pub type Clock = fn() -> NaiveDateTime;

/// The clock of this machine.
pub(super) fn local() -> NaiveDateTime {
    chrono::Local::now().naive_local()
}

/// `datetime.strftime(format)` of a time without a zone: `%z` and `%Z` are empty, `%f` has six digits.
pub(super) fn strftime(now: NaiveDateTime, format: &str) -> Result<Value, Error> {
    charge(format.len() * 64)?;
    let mut items = Vec::new();
    for item in StrftimeItems::new(format) {
        match item {
            Item::Error => return Err(invalid("strftime_now: invalid format")),
            Item::Fixed(Fixed::TimezoneName | Fixed::TimezoneOffset | Fixed::TimezoneOffsetZ) => {}
            Item::Numeric(Numeric::Nanosecond, _) => {
                let micros = now.and_utc().timestamp_subsec_micros();
                items.push(Item::OwnedLiteral(format!("{micros:06}").into()));
            }
            other => items.push(other),
        }
    }
    let mut text = String::new();
    write!(text, "{}", now.format_with_items(items.iter()))
        .map_err(|_| invalid("strftime_now: the format needs more than a date and a time"))?;
    written(|out| out.write_str(&text))
}
