//! Where a `$ref` leads.

use serde_json::Value;

use super::keywords::{Keyword, keyword};

/// The place of a schema inside the whole one: decoded names, from the root on.
pub(super) type Path = Vec<String>;

/// Follows a reference within the document. `None` where it leads outside, to nothing, or to what is no
/// schema (a default value, an example).
pub(super) fn resolve<'v>(root: &'v Value, reference: &str) -> Option<(Path, &'v Value)> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.is_empty() {
        return Some((Path::new(), root));
    }
    let path = pointer
        .strip_prefix('/')?
        .split('/')
        .map(decode)
        .collect::<Option<Path>>()?;
    let schema = follow(root, &path)?;
    Some((path, schema))
}

/// Follows names from schema to schema.
fn follow<'v>(root: &'v Value, path: &[String]) -> Option<&'v Value> {
    let mut schema = root;
    let mut names = path.iter();
    while let Some(name) = names.next() {
        let value = schema.as_object()?.get(name)?;
        schema = match keyword(name) {
            Keyword::SchemaMap | Keyword::Definitions => value.as_object()?.get(names.next()?)?,
            Keyword::SchemaList => element(value, names.next()?)?,
            Keyword::Items if value.is_array() => element(value, names.next()?)?,
            Keyword::Schema | Keyword::Items => value,
            _ => return None,
        };
    }
    (schema.is_object() || schema.is_boolean()).then_some(schema)
}

fn element<'v>(list: &'v Value, index: &str) -> Option<&'v Value> {
    list.as_array()?.get(index.parse::<usize>().ok()?)
}

/// Undoes percent-encoding, then the pointer's own escapes.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = &tail[2..];
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.replace("~1", "/").replace("~0", "~"))
}
