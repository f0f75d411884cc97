//! [`Vocabulary`]: a model's tokens as llguidance sees them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use toktrie::{INVALID_TOKEN, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use super::ConstraintError;
use crate::llama::{Token, Vocab};

/// Longer tokens are never allowed: the trie has 10 bits for the depth of a node.
const MAX_WORD_BYTES: usize = 1000;

/// What a token is to a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// These bytes of text; they need not be whole characters. Text is matched by literals, classes and
    /// regexes, and by nothing else.
    Text(Vec<u8>),
    /// A control token with its name. A grammar can name it (`<|tool|>`), no text can spell it.
    Control(String),
    /// A control token that ends the answer. Allowed where the constraint is fulfilled.
    End(String),
    /// Never allowed: it has no bytes, or none that a text can hold.
    Unusable,
}

/// A model's vocabulary as a trie. Cheap to clone.
#[derive(Clone)]
pub struct Vocabulary(TokEnv);

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vocabulary").field(&self.len()).finish()
    }
}

impl Vocabulary {
    /// Reads a model's vocabulary: the bytes that a token adds to the answer are the bytes that a
    /// constraint sees.
    pub fn of_model(vocab: &Vocab) -> Result<Self, ConstraintError> {
        let words = (0..vocab.len() as i32)
            .map(|id| word(vocab, Token(id)))
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(&words)
    }

    /// Builds a vocabulary from words, whose positions are the token ids.
    pub fn new(words: &[Word]) -> Result<Self, ConstraintError> {
        let bytes: Vec<Vec<u8>> = words.iter().map(trie_bytes).collect();
        let ends: Vec<TokenId> = (0..)
            .zip(words)
            .filter_map(|(id, word)| matches!(word, Word::End(_)).then_some(id))
            .collect();
        let info = TokRxInfo::new(
            words.len() as u32,
            ends.first().copied().unwrap_or(INVALID_TOKEN),
        );
        // The trie checks its bounds (tokens, bytes) by assertions.
        let trie = catch_unwind(AssertUnwindSafe(|| {
            let trie = TokTrie::from(&info, &bytes);
            match ends.as_slice() {
                [] | [_] => trie,
                ends => trie.with_eos_tokens(ends),
            }
        }));
        let trie = trie.map_err(|_| {
            ConstraintError::Vocabulary("it has too many or too long tokens".to_owned())
        })?;
        Ok(Self(Arc::new(Env(trie))))
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.tok_trie().vocab_size()
    }

    /// True for a model without tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn env(&self) -> &TokEnv {
        &self.0
    }
}

/// The end of an answer comes before what the token says: the engine ends there whatever its text is.
fn word(vocab: &Vocab, token: Token) -> Result<Word, ConstraintError> {
    if vocab.is_end_of_generation(token) {
        return Ok(Word::End(vocab.text(token)?));
    }
    let mut bytes = Vec::new();
    vocab.append_bytes(token, false, &mut bytes)?;
    if !bytes.is_empty() {
        return Ok(Word::Text(bytes));
    }
    if vocab.is_control(token) {
        return Ok(Word::Control(vocab.text(token)?));
    }
    Ok(Word::Unusable)
}

/// Control tokens start with a byte that no text holds, so that neither can be taken for the other.
fn trie_bytes(word: &Word) -> Vec<u8> {
    let bytes = match word {
        // Byte tokens for bytes that are never part of UTF-8 would collide with the marker.
        Word::Text(bytes) if bytes.contains(&TokTrie::SPECIAL_TOKEN_MARKER) => Vec::new(),
        Word::Text(bytes) => bytes.clone(),
        Word::Control(name) | Word::End(name) => {
            let mut bytes = vec![TokTrie::SPECIAL_TOKEN_MARKER];
            bytes.extend_from_slice(name.as_bytes());
            bytes
        }
        Word::Unusable => Vec::new(),
    };
    if bytes.len() > MAX_WORD_BYTES {
        return Vec::new();
    }
    bytes
}

struct Env(TokTrie);

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.0.greedy_tokenize(bytes)
    }

    /// Not the model's own way to split a text, so nothing is forced into it: the model chooses.
    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}
