//! [`inference_defaults`]: sampling parameters that suit a model family, found by the model's id.

/// Sampling parameters for requests that do not say.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct InferenceDefaults {
    /// 0 draws the most likely token.
    pub temperature: f32,
    /// 1 keeps all tokens.
    pub top_p: f32,
    /// 0 or less keeps all tokens.
    pub top_k: i32,
    /// 0 keeps all tokens.
    pub min_p: f32,
    /// 1 is off.
    pub repetition_penalty: f32,
    /// 0 is off.
    pub presence_penalty: f32,
}

const fn row(temperature: f32, top_p: f32, top_k: i32, min_p: f32) -> InferenceDefaults {
    InferenceDefaults {
        temperature,
        top_p,
        top_k,
        min_p,
        repetition_penalty: 1.0,
        presence_penalty: 0.0,
    }
}

/// For a model of no known family.
pub const FALLBACK: InferenceDefaults = row(0.7, 0.95, -1, 0.01);

const QWEN_INSTRUCT: InferenceDefaults = row(0.7, 0.8, 20, 0.0);
const QWEN_LATEST: InferenceDefaults = InferenceDefaults {
    presence_penalty: 1.5,
    ..QWEN_INSTRUCT
};
const CREATIVE: InferenceDefaults = row(1.5, 0.95, -1, 0.1);
const GEMMA: InferenceDefaults = row(1.0, 0.95, 64, 0.0);
const PRECISE: InferenceDefaults = row(0.15, 0.95, -1, 0.01);
const REASONING: InferenceDefaults = row(0.6, 0.95, -1, 0.01);
const WARM: InferenceDefaults = row(1.0, 0.95, -1, 0.01);
const MINIMAX: InferenceDefaults = row(1.0, 0.95, 40, 0.01);
const LFM2: InferenceDefaults = InferenceDefaults {
    repetition_penalty: 1.05,
    ..row(0.1, 0.1, 50, 0.15)
};

/// Families by the part of an id that marks them. The longest mark found wins, so the order is free.
const FAMILIES: &[(&str, InferenceDefaults)] = &[
    ("qwen3.8", QWEN_LATEST),
    ("qwen3.6", QWEN_LATEST),
    ("qwen3.5", QWEN_LATEST),
    ("qwen3-coder", QWEN_INSTRUCT),
    ("qwen3-next", QWEN_INSTRUCT),
    ("qwen3-vl", QWEN_INSTRUCT),
    ("qwen3", row(0.6, 0.95, 20, 0.0)),
    ("qwen2.5-coder", CREATIVE),
    ("qwen2.5-vl", CREATIVE),
    ("qwen2.5-omni", QWEN_INSTRUCT),
    ("qwen2.5-math", QWEN_INSTRUCT),
    ("qwen2.5", QWEN_INSTRUCT),
    ("qwen2-vl", CREATIVE),
    ("qwen2", QWEN_INSTRUCT),
    ("qwq", row(0.6, 0.95, 40, 0.0)),
    ("llama-4", row(1.0, 0.9, -1, 0.01)),
    ("llama-3.3", CREATIVE),
    ("llama-3.2", CREATIVE),
    ("llama-3.1", CREATIVE),
    ("llama-3", CREATIVE),
    ("pixtral", CREATIVE),
    ("gemma-4", GEMMA),
    ("gemma-3n", GEMMA),
    ("gemma-3", GEMMA),
    ("gemma-2", GEMMA),
    ("medgemma", GEMMA),
    ("muse-glimmer", GEMMA),
    ("phi-4", row(0.8, 0.95, -1, 0.0)),
    ("phi-3", row(0.7, 0.9, -1, 0.01)),
    ("mistral-small", PRECISE),
    ("ministral", PRECISE),
    ("mistral-nemo", FALLBACK),
    ("mistral-large", FALLBACK),
    ("magistral", FALLBACK),
    ("devstral", FALLBACK),
    ("deepseek-r1", REASONING),
    ("deepseek-v3", REASONING),
    ("deepseek-v4", row(1.0, 1.0, -1, 0.0)),
    ("deepseek-ocr", row(0.0, 0.95, -1, 0.01)),
    ("kimi-k3", row(1.0, 0.95, -1, 0.0)),
    ("kimi-k2", REASONING),
    ("kimi", REASONING),
    ("glm-5", WARM),
    ("glm-4", WARM),
    ("grok", WARM),
    ("nemotron", row(1.0, 1.0, -1, 0.01)),
    ("minimax-m2.7", MINIMAX),
    ("minimax-m2.5", MINIMAX),
    ("minimax", MINIMAX),
    ("gpt-oss", row(1.0, 1.0, 0, 0.01)),
    ("granite-4", row(0.0, 1.0, 0, 0.01)),
    ("lfm2", LFM2),
    ("smollm", FALLBACK),
    ("olmo", FALLBACK),
    ("falcon", FALLBACK),
    ("ernie", FALLBACK),
    ("seed", FALLBACK),
    ("mimo", FALLBACK),
];

/// The parameters for a model id: `owner/Name-GGUF`, a file name or a bare name, in any case. `-`, `_`,
/// `.` and space count as equal, and a family's hyphens may be missing (`gemma3`). An unknown
/// family gets [`FALLBACK`].
#[must_use]
pub fn inference_defaults(model_id: &str) -> InferenceDefaults {
    let name = model_id.rsplit(['/', '\\']).next().unwrap_or(model_id);
    let plain = name.to_lowercase().replace(['_', ' '], "-");
    let dashed = plain.replace('.', "-");
    FAMILIES
        .iter()
        .filter(|(mark, _)| {
            plain.contains(mark)
                || plain.contains(&mark.replace('-', ""))
                || contains_whole(&dashed, &mark.replace('.', "-"))
        })
        .max_by_key(|(mark, _)| mark.len())
        .map_or(FALLBACK, |&(_, defaults)| defaults)
}

/// Whether `mark` is in `name` and ends there at a hyphen or at the end: `qwen3-8` (for 3.8) is in
/// `qwen3-8-4b`, but not in `qwen3-8b`.
fn contains_whole(name: &str, mark: &str) -> bool {
    name.match_indices(mark)
        .any(|(at, _)| matches!(name.as_bytes().get(at + mark.len()), None | Some(b'-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_is_found_in_any_spelling() {
        let check = |id: &str, expected| assert_eq!(inference_defaults(id), expected, "{id}");
        check("unsloth/Qwen3-8B-GGUF", row(0.6, 0.95, 20, 0.0));
        check("unsloth/Qwen3.5-4B-GGUF", QWEN_LATEST);
        check("qwen3-5-4b", QWEN_LATEST);
        check("Qwen3_Coder_30B", QWEN_INSTRUCT);
        check("qwen2.5-coder-7b-instruct-q4_k_m.gguf", CREATIVE);
        check("qwen2-5-coder-7b", CREATIVE);
        check("gemma-3-270m-q4_k_m", GEMMA);
        check("gemma3n-e4b", GEMMA);
        check("Llama 3.2 1B", CREATIVE);
        check("gpt-oss-20b-mxfp4", row(1.0, 1.0, 0, 0.01));
        check("LFM2-1.2B", LFM2);
        check("SmolLM2-135M-Instruct.Q4_1", FALLBACK);
    }

    #[test]
    fn organisation_and_unknown_names_do_not_match() {
        let check = |id: &str, expected| assert_eq!(inference_defaults(id), expected, "{id}");
        check("Qwen3/other-model", FALLBACK);
        check("stranger", FALLBACK);
        check("", FALLBACK);
    }

    #[test]
    fn no_mark_is_given_twice() {
        let mut marks: Vec<_> = FAMILIES.iter().map(|family| family.0).collect();
        marks.sort_unstable();
        let before = marks.len();
        marks.dedup();
        assert_eq!(marks.len(), before);
    }
}
