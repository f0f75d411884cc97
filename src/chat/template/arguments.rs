//! The arguments of filters and methods, by the names that Jinja2 and Python give them.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

/// Sorts `args` into the places that `names` has, whether they came by position or by name. What was given
/// as `none` or is undefined counts as absent. Refuses unknown names, and more arguments than names.
pub(super) fn bind<const N: usize>(
    args: &[Value],
    names: [&'static str; N],
) -> Result<[Option<Value>; N], Error> {
    let (positional, options) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (rest, Some(Kwargs::try_from(last.clone())?)),
        _ => (args, None),
    };
    if positional.len() > N {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut places = names.map(|_| None);
    for (place, value) in places.iter_mut().zip(positional) {
        *place = Some(value.clone());
    }
    if let Some(options) = options {
        for (place, name) in places.iter_mut().zip(names) {
            if let Some(value) = options.get::<Option<Value>>(name)? {
                *place = Some(value);
            }
        }
        options.assert_all_used()?;
    }
    Ok(places.map(|place| place.filter(|value| !value.is_none() && !value.is_undefined())))
}

/// Whether a flag was given, and is true.
pub(super) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

/// An argument that is a whole number.
pub(super) fn whole_number(value: Option<&Value>) -> Result<Option<i64>, Error> {
    value.map(|value| i64::try_from(value.clone())).transpose()
}

/// The attribute of a value that a filter names: `a`, `a.b`, or a number.
pub(super) fn attribute(value: &Value, name: &Value) -> Result<Value, Error> {
    let Some(path) = name.as_str() else {
        return value.get_item(name);
    };
    path.split('.')
        .try_fold(value.clone(), |value, part| match part.parse::<usize>() {
            Ok(index) => value.get_item_by_index(index),
            Err(_) => value.get_attr(part),
        })
}
