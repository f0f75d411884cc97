//! [`PairFormat`]: a query and a document as the tokens that a reranker was trained on.

use crate::engine::pooled::EmbeddingError;
use crate::llama::{LlamaError, Model, Token, TokenizeOptions, Vocab};

/// How a model wants its pairs: as llama.cpp's server writes them, but that what looks like a control token in a
/// query or a document stays text.
pub(super) struct PairFormat<'a> {
    vocab: &'a Vocab,
    query: &'a str,
    /// The file's own template; without one, the tokenizer's special tokens are put around the two texts.
    template: Option<Template>,
}

impl<'a> PairFormat<'a> {
    pub(super) fn new(model: &'a Model, query: &'a str) -> Result<Self, EmbeddingError> {
        let vocab = model.vocab();
        let template = match model.rerank_template() {
            Some(source) => Some(Template::new(vocab, &source)?),
            None if vocab.eos().or(vocab.sep()).is_none() => {
                return Err(EmbeddingError::NoPairFormat);
            }
            None => None,
        };
        Ok(Self {
            vocab,
            query,
            template,
        })
    }

    /// The pair of the query and this document.
    pub(super) fn tokens(&self, document: &str) -> Result<Vec<Token>, LlamaError> {
        match &self.template {
            Some(template) => template.tokens(self.vocab, self.query, document),
            None => self.surrounded(document),
        }
    }

    /// `[BOS] query [EOS] [SEP] document [EOS]`, of which the file says what is there.
    fn surrounded(&self, document: &str) -> Result<Vec<Token>, LlamaError> {
        let vocab = self.vocab;
        let end = vocab.eos().or(vocab.sep()).filter(|_| vocab.adds_eos());
        let mut tokens = Vec::new();
        tokens.extend(vocab.bos().filter(|_| vocab.adds_bos()));
        tokens.extend(tokenize(vocab, self.query, false)?);
        tokens.extend(end);
        tokens.extend(vocab.sep().filter(|_| vocab.adds_sep()));
        tokens.extend(tokenize(vocab, document, false)?);
        tokens.extend(end);
        Ok(tokens)
    }
}

fn tokenize(vocab: &Vocab, text: &str, parse_special: bool) -> Result<Vec<Token>, LlamaError> {
    let options = TokenizeOptions {
        add_special: false,
        parse_special,
    };
    vocab.tokenize(text, options)
}

/// A template in pieces.
struct Template {
    pieces: Vec<Piece>,
    /// Control tokens that the template itself writes.
    n_control: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Query,
    Document,
}

impl Template {
    fn new(vocab: &Vocab, source: &str) -> Result<Self, LlamaError> {
        let pieces = split(source);
        let mut n_control = 0;
        for piece in &pieces {
            if let Piece::Text(text) = piece {
                n_control += count_control(vocab, &tokenize(vocab, text, true)?);
            }
        }
        Ok(Self { pieces, n_control })
    }

    fn tokens(&self, vocab: &Vocab, query: &str, document: &str) -> Result<Vec<Token>, LlamaError> {
        let texts: Vec<(&str, bool)> = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => (text.as_str(), true),
                Piece::Query => (query, false),
                Piece::Document => (document, false),
            })
            .collect();
        // In one go, because tokens reach over the borders of the pieces (": what").
        let whole: String = texts.iter().map(|text| text.0).collect();
        let tokens = tokenize(vocab, &whole, true)?;
        if count_control(vocab, &tokens) == self.n_control {
            return Ok(tokens);
        }
        // Query or document name a control token: they are read apart, as text.
        let mut tokens = Vec::new();
        for (text, parse_special) in texts {
            tokens.extend(tokenize(vocab, text, parse_special)?);
        }
        Ok(tokens)
    }
}

fn count_control(vocab: &Vocab, tokens: &[Token]) -> usize {
    tokens
        .iter()
        .filter(|&&token| vocab.is_control(token))
        .count()
}

/// A template at its places `{query}` and `{document}`.
fn split(source: &str) -> Vec<Piece> {
    let places = [("{query}", Piece::Query), ("{document}", Piece::Document)];
    let mut pieces = Vec::new();
    let mut rest = source;
    loop {
        let next = places
            .iter()
            .filter_map(|(name, piece)| Some((rest.find(name)?, name.len(), piece)))
            .min_by_key(|found| found.0);
        let Some((at, length, piece)) = next else {
            pieces.push(Piece::Text(rest.to_owned()));
            return pieces;
        };
        pieces.push(Piece::Text(rest[..at].to_owned()));
        pieces.push(piece.clone());
        rest = &rest[at + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_split_at_its_places() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let check = |source: &str, expected: &[Piece]| {
            assert_eq!(split(source), expected, "{source:?}");
        };
        check("", &[text("")]);
        check(
            "<q>{query}</q> {document}!",
            &[
                text("<q>"),
                Piece::Query,
                text("</q> "),
                Piece::Document,
                text("!"),
            ],
        );
        check(
            "{document}{query}",
            &[text(""), Piece::Document, text(""), Piece::Query, text("")],
        );
        check("{Query} {doc}", &[text("{Query} {doc}")]);
    }
}
