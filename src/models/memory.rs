//! How much context this machine's memory holds.

use super::gguf::GgufHeader;
use super::kv::kv_bytes;
use crate::llama::KvType;

/// The share of the available memory that KV cells may take when nobody asked for a context length.
const KV_SHARE: f64 = 0.5;

/// The least context that is tried; below it the load fails honestly.
const MIN_CONTEXT: u32 = 4096;

/// The largest context, at most the native one, whose cells for `parallel` runs fit the memory: a
/// multiple of 256 tokens.
pub(super) fn fitting_context(
    header: &GgufHeader,
    native: u32,
    parallel: u32,
    kv_type: KvType,
) -> u32 {
    let Some(available) = available_bytes() else {
        return native;
    };
    fit(native, |context| {
        let bytes = kv_bytes(header, u64::from(context), kv_type)?;
        Some(bytes as f64 * f64::from(parallel) <= available as f64 * KV_SHARE)
    })
}

/// The share of the available memory that prefixes without a sequence may take when nobody asked for a bound.
const HOST_CACHE_SHARE: f64 = 0.1;

/// The most that is taken unasked: more than that should be somebody's decision.
const MAX_HOST_CACHE: usize = 2 << 30;

/// Bytes of host memory for prefixes that have no sequence any more.
pub(super) fn host_cache_bytes() -> usize {
    available_bytes().map_or(MAX_HOST_CACHE / 8, |available| {
        ((available as f64 * HOST_CACHE_SHARE) as usize).min(MAX_HOST_CACHE)
    })
}

/// Halves the context until it fits. Where the cost is unknown the native length is taken.
fn fit(native: u32, fits: impl Fn(u32) -> Option<bool>) -> u32 {
    let mut context = native;
    while context > MIN_CONTEXT && fits(context) == Some(false) {
        context = (context / 2).next_multiple_of(256);
    }
    context
}

/// Memory that can be had without swapping, in bytes; `None` where the system does not say.
fn available_bytes() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_shrinks_until_it_fits_and_no_further_than_the_least() {
        assert_eq!(fit(131_072, |_| Some(true)), 131_072);
        assert_eq!(fit(131_072, |context| Some(context <= 20_000)), 16_384);
        assert_eq!(fit(131_072, |_| Some(false)), 4096);
        assert_eq!(fit(8192, |_| None), 8192);
    }
}
