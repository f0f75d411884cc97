//! Real rows of logits.

use rein::llama::{
    Batch, Context, ContextParams, LlamaError, Model, SeqId, Token, TokenizeOptions,
};

/// The tokens of a text, and the model's logits after each of the last `n` of them.
pub fn of_text(
    model: &Model,
    text: &str,
    n: usize,
) -> Result<(Vec<Token>, Vec<Vec<f32>>), LlamaError> {
    let options = TokenizeOptions {
        add_special: true,
        parse_special: true,
    };
    let tokens = model.vocab().tokenize(text, options)?;
    let params = ContextParams {
        n_ctx: (tokens.len() as u32).next_multiple_of(256),
        n_seq_max: 1,
        n_batch: 512,
        n_threads: 2,
        ..ContextParams::default()
    };
    let mut context = Context::new(model, &params, &|| false)?;
    let mut batch = Batch::new();
    let mut rows = Vec::new();
    for (position, &token) in tokens.iter().enumerate() {
        batch.clear();
        // One output a decode is what a context reserves for one sequence.
        let is_wanted = position + n >= tokens.len();
        let row = batch.push(token, position, SeqId(0), is_wanted);
        context.decode(&mut batch, &|| false)?;
        if is_wanted {
            rows.push(context.logits(row)?.to_vec());
        }
    }
    Ok((tokens, rows))
}
