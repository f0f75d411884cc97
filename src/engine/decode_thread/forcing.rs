//! Text that a run has to go on with, whatever the model would say: the end of a thought that has grown too long.

use super::DecodeThread;
use crate::engine::events::FinishReason;
use crate::llama::{LlamaError, TokenizeOptions};

/// What came of it.
pub(super) enum Forced {
    /// There is no such text.
    Nothing,
    /// The run has tokens more to compute, before anything is drawn.
    More,
    /// They were its last.
    End(FinishReason),
}

impl DecodeThread {
    /// Adds the text that has to come next to a run's answer. Its tokens are computed together, like those of a prompt.
    pub(super) fn force(&mut self, index: usize) -> Result<Forced, LlamaError> {
        let mut forced = Forced::Nothing;
        while let Some(text) = self.active[index].take_forced() {
            let options = TokenizeOptions {
                add_special: false,
                parse_special: true,
            };
            for token in self.context.model().vocab().tokenize(&text, options)? {
                self.active[index].expect_forced(token);
                if let Some(reason) = self.emit(index, token)? {
                    return Ok(Forced::End(reason));
                }
                forced = Forced::More;
            }
        }
        Ok(forced)
    }
}
