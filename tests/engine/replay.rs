//! Replaying prompt and output through the model: an oracle for what a run emitted.

use rein::LocalModel;
use rein::llama::{
    Backend, Batch, Context, ContextParams, DecodeOutcome, FlashAttention, SeqId, Token,
};

/// How well emitted tokens fit the model's own opinion of their prefix.
#[derive(Debug)]
pub struct Fit {
    /// Tokens that are the arg-max of their prefix.
    pub argmax: usize,
    /// All tokens.
    pub total: usize,
    /// The furthest that an emitted token's logit lies below the arg-max's.
    pub worst_gap: f32,
}

/// Computes every position of `prompt` + `output` alone and compares. Tokens in `banned` count as if they
/// were not in the vocabulary.
pub fn replay(model: &LocalModel, prompt: &[Token], output: &[Token], banned: &[Token]) -> Fit {
    replay_edited(model, prompt, output, |_, logits| {
        for token in banned {
            logits[token.index()] = f32::NEG_INFINITY;
        }
    })
}

/// The same, where `edit` says which tokens count: it gets the number of the output token and its logits.
pub fn replay_edited(
    model: &LocalModel,
    prompt: &[Token],
    output: &[Token],
    mut edit: impl FnMut(usize, &mut [f32]),
) -> Fit {
    let mut fit = Fit {
        argmax: 0,
        total: output.len(),
        worst_gap: 0.0,
    };
    each_row(model, prompt, output, |number, mut logits| {
        edit(number, &mut logits);
        let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let gap = best - logits[output[number].index()];
        fit.argmax += usize::from(gap == 0.0);
        fit.worst_gap = fit.worst_gap.max(gap);
    });
    fit
}

/// The logits that each of the output's tokens was drawn from: the prompt is computed in pieces of 512 tokens, the output
/// token by token.
pub fn each_row(
    model: &LocalModel,
    prompt: &[Token],
    output: &[Token],
    mut row_of: impl FnMut(usize, Vec<f32>),
) {
    let native = model.loaded().engine.model();
    let mut context = Context::new(
        native,
        &ContextParams {
            n_ctx: (prompt.len() + output.len()).next_multiple_of(256) as u32,
            n_seq_max: 1,
            n_batch: 512,
            n_threads: 2,
            // As the engine computes on this CPU.
            flash_attention: if Backend::has_cpu_kernels() {
                FlashAttention::On
            } else {
                FlashAttention::Off
            },
            ..ContextParams::default()
        },
        &|| false,
    )
    .unwrap();
    let mut batch = Batch::new();
    let mut position = 0;
    for chunk in prompt.chunks(512) {
        batch.clear();
        for &token in chunk {
            batch.push(token, position, SeqId(0), position + 1 == prompt.len());
            position += 1;
        }
        assert_eq!(
            context.decode(&mut batch, &|| false).unwrap(),
            DecodeOutcome::Done
        );
    }
    let mut row = batch.len() - 1;
    for (number, &token) in output.iter().enumerate() {
        row_of(number, context.logits(row).unwrap().to_vec());
        batch.clear();
        row = batch.push(token, position, SeqId(0), true);
        position += 1;
        context.decode(&mut batch, &|| false).unwrap();
    }
}

impl Fit {
    /// The bounds of SPECIFICATION.md: batch shapes move logits a little, so greedy texts may part ways
    /// where two tokens are nearly equal, and nowhere else.
    pub fn assert_good(&self) {
        println!("{self:?}");
        assert!(self.argmax * 100 >= self.total * 97, "{self:?}");
        assert!(self.worst_gap <= 2.0, "{self:?}");
    }

    /// For answers too short for a share of 97 % to mean anything (one miss in 40 tokens is 2.5 %): cells that
    /// hold the wrong thing show at once, as tokens many units below the best.
    pub fn assert_of_the_right_cells(&self) {
        println!("{self:?}");
        assert!(self.argmax * 100 >= self.total * 90, "{self:?}");
        assert!(self.worst_gap <= 2.0, "{self:?}");
    }
}
