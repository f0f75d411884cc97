//! [`prepare`]: a schema, checked and written anew.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::dialect::{DIALECTS, DRAFT_7, dialect};
use super::keywords::{Keyword, is_neutral, keyword};
use super::pointer::{self, Path};
use super::{data, disjoint, inhabited, pattern};
use crate::constraint::ConstraintError;
use crate::constraint::limits::{
    self, MAX_DEPTH, MAX_ENUM_VALUES, MAX_REFERENCES, MAX_SCHEMA_BYTES, MAX_SCHEMAS,
};

/// Blanks between the parts of the JSON: what people and programs write, and never without end.
const WHITESPACE: &str = r"[ \t]{1,4}|\r?\n[ \t]{0,64}";

/// Escapes in strings: all but `\u`, with which a key could be spelt in a second way and so escape the
/// schema of its property. Characters that need `\u` (most control characters) cannot be generated.
const ESCAPES: &str = "nrbtf\\\"";

/// Checks a schema and writes it as llguidance enforces it completely.
pub fn prepare(schema: &Value) -> Result<Value, ConstraintError> {
    let depth = depth(schema, 2 * MAX_DEPTH);
    limits::check(
        "the nesting of the JSON schema",
        depth as u64,
        2 * MAX_DEPTH as u64,
        "levels deep",
    )?;
    let size = schema.to_string().len() as u64;
    limits::check(
        "the JSON schema",
        size,
        MAX_SCHEMA_BYTES as u64,
        "bytes long",
    )?;
    let mut preparer = Preparer {
        root: schema,
        dialect: dialect(schema)?,
        targets: BTreeMap::new(),
        n_schemas: 0,
        n_enum_values: 0,
    };
    preparer.collect_targets()?;
    let whole = preparer.document()?;
    if !inhabited::has_instances(&whole) {
        return Err(empty("every instance would have to contain itself"));
    }
    Ok(whole)
}

/// Levels of nesting, counted no further than just above `limit`.
fn depth(value: &Value, limit: usize) -> usize {
    let children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => return 0,
    };
    if limit == 0 {
        return 1;
    }
    1 + children
        .map(|child| depth(child, limit - 1))
        .max()
        .unwrap_or(0)
}

struct Preparer<'v> {
    root: &'v Value,
    dialect: usize,
    /// Everything that a `$ref` leads to, but the whole schema.
    targets: BTreeMap<Path, usize>,
    n_schemas: u64,
    n_enum_values: u64,
}

impl<'v> Preparer<'v> {
    /// Finds what references lead to, from the root on; what nothing refers to is never looked at.
    fn collect_targets(&mut self) -> Result<(), ConstraintError> {
        let mut todo = vec![self.root];
        while let Some(schema) = todo.pop() {
            let Some(object) = schema.as_object() else {
                continue;
            };
            for (name, value) in object {
                match keyword(name) {
                    Keyword::Schema | Keyword::Items => match value {
                        Value::Array(items) => todo.extend(items),
                        other => todo.push(other),
                    },
                    Keyword::SchemaMap => {
                        todo.extend(value.as_object().into_iter().flat_map(Map::values));
                    }
                    Keyword::SchemaList => todo.extend(value.as_array().into_iter().flatten()),
                    Keyword::Reference => todo.extend(self.target(value)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// What a reference leads to, where it was not known before.
    fn target(&mut self, reference: &Value) -> Result<Option<&'v Value>, ConstraintError> {
        let (path, schema) = self.resolve(reference)?;
        let number = self.targets.len();
        if path.is_empty() || self.targets.contains_key(&path) {
            return Ok(None);
        }
        limits::check(
            "the JSON schema",
            number as u64 + 1,
            MAX_REFERENCES as u64,
            "different `$ref`s large",
        )?;
        self.targets.insert(path, number);
        Ok(Some(schema))
    }

    fn resolve(&self, reference: &Value) -> Result<(Path, &'v Value), ConstraintError> {
        let resolved = reference
            .as_str()
            .and_then(|text| pointer::resolve(self.root, text));
        resolved.ok_or_else(|| ConstraintError::Unsupported {
            problem: format!("`$ref` leads to no schema in this document: {reference}"),
            advice: "refer to a definition by `#/$defs/name`".to_owned(),
        })
    }

    /// The whole schema: the root, the targets as its definitions, and llguidance's options.
    fn document(&mut self) -> Result<Value, ConstraintError> {
        let mut definitions = Map::new();
        for (path, number) in self.targets.clone() {
            let place = format!("#/{}", path.join("/"));
            let reference = format!(
                "#/{}",
                path.iter()
                    .map(|name| escape(name))
                    .collect::<Vec<_>>()
                    .join("/")
            );
            let (_, schema) = self.resolve(&Value::String(reference))?;
            // The definition itself is written here, not a reference to it.
            definitions.insert(number.to_string(), self.body(schema, &path, &place, 0)?);
        }
        let mut whole = match self.body(self.root, &Path::new(), "#", 0)? {
            Value::Object(object) => object,
            Value::Bool(true) => Map::new(),
            _ => return Err(empty("it is false")),
        };
        if self.dialect != 0 {
            whole.insert("$schema".to_owned(), json!(DIALECTS[self.dialect]));
        }
        if !definitions.is_empty() {
            whole.insert("$defs".to_owned(), Value::Object(definitions));
        }
        let options = json!({
            "whitespace_pattern": WHITESPACE,
            "json_allowed_escapes": ESCAPES,
        });
        whole.insert("x-guidance".to_owned(), options);
        Ok(Value::Object(whole))
    }

    /// A schema in its place: a reference where others refer to it too.
    fn schema(
        &mut self,
        schema: &Value,
        path: &mut Path,
        depth: usize,
    ) -> Result<Value, ConstraintError> {
        if let Some(number) = self.targets.get(path) {
            return Ok(json!({ "$ref": format!("#/$defs/{number}") }));
        }
        let place = format!("#/{}", path.join("/"));
        self.body(schema, path, &place, depth)
    }

    fn body(
        &mut self,
        schema: &Value,
        path: &Path,
        place: &str,
        depth: usize,
    ) -> Result<Value, ConstraintError> {
        self.n_schemas += 1;
        limits::check(
            "the JSON schema",
            self.n_schemas,
            MAX_SCHEMAS as u64,
            "schemas large",
        )?;
        limits::check(
            "the nesting of the JSON schema",
            depth as u64,
            MAX_DEPTH as u64,
            "schemas deep",
        )?;
        let object = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(object) => object,
            other => {
                let problem = format!(
                    "{place} is not an object or a boolean but {}",
                    data::shown(other)
                );
                return Err(data::invalid(problem));
            }
        };
        let mut out = Map::new();
        let mut path = path.clone();
        for (name, value) in object {
            path.push(name.clone());
            if let Some((name, value)) =
                self.member(object, name, value, &mut path, place, depth)?
            {
                out.insert(name, value);
            }
            path.pop();
        }
        data::finish(&mut out, place)?;
        Ok(Value::Object(out))
    }

    /// One keyword; `None` where it is left out.
    fn member(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        value: &Value,
        path: &mut Path,
        place: &str,
        depth: usize,
    ) -> Result<Option<(String, Value)>, ConstraintError> {
        let kept = match keyword(name) {
            // Older dialects let a validator look into strings.
            Keyword::Annotation if name.starts_with("content") && self.dialect >= DRAFT_7 => {
                return Err(unsupported(name, place, "leave it out"));
            }
            Keyword::Annotation | Keyword::Definitions => return Ok(None),
            Keyword::Dialect => {
                if dialect(&Value::Object(object.clone()))? != self.dialect {
                    return Err(unsupported(
                        name,
                        place,
                        "use one dialect for the whole schema",
                    ));
                }
                return Ok(None);
            }
            Keyword::Identifier if place == "#" => return Ok(None),
            Keyword::Identifier => {
                return Err(unsupported(name, place, "name only the whole schema"));
            }
            Keyword::Refused if is_neutral(name, value, |other| object.contains_key(other)) => {
                return Ok(None);
            }
            Keyword::Refused => {
                return Err(unsupported(
                    name,
                    place,
                    "leave it out, and check it in the answer",
                ));
            }
            Keyword::Unknown => {
                return Err(unsupported(
                    name,
                    place,
                    "remove it, or call it `x-…` if it is a note",
                ));
            }
            Keyword::Data => {
                if name == "enum" {
                    self.n_enum_values += value.as_array().map_or(0, Vec::len) as u64;
                    limits::check(
                        "the enums of the JSON schema",
                        self.n_enum_values,
                        MAX_ENUM_VALUES as u64,
                        "values large",
                    )?;
                }
                data::checked(name, value, place)?
            }
            Keyword::Reference => {
                let (target, _) = self.resolve(value)?;
                match self.targets.get(&target) {
                    Some(number) => json!(format!("#/$defs/{number}")),
                    None => json!("#"),
                }
            }
            Keyword::Schema => self.schema(value, path, depth + 1)?,
            Keyword::Items if !value.is_array() => self.schema(value, path, depth + 1)?,
            Keyword::SchemaMap => self.map(name, value, path, place, depth)?,
            Keyword::SchemaList | Keyword::Items => {
                if name == "prefixItems" && self.dialect != 0 {
                    return Err(unsupported(
                        name,
                        place,
                        "leave `$schema` out: older dialects lack it",
                    ));
                }
                let list = self.list(value, path, place, depth)?;
                if name == "oneOf" && self.is_disjoint(value) {
                    return Ok(Some(merge_any_of(object, list)));
                }
                list
            }
        };
        Ok(Some((name.to_owned(), kept)))
    }

    fn map(
        &mut self,
        name: &str,
        value: &Value,
        path: &mut Path,
        place: &str,
        depth: usize,
    ) -> Result<Value, ConstraintError> {
        let Value::Object(members) = value else {
            return Err(data::invalid(format!(
                "`{name}` at {place} is not an object"
            )));
        };
        let mut out = Map::new();
        for (key, schema) in members {
            path.push(key.clone());
            let schema = self.schema(schema, path, depth + 1)?;
            let key = match name {
                "patternProperties" => pattern::translate(key, place)?,
                _ => key.clone(),
            };
            if out.insert(key, schema).is_some() {
                return Err(data::invalid(format!(
                    "two patterns at {place} are the same"
                )));
            }
            path.pop();
        }
        Ok(Value::Object(out))
    }

    fn list(
        &mut self,
        value: &Value,
        path: &mut Path,
        place: &str,
        depth: usize,
    ) -> Result<Value, ConstraintError> {
        let Value::Array(items) = value else {
            return Err(data::invalid(format!(
                "{} at {place} is not a list",
                path.join("/")
            )));
        };
        let mut out = Vec::new();
        for (index, schema) in items.iter().enumerate() {
            path.push(index.to_string());
            out.push(self.schema(schema, path, depth + 1)?);
            path.pop();
        }
        Ok(Value::Array(out))
    }

    fn is_disjoint(&self, options: &Value) -> bool {
        let options = options.as_array().map_or(&[][..], Vec::as_slice);
        // The number of pairs is bounded: what is left over is llguidance's to judge.
        options.len() <= 100
            && options.iter().enumerate().all(|(index, a)| {
                let mut others = options[index + 1..].iter();
                others.all(|b| disjoint::are_disjoint(self.root, a, b))
            })
    }
}

/// `oneOf` of disjoint schemas is `anyOf`; beside an `anyOf` it goes into an `allOf` of its own, if there is
/// none already.
fn merge_any_of(object: &Map<String, Value>, options: Value) -> (String, Value) {
    if !object.contains_key("anyOf") {
        ("anyOf".to_owned(), options)
    } else if !object.contains_key("allOf") {
        ("allOf".to_owned(), json!([{ "anyOf": options }]))
    } else {
        ("oneOf".to_owned(), options)
    }
}

fn escape(name: &str) -> String {
    name.replace('%', "%25")
        .replace('~', "~0")
        .replace('/', "~1")
}

fn empty(problem: &str) -> ConstraintError {
    ConstraintError::Empty {
        what: "JSON schema",
        problem: problem.to_owned(),
    }
}

fn unsupported(name: &str, place: &str, advice: &str) -> ConstraintError {
    ConstraintError::Unsupported {
        problem: format!("`{name}` at {place} cannot be enforced"),
        advice: advice.to_owned(),
    }
}
