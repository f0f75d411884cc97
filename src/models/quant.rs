//! Quantisation labels in file names (`Q4_K_M`, `UD-Q4_K_XL`), their order of preference, and the names
//! of the files of a split model.

use std::cmp::Reverse;

/// Labels from the most to the least preferred.
pub const PREFERENCE: &[&str] = &[
    "UD-Q4_K_XL",
    "UD-Q4_K_L",
    "UD-Q5_K_XL",
    "UD-Q3_K_XL",
    "UD-Q6_K_XL",
    "UD-Q6_K_S",
    "UD-Q8_K_XL",
    "UD-Q2_K_XL",
    "UD-IQ4_NL",
    "UD-IQ4_XS",
    "UD-IQ3_S",
    "UD-IQ3_XXS",
    "UD-IQ2_M",
    "UD-IQ2_XXS",
    "UD-IQ1_M",
    "UD-IQ1_S",
    "Q4_K_M",
    "Q4_K_S",
    "Q5_K_M",
    "Q5_K_S",
    "Q6_K",
    "Q8_0",
    "Q3_K_M",
    "Q3_K_L",
    "Q3_K_S",
    "Q2_K",
    "Q2_K_L",
    "IQ4_NL",
    "IQ4_XS",
    "IQ3_M",
    "IQ3_XXS",
    "IQ2_M",
    "IQ1_M",
    "F16",
    "BF16",
    "F32",
];

/// Index of the label to load when nobody chose: the most preferred one that is there, else the first.
/// `None` for an empty list.
#[must_use]
pub fn preferred<S: AsRef<str>>(labels: &[S]) -> Option<usize> {
    let position = |wanted: &str| {
        labels
            .iter()
            .position(|label| label.as_ref().eq_ignore_ascii_case(wanted))
    };
    PREFERENCE
        .iter()
        .find_map(|wanted| position(wanted))
        .or((!labels.is_empty()).then_some(0))
}

/// The label of a file name, with or without directory, extension and shard suffix. Known labels come back
/// in capitals; a name without one gives its last part after a `-`, as it is written.
#[must_use]
pub fn quant_label(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = match split_shard(name) {
        Some((prefix, _, _)) => prefix,
        None => strip_gguf(name),
    };
    let upper = stem.to_ascii_uppercase();
    let bytes = upper.as_bytes();
    (0..bytes.len())
        .filter(|&at| at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
        .filter_map(|at| Some((at, label_at(&bytes[at..])?)))
        // The longest wins (`UD-Q4_K_XL` over `Q4_K_XL`); of two, the last.
        .min_by_key(|&(at, len)| (Reverse(at + len), Reverse(len)))
        .map_or_else(
            || stem.rsplit('-').next().unwrap_or(stem).to_owned(),
            |(at, len)| upper[at..at + len].to_owned(),
        )
}

/// Length of the label at the beginning of `text`, which ends at a boundary there.
fn label_at(text: &[u8]) -> Option<usize> {
    let prefix = if text.starts_with(b"UD-") { 3 } else { 0 };
    let rest = &text[prefix..];
    let len = ["BF16", "F16", "F32"]
        .iter()
        .find(|label| rest.starts_with(label.as_bytes()))
        .map(|label| label.len())
        .or_else(|| after(rest, b"MXFP").map(|n| 4 + n + parts(&rest[4 + n..], 1)))
        .or_else(|| after(rest, b"IQ").and_then(|n| with_parts(rest, 2 + n, 2)))
        .or_else(|| after(rest, b"TQ").and_then(|n| with_parts(rest, 2 + n, 1)))
        .or_else(|| {
            after(rest, b"Q").and_then(|n| with_parts(rest, 1 + n, quant_parts(rest, n)))
        })?;
    let ends = rest
        .get(len)
        .is_none_or(|&b| !b.is_ascii_alphanumeric() && b != b'_');
    ends.then_some(prefix + len)
}

/// Number of digits that follow `begin` in `text`, if both are there.
fn after(text: &[u8], begin: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(begin)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then_some(digits)
}

/// `Q4_K` may be followed by a size, `Q4_0` by nothing.
fn quant_parts(text: &[u8], digits: usize) -> usize {
    if text[1 + digits..].starts_with(b"_K") {
        2
    } else {
        1
    }
}

/// `begin` plus the one to `most` parts that must follow.
fn with_parts(text: &[u8], begin: usize, most: usize) -> Option<usize> {
    let more = parts(&text[begin..], most);
    (more > 0).then_some(begin + more)
}

/// Length of up to `most` parts, each an underscore and letters or digits.
fn parts(text: &[u8], most: usize) -> usize {
    let mut len = 0;
    for _ in 0..most {
        let Some(rest) = text[len..].strip_prefix(b"_") else {
            break;
        };
        let word = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        if word == 0 {
            break;
        }
        len += 1 + word;
    }
    len
}

/// The name without `.gguf`.
#[must_use]
pub fn strip_gguf(name: &str) -> &str {
    let at = name.len().saturating_sub(5);
    match name.get(at..) {
        Some(end) if end.eq_ignore_ascii_case(".gguf") => &name[..at],
        _ => name,
    }
}

/// Splits `NAME-00002-of-00003.gguf` (the extension may be missing) into name, number from 1 and count.
/// `None` for other names and for numbers that cannot be.
#[must_use]
pub fn split_shard(name: &str) -> Option<(&str, u32, u32)> {
    let stem = strip_gguf(name);
    let (begin, count) = stem.rsplit_once("-of-")?;
    let (prefix, number) = begin.rsplit_once('-')?;
    let five = |digits: &str| {
        let valid = digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (number, count) = (five(number)?, five(count)?);
    (!prefix.is_empty() && (1..=count).contains(&number)).then_some((prefix, number, count))
}

/// The name of one file of a split model; numbers count from 1.
#[must_use]
pub fn shard_name(prefix: &str, number: u32, count: u32) -> String {
    format!("{prefix}-{number:05}-of-{count:05}.gguf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_found_in_file_names() {
        let check = |name: &str, label: &str| assert_eq!(quant_label(name), label, "{name}");
        check("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1");
        check("gemma-3-270m-q4_k_m.gguf", "Q4_K_M");
        check("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL");
        check("Qwen3-8B-UD-IQ2_XXS-00001-of-00003.gguf", "UD-IQ2_XXS");
        check("dir/model-IQ4_NL.gguf", "IQ4_NL");
        check("model_Q6_K.gguf", "Q6_K");
        check("gpt-oss-20b-MXFP4.gguf", "MXFP4");
        check("gpt-oss-20b-mxfp4_moe.gguf", "MXFP4_MOE");
        check("bitnet-TQ1_0.gguf", "TQ1_0");
        check("phi-4-BF16.gguf", "BF16");
        check("phi-4-f16.gguf", "F16");
        check("phi-F16-Q8_0.gguf", "Q8_0");
        check("gemma-3n-E4B-it.gguf", "it");
        check("model-Q4_0_4_4.gguf", "Q4_0_4_4");
        check("model.gguf", "model");
        check("", "");
    }

    #[test]
    fn preferred_label_comes_first_in_the_order() {
        let check = |labels: &[&str], index| assert_eq!(preferred(labels), index, "{labels:?}");
        check(&["Q8_0", "Q4_K_M", "F16"], Some(1));
        check(&["q8_0", "ud-q4_k_xl", "Q4_K_M"], Some(1));
        check(&["X", "Y"], Some(0));
        check(&[], None);
    }

    #[test]
    fn shard_names_are_taken_apart() {
        let check = |name: &str, parts| assert_eq!(split_shard(name), parts, "{name}");
        check("a-b-00002-of-00003.gguf", Some(("a-b", 2, 3)));
        check("a-00001-of-00001", Some(("a", 1, 1)));
        check("a-00000-of-00003.gguf", None);
        check("a-00004-of-00003.gguf", None);
        check("a-1-of-3.gguf", None);
        check("-00001-of-00003.gguf", None);
        check("a.gguf", None);
        assert_eq!(shard_name("a-b", 2, 3), "a-b-00002-of-00003.gguf");
    }
}
