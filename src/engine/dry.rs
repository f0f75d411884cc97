//! [`DryCache`]: the sequence breakers of DRY as tokens of a model.

use std::sync::{Arc, Mutex, PoisonError};

use crate::llama::{LlamaError, TokenizeOptions, Vocab};
use crate::sampling::DryBreakers;

/// The breakers that were looked up last. Looking them up searches every text of the vocabulary, and nearly
/// every request that uses DRY names the same.
#[derive(Debug, Default)]
pub(super) struct DryCache {
    last: Mutex<Option<(Vec<String>, Arc<DryBreakers>)>>,
}

impl DryCache {
    pub(super) fn breakers(
        &self,
        vocab: &Vocab,
        texts: &[String],
    ) -> Result<Arc<DryBreakers>, LlamaError> {
        // Held while searching, so that many requests at once search once.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, breakers)) = &*last
            && known == texts
        {
            return Ok(breakers.clone());
        }
        let breakers = Arc::new(dry_breakers(vocab, texts)?);
        *last = Some((texts.to_vec(), breakers.clone()));
        Ok(breakers)
    }
}

/// Sequence breakers of DRY as tokens of a vocabulary. Takes up to a tenth of a second at 262k tokens.
pub fn dry_breakers(vocab: &Vocab, texts: &[String]) -> Result<DryBreakers, LlamaError> {
    let options = TokenizeOptions {
        add_special: false,
        parse_special: false,
    };
    DryBreakers::find(
        texts,
        vocab.len(),
        |token, out| vocab.append_detokenized(token, out),
        |text| vocab.tokenize_bytes(text, options),
    )
}
