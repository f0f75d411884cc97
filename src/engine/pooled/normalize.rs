//! [`Normalize`]: how an embedding is scaled.

/// How an embedding is scaled, by llama.cpp's `embd_normalize` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalize {
    /// As the model computed it (-1).
    None,
    /// So that the largest magnitude is 32,760, which fits 16-bit integers (0).
    MaxAbsolute,
    /// To length 1 (2).
    #[default]
    Euclidean,
    /// To p-norm 1 (1 is the taxicab norm; 3 and more).
    P(u16),
}

impl Normalize {
    /// From `embd_normalize`; `None` for numbers below -1 and above 65,535, which have no meaning.
    #[must_use]
    pub fn from_embd_normalize(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::None),
            0 => Some(Self::MaxAbsolute),
            2 => Some(Self::Euclidean),
            p => u16::try_from(p).ok().map(Self::P),
        }
    }

    /// Scales a row in place. A row of zeros stays one.
    pub fn apply(self, row: &mut [f32]) {
        let wide = row.iter().map(|&x| f64::from(x));
        let norm = match self {
            Self::None => return,
            Self::MaxAbsolute => wide.fold(0.0, |most, x| x.abs().max(most)) / 32_760.0,
            Self::Euclidean => wide.map(|x| x * x).sum::<f64>().sqrt(),
            Self::P(p) => {
                let p = f64::from(p.max(1));
                wide.map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p)
            }
        };
        let scale = if norm > 0.0 { (1.0 / norm) as f32 } else { 0.0 };
        for x in row {
            *x *= scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scaled_as_embd_normalize_says() {
        let check = |number: i64, expected: [f32; 3]| {
            let mut row = [3.0, -4.0, 0.0];
            Normalize::from_embd_normalize(number)
                .unwrap()
                .apply(&mut row);
            for (got, wanted) in row.iter().zip(expected) {
                let error = (got - wanted).abs();
                assert!(error <= 1e-6 * wanted.abs(), "{number}: {row:?}");
            }
        };
        check(-1, [3.0, -4.0, 0.0]);
        check(0, [24_570.0, -32_760.0, 0.0]);
        check(1, [3.0 / 7.0, -4.0 / 7.0, 0.0]);
        check(2, [0.6, -0.8, 0.0]);
        let cube = 91_f32.cbrt();
        check(3, [3.0 / cube, -4.0 / cube, 0.0]);
    }

    #[test]
    fn zeros_stay_zeros_and_other_numbers_mean_nothing() {
        for number in -1..=4 {
            let mut row = [0.0_f32; 4];
            Normalize::from_embd_normalize(number)
                .unwrap()
                .apply(&mut row);
            assert_eq!(row.map(f32::to_bits), [0; 4]);
        }
        for number in [-2, 65_536, i64::MIN, i64::MAX] {
            assert_eq!(Normalize::from_embd_normalize(number), None);
        }
    }
}
