//! e to the power of numbers that are not positive, for whole rows.

/// Numbers that are computed side by side: what one or two vector registers hold.
pub(super) const LANES: usize = 16;

/// Single-precision sums are kept over this many lanes' worth of numbers, then added in double precision.
const SUM_STEPS: usize = 64;

/// Below this the result counts as 0: it is less than 1e-37 of the largest.
const SMALLEST: f32 = -87.0;

/// Whether [`multiply_add`] rounds once. The kernels on a GPU do as the CPU does.
pub(super) const MULTIPLY_ADD_IS_FUSED: bool = cfg!(target_feature = "fma");

/// e^x for x in -87..=0, within 2e-7 of the value; 0 below. Without branches and calls, so that the compiler
/// makes vector instructions of a loop over it, which it cannot of `f32::exp`.
///
/// 2^n * e^r with |r| <= ln(2) / 2; the polynomial is that of the Cephes library's expf.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding this rounds to a whole number, which is then found in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > SMALLEST { x } else { SMALLEST };
    let rounded = multiply_add(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = multiply_add(n, -LN_2_LOW, multiply_add(n, -LN_2_HIGH, clamped));
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        polynomial = multiply_add(polynomial, r, coefficient);
    }
    let mantissa = multiply_add(polynomial * r, r, r) + 1.0;
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x > SMALLEST { mantissa * scale } else { 0.0 }
}

/// e^x for x of at most 0 (else it is wrong), to the nearest `f32` in all but a few of a million cases; 0 where it
/// is less than half the smallest number.
///
/// `f32::exp` is another function on every platform. This one gives the same bits everywhere, and in a kernel
/// (`kernels/cuda/sampling/arith.cuh`): double precision hides how its operations round.
#[inline]
pub(super) fn nearest_exp(x: f32) -> f32 {
    // Adding this rounds to a whole number.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if x > -104.0 {
        let x = f64::from(x);
        let n = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
        let r = x - n * std::f64::consts::LN_2;
        let series = |sum: f64, coefficient: &f64| sum * r + coefficient;
        let mantissa = INVERSE_FACTORIALS.iter().fold(0.0, series);
        let scale = f64::from_bits(((1023 + n as i64) as u64) << 52);
        (mantissa * scale) as f32
    } else {
        0.0
    }
}

/// 1 / k! for k from 12 down to 0.
const INVERSE_FACTORIALS: [f64; 13] = [
    2.087_675_698_786_81e-9,
    2.505_210_838_544_172e-8,
    2.755_731_922_398_589e-7,
    2.755_731_922_398_589_3e-6,
    2.480_158_730_158_73e-5,
    1.984_126_984_126_984e-4,
    1.388_888_888_888_889e-3,
    8.333_333_333_333_333e-3,
    4.166_666_666_666_666_4e-2,
    1.666_666_666_666_666_6e-1,
    0.5,
    1.0,
    1.0,
];

/// `a * b + c`, in one instruction where the processor that is compiled for has it. (Without it `f32::mul_add` is
/// a call that is many times slower.)
#[inline]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if MULTIPLY_ADD_IS_FUSED {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// The sums of `N` terms of each number of a row.
#[inline]
pub(super) fn sums<const N: usize>(row: &[f32], terms: impl Fn(f32) -> [f32; N]) -> [f64; N] {
    let mut totals = [0.0; N];
    for part in row.chunks(LANES * SUM_STEPS) {
        let mut lanes = [[0.0; LANES]; N];
        let mut steps = part.chunks_exact(LANES);
        for step in &mut steps {
            for lane in 0..LANES {
                let terms = terms(step[lane]);
                for n in 0..N {
                    lanes[n][lane] += terms[n];
                }
            }
        }
        for (lane, &rest) in steps.remainder().iter().enumerate() {
            let terms = terms(rest);
            for n in 0..N {
                lanes[n][lane] += terms[n];
            }
        }
        for (total, lanes) in totals.iter_mut().zip(&lanes) {
            *total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_within_2e_7_of_the_value() {
        for i in 0..=870_000 {
            let x = i as f32 * -1e-4;
            let error = f64::from(exp(x)) / f64::from(x).exp() - 1.0;
            assert!(x <= SMALLEST || error.abs() < 2e-7, "{x}: {error:e}");
        }
    }

    #[test]
    fn the_nearest_is_half_a_unit_from_the_value() {
        for i in 0..=1_040_000 {
            let x = i as f32 * -1e-4;
            let exact = f64::from(x).exp();
            let found = nearest_exp(x);
            // Half of the distance to the next number, and a millionth of it.
            let unit = f64::from(found.next_up()) - f64::from(found);
            let error = (f64::from(found) - exact).abs();
            assert!(error <= unit * 0.500_001, "{x}: {found:e} {exact:e}");
        }
        for (x, expected) in [(0.0, 1.0), (-104.5, 0.0), (f32::NEG_INFINITY, 0.0)] {
            assert_eq!(nearest_exp(x).to_bits(), f32::to_bits(expected), "{x}");
        }
    }

    #[test]
    fn the_ends_are_exact() {
        for (x, expected) in [
            (0.0, 1.0),
            (-87.0, 0.0),
            (-1e30, 0.0),
            (f32::NEG_INFINITY, 0.0),
            (f32::NAN, 0.0),
        ] {
            assert_eq!(exp(x).to_bits(), f32::to_bits(expected), "{x}");
        }
    }

    #[test]
    fn sums_of_any_length_are_complete() {
        for n in [0, 1, 15, 16, 17, 1023, 1024, 1025, 5000] {
            let row: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let expected = f64::from(n) * f64::from(n - 1) / 2.0;
            let [sum, count] = sums(&row, |x| [x, 1.0]);
            assert!((sum - expected).abs() <= expected * 1e-6, "{n}: {sum}");
            assert!((count - f64::from(n)).abs() < 1e-9, "{n}");
        }
    }
}
