//! [`Vocab`]: text ↔ tokens.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::{LlamaError, Token, shim};

/// The longest text that is tokenised, in bytes. Far above any context, far below what overflows an int.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// A model's vocabulary. Obtained from [`Model::vocab`](super::Model::vocab), which keeps it alive.
#[derive(Debug)]
pub struct Vocab {
    ptr: NonNull<sys::llama_vocab>,
    n_tokens: usize,
}

/// How a text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenizeOptions {
    /// Add BOS/EOS as the model wants them.
    pub add_special: bool,
    /// Read the texts of control tokens (`<|im_start|>`) as those tokens, not as text.
    pub parse_special: bool,
}

/// What marks the parts of a text whose middle is to be written: `prefix` before what comes first, `suffix` before
/// what comes last, `middle` where the model begins to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InfillTokens {
    /// Before the text that comes first.
    pub prefix: Token,
    /// Before the text that comes last.
    pub suffix: Token,
    /// Before what the model writes.
    pub middle: Token,
}

impl Vocab {
    pub(super) fn as_ptr(&self) -> *const sys::llama_vocab {
        self.ptr.as_ptr()
    }

    /// # Safety
    /// `model` must be a loaded model that outlives the vocabulary.
    pub(super) unsafe fn of_model(model: NonNull<sys::llama_model>) -> Self {
        // SAFETY: guaranteed by the caller; a loaded model always has a vocabulary object.
        let ptr = unsafe { sys::llama_model_get_vocab(model.as_ptr()) };
        let ptr = NonNull::new(ptr.cast_mut()).expect("a loaded model has a vocabulary");
        // SAFETY: a getter on a live vocabulary.
        let n_tokens = unsafe { sys::llama_vocab_n_tokens(ptr.as_ptr()) }.max(0) as usize;
        Self { ptr, n_tokens }
    }

    /// Number of tokens; ids run from 0 to this minus one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_tokens
    }

    /// True for a model without tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_tokens == 0
    }

    /// Checks ids that come from outside.
    pub fn check(&self, tokens: &[Token]) -> Result<(), LlamaError> {
        let bad = tokens
            .iter()
            .find(|token| token.0 < 0 || token.index() >= self.n_tokens);
        match bad {
            Some(&token) => Err(LlamaError::UnknownToken {
                token,
                n_vocab: self.n_tokens,
            }),
            None => Ok(()),
        }
    }

    /// Text → tokens.
    pub fn tokenize(&self, text: &str, options: TokenizeOptions) -> Result<Vec<Token>, LlamaError> {
        self.tokenize_bytes(text.as_bytes(), options)
    }

    /// Bytes → tokens, where the bytes may begin or end inside a character.
    pub fn tokenize_bytes(
        &self,
        text: &[u8],
        options: TokenizeOptions,
    ) -> Result<Vec<Token>, LlamaError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(LlamaError::Unusable {
                what: "the text",
                problem: "is longer than 64 MiB",
            });
        }
        // A token covers at least one byte; two more for BOS and EOS, and room for a space prefix.
        let mut tokens = vec![Token(0); text.len() + 4];
        let mut written = self.tokenize_into(text, options, &mut tokens)?;
        if written < 0 {
            tokens.resize(written.unsigned_abs() as usize, Token(0));
            written = self.tokenize_into(text, options, &mut tokens)?;
        }
        tokens.truncate(written.max(0) as usize);
        Ok(tokens)
    }

    fn tokenize_into(
        &self,
        text: &[u8],
        options: TokenizeOptions,
        tokens: &mut [Token],
    ) -> Result<i32, LlamaError> {
        let mut written = 0;
        shim::call(Operation::Tokenize, |err| {
            // SAFETY: text and tokens are valid for the lengths passed, which fit an i32 (checked
            // above); `Token` is a transparent i32.
            unsafe {
                shim::rein_tokenize(
                    self.ptr.as_ptr(),
                    text.as_ptr().cast(),
                    text.len() as i32,
                    tokens.as_mut_ptr().cast(),
                    tokens.len() as i32,
                    options.add_special,
                    options.parse_special,
                    &raw mut written,
                    err,
                )
            }
        })?;
        Ok(written)
    }

    /// Appends the bytes of a token to `out`: they need not be whole characters. Control tokens have no
    /// bytes unless `special` is set. An id outside the vocabulary appends nothing.
    pub fn append_bytes(
        &self,
        token: Token,
        special: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), LlamaError> {
        self.check(&[token])?;
        let start = out.len();
        let mut room = 32;
        loop {
            out.resize(start + room, 0);
            let mut written = 0;
            shim::call(Operation::TokenToPiece, |err| {
                // SAFETY: the buffer is valid for `room` bytes and the token is in the vocabulary.
                unsafe {
                    shim::rein_token_to_piece(
                        self.ptr.as_ptr(),
                        token.0,
                        out.as_mut_ptr().add(start).cast(),
                        room as i32,
                        special,
                        &raw mut written,
                        err,
                    )
                }
            })?;
            if written >= 0 {
                out.truncate(start + written as usize);
                return Ok(());
            }
            room = written.unsigned_abs() as usize;
        }
    }

    /// Appends the text that llama.cpp makes of a token alone: that of [`Self::append_bytes`] with `special`,
    /// cleaned of spaces where the tokenizer wants that.
    pub fn append_detokenized(&self, token: Token, out: &mut Vec<u8>) -> Result<(), LlamaError> {
        self.check(&[token])?;
        let start = out.len();
        let mut room = 64;
        loop {
            out.resize(start + room, 0);
            let mut written = 0;
            shim::call(Operation::Detokenize, |err| {
                // SAFETY: the buffer is valid for `room` bytes, and the one token is in the vocabulary.
                unsafe {
                    shim::rein_detokenize(
                        self.ptr.as_ptr(),
                        &raw const token.0,
                        1,
                        out.as_mut_ptr().add(start).cast(),
                        room as i32,
                        false,
                        true,
                        &raw mut written,
                        err,
                    )
                }
            })?;
            if written >= 0 {
                out.truncate(start + written as usize);
                return Ok(());
            }
            room = written.unsigned_abs() as usize;
        }
    }

    /// The text of a token, control tokens included; bytes that are no characters are replaced.
    pub fn text(&self, token: Token) -> Result<String, LlamaError> {
        let mut bytes = Vec::new();
        self.append_bytes(token, true, &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The text of tokens one after the other, as [`Self::text`] gives it; characters may be spread over several.
    pub fn text_of(&self, tokens: &[Token]) -> Result<String, LlamaError> {
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        for &token in tokens {
            self.append_bytes(token, true, &mut piece)?;
            bytes.append(&mut piece);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// True for tokens that end an answer (EOS, end of turn, …).
    #[must_use]
    pub fn is_end_of_generation(&self, token: Token) -> bool {
        // SAFETY: a getter on a live vocabulary, with an id that is checked first.
        self.check(&[token]).is_ok()
            && unsafe { sys::llama_vocab_is_eog(self.ptr.as_ptr(), token.0) }
    }

    /// All tokens that end an answer.
    pub fn ends(&self) -> impl Iterator<Item = Token> + '_ {
        (0..self.n_tokens as i32)
            .map(Token)
            .filter(|&token| self.is_end_of_generation(token))
    }

    /// True for tokens that steer the model and are not text.
    #[must_use]
    pub fn is_control(&self, token: Token) -> bool {
        // SAFETY: as in `is_end_of_generation`.
        self.check(&[token]).is_ok()
            && unsafe { sys::llama_vocab_is_control(self.ptr.as_ptr(), token.0) }
    }

    /// The texts of all control tokens: what user text must not be able to say.
    pub fn control_texts(&self) -> Result<Vec<String>, LlamaError> {
        (0..self.n_tokens as i32)
            .map(Token)
            .filter(|&token| self.is_control(token))
            .map(|token| self.text(token))
            .filter(|text| text.as_ref().map_or(true, |text| !text.is_empty()))
            .collect()
    }

    /// Tokens that the file says must never be drawn.
    #[must_use]
    pub fn suppressed(&self) -> &[Token] {
        let mut count = 0;
        // SAFETY: a getter on a live vocabulary, which keeps the list for as long as it lives.
        let ptr =
            unsafe { sys::llama_vocab_get_suppress_tokens(self.ptr.as_ptr(), &raw mut count) };
        if ptr.is_null() || count <= 0 {
            return &[];
        }
        // SAFETY: llama.cpp gives `count` ids, and `Token` is a transparent i32.
        unsafe { std::slice::from_raw_parts(ptr.cast(), count as usize) }
    }

    /// Beginning of sequence.
    #[must_use]
    pub fn bos(&self) -> Option<Token> {
        // SAFETY: a getter on a live vocabulary.
        self.known(unsafe { sys::llama_vocab_bos(self.ptr.as_ptr()) })
    }

    /// End of sequence.
    #[must_use]
    pub fn eos(&self) -> Option<Token> {
        // SAFETY: a getter on a live vocabulary.
        self.known(unsafe { sys::llama_vocab_eos(self.ptr.as_ptr()) })
    }

    /// True where the tokenizer is asked by the file to put BOS before a text.
    #[must_use]
    pub fn adds_bos(&self) -> bool {
        // SAFETY: a getter on a live vocabulary.
        unsafe { sys::llama_vocab_get_add_bos(self.ptr.as_ptr()) }
    }

    /// What separates the two texts of a pair.
    #[must_use]
    pub fn sep(&self) -> Option<Token> {
        // SAFETY: a getter on a live vocabulary.
        self.known(unsafe { sys::llama_vocab_sep(self.ptr.as_ptr()) })
    }

    /// True where the tokenizer is asked by the file to put EOS after a text.
    #[must_use]
    pub fn adds_eos(&self) -> bool {
        // SAFETY: a getter on a live vocabulary.
        unsafe { sys::llama_vocab_get_add_eos(self.ptr.as_ptr()) }
    }

    /// True where the tokenizer is asked by the file to put [`Self::sep`] between the texts of a pair.
    #[must_use]
    pub fn adds_sep(&self) -> bool {
        // SAFETY: a getter on a live vocabulary.
        unsafe { sys::llama_vocab_get_add_sep(self.ptr.as_ptr()) }
    }

    /// The tokens for writing a middle; `None` unless the model has all three.
    #[must_use]
    pub fn infill(&self) -> Option<InfillTokens> {
        let vocab = self.ptr.as_ptr();
        // SAFETY: getters on a live vocabulary.
        let (prefix, suffix, middle) = unsafe {
            (
                sys::llama_vocab_fim_pre(vocab),
                sys::llama_vocab_fim_suf(vocab),
                sys::llama_vocab_fim_mid(vocab),
            )
        };
        Some(InfillTokens {
            prefix: self.known(prefix)?,
            suffix: self.known(suffix)?,
            middle: self.known(middle)?,
        })
    }

    /// llama.cpp uses -1 for "none".
    fn known(&self, id: i32) -> Option<Token> {
        self.check(&[Token(id)]).is_ok().then_some(Token(id))
    }
}
