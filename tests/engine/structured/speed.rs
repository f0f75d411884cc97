//! What masks cost.

use std::time::{Duration, Instant};

use rein::constraint::limits::STEP_TIME;
use rein::constraint::{Constraint, ConstraintCompiler, MaskWorker, Vocabulary};
use serde_json::json;

use super::Constrained;
use super::walk::Random;
use crate::support::{GEMMA, SMOLLM, load};

fn constraints() -> Vec<(&'static str, Constraint)> {
    let address = json!({
        "type": "object",
        "properties": {"street": {"type": "string"}, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
        "required": ["street", "zip"],
        "additionalProperties": false,
    });
    let person = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 60},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "email": {"type": "string", "format": "email"},
            "born": {"type": "string", "format": "date"},
            "role": {"enum": ["admin", "user", "guest"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
            "address": address,
        },
        "required": ["name", "age", "role", "tags", "address"],
        "additionalProperties": false,
    });
    let tree = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object",
            "properties": {
                "value": {"type": ["number", "string", "null"]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value", "children"],
            "additionalProperties": false,
        }},
    });
    vec![
        ("json_object", Constraint::JsonObject),
        ("person", Constraint::JsonSchema(person)),
        ("tree", Constraint::JsonSchema(tree)),
        (
            "regex",
            Constraint::Regex(r"[A-Z][a-z]+( [A-Z][a-z]+){0,3}, \d{1,3}".to_owned()),
        ),
        (
            "gbnf sums",
            Constraint::Gbnf(
                "root ::= sum\nsum ::= sum [-+] atom | atom\natom ::= [0-9]+ | \"(\" sum \")\""
                    .to_owned(),
            ),
        ),
    ]
}

/// `q` of the sorted times.
fn quantile(times: &[Duration], q: f64) -> Duration {
    times[((times.len() - 1) as f64 * q).round() as usize]
}

#[test]
fn masks_cost_little() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 512);
        let vocab = model.loaded().engine.model().vocab();
        let before = resident_bytes();
        let started = Instant::now();
        let vocabulary = Vocabulary::of_model(vocab).unwrap();
        let trie = started.elapsed();
        let compiler = ConstraintCompiler::new(&vocabulary).unwrap();
        println!(
            "{name}: {} tokens, trie {trie:.0?}, compiler {:.0?} in all, {:.1} MiB more resident",
            vocabulary.len(),
            started.elapsed(),
            resident_bytes().saturating_sub(before) as f64 / f64::from(1 << 20),
        );
        let constrained = Constrained { model, compiler };
        for (what, constraint) in constraints() {
            let p99 = measure(&constrained, what, &constraint);
            assert!(p99 < Duration::from_millis(50), "{what}: {p99:?}");
        }
    }
}

/// Constraints that are legal and made to be expensive: a mask is bounded, or ends the run.
#[test]
fn expensive_masks_are_bounded() {
    let hostile = [
        Constraint::Regex("(a|b)*a(a|b){40}".to_owned()),
        Constraint::Regex(r"(?s:.*a.{300}b.*)".to_owned()),
        Constraint::Regex(r"([^a]*a[^b]*b|[^c]*c.{50}d)*".to_owned()),
        Constraint::Gbnf("root ::= root root | [a-z] | ".to_owned()),
        Constraint::Gbnf("root ::= a a a a\na ::= [a-z]? a? [a-z]? a?".to_owned()),
        Constraint::Lark("start: a*\na: /[a-z]*x/ | /[a-y]+/ | a a".to_owned()),
        Constraint::JsonSchema(json!({"type": "string", "pattern": "(a.{20}b.{20}c|[^x]{30}y)+$"})),
        Constraint::JsonSchema(
            json!({"type": "array", "items": {"enum": (0..2000).map(|i| format!("{i:x}")).collect::<Vec<_>>()}}),
        ),
    ];
    let worker = MaskWorker::spawn().unwrap();
    for name in [SMOLLM, GEMMA] {
        let constrained = Constrained::load(name);
        for constraint in &hostile {
            let shown: String = format!("{constraint:?}").chars().take(50).collect();
            let matcher = match constrained.compiler.compile(constraint) {
                Ok(matcher) => matcher,
                Err(error) => {
                    println!("{shown}: {error}");
                    continue;
                }
            };
            let mut ahead = worker.start(matcher, None);
            let mut random = Random::new(7);
            let mut slowest = Duration::ZERO;
            for _ in 0..30 {
                let started = Instant::now();
                let mask = ahead.mask();
                slowest = slowest.max(started.elapsed());
                let allowed: Vec<_> = match mask {
                    Ok(mask) => mask
                        .tokens()
                        .filter(|&token| !constrained.vocab().is_end_of_generation(token))
                        .collect(),
                    Err(error) => {
                        println!("{shown}: {error}");
                        break;
                    }
                };
                if allowed.is_empty() {
                    break;
                }
                ahead.advance(allowed[random.below(allowed.len())]);
            }
            println!("{shown}: slowest step {slowest:.1?}");
            assert!(slowest < 3 * STEP_TIME, "{shown}: {slowest:?}");
        }
    }
}

/// Walks at random, and prints and returns what masks cost.
fn measure(constrained: &Constrained, what: &str, constraint: &Constraint) -> Duration {
    let vocab = constrained.vocab();
    let (mut compiles, mut masks, mut accepts) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=8 {
        let mut random = Random::new(seed);
        let started = Instant::now();
        let mut matcher = constrained.compiler.compile(constraint).unwrap();
        compiles.push(started.elapsed());
        for _ in 0..60 {
            let started = Instant::now();
            let mask = matcher.mask().unwrap();
            masks.push(started.elapsed());
            let allowed: Vec<_> = mask
                .tokens()
                .filter(|&token| !vocab.is_end_of_generation(token))
                .collect();
            if allowed.is_empty() {
                break;
            }
            let started = Instant::now();
            matcher
                .accept(allowed[random.below(allowed.len())])
                .unwrap();
            accepts.push(started.elapsed());
        }
    }
    for times in [&mut compiles, &mut masks, &mut accepts] {
        times.sort_unstable();
    }
    println!(
        "  {what:<12} compile p50 {:>8.1?}  mask p50 {:>8.1?} p99 {:>8.1?} max {:>8.1?}  accept p50 {:>8.1?} p99 {:>8.1?}  ({} masks)",
        quantile(&compiles, 0.5),
        quantile(&masks, 0.5),
        quantile(&masks, 0.99),
        quantile(&masks, 1.0),
        quantile(&accepts, 0.5),
        quantile(&accepts, 0.99),
        masks.len(),
    );
    quantile(&masks, 0.99)
}

/// Memory of this process that is in use, where the system says.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
