//! The products of `kernels/cpu/quant_gemm.h` beside those of the formats as they are defined.

use proptest::prelude::*;

use super::super::shim;

/// A block format of GGUF files, as ggml's `ggml-common.h` lays it out.
#[derive(Debug, Clone, Copy)]
struct Format {
    gguf_type: i32,
    block_bytes: usize,
    /// The weights of a block, from its bytes.
    weights: fn(&[u8]) -> [f64; 32],
}

const FORMATS: [Format; 5] = [
    Format {
        gguf_type: 2,
        block_bytes: 18,
        weights: |b| std::array::from_fn(|i| half(b) * (nibble(&b[2..], i) - 8.0)),
    },
    Format {
        gguf_type: 3,
        block_bytes: 20,
        weights: |b| std::array::from_fn(|i| half(b) * nibble(&b[4..], i) + half(&b[2..])),
    },
    Format {
        gguf_type: 6,
        block_bytes: 22,
        weights: |b| {
            std::array::from_fn(|i| half(b) * (nibble(&b[6..], i) + fifth(&b[2..], i) - 16.0))
        },
    },
    Format {
        gguf_type: 7,
        block_bytes: 24,
        weights: |b| {
            std::array::from_fn(|i| {
                half(b) * (nibble(&b[8..], i) + fifth(&b[4..], i)) + half(&b[2..])
            })
        },
    },
    Format {
        gguf_type: 8,
        block_bytes: 34,
        weights: |b| std::array::from_fn(|i| half(b) * f64::from(b[2 + i] as i8)),
    },
];

/// A half-precision number; the tests write only normal ones.
fn half(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 31) - 15;
    sign * (1.0 + f64::from(bits & 1023) / 1024.0) * 2f64.powi(exponent)
}

/// The low nibbles are the first 16 weights, the high ones the others.
fn nibble(bytes: &[u8], i: usize) -> f64 {
    f64::from((bytes[i % 16] >> (4 * (i / 16))) & 15)
}

fn fifth(bytes: &[u8], i: usize) -> f64 {
    f64::from((bytes[i / 8] >> (i % 8)) & 1) * 16.0
}

/// Random blocks whose halves are numbers between 2^-7 and 2^-3.
fn blocks(format: Format, n: usize, source: &mut impl FnMut() -> u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..n * format.block_bytes).map(|_| source()).collect();
    let has_minimum = matches!(format.gguf_type, 3 | 7);
    for block in bytes.chunks_mut(format.block_bytes) {
        for at in if has_minimum { &[1, 3][..] } else { &[1] } {
            block[*at] = 0x20 | (block[*at] & 0x8F);
        }
    }
    bytes
}

/// The product of a row and a column, and the sum of its parts' magnitudes.
fn exact(format: Format, row: &[u8], column: &[f32]) -> (f64, f64) {
    let weights = row
        .chunks(format.block_bytes)
        .flat_map(|b| (format.weights)(b));
    weights
        .zip(column)
        .fold((0.0, 0.0), |(sum, size), (w, &x)| {
            let product = w * f64::from(x);
            (sum + product, size + product.abs())
        })
}

fn check(format: Format, blocks_deep: usize, panels: usize, columns: usize, seed: u64) {
    let mut state = seed | 1;
    let mut source = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let (depth, rows) = (32 * blocks_deep, 16 * panels);
    let weights = blocks(format, rows * blocks_deep, &mut source);
    let activations: Vec<f32> = (0..depth * columns)
        .map(|_| f32::from(source() as i8) / 50.0)
        .collect();
    let row_bytes = blocks_deep * format.block_bytes;
    let multiply = |activations: &[f32]| {
        let columns = activations.len() / depth;
        let mut out = vec![f32::NAN; rows * columns];
        // SAFETY: the weights are `rows` rows of whole blocks of the format, the activations `columns` columns
        // of `depth` floats, and `out` has room for every product.
        let done = unsafe {
            shim::rein_quant_gemm(
                format.gguf_type,
                depth as i64,
                rows as i64,
                columns as i64,
                weights.as_ptr().cast(),
                row_bytes,
                activations.as_ptr(),
                out.as_mut_ptr(),
            )
        };
        done.then_some(out)
    };
    let Some(all) = multiply(&activations) else {
        eprintln!("skipped: this CPU has no AVX-512 VNNI");
        return;
    };
    for (n, column) in activations.chunks(depth).enumerate() {
        for (m, row) in weights.chunks(row_bytes).enumerate() {
            let (expected, size) = exact(format, row, column);
            // Activations are rounded to 8 bits of the largest of their block.
            let error = (f64::from(all[n * rows + m]) - expected).abs();
            assert!(
                error <= 0.01 * size + 1e-6,
                "{format:?} row {m} column {n}: {} instead of {expected}",
                all[n * rows + m]
            );
        }
        let alone = multiply(column).expect("it was multiplied before");
        assert_eq!(alone, all[n * rows..][..rows], "column {n} alone");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_are_those_of_the_formats_and_the_same_alone(
        format in prop::sample::select(&FORMATS[..]),
        blocks_deep in 1usize..6,
        panels in 1usize..4,
        columns in 1usize..20,
        seed: u64,
    ) {
        check(format, blocks_deep, panels, columns, seed);
    }
}

#[test]
fn shapes_and_formats_that_are_not_for_the_kernels_are_refused() {
    for (gguf_type, depth, rows, columns) in [
        (8, 31, 16, 1),
        (8, 32, 15, 1),
        (8, 32, 16, 0),
        (8, 0, 16, 1),
        (0, 32, 16, 1),
        (14, 256, 16, 1),
    ] {
        let (weights, activations) = (vec![0u8; 8192], vec![0f32; 256]);
        let mut out = vec![0f32; 16];
        // SAFETY: the buffers are larger than any of these shapes needs.
        let done = unsafe {
            shim::rein_quant_gemm(
                gguf_type,
                depth,
                rows,
                columns,
                weights.as_ptr().cast(),
                34,
                activations.as_ptr(),
                out.as_mut_ptr(),
            )
        };
        assert!(!done, "type {gguf_type}, {depth} x {rows} x {columns}");
    }
}
