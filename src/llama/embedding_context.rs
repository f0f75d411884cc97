//! [`EmbeddingContext`]: computes one row for each of several inputs, over the same weights as everybody.

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::{Batch, Context, DecodeOutcome, LlamaError, Model, Pooling, SeqId, Token, shim};

/// The shape of an [`EmbeddingContext`].
#[derive(Debug, Clone)]
pub struct EmbeddingContextParams {
    /// How the rows of an input become one.
    pub pooling: Pooling,
    /// The most tokens of one batch, and so of one input; at least 32.
    pub max_tokens: u32,
    /// The most inputs of one batch, 1..=256 (llama.cpp's limit).
    pub max_inputs: u32,
    /// The threads that compute.
    pub n_threads: u32,
}

/// A context for pooled outputs. It keeps nothing from one batch to the next.
#[derive(Debug)]
pub struct EmbeddingContext {
    context: Context,
    batch: Batch,
    /// Floats of a row.
    width: usize,
    max_input: usize,
    /// Inputs of the last batch, if it was computed.
    computed: usize,
}

impl EmbeddingContext {
    /// Makes a context: allocates compute buffers for the largest batch and, for models that have them, as many
    /// KV cells.
    ///
    /// With [`Pooling::Rank`] the file must have a classification head (`cls.output.weight`), which llama.cpp
    /// cannot be asked about. `should_stop` is as in [`Context::new`].
    pub fn new(
        model: &Model,
        params: &EmbeddingContextParams,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, LlamaError> {
        let width = width(model, params.pooling)?;
        let max_inputs = params.max_inputs.clamp(1, 256);
        let max_tokens = params.max_tokens.max(32).max(max_inputs);
        // SAFETY: a plain getter of default values.
        let mut native = unsafe { sys::llama_context_default_params() };
        native.n_ctx = max_tokens;
        native.n_batch = max_tokens;
        // An input is pooled over the rows of one micro-batch, and attention that looks ahead needs all of them: so
        // a batch must never be split. That is also why the cells are one stream: with a stream for each
        // sequence llama.cpp cuts a batch into pieces of equal length.
        native.n_ubatch = max_tokens;
        native.kv_unified = true;
        native.n_seq_max = max_inputs;
        native.n_threads = params.n_threads as i32;
        native.n_threads_batch = params.n_threads as i32;
        native.embeddings = true;
        native.pooling_type = params.pooling.to_native();
        native.no_perf = true;
        let context = Context::with_native(model, native, should_stop)?;
        // Positions beyond the trained ones have no row in a table of learnt positions, which ggml asserts on.
        let max_input = context.n_batch().min(model.n_ctx_train()) as usize;
        Ok(Self {
            context,
            batch: Batch::new(),
            width,
            max_input,
            computed: 0,
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

    /// The most tokens of all inputs of a batch together.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.context.n_batch() as usize
    }

    /// The most inputs of a batch.
    #[must_use]
    pub fn max_inputs(&self) -> usize {
        self.context.n_seq_max() as usize
    }

    /// Computes a row for each input. No input may be empty. `should_abort` is asked as in [`Context::decode`]; after
    /// an abort there are no rows.
    pub fn compute(
        &mut self,
        inputs: &[&[Token]],
        should_abort: &dyn Fn() -> bool,
    ) -> Result<DecodeOutcome, LlamaError> {
        self.computed = 0;
        self.validate(inputs)?;
        self.batch.clear();
        for (seq, input) in inputs.iter().enumerate() {
            for (position, &token) in input.iter().enumerate() {
                self.batch.push(token, position, SeqId(seq as u32), true);
            }
        }
        self.context.clear()?;
        // For models without memory llama.cpp encodes instead, as llama-server has it do.
        let outcome = self.context.decode(&mut self.batch, should_abort)?;
        if outcome == DecodeOutcome::Done {
            self.computed = inputs.len();
        }
        Ok(outcome)
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
        } else if inputs.iter().map(|input| input.len()).sum::<usize>() > self.max_tokens() {
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
        let missing = LlamaError::NoEmbedding { input };
        if input >= self.computed {
            return Err(missing);
        }
        let mut ptr = std::ptr::null_mut();
        shim::call(Operation::ReadEmbeddings, |err| {
            // SAFETY: the context is alive; a sequence without output gives a null pointer.
            unsafe {
                shim::rein_embeddings_seq(self.context.as_ptr(), input as i32, &raw mut ptr, err)
            }
        })?;
        if ptr.is_null() {
            return Err(missing);
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
