//! [`EmbeddingContext`]: computes one row for each of several inputs, over the same weights as everybody.

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::{
    Backend, Batch, Context, DecodeOutcome, LlamaError, Model, Pooling, SeqId, Token, shim,
};

/// The shape of an [`EmbeddingContext`].
#[derive(Debug, Clone)]
pub struct EmbeddingContextParams {
    /// How the rows of an input become one.
    pub pooling: Pooling,
    /// The most tokens of one input.
    pub max_input: u32,
    /// The most tokens of one batch, at least 32. A longer input is computed in several where attention only looks
    /// back; elsewhere batches are made as large as an input may be.
    pub max_tokens: u32,
    /// The most inputs of one batch, 1..=256 (llama.cpp's limit).
    pub max_inputs: u32,
    /// The threads that compute.
    pub n_threads: u32,
}

/// A context for pooled outputs. It keeps nothing from one batch to the next.
#[derive(Debug)]
pub struct EmbeddingContext {
    pub(super) context: Context,
    batch: Batch,
    pooling: Pooling,
    /// Floats of a row.
    width: usize,
    max_input: usize,
    /// Inputs of the last batch, if it was computed.
    computed: usize,
    /// The row of an input that took several batches.
    long_row: Vec<f32>,
}

impl EmbeddingContext {
    /// Makes a context: allocates compute buffers for the largest batch and, for models that have them, KV cells
    /// for the longest input.
    ///
    /// With [`Pooling::Rank`] the file must have a classification head (`cls.output.weight`), which llama.cpp
    /// cannot be asked about. `should_stop` is as in [`Context::new`].
    pub fn new(
        model: &Model,
        params: &EmbeddingContextParams,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, LlamaError> {
        let width = width(model, params.pooling)?;
        // Positions beyond the trained ones have no row in a table of learnt positions, which ggml asserts on.
        let max_input = params.max_input.clamp(1, model.n_ctx_train().max(1));
        let mut context = make(model, params, max_input, params.max_tokens, should_stop)?;
        if !can_continue(&context) && context.n_batch() < max_input {
            context = make(model, params, max_input, max_input, should_stop)?;
        }
        Ok(Self {
            context,
            batch: Batch::new(),
            pooling: params.pooling,
            width,
            max_input: max_input as usize,
            computed: 0,
            long_row: Vec::new(),
        })
    }

    /// Floats of a row: the embedding's, or the outputs of the classification head.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The most tokens of one input.
    #[must_use]
    pub fn max_input(&self) -> usize {
        self.max_input
    }

    /// The most tokens of all inputs of a batch together, if they are several.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.context.n_batch() as usize
    }

    /// The most inputs of a batch.
    #[must_use]
    pub fn max_inputs(&self) -> usize {
        self.context.n_seq_max() as usize
    }

    /// Computes a row for each input. No input may be empty; one that is longer than [`Self::max_tokens`] must be alone.
    /// `should_abort` is asked as in [`Context::decode`]; after an abort there are no rows.
    pub fn compute(
        &mut self,
        inputs: &[&[Token]],
        should_abort: &dyn Fn() -> bool,
    ) -> Result<DecodeOutcome, LlamaError> {
        self.computed = 0;
        self.long_row.clear();
        self.validate(inputs)?;
        self.context.clear()?;
        let outcome = match inputs {
            [input] if input.len() > self.max_tokens() => self.compute_long(input, should_abort)?,
            inputs => {
                self.batch.clear();
                for (seq, input) in inputs.iter().enumerate() {
                    push(&mut self.batch, SeqId(seq as u32), 0, input);
                }
                // For models without memory llama.cpp encodes instead, as llama-server has it do.
                self.context.decode(&mut self.batch, should_abort)?
            }
        };
        if outcome == DecodeOutcome::Done {
            self.computed = inputs.len();
        }
        Ok(outcome)
    }

    /// One input in several batches. Each attends to those before it and is pooled by itself.
    fn compute_long(
        &mut self,
        input: &[Token],
        should_abort: &dyn Fn() -> bool,
    ) -> Result<DecodeOutcome, LlamaError> {
        let mut pooled = vec![0.0; self.width];
        let mut done = 0;
        for piece in input.chunks(self.max_tokens()) {
            self.batch.clear();
            push(&mut self.batch, SeqId(0), done, piece);
            let outcome = self.context.decode(&mut self.batch, should_abort)?;
            if outcome != DecodeOutcome::Done {
                return Ok(outcome);
            }
            let share = match self.pooling {
                Pooling::Mean => piece.len() as f32 / (done + piece.len()) as f32,
                Pooling::Cls => f32::from(u8::from(done == 0)),
                Pooling::Last | Pooling::Rank => 1.0,
            };
            for (all, &new) in pooled.iter_mut().zip(self.pooled(0)?) {
                *all += (new - *all) * share;
            }
            done += piece.len();
        }
        self.long_row = pooled;
        Ok(DecodeOutcome::Done)
    }

    /// What llama.cpp would answer with an assertion, which ends the process, is refused here; token ids are
    /// checked by the decode.
    fn validate(&self, inputs: &[&[Token]]) -> Result<(), LlamaError> {
        let problem = if inputs.is_empty() {
            "has no inputs"
        } else if inputs.len() > self.max_inputs() {
            "has more inputs than the context has sequences"
        } else if inputs.iter().any(|input| input.is_empty()) {
            "has an input without tokens"
        } else if inputs.iter().any(|input| input.len() > self.max_input) {
            "has an input longer than the context"
        } else if inputs.len() > 1
            && inputs.iter().map(|input| input.len()).sum::<usize>() > self.max_tokens()
        {
            "has more rows than the context's n_batch"
        } else {
            return Ok(());
        };
        Err(LlamaError::Unusable {
            what: "the batch",
            problem,
        })
    }

    /// The row of an input of the last batch, [`Self::width`] floats as the model computed them.
    pub fn row(&mut self, input: usize) -> Result<&[f32], LlamaError> {
        if input >= self.computed {
            return Err(LlamaError::NoEmbedding { input });
        }
        if !self.long_row.is_empty() {
            return Ok(&self.long_row);
        }
        self.pooled(input)
    }

    /// What llama.cpp pooled of a sequence in its last batch.
    fn pooled(&mut self, input: usize) -> Result<&[f32], LlamaError> {
        let mut ptr = std::ptr::null_mut();
        shim::call(Operation::ReadEmbeddings, |err| {
            // SAFETY: the context is alive; a sequence without output gives a null pointer.
            unsafe {
                shim::rein_embeddings_seq(self.context.as_ptr(), input as i32, &raw mut ptr, err)
            }
        })?;
        if ptr.is_null() {
            return Err(LlamaError::NoEmbedding { input });
        }
        // SAFETY: llama.cpp gives `width` floats (n_cls_out of them with rank pooling, else n_embd_out) that
        // stay until the next decode, which needs `&mut self` and so waits for this borrow.
        Ok(unsafe { std::slice::from_raw_parts(ptr, self.width) })
    }

    /// Says that no batch will follow soon: the compute threads sleep until one does.
    pub fn rest(&self) {
        self.context.rest();
    }
}

/// Makes a context whose batches have up to `max_tokens` rows.
fn make(
    model: &Model,
    params: &EmbeddingContextParams,
    max_input: u32,
    max_tokens: u32,
    should_stop: &dyn Fn() -> bool,
) -> Result<Context, LlamaError> {
    let max_inputs = params.max_inputs.clamp(1, 256);
    // llama.cpp reserves buffers for as many rows of each sequence, and asserts that they are all of a batch.
    let max_tokens = max_tokens.max(32).next_multiple_of(max_inputs);
    // SAFETY: a plain getter of default values.
    let mut native = unsafe { sys::llama_context_default_params() };
    native.n_ctx = max_input.max(max_tokens);
    native.n_batch = max_tokens;
    // llama.cpp pools over one micro-batch, and attention that looks ahead needs all of an input in it: so a batch must
    // never be split. That is also why the cells are one stream: with a stream for each sequence llama.cpp
    // cuts a batch into pieces of equal length.
    native.n_ubatch = max_tokens;
    native.kv_unified = true;
    native.n_seq_max = max_inputs;
    native.n_threads = params.n_threads as i32;
    native.n_threads_batch = params.n_threads as i32;
    native.embeddings = true;
    native.pooling_type = params.pooling.to_native();
    native.no_perf = true;
    // Rows are kept and compared with those of other programs, and how attention rounds can be seen in them: a text of one word
    // is 0.9986 away (docs/benchmarks.md, "Embeddings"). A chat has no such neighbours.
    if Backend::has_cpu_kernels() && !model.is_on_gpu() {
        native.cb_eval = Some(shim::rein_leave_attention);
    }
    Context::with_native(model, native, should_stop)
}

/// Whether a batch can go on where the one before it ended, and change nothing of what that computed.
fn can_continue(context: &Context) -> bool {
    // SAFETY: a getter on a live context.
    context.has_memory() && unsafe { sys::llama_get_causal_attn(context.as_ptr()) }
}

/// Adds the tokens of an input, or of a piece of it that begins at `position`.
fn push(batch: &mut Batch, seq: SeqId, position: usize, tokens: &[Token]) {
    for (offset, &token) in tokens.iter().enumerate() {
        batch.push(token, position + offset, seq, true);
    }
}

/// Floats of a row, where the model can give any.
fn width(model: &Model, pooling: Pooling) -> Result<usize, LlamaError> {
    let refuse = |problem| {
        Err(LlamaError::Unusable {
            what: "the model",
            problem,
        })
    };
    if !model.is_poolable() {
        return refuse("gives no embeddings: it is of several networks, or a diffusion model");
    }
    if pooling != Pooling::Rank {
        return Ok(model.n_embd_out());
    }
    let outputs = model.n_cls_out();
    // Without a head llama.cpp reads the scores from the hidden state, of which there is only so much.
    if outputs == 0 || outputs > model.n_embd_out() {
        return refuse("has more labels than its classification head can have outputs");
    }
    Ok(outputs)
}
