//! [`plan`]: which inputs the next batch computes. A pure function.

/// What bounds a batch.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tokens of a batch of several inputs: a stop of one request lets the others' rows be finished, so this bounds
    /// how long a stop can take.
    pub tokens: usize,
    /// Inputs of a batch.
    pub inputs: usize,
}

/// How many of each request's next inputs the next batch takes. `requests` are in the order of their turns; each
/// gives the lengths of the inputs it still needs, at least one, in tokens.
///
/// The first input of the first request is always taken, however long. Then everybody gives one input in
/// turn, while there is room.
#[must_use]
pub fn plan(requests: &[&[usize]], limits: Limits) -> Vec<usize> {
    let mut counts = vec![0; requests.len()];
    let (mut inputs, mut tokens) = (0, 0);
    loop {
        let before = inputs;
        for (count, lengths) in counts.iter_mut().zip(requests) {
            let Some(length) = lengths.get(*count) else {
                continue;
            };
            let fits = inputs < limits.inputs && tokens + length <= limits.tokens;
            if inputs == 0 || fits {
                *count += 1;
                inputs += 1;
                tokens += length;
            }
        }
        if inputs == before {
            return counts;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        tokens: 40,
        inputs: 5,
    };

    #[test]
    fn a_batch_is_filled_in_turns() {
        let check = |requests: &[&[usize]], expected: &[usize]| {
            assert_eq!(plan(requests, LIMITS), expected, "{requests:?}");
        };
        check(&[], &[]);
        // One request may fill it, up to the most inputs.
        check(&[&[20, 15, 10]], &[2]);
        check(&[&[1; 9]], &[5]);
        // Several share it, one input in turn.
        check(&[&[10, 10, 10], &[10, 10]], &[2, 2]);
        check(&[&[10; 4], &[30]], &[1, 1]);
        check(&[&[1; 9], &[1; 9]], &[3, 2]);
        // A long input is computed alone, and short ones do not wait behind it for their turn.
        check(&[&[300], &[10]], &[1, 0]);
        check(&[&[10], &[300]], &[1, 0]);
        check(&[&[10], &[300], &[20]], &[1, 0, 1]);
    }

    proptest! {
        #[test]
        fn the_first_request_advances_and_no_bound_is_passed(
            requests in proptest::collection::vec(
                proptest::collection::vec(1_usize..200, 1..20), 1..8,
            ),
        ) {
            let views: Vec<&[usize]> = requests.iter().map(Vec::as_slice).collect();
            let counts = plan(&views, LIMITS);
            prop_assert!(counts[0] >= 1);
            let inputs: usize = counts.iter().sum();
            let tokens: usize = views
                .iter()
                .zip(&counts)
                .map(|(lengths, &count)| lengths[..count].iter().sum::<usize>())
                .sum();
            prop_assert!(inputs <= LIMITS.inputs);
            prop_assert!(inputs == 1 || tokens <= LIMITS.tokens);
        }
    }
}
