//! Rows in each of the formats, drawn from by the reference.

#![expect(unsafe_code, reason = "the reference reads rows by address")]

use super::layout::NumberFormat;
use super::reference::ReferenceSampler;
use super::{Logits, RowRequest, RowResult, Upload};

/// A row of logits in one of the formats.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    F16(Vec<u16>),
    BF16(Vec<u16>),
}

impl Numbers {
    fn logits(&self) -> Logits {
        let (address, len) = match self {
            Self::F32(row) => (row.as_ptr() as u64, row.len()),
            Self::F16(row) | Self::BF16(row) => (row.as_ptr() as u64, row.len()),
        };
        Logits { address, len }
    }

    fn format(&self) -> NumberFormat {
        match self {
            Self::F32(_) => NumberFormat::F32,
            Self::F16(_) => NumberFormat::F16,
            Self::BF16(_) => NumberFormat::BF16,
        }
    }
}

/// Draws from rows of one format. `order` is that in which the threads of a block run.
pub(super) fn draw(rows: &[(&Numbers, RowRequest<'_>)], order: u32) -> Vec<RowResult> {
    let mut upload = Upload::default();
    let format = rows
        .first()
        .map_or(NumberFormat::F32, |(row, _)| row.format());
    for (row, request) in rows {
        assert_eq!(row.format(), format);
        assert!(row.logits().len > 0);
        upload.push(row.logits(), request);
    }
    let mut sampler = ReferenceSampler::default();
    // SAFETY: the upload names the rows of `rows`, which outlive the call.
    unsafe { sampler.draw(&mut upload, format, order) }.to_vec()
}
