//! `kernels/cpu/attention.h` beside attention as it is defined, in double precision.

use proptest::prelude::*;

use super::super::shim;

#[derive(Debug, Clone, Copy)]
struct Shape {
    size: usize,
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    cells: usize,
    sequences: usize,
}

/// What is attended to: everything without gaps, halves as their bits.
struct Input {
    queries: Vec<f32>,
    keys: Vec<u16>,
    values: Vec<u16>,
    mask: Vec<u16>,
}

const INVISIBLE: u16 = 0xFC00;

/// Multiples of 1/64 between -2 and 2, which are exact as halves.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 31);
    let fraction = f64::from(bits & 1023) / 1024.0;
    sign * if exponent == 0 {
        fraction * 2f64.powi(-14)
    } else {
        (1.0 + fraction) * 2f64.powi(exponent - 15)
    }
}

fn input(shape: Shape, seed: u64) -> Input {
    let mut state = seed | 1;
    let mut source = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 48) as u16
    };
    let Shape {
        size,
        tokens,
        heads,
        kv_heads,
        cells,
        sequences,
    } = shape;
    // Halves from 2^-6 to 2, of either sign.
    let mut halves = |n: usize| -> Vec<u16> {
        let half = |bits: u16| (bits & 0x83FF) | ((9 + (bits >> 10) % 7) << 10);
        (0..n).map(|_| half(source())).collect()
    };
    let keys = halves(size * kv_heads * cells * sequences);
    let values = halves(size * kv_heads * cells * sequences);
    let queries = halves(size * heads * tokens * sequences);
    // Some see everything, some nothing, most a window with holes.
    let mut mask = Vec::new();
    for _ in 0..tokens * sequences {
        let (from, to, kind) = (source(), source(), source() % 8);
        let (from, to) = (from as usize % cells, to as usize % (cells + 1));
        mask.extend((0..cells).map(|cell| match kind {
            0 => 0,
            1 => INVISIBLE,
            _ if (from..to.max(from + 1)).contains(&cell) && cell % 5 != 0 => 0,
            _ => INVISIBLE,
        }));
    }
    Input {
        queries: queries.into_iter().map(|bits| half(bits) as f32).collect(),
        keys,
        values,
        mask,
    }
}

/// With parts of the cells apart, as threads share them, or one after the other.
fn kernel(shape: Shape, input: &Input, apart: bool) -> Option<Vec<f32>> {
    let mut out = vec![f32::NAN; shape.size * shape.heads * shape.tokens * shape.sequences];
    // SAFETY: the vectors have the lengths that the shape says (`input`), and so has `out`.
    let done = unsafe {
        shim::rein_attention(
            shape.size as i64,
            shape.tokens as i64,
            shape.heads as i64,
            shape.kv_heads as i64,
            shape.cells as i64,
            shape.sequences as i64,
            input.queries.as_ptr(),
            input.keys.as_ptr(),
            input.values.as_ptr(),
            input.mask.as_ptr(),
            if apart { usize::MAX } else { 0 },
            out.as_mut_ptr(),
        )
    };
    done.then_some(out)
}

/// One token and head: scores are products by the root of the size.
fn exact(shape: Shape, input: &Input, sequence: usize, token: usize, head: usize) -> Vec<f64> {
    let size = shape.size;
    let kv_head = head / (shape.heads / shape.kv_heads);
    let row = sequence * shape.tokens + token;
    let query = &input.queries[(row * shape.heads + head) * size..][..size];
    let at = |cell: usize| ((sequence * shape.cells + cell) * shape.kv_heads + kv_head) * size;
    let visible = (0..shape.cells).filter(|cell| input.mask[row * shape.cells + cell] != INVISIBLE);
    let scores: Vec<(usize, f64)> = visible
        .map(|cell| {
            let key = &input.keys[at(cell)..][..size];
            let products = query.iter().zip(key).map(|(&q, &k)| f64::from(q) * half(k));
            (cell, products.sum::<f64>() / (size as f64).sqrt())
        })
        .collect();
    let largest = scores
        .iter()
        .map(|&(_, score)| score)
        .fold(f64::MIN, f64::max);
    let total: f64 = scores
        .iter()
        .map(|(_, score)| (score - largest).exp())
        .sum();
    let mut out = vec![0.0; size];
    for (cell, score) in scores {
        let weight = (score - largest).exp() / total;
        for (sum, &value) in out.iter_mut().zip(&input.values[at(cell)..][..size]) {
            *sum += weight * half(value);
        }
    }
    out
}

fn check(shape: Shape, seed: u64) {
    let input = input(shape, seed);
    let Some(all) = kernel(shape, &input, true) else {
        eprintln!("skipped: this CPU has no AVX-512 VNNI");
        return;
    };
    let in_turn = kernel(shape, &input, false).expect("it was computed before");
    assert_eq!(in_turn, all, "{shape:?}: parts one after the other");
    let mut rows = all.chunks(shape.size);
    for sequence in 0..shape.sequences {
        for token in 0..shape.tokens {
            for head in 0..shape.heads {
                let expected = exact(shape, &input, sequence, token, head);
                let row = rows.next().expect("one for each");
                for (i, (&got, expected)) in row.iter().zip(expected).enumerate() {
                    assert!(
                        (f64::from(got) - expected).abs() < 2e-5,
                        "{shape:?} sequence {sequence} token {token} head {head} element {i}: {got}, not {expected}"
                    );
                }
            }
        }
    }
    let per_token = shape.size * shape.heads;
    let last = Input {
        queries: input.queries[input.queries.len() - per_token..].to_vec(),
        keys: input.keys[input.keys.len() / shape.sequences * (shape.sequences - 1)..].to_vec(),
        values: input.values[input.values.len() / shape.sequences * (shape.sequences - 1)..]
            .to_vec(),
        mask: input.mask[input.mask.len() - shape.cells..].to_vec(),
    };
    let alone = Shape {
        tokens: 1,
        sequences: 1,
        ..shape
    };
    let alone = kernel(alone, &last, true).expect("it was computed before");
    assert_eq!(alone, all[all.len() - per_token..], "the last token alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attention_is_what_it_is_defined_to_be_and_the_same_for_a_token_alone(
        size in prop::sample::select(&[16usize, 64, 80, 256][..]),
        tokens in 1usize..20,
        kv_heads in 1usize..4,
        group in 1usize..6,
        cells in 1usize..80,
        sequences in 1usize..3,
        seed: u64,
    ) {
        let shape = Shape { size, tokens, heads: kv_heads * group, kv_heads, cells: 16 * cells, sequences };
        check(shape, seed);
    }
}

#[test]
fn sizes_that_are_not_for_the_kernel_are_refused() {
    let good = Shape {
        size: 64,
        tokens: 1,
        heads: 4,
        kv_heads: 2,
        cells: 32,
        sequences: 1,
    };
    for bad in [
        Shape { size: 24, ..good },
        Shape { size: 512, ..good },
        Shape { heads: 3, ..good },
        Shape { cells: 40, ..good },
        Shape { cells: 0, ..good },
    ] {
        let room = Shape {
            size: 512,
            cells: 64,
            ..good
        };
        assert!(kernel(bad, &input(room, 1), true).is_none(), "{bad:?}");
    }
}
