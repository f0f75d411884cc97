//! Sizes and places of tensor data: whole blocks, no overflow, one after another, inside the file.

use std::collections::BTreeMap;

use super::error::GgufError;
use super::tensor::{GgmlType, TensorInfo};
use super::value::GgufValue;

/// Alignment of the data section where the file does not say.
const DEFAULT_ALIGNMENT: u32 = 32;
/// ggml maps tensors in place and aborts on an address that is not a multiple of this.
const MAP_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u32 = 1 << 20;

/// Alignment of the data section, checked.
pub(super) fn alignment(metadata: &BTreeMap<String, GgufValue>) -> Result<u32, GgufError> {
    const KEY: &str = "general.alignment";
    match metadata.get(KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(&GgufValue::U32(n)) if n.is_power_of_two() && n <= MAX_ALIGNMENT => Ok(n),
        Some(&GgufValue::U32(n)) => Err(GgufError::value(
            KEY,
            format!("{n} is not a power of two up to {MAX_ALIGNMENT}"),
        )),
        Some(_) => Err(GgufError::value(
            KEY,
            "it must be an unsigned 32-bit number",
        )),
    }
}

/// Bytes of a tensor's data, after checking that rows are whole blocks and nothing overflows i64
/// (ggml computes sizes in signed 64 bits).
pub(super) fn size_of_data(
    name: &str,
    dims: [u64; 4],
    ggml_type: GgmlType,
) -> Result<u64, GgufError> {
    let blocks = ggml_type.block_elements;
    if !dims[0].is_multiple_of(blocks) {
        let reason = format!(
            "its rows have {} elements, not a multiple of {blocks} as type {} needs",
            dims[0], ggml_type.name
        );
        return Err(GgufError::tensor(name, reason));
    }
    dims.iter()
        .try_fold(1_i64, |n, &dim| n.checked_mul(i64::try_from(dim).ok()?))
        .and_then(|n| (n as u64 / blocks).checked_mul(ggml_type.block_bytes))
        .filter(|&bytes| i64::try_from(bytes).is_ok())
        .ok_or_else(|| GgufError::tensor(name, format!("its size {dims:?} overflows")))
}

/// Checks that the data of the tensors follow one another, padded, and lie inside the file.
pub(super) fn place(
    tensors: &[TensorInfo],
    data_offset: u64,
    alignment: u32,
    len: u64,
) -> Result<(), GgufError> {
    let available = len.saturating_sub(data_offset);
    let mut expected = 0_u64;
    for tensor in tensors {
        if tensor.offset != expected {
            let reason = format!(
                "its data is said to be at {}, but by the sizes before it, it is at {expected}",
                tensor.offset
            );
            return Err(GgufError::tensor(&tensor.name, reason));
        }
        let left = available.saturating_sub(expected);
        if tensor.size > left {
            return Err(GgufError::Truncated {
                what: format!("the data of tensor '{}'", tensor.name),
                offset: data_offset + expected,
                need: tensor.size,
                left,
            });
        }
        if !(data_offset + expected).is_multiple_of(MAP_ALIGNMENT) {
            let reason = format!(
                "its data is at {}, not a multiple of {MAP_ALIGNMENT}, which ggml cannot map",
                data_offset + expected
            );
            return Err(GgufError::tensor(&tensor.name, reason));
        }
        // Cannot overflow: it exceeds the length of the file by less than the alignment.
        expected += tensor.size.next_multiple_of(alignment.into());
    }
    Ok(())
}
