//! Filters, tests and functions: the engine's own behind a price, and bounded ones for those that can grow.

use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, State, Value, functions};

use super::budget::charge;
use super::ops::{ITEM, invalid, is_list, items, keep, plain, scan, shallow_len};

/// Most items of one `range()`.
const MAX_RANGE: i128 = 100_000;

/// Filter → the name of its priced form.
const PRICED: [(&str, &str); 51] = [
    ("abs", "|abs"),
    ("attr", "|attr"),
    ("batch", "|batch"),
    ("bool", "|bool"),
    ("capitalize", "|capitalize"),
    ("chain", "|chain"),
    ("count", "|count"),
    ("d", "|d"),
    ("default", "|default"),
    ("dictsort", "|dictsort"),
    ("e", "|e"),
    ("escape", "|escape"),
    ("first", "|first"),
    ("float", "|float"),
    ("format", "|format"),
    ("groupby", "|groupby"),
    ("indent", "|indent"),
    ("int", "|int"),
    ("items", "|items"),
    ("join", "|join"),
    ("last", "|last"),
    ("length", "|length"),
    ("lines", "|lines"),
    ("list", "|list"),
    ("lower", "|lower"),
    ("map", "|map"),
    ("max", "|max"),
    ("min", "|min"),
    ("pprint", "|pprint"),
    ("reject", "|reject"),
    ("rejectattr", "|rejectattr"),
    ("replace", "|replace"),
    ("reverse", "|reverse"),
    ("round", "|round"),
    ("safe", "|safe"),
    ("select", "|select"),
    ("selectattr", "|selectattr"),
    ("slice", "|slice"),
    ("sort", "|sort"),
    ("split", "|split"),
    ("string", "|string"),
    ("sum", "|sum"),
    ("title", "|title"),
    ("tojson", "|tojson"),
    ("trim", "|trim"),
    ("unique", "|unique"),
    ("upper", "|upper"),
    ("zip", "|zip"),
    ("center", "|center"),
    ("truncate", "|truncate"),
    ("wordcount", "|wordcount"),
];

/// Filters that look at a list only from outside, or that pay for what they read themselves.
const SHALLOW: [&str; 17] = [
    "attr", "batch", "bool", "count", "d", "default", "first", "items", "join", "last", "length",
    "list", "safe", "slice", "string", "tojson", "reverse",
];

pub(super) fn priced_name(filter: &str) -> Option<&'static str> {
    PRICED
        .iter()
        .find(|(name, _)| *name == filter)
        .map(|(_, priced)| *priced)
}

pub(super) fn register(env: &mut Environment<'static>) {
    for (filter, priced) in PRICED {
        let shallow = SHALLOW.contains(&filter);
        env.add_function(priced, move |state: &State, args: Rest<Value>| {
            for arg in args.iter() {
                if shallow {
                    charge(shallow_len(arg))?;
                } else {
                    scan(arg)?;
                }
            }
            let args = super::builtins::by_name(filter, &args)?;
            let result = state.apply_filter(filter, &args)?;
            charge(result.as_str().map_or(0, str::len))?;
            // Handing out an item, or what was there before, nests nothing deeper.
            if matches!(filter, "first" | "last" | "default" | "d" | "attr") {
                Ok(result)
            } else {
                keep(result)
            }
        });
    }
    super::builtins::register(env);
    super::kinds::register(env);
    register_functions(env);
}

fn register_functions(env: &mut Environment<'static>) {
    env.remove_global("debug");
    env.add_function("range", range);
    env.add_function("namespace", |first: Option<Value>, fields: Kwargs| {
        let fields = functions::dict(first, fields)?;
        super::ops::storable(&fields)?;
        functions::namespace(Some(fields))
    });
    env.add_function("dict", dict);
    env.add_function(
        "raise_exception",
        |message: &Value| -> Result<Value, Error> {
            let message = plain(message)?;
            Err(invalid("raised").with_source(Raised(message)))
        },
    );
}

/// The template called `raise_exception`. Travels as the source of the engine's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// `dict(first, **fields)`; `first` is a map, or a list of pairs.
fn dict(first: Option<Value>, fields: Kwargs) -> Result<Value, Error> {
    let first = match first {
        Some(pairs) if is_list(&pairs) => {
            let pair = |pair: Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
            let pairs = items(&pairs)?.into_iter().map(pair);
            Some(
                pairs
                    .collect::<Result<Vec<_>, Error>>()?
                    .into_iter()
                    .collect(),
            )
        }
        first => first,
    };
    keep(functions::dict(first, fields)?)
}

fn range(first: i64, second: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, end) = second.map_or((0, first), |end| (first, end));
    let (start, end, step) = (
        i128::from(start),
        i128::from(end),
        i128::from(step.unwrap_or(1)),
    );
    if step == 0 {
        return Err(invalid("range step cannot be zero"));
    }
    let way = if step > 0 { end - start } else { start - end };
    let count = (way.max(0) + step.abs() - 1) / step.abs();
    if count > MAX_RANGE {
        return Err(invalid(format!("range has more than {MAX_RANGE} items")));
    }
    charge(count as usize * ITEM)?;
    Ok((0..count)
        .map(|index| (start + index * step) as i64)
        .collect())
}
