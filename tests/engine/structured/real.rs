//! A real model's answers under constraints.

use rein::constraint::{Constraint, MaskWorker};
use rein::llama::{Batch, Context, ContextParams, SeqId, Token, TokenizeOptions};
use serde_json::{Value, json};

use super::Constrained;
use super::walk::Random;
use crate::support::SMOLLM;

/// Draws from the masked logits at temperature 1, in a context of its own.
fn generate(
    constrained: &Constrained,
    worker: &MaskWorker,
    constraint: &Constraint,
    seed: u64,
) -> Option<String> {
    let model = constrained.loaded().engine.model();
    let vocab = constrained.vocab();
    let params = ContextParams {
        n_ctx: 512,
        n_seq_max: 1,
        n_batch: 512,
        n_threads: 2,
        ..ContextParams::default()
    };
    let mut context = Context::new(model, &params, &|| false).unwrap();
    let options = TokenizeOptions {
        add_special: true,
        parse_special: true,
    };
    let prompt = "<|im_start|>user\nDescribe a person as JSON.<|im_end|>\n<|im_start|>assistant\n";
    let mut tokens = vocab.tokenize(prompt, options).unwrap();
    let mut ahead = worker.start(constrained.compiler.compile(constraint).unwrap());
    let mut random = Random::new(seed);
    let mut batch = Batch::new();
    let (mut text, mut computed) = (Vec::new(), 0);
    while tokens.len() < 400 {
        batch.clear();
        for (position, &token) in tokens.iter().enumerate().skip(computed) {
            batch.push(token, position, SeqId(0), position + 1 == tokens.len());
        }
        computed = tokens.len();
        context.decode(&mut batch, &|| false).unwrap();
        let logits = context.logits(batch.len() - 1).unwrap();
        let mask = ahead.mask().unwrap();
        let token = draw(logits, &mask.tokens().collect::<Vec<_>>(), &mut random);
        if vocab.is_end_of_generation(token) {
            return Some(String::from_utf8(text).unwrap());
        }
        vocab.append_bytes(token, false, &mut text).unwrap();
        tokens.push(token);
        ahead.advance(token);
        if ahead.is_complete() {
            return Some(String::from_utf8(text).unwrap());
        }
    }
    None
}

fn draw(logits: &[f32], allowed: &[Token], random: &mut Random) -> Token {
    let best = allowed
        .iter()
        .map(|token| logits[token.index()])
        .fold(f32::NEG_INFINITY, f32::max);
    let weight = |token: &Token| f64::from(logits[token.index()] - best).exp();
    let total: f64 = allowed.iter().map(weight).sum();
    let mut point = random.below(1 << 30) as f64 / f64::from(1 << 30) * total;
    for token in allowed {
        point -= weight(token);
        if point <= 0.0 {
            return *token;
        }
    }
    allowed[allowed.len() - 1]
}

fn schemas() -> Vec<Value> {
    vec![
        json!({"type": "object"}),
        json!({
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 30}, "age": {"type": "integer", "minimum": 1, "maximum": 120}},
            "required": ["name", "age"],
            "additionalProperties": false,
        }),
        json!({
            "type": "object",
            "properties": {
                "kind": {"enum": ["cat", "dog"]},
                "size": {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5},
                "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,8}$"}, "minItems": 2, "maxItems": 3},
                "born": {"type": "string", "format": "date"},
            },
            "required": ["kind", "size", "tags", "born"],
            "additionalProperties": false,
        }),
        json!({
            "oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}],
            "$defs": {
                "cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["kind", "lives"], "additionalProperties": false},
                "dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "good": {"const": true}}, "required": ["kind", "good"], "additionalProperties": false},
            },
        }),
        json!({"type": "array", "items": {"type": "integer", "multipleOf": 7}, "minItems": 3, "maxItems": 5}),
    ]
}

#[test]
fn a_real_models_answers_are_valid() {
    let constrained = Constrained::load(SMOLLM);
    let worker = MaskWorker::spawn().unwrap();
    let (mut whole, mut cut) = (0, 0);
    for schema in schemas() {
        let validator = super::suite::validator(&schema);
        for seed in 1..=4 {
            let constraint = Constraint::JsonSchema(schema.clone());
            let Some(text) = generate(&constrained, &worker, &constraint, seed) else {
                cut += 1;
                continue;
            };
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(validator.is_valid(&value), "{text} under {schema}");
            whole += 1;
        }
    }
    println!("{whole} answers validated, {cut} reached the token limit");
    assert!(whole > 12, "{whole} whole answers, {cut} cut");
}

#[test]
fn forced_tokens_are_what_the_mask_would_lead_to() {
    let constrained = Constrained::load(SMOLLM);
    let schema = json!({
        "type": "object",
        "properties": {"temperature_in_celsius": {"type": "integer"}},
        "required": ["temperature_in_celsius"],
        "additionalProperties": false,
    });
    let mut matcher = constrained
        .compiler
        .compile(&Constraint::JsonSchema(schema))
        .unwrap();
    let brace = constrained
        .vocab()
        .tokenize(
            "{\"",
            TokenizeOptions {
                add_special: false,
                parse_special: false,
            },
        )
        .unwrap();
    for token in brace {
        matcher.accept(token).unwrap();
    }
    let forced = matcher.forced_tokens(constrained.vocab()).unwrap();
    let mut text = Vec::new();
    for &token in &forced {
        assert!(matcher.mask().unwrap().allows(token));
        matcher.accept(token).unwrap();
        constrained
            .vocab()
            .append_bytes(token, false, &mut text)
            .unwrap();
    }
    println!(
        "{} tokens: {}",
        forced.len(),
        String::from_utf8_lossy(&text)
    );
    assert!(forced.len() > 2 && "temperature_in_celsius\":".as_bytes().starts_with(&text));
}
