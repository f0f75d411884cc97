//! A vocabulary for these tests.

use std::sync::Arc;

use llguidance::ParserFactory;
use toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

/// One token a byte, then one a control token.
#[derive(Clone)]
pub(super) struct Bytes {
    trie: TokTrie,
    pub(super) control: Vec<String>,
}

impl TokenizerEnv for Bytes {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        bytes.iter().map(|&byte| TokenId::from(byte)).collect()
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

impl Bytes {
    pub(super) fn new(control: &[&str]) -> Self {
        let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        words[usize::from(TokTrie::SPECIAL_TOKEN_MARKER)] = Vec::new();
        let names = std::iter::once("<|end|>").chain(control.iter().copied());
        for name in names {
            let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
            word.extend_from_slice(name.as_bytes());
            words.push(word);
        }
        Self {
            trie: TokTrie::from(&TokRxInfo::new(words.len() as u32, 256), &words),
            control: control.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    pub(super) fn factory(&self) -> ParserFactory {
        let env: TokEnv = Arc::new(self.clone());
        let mut factory = ParserFactory::new_simple(&env).expect("a small vocabulary");
        factory.quiet();
        factory
    }

    pub(super) fn id(&self, name: &str) -> Option<u32> {
        let position = self.control.iter().position(|known| known == name)?;
        Some(257 + position as u32)
    }

    /// The tokens of a text in which control tokens are spelt.
    pub(super) fn tokens(&self, text: &str) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let control = self
                .control
                .iter()
                .find(|name| rest.starts_with(name.as_str()));
            if let Some(name) = control {
                tokens.extend(self.id(name));
                rest = &rest[name.len()..];
            } else {
                tokens.extend(self.tokenize_bytes(&rest.as_bytes()[..c.len_utf8()]));
                rest = &rest[c.len_utf8()..];
            }
        }
        tokens
    }
}
