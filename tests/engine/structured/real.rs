//! A real model's answers under constraints, through the engine.

use rein::constraint::Constraint;
use rein::generation::tokenize;
use rein::llama::{Token, TokenizeOptions, Vocab};
use rein::models::DraftKind;
use rein::{
    Delta, FinishReason, GenerateError, GenerateRequest, LoadOptions, LocalModel, SamplingParams,
    StopCause,
};
use serde_json::{Value, json};

use super::Constrained;
use crate::replay::replay_edited;
use crate::support::{
    Answer, GEMMA, SMOLLM, endless, ends, finish, is_idle, load, load_with, wait_until,
};

fn request(constraint: &Constraint, seed: u64, max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        sampling: SamplingParams {
            temperature: 1.0,
            seed: Some(seed),
            ..SamplingParams::default()
        },
        max_tokens: Some(max_tokens),
        constraint: Some(constraint.clone()),
        ..GenerateRequest::user("Describe a person as JSON.")
    }
}

fn regex(source: &str) -> Constraint {
    Constraint::Regex(source.to_owned())
}

/// The answers of several runs at the same time.
fn answers(model: &LocalModel, requests: Vec<GenerateRequest>) -> Vec<Answer> {
    let runs: Vec<_> = requests
        .into_iter()
        .map(|request| model.generate(request).unwrap())
        .collect();
    runs.into_iter().map(finish).collect()
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

/// How many of these answers are whole; each of those must be valid.
fn count_whole(schema: &Value, answers: &[Answer]) -> usize {
    let validator = super::suite::validator(schema);
    let whole = answers
        .iter()
        .filter(|answer| answer.summary.reason != FinishReason::Length);
    whole
        .map(|answer| {
            let text = &answer.text;
            let value: Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(validator.is_valid(&value), "{text} under {schema}");
        })
        .count()
}

#[test]
fn a_real_models_answers_are_valid() {
    let model = load(SMOLLM, 1024);
    let (mut whole, mut all) = (0, 0);
    for schema in schemas() {
        let constraint = Constraint::JsonSchema(schema.clone());
        let requests = (1..=3).map(|seed| request(&constraint, seed, 120));
        let answers = answers(&model, requests.collect());
        all += answers.len();
        whole += count_whole(&schema, &answers);
    }
    println!("{whole} of {all} answers are whole");
    assert!(2 * whole > all, "{whole} of {all} answers are whole");
}

/// Also where a neighbour decodes beside it.
#[test]
fn every_token_is_the_likeliest_of_those_that_fit() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 1024);
        let constraint = Constraint::JsonSchema(schemas().swap_remove(2));
        let request = GenerateRequest {
            sampling: SamplingParams::greedy(),
            ..request(&constraint, 1, 40)
        };
        let prompt = tokenize(model.loaded(), &request.prompt).unwrap();
        let neighbour = model
            .generate(endless(&model, "Once upon a time", 200))
            .unwrap();
        let answer = finish(model.generate(request).unwrap());
        drop(neighbour);
        let mut matcher = model.loaded().engine.compile(&constraint).unwrap();
        let fit = replay_edited(&model, &prompt, &answer.tokens, |number, logits| {
            if let Some(before) = number.checked_sub(1) {
                matcher.accept(answer.tokens[before]).unwrap();
            }
            let mask = matcher.mask().unwrap();
            for (id, logit) in logits.iter_mut().enumerate() {
                if !mask.allows(Token(id as i32)) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        });
        fit.assert_of_the_right_cells();
    }
}

#[test]
fn drafts_do_not_touch_answers_with_a_form() {
    let options = LoadOptions {
        context: 1024,
        drafts: DraftKind::Default,
        ..LoadOptions::default()
    };
    let model = load_with(SMOLLM, options);
    let schema = json!({"type": "array", "items": {"enum": ["again and again"]}, "minItems": 8, "maxItems": 8});
    let constraint = Constraint::JsonSchema(schema.clone());
    let answers = answers(&model, vec![request(&constraint, 1, 300)]);
    assert_eq!(count_whole(&schema, &answers), 1);
    assert_eq!(answers[0].summary.timings.drafts.drafted, 0);
}

#[test]
fn an_answer_that_cannot_go_on_ends_there() {
    let model = load(SMOLLM, 1024);
    let vocab = model.loaded().engine.model().vocab();
    for source in ["yes|no", "[0-9]{3}", "The cat sat on the mat\\."] {
        // Whether the end was noticed before the decode or after it must not show.
        for answer in answers(
            &model,
            (1..=4)
                .map(|seed| request(&regex(source), seed, 50))
                .collect(),
        ) {
            assert_eq!(answer.summary.reason, FinishReason::EndOfTurn);
            assert_eq!(bytes(vocab, &answer), answer.text.as_bytes());
            let n_tokens = answer.summary.usage.completion_tokens as usize;
            assert_eq!(answer.tokens.len(), n_tokens, "{}", answer.text);
            assert!(
                answer
                    .tokens
                    .iter()
                    .all(|&token| !vocab.is_end_of_generation(token))
            );
        }
    }
}

fn bytes(vocab: &Vocab, answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &token in &answer.tokens {
        vocab.append_bytes(token, false, &mut bytes).unwrap();
    }
    bytes
}

#[test]
fn what_cannot_be_enforced_is_refused_before_anything_is_computed() {
    let model = load(SMOLLM, 1024);
    let refused = [
        Constraint::JsonSchema(json!({"not": {}})),
        Constraint::Gbnf("root ::= nobody".to_owned()),
        Constraint::Lark("start: nobody".to_owned()),
        regex("(?=a)"),
    ];
    for constraint in refused {
        let flag = rein::StopFlag::new();
        let result = model.generate_with(request(&constraint, 1, 50), &flag);
        assert!(
            matches!(result, Err(GenerateError::Constraint(_))),
            "{constraint:?}: {result:?}"
        );
        assert!(flag.is_released());
    }
    assert!(is_idle(&model));
}

#[test]
fn a_run_whose_form_leaves_nothing_to_draw_fails_alone() {
    let model = load(SMOLLM, 1024);
    let neighbour = model
        .generate(endless(&model, "Once upon a time", 150))
        .unwrap();
    let vocab = model.loaded().engine.model().vocab();
    // The form wants an x, and the request forbids every token that holds one.
    let mut contradictory = request(&regex("ax"), 1, 50);
    let holds_x = |token: &Token| {
        let mut bytes = Vec::new();
        vocab.append_bytes(*token, false, &mut bytes).unwrap();
        bytes.contains(&b'x')
    };
    contradictory.sampling.logit_bias = (0..vocab.len() as i32)
        .map(Token)
        .filter(holds_x)
        .map(|token| (token, f32::NEG_INFINITY))
        .collect();
    let last = model.generate(contradictory).unwrap().last();
    assert!(matches!(last, Some(Delta::Failed { .. })), "{last:?}");
    assert_eq!(finish(neighbour).tokens.len(), 150);
    assert!(is_idle(&model));
}

#[test]
fn masks_that_come_late_delay_only_their_own_run() {
    let model = load(SMOLLM, 1024);
    let late = [
        regex("([^a]*a[^b]*b|[^c]*c.{50}d)*"),
        Constraint::Gbnf("root ::= a a a a\na ::= [a-z]? a? [a-z]? a?".to_owned()),
        Constraint::JsonSchema(json!({"type": "string", "pattern": "(a.{20}b.{20}c|[^x]{30}y)+$"})),
    ];
    let runs: Vec<_> = late
        .iter()
        .map(|constraint| model.generate(request(constraint, 1, 30)).unwrap())
        .collect();
    let neighbour = finish(
        model
            .generate(endless(&model, "Once upon a time", 100))
            .unwrap(),
    );
    assert_eq!(neighbour.summary.reason, FinishReason::Length);
    for run in runs {
        // Either it has its form, or it was too complex and says so.
        let last = run.last().unwrap();
        assert!(
            !matches!(&last, Delta::Failed { message } if !message.contains("complex")),
            "{last:?}"
        );
    }
}

#[test]
fn a_stop_reaches_a_run_with_a_form() {
    let model = load(SMOLLM, 1024);
    let mut endless = request(&regex("[a-z ]*"), 1, 900);
    let banned = ends(&model).into_iter();
    endless.sampling.logit_bias = banned.map(|token| (token, f32::NEG_INFINITY)).collect();
    let mut run = model.generate(endless).unwrap();
    let first = run.next_blocking();
    assert!(matches!(first, Some(Delta::Text { .. })), "{first:?}");
    run.stop_flag().set(StopCause::User);
    let flag = run.stop_flag().clone();
    wait_until("the engine lets go", || flag.is_released());
    let answer = finish(run);
    assert_eq!(
        answer.summary.reason,
        FinishReason::Stopped(StopCause::User)
    );
    assert!(
        answer
            .text
            .chars()
            .all(|c| c == ' ' || c.is_ascii_lowercase())
    );
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
