//! [`verify`]: which drafted tokens are accepted.

use crate::llama::Token;

/// What a step with drafts has drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The drawn tokens: the accepted drafts and one more.
    pub tokens: Vec<Token>,
    /// How many drafts were accepted: the first ones, `tokens.len() - 1`.
    pub accepted: usize,
}

/// Draws from the rows of a verified draft for as long as they follow the draft.
///
/// Row 0 holds the logits after the run's last token, row i + 1 those after `drafted[i]`; so `draw(i)` draws
/// the token that is compared with `drafted[i]`, and row `drafted.len()` follows the whole draft. Rows are
/// drawn in order, each once, up to the first that differs. What is drawn is kept in any case, so k accepted
/// drafts give k + 1 tokens.
///
/// Every kept token is drawn from the model's own logits, with the sampler's own state and random numbers, as
/// it would be without drafts: the distribution of the text is the same, and with a seed so is the text, as far as
/// a row's logits do not depend on how many rows are computed at once.
///
/// `draw` is to let the sampler accept each token that it returns, so that penalties and grammars see it
/// before the next row. Its first error ends the step and is returned; what was drawn before is lost.
pub fn verify<E>(
    drafted: &[Token],
    mut draw: impl FnMut(usize) -> Result<Token, E>,
) -> Result<Verified, E> {
    let mut tokens = Vec::with_capacity(drafted.len() + 1);
    for row in 0..=drafted.len() {
        let token = draw(row)?;
        tokens.push(token);
        if drafted.get(row) != Some(&token) {
            break;
        }
    }
    Ok(Verified {
        accepted: tokens.len() - 1,
        tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{RngCore, SeedableRng};
    use std::convert::Infallible;

    fn tokens(ids: &[i32]) -> Vec<Token> {
        ids.iter().copied().map(Token).collect()
    }

    fn check(drafted: &[i32], drawn: &[i32], kept: &[i32]) {
        let mut rows = Vec::new();
        let verified = verify(&tokens(drafted), |row| {
            rows.push(row);
            Ok::<_, Infallible>(Token(drawn[row]))
        });
        let expected = Verified {
            tokens: tokens(kept),
            accepted: kept.len() - 1,
        };
        assert_eq!(verified, Ok(expected));
        // No random number is spent on a row that is not kept.
        assert_eq!(rows, (0..kept.len()).collect::<Vec<_>>());
    }

    #[test]
    fn drafts_are_accepted_up_to_the_first_that_differs() {
        check(&[], &[7], &[7]);
        check(&[1, 2, 3], &[1, 2, 3, 7], &[1, 2, 3, 7]);
        check(&[1, 2, 3], &[1, 9, 3, 7], &[1, 9]);
        check(&[1, 2, 3], &[9, 2, 3, 7], &[9]);
    }

    #[test]
    fn an_error_of_the_draw_ends_the_step() {
        let failing = |row| {
            if row == 1 {
                Err("no logits")
            } else {
                Ok(Token(1))
            }
        };
        assert_eq!(verify(&tokens(&[1, 2]), failing), Err("no logits"));
    }

    const N: usize = 5;

    /// A toy model: the next token depends on the last alone.
    struct Markov {
        /// Weights of the next token, by the last.
        weights: [[u32; N]; N],
        rng: ChaCha8Rng,
    }

    impl Markov {
        fn new(seed: u64) -> Self {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let weights = std::array::from_fn(|_| std::array::from_fn(|_| 1 + rng.next_u32() % 9));
            Self { weights, rng }
        }

        fn draw(&mut self, last: Token) -> Token {
            let weights = &self.weights[last.index()];
            let mut point = self.rng.next_u32() % weights.iter().sum::<u32>();
            for (id, &weight) in weights.iter().enumerate() {
                if point < weight {
                    return Token(id as i32);
                }
                point -= weight;
            }
            unreachable!("the point is below the sum of the weights")
        }

        /// A text of at least `n` tokens with random drafts. `accept` gets what is drafted and drawn, and
        /// decides what is kept.
        fn text(
            &mut self,
            n: usize,
            seed: u64,
            accept: impl Fn(Option<&Token>, Token) -> Token,
        ) -> Vec<Token> {
            let mut drafts = ChaCha8Rng::seed_from_u64(seed);
            let mut text = vec![Token(0)];
            while text.len() < n {
                let drafted: Vec<Token> = (0..drafts.next_u32() % 4)
                    .map(|_| Token((drafts.next_u32() % N as u32) as i32))
                    .collect();
                let mut last = text[text.len() - 1];
                let verified = verify(&drafted, |row| {
                    last = accept(drafted.get(row), self.draw(last));
                    Ok::<_, Infallible>(last)
                });
                text.extend(verified.unwrap().tokens);
            }
            text.truncate(n);
            text
        }

        /// Pearson's statistic of the text's transitions: chi-square with N * (N - 1) = 20 degrees of
        /// freedom if the text is drawn from the model.
        fn chi_square(&self, text: &[Token]) -> f64 {
            let mut counts = [[0u32; N]; N];
            for pair in text.windows(2) {
                counts[pair[0].index()][pair[1].index()] += 1;
            }
            let rows = counts.iter().zip(&self.weights);
            rows.flat_map(|(counts, weights)| {
                let n = f64::from(counts.iter().sum::<u32>());
                let total = f64::from(weights.iter().sum::<u32>());
                counts.iter().zip(weights).map(move |(&count, &weight)| {
                    let expected = n * f64::from(weight) / total;
                    (f64::from(count) - expected).powi(2) / expected
                })
            })
            .sum()
        }
    }

    /// With 20 degrees of freedom 66 is exceeded once in a million.
    const UNLIKELY: f64 = 66.0;

    #[test]
    fn drafts_do_not_change_the_distribution() {
        for seed in 0..20 {
            let mut model = Markov::new(seed);
            let text = model.text(50_000, seed + 100, |_, drawn| drawn);
            let statistic = model.chi_square(&text);
            assert!(statistic < UNLIKELY, "seed {seed}: {statistic}");
        }
    }

    #[test]
    fn the_test_of_the_distribution_sees_a_wrong_rule() {
        // One that takes the draft where it is the token after the one that was drawn.
        let mut model = Markov::new(1);
        let text = model.text(50_000, 2, |drafted, drawn| match drafted {
            Some(&draft) if draft.0 == drawn.0 + 1 => draft,
            _ => drawn,
        });
        assert!(model.chi_square(&text) > 10.0 * UNLIKELY);
    }

    proptest! {
        #[test]
        fn with_the_same_random_numbers_the_text_is_the_same(seed: u64, draft_seed: u64) {
            let with = Markov::new(seed).text(300, draft_seed, |_, drawn| drawn);
            let mut model = Markov::new(seed);
            let mut without = vec![Token(0)];
            while without.len() < 300 {
                without.push(model.draw(without[without.len() - 1]));
            }
            prop_assert_eq!(with, without);
        }
    }
}
