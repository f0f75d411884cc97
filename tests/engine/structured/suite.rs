//! The official JSON Schema Test Suite: what compiles is enforced, in both directions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonschema::{Draft, Validator};
use rein::constraint::{Constraint, ConstraintError};
use rein::llama::TokenizeOptions;
use serde_json::{Map, Value};

use super::Constrained;
use super::walk::{Random, Walk, walk};
use crate::support::SMOLLM;

/// How many ways to order the keys of an instance are tried.
const MAX_ORDERS: usize = 24;

/// Made by `scripts/schema-suite.sh`.
fn suite() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("REIN_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("rein")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/rein")))
        .unwrap();
    let path = cache.join("json-schema-test-suite-4.26.0");
    assert!(
        path.exists(),
        "{} is missing: run scripts/schema-suite.sh",
        path.display()
    );
    path
}

/// The judge: another implementation of JSON Schema, formats included.
pub fn validator(schema: &Value) -> Validator {
    validator_of(schema, Draft::Draft202012)
}

fn validator_of(schema: &Value, draft: Draft) -> Validator {
    jsonschema::options()
        .with_draft(draft)
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

#[derive(Default)]
struct Tally {
    schemas: usize,
    compiled: usize,
    refused: BTreeMap<String, usize>,
    validated: usize,
    cut: usize,
    beyond_double: usize,
    failed_walks: Vec<String>,
    invalid_rejected: usize,
    valid_accepted: usize,
    /// Valid, but written in another way than a constraint lets it be written.
    valid_rejected: Vec<String>,
    wrong: Vec<String>,
}

/// `walks`: how many random texts each schema is asked for.
fn check(folder: &str, draft: Draft, walks: u64) {
    let constrained = Constrained::load(SMOLLM);
    let mut tally = Tally::default();
    let mut files: Vec<PathBuf> = ["", "optional", "optional/format"]
        .iter()
        .filter_map(|sub| std::fs::read_dir(suite().join(folder).join(sub)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    for file in files {
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for group in groups {
            let place = format!(
                "{}: {}",
                file.file_stem().unwrap().display(),
                group["description"]
            );
            group_of_tests(&constrained, &group, draft, walks, &place, &mut tally);
        }
    }
    tally.print(folder);
    assert!(
        tally.wrong.is_empty(),
        "{} wrong:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
}

fn group_of_tests(
    constrained: &Constrained,
    group: &Value,
    draft: Draft,
    walks: u64,
    place: &str,
    tally: &mut Tally,
) {
    let schema = &with_dialect(&group["schema"], draft);
    tally.schemas += 1;
    let constraint = Constraint::JsonSchema(schema.clone());
    match constrained.compiler.compile(&constraint) {
        Ok(_) => tally.compiled += 1,
        Err(error) => {
            if let ConstraintError::Invalid { .. }
            | ConstraintError::Empty { .. }
            | ConstraintError::TooComplex { .. } = &error
            {
                println!("{place}: {error}");
            }
            // Nothing at all may be generated where nothing is valid, and only there.
            let some_are_valid = tests(group).any(|(_, _, valid)| valid);
            if matches!(error, ConstraintError::Empty { .. }) && some_are_valid {
                tally.wrong.push(format!("{place} has instances: {error}"));
            }
            *tally.refused.entry(reason(&error)).or_default() += 1;
            return;
        }
    }
    let validator = validator_of(schema, draft);
    for seed in 1..=walks {
        random_text(constrained, &constraint, &validator, seed, place, tally);
    }
    for (description, data, valid) in tests(group) {
        let accepted = orders(data)
            .iter()
            .any(|text| accepts(constrained, &constraint, text));
        let shown = format!("{place}, {description}: {data}");
        match (valid, accepted) {
            (true, true) => tally.valid_accepted += 1,
            (true, false) => tally.valid_rejected.push(shown),
            (false, false) => tally.invalid_rejected += 1,
            (false, true) => tally
                .wrong
                .push(format!("accepted although invalid: {shown}")),
        }
    }
}

/// The schema with the dialect of its folder, which the suite's older parts leave out.
fn with_dialect(schema: &Value, draft: Draft) -> Value {
    let name = match draft {
        Draft::Draft4 => "http://json-schema.org/draft-04/schema#",
        Draft::Draft7 => "http://json-schema.org/draft-07/schema#",
        _ => "https://json-schema.org/draft/2020-12/schema",
    };
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.entry("$schema").or_insert(name.into());
    }
    schema
}

fn tests(group: &Value) -> impl Iterator<Item = (&str, &Value, bool)> {
    let tests = group["tests"].as_array().unwrap().iter();
    tests.map(|test| {
        let description = test["description"].as_str().unwrap();
        (description, &test["data"], test["valid"].as_bool().unwrap())
    })
}

/// The keyword that cannot be enforced, or the kind of error.
fn reason(error: &ConstraintError) -> String {
    let kind = match error {
        ConstraintError::Unsupported { problem, .. } => {
            return problem.split('`').nth(1).unwrap_or(problem).to_owned();
        }
        ConstraintError::TooLarge { .. } => "too large",
        ConstraintError::Invalid { .. } => "cannot be read",
        ConstraintError::Empty { .. } => "no instances",
        ConstraintError::TooComplex { .. } => "too complex",
        ConstraintError::Busy(_) | ConstraintError::Vocabulary(_) => "machine",
    };
    kind.to_owned()
}

fn random_text(
    constrained: &Constrained,
    constraint: &Constraint,
    validator: &Validator,
    seed: u64,
    place: &str,
    tally: &mut Tally,
) {
    let mut matcher = constrained.compiler.compile(constraint).unwrap();
    let text = match walk(
        &mut matcher,
        constrained.vocab(),
        &mut Random::new(seed),
        80,
    ) {
        Walk::Whole(text) => text,
        Walk::Cut => {
            tally.cut += 1;
            return;
        }
        Walk::Failed(error, text) => {
            tally
                .failed_walks
                .push(format!("{place}: {error} after {text}"));
            return;
        }
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if validator.is_valid(&value) => tally.validated += 1,
        Ok(_) => tally
            .wrong
            .push(format!("generated although invalid: {place}: {text}")),
        // JSON, but a number that no double holds.
        Err(error) if error.to_string().contains("out of range") => tally.beyond_double += 1,
        Err(error) => tally.wrong.push(format!(
            "generated although not JSON: {place}: {text}: {error}"
        )),
    }
}

/// Whether a text is accepted token by token as the model's tokenizer splits it.
fn accepts(constrained: &Constrained, constraint: &Constraint, text: &str) -> bool {
    let options = TokenizeOptions {
        add_special: false,
        parse_special: false,
    };
    let mut matcher = constrained.compiler.compile(constraint).unwrap();
    let tokens = constrained.vocab().tokenize(text, options).unwrap();
    tokens
        .into_iter()
        .all(|token| matcher.accept(token).is_ok())
        && matcher.may_end().unwrap()
}

/// The instance as text, with the keys of its objects in every order, up to a limit.
fn orders(value: &Value) -> Vec<String> {
    let joined =
        |open: &str, parts: &[String], close: &str| format!("{open}{}{close}", parts.join(", "));
    let mut all: Vec<String> = match value {
        Value::Array(items) => {
            let lists = combinations(items.iter().map(orders));
            lists.iter().map(|list| joined("[", list, "]")).collect()
        }
        Value::Object(members) => {
            let member = |key: &&String| {
                let values = orders(&members[*key]);
                let name = Value::String((*key).clone());
                values
                    .iter()
                    .map(|value| format!("{name}: {value}"))
                    .collect()
            };
            let orders = permutations(members);
            let lists = orders
                .iter()
                .flat_map(|keys| combinations(keys.iter().map(member)));
            lists
                .map(|list| joined("{", &list, "}"))
                .take(MAX_ORDERS)
                .collect()
        }
        other => vec![other.to_string()],
    };
    all.truncate(MAX_ORDERS);
    all
}

/// One of each list, in every combination, up to a limit.
fn combinations(lists: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    lists.fold(vec![Vec::new()], |all, list| {
        let longer = all.iter().flat_map(|chosen| {
            list.iter().map(move |next| {
                let mut longer = chosen.clone();
                longer.push(next.clone());
                longer
            })
        });
        longer.take(MAX_ORDERS).collect()
    })
}

fn permutations(members: &Map<String, Value>) -> Vec<Vec<&String>> {
    let mut all: Vec<Vec<&String>> = vec![Vec::new()];
    for key in members.keys() {
        all = all
            .into_iter()
            .flat_map(|order| {
                (0..=order.len()).rev().map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, key);
                    longer
                })
            })
            .take(MAX_ORDERS)
            .collect();
    }
    all
}

impl Tally {
    fn print(&self, folder: &str) {
        println!(
            "{folder}: {} schemas, {} compiled, refused: {:?}",
            self.schemas, self.compiled, self.refused
        );
        println!(
            "  {} generated texts validated, {} cut, {} with a number beyond a double, {} walks failed",
            self.validated,
            self.cut,
            self.beyond_double,
            self.failed_walks.len()
        );
        println!(
            "  instances: {} invalid rejected, {} valid accepted, {} valid rejected",
            self.invalid_rejected,
            self.valid_accepted,
            self.valid_rejected.len()
        );
        for line in self.valid_rejected.iter().chain(&self.failed_walks) {
            println!("    {line}");
        }
    }
}

#[test]
fn draft_2020_12_is_enforced_where_it_compiles() {
    check("draft2020-12", Draft::Draft202012, 3);
}

#[test]
fn draft_7_is_enforced_where_it_compiles() {
    check("draft7", Draft::Draft7, 1);
}

#[test]
fn draft_4_is_enforced_where_it_compiles() {
    check("draft4", Draft::Draft4, 1);
}
