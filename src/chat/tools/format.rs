//! [`ToolFormat`]: the ways in which models write tool calls, and telling a model's from its template.

/// A way to write tool calls. `docs/tool-calls.md` shows one call in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ToolFormat {
    /// 1: `<tool_call>{"name", "arguments"}</tool_call>` (Hermes, Qwen 2.5 and 3).
    HermesJson,
    /// 2: `<function=NAME><parameter=K>V</parameter></function>` (Qwen3-Coder, Qwen 3.5).
    FunctionXml,
    /// 3: `<function name="N"><param name="K">V</param></function>` (`MiniCPM` 5), `<invoke name="N">` (`MiniMax` M2).
    NamedXml,
    /// 4: `<|python_tag|>NAME.call(k="v")` (Llama 3, built-in tools).
    LlamaCall,
    /// 5: `<|python_tag|>{"name", "parameters"}` (Llama 3.1).
    LlamaTagJson,
    /// 6: `{"name", "parameters"}` without a marker (Llama 3.2).
    LlamaBareJson,
    /// 7: `[TOOL_CALLS][{"name", "arguments"}, …]` (Mistral before v11).
    MistralJson,
    /// 8: `[TOOL_CALLS]NAME{…}` (Mistral v11).
    MistralName,
    /// 9: `[TOOL_CALLS]NAME[ARGS]{…}`, also without the marker (Mistral v13).
    MistralArgs,
    /// 10: `[TOOL_CALLS]NAME[CALL_ID]id[ARGS]{…}` (Mistral Small 3.2).
    MistralCallId,
    /// 11: `<|tool_call>call:NAME{k:<|"|>v<|"|>}<tool_call|>`, also without the markers (Gemma 4).
    Gemma4,
    /// 12: `function<｜tool▁sep｜>NAME`, a line end and fenced JSON, in `DeepSeek`'s tokens (R1, V3).
    DeepSeekFenced,
    /// 13: `NAME<｜tool▁sep｜>{…}` in `DeepSeek`'s tokens (V3.1).
    DeepSeekPlain,
    /// 14: `<tool_call>NAME<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>` (GLM 4.5 to 4.7).
    Glm,
    /// 15: `functions.NAME:0` and JSON in section and call tokens (Kimi K2).
    Kimi,
    /// 16: `NAME<|content_invoke_tool_json|>{"name", "args"}<|end_message|>` (TML Inkling).
    Inkling,
}

use ToolFormat::{
    DeepSeekFenced, DeepSeekPlain, FunctionXml, Gemma4, Glm, HermesJson, Inkling, Kimi,
    LlamaBareJson, LlamaCall, LlamaTagJson, MistralArgs, MistralCallId, MistralJson, MistralName,
    NamedXml,
};

/// `DeepSeek`'s token that opens a section of calls, in the spellings that its templates and quantised models use.
pub(super) const DEEPSEEK_SECTION: &[&str] = &[
    "<｜tool▁calls▁begin｜>",
    "<｜tool_calls_begin｜>",
    "<｜tool calls begin｜>",
    "<｜tool\\_calls\\_begin｜>",
    "<｜tool▁calls｜>",
];
pub(super) const DEEPSEEK_SECTION_END: &[&str] = &[
    "<｜tool▁calls▁end｜>",
    "<｜tool_calls_end｜>",
    "<｜tool calls end｜>",
    "<｜tool\\_calls\\_end｜>",
];
pub(super) const DEEPSEEK_CALL: &[&str] = &["<｜tool▁call▁begin｜>", "<｜tool_call_begin｜>"];
pub(super) const DEEPSEEK_CALL_END: &[&str] = &["<｜tool▁call▁end｜>", "<｜tool_call_end｜>"];
pub(super) const DEEPSEEK_SEPARATOR: &[&str] = &["<｜tool▁sep｜>", "<｜tool_sep｜>"];
pub(super) const KIMI_SECTION: &[&str] = &[
    "<|tool_calls_section_begin|>",
    "<|tool_call_section_begin|>",
];
pub(super) const KIMI_SECTION_END: &[&str] =
    &["<|tool_calls_section_end|>", "<|tool_call_section_end|>"];
pub(super) const KIMI_CALL: &str = "<|tool_call_begin|>";
pub(super) const KIMI_ARGUMENTS: &str = "<|tool_call_argument_begin|>";
pub(super) const KIMI_CALL_END: &str = "<|tool_call_end|>";
pub(super) const PYTHON_TAG: &str = "<|python_tag|>";
pub(super) const GEMMA_QUOTE: &str = "<|\"|>";
pub(super) const INKLING_CALL: &str = "<|content_invoke_tool_json|>";
pub(super) const INKLING_MESSAGE: &str = "<|message_model|>";
pub(super) const INKLING_END: &str = "<|end_message|>";

impl ToolFormat {
    /// All of them, in the order of the numbers.
    pub const ALL: [Self; 16] = [
        HermesJson,
        FunctionXml,
        NamedXml,
        LlamaCall,
        LlamaTagJson,
        LlamaBareJson,
        MistralJson,
        MistralName,
        MistralArgs,
        MistralCallId,
        Gemma4,
        DeepSeekFenced,
        DeepSeekPlain,
        Glm,
        Kimi,
        Inkling,
    ];

    /// The texts that may be control tokens in a model of this format. The parser reads text: where a vocabulary
    /// has such a token, its name must be part of the text that the parser gets.
    #[must_use]
    pub fn control_texts(self) -> Vec<&'static str> {
        let fixed: &[&str] = match self {
            HermesJson | Glm | FunctionXml => &[
                "<tool_call>",
                "</tool_call>",
                "<arg_key>",
                "</arg_key>",
                "<arg_value>",
                "</arg_value>",
            ],
            NamedXml => &["<minimax:tool_call>", "</minimax:tool_call>"],
            LlamaCall | LlamaTagJson | LlamaBareJson => &[PYTHON_TAG],
            MistralJson | MistralName | MistralArgs | MistralCallId => {
                &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]"]
            }
            Gemma4 => &["<|tool_call>", "<tool_call|>", GEMMA_QUOTE],
            DeepSeekFenced | DeepSeekPlain => {
                let lists = [
                    DEEPSEEK_SECTION,
                    DEEPSEEK_SECTION_END,
                    DEEPSEEK_CALL,
                    DEEPSEEK_CALL_END,
                    DEEPSEEK_SEPARATOR,
                ];
                return lists.concat();
            }
            Kimi => {
                let calls: &[&str] = &[KIMI_CALL, KIMI_ARGUMENTS, KIMI_CALL_END];
                return [KIMI_SECTION, KIMI_SECTION_END, calls].concat();
            }
            Inkling => &[INKLING_CALL, INKLING_MESSAGE, INKLING_END],
        };
        fixed.to_vec()
    }

    /// The formats to expect of a model, the likeliest first; never empty.
    ///
    /// What the chat template prints for calls comes first. Where it prints none that is known, the
    /// model's id decides; where that says nothing either, all formats are expected. The two formats of plain
    /// text that fine-tunes fall into most, 1 and 2, are always among them: only declared tools are ever called.
    #[must_use]
    pub fn detect(template: &str, model_id: &str) -> Vec<Self> {
        let mut found = of_template(template);
        if found.is_empty() {
            found = of_model(&model_id.to_lowercase());
        }
        if found.is_empty() {
            return Self::ALL.to_vec();
        }
        found.extend([HermesJson, FunctionXml]);
        let mut seen = Vec::new();
        found.retain(|format| {
            !seen.contains(format) && {
                seen.push(*format);
                true
            }
        });
        found
    }
}

fn of_template(template: &str) -> Vec<ToolFormat> {
    let has = |text: &str| template.contains(text);
    let has_any = |texts: &[&str]| texts.iter().any(|text| has(text));
    if has_any(KIMI_SECTION) || has(KIMI_ARGUMENTS) {
        vec![Kimi]
    } else if has_any(DEEPSEEK_SECTION) || has_any(DEEPSEEK_CALL) {
        if has("```json") {
            vec![DeepSeekFenced, DeepSeekPlain]
        } else {
            vec![DeepSeekPlain, DeepSeekFenced]
        }
    } else if has(INKLING_CALL) {
        vec![Inkling]
    } else if has("<|tool_call>") || has(GEMMA_QUOTE) {
        vec![Gemma4]
    } else if has("<arg_key>") {
        vec![Glm]
    } else if has("<function=") {
        vec![FunctionXml]
    } else if has_any(&["<invoke name=", "<function name=", "<param name="]) {
        vec![NamedXml]
    } else if has("[TOOL_CALLS]") {
        let first = if has("[CALL_ID]") {
            MistralCallId
        } else if has("[ARGS]") {
            MistralArgs
        } else if has("[TOOL_CALLS][") || has("[TOOL_CALLS] [") {
            MistralJson
        } else {
            MistralName
        };
        vec![first, MistralArgs, MistralCallId, MistralName, MistralJson]
    } else if has("<tool_call>") {
        vec![HermesJson]
    } else if has(PYTHON_TAG) || (has("ipython") && has("\"parameters\"")) {
        // Llama 3.2's template prints the same as 3.1's, and its small models leave the tag out.
        vec![LlamaTagJson, LlamaBareJson, LlamaCall]
    } else {
        Vec::new()
    }
}

/// By parts of names, all in lower case; the first that fits.
fn of_model(id: &str) -> Vec<ToolFormat> {
    let families: &[(&[&str], &[ToolFormat])] = &[
        (
            &["qwen3-coder", "qwen3.5", "qwen3_5", "qwen-3.5"],
            &[FunctionXml, HermesJson],
        ),
        (&["deepseek-r1-distill"], &[HermesJson, DeepSeekFenced]),
        (
            &["deepseek-v3.1", "deepseek-v3.2"],
            &[DeepSeekPlain, DeepSeekFenced],
        ),
        (&["deepseek"], &[DeepSeekFenced, DeepSeekPlain]),
        (&["qwen", "hermes", "qwq"], &[HermesJson]),
        (&["minimax", "minicpm"], &[NamedXml]),
        (
            &["llama-3.2", "llama3.2", "llama-3_2"],
            &[LlamaBareJson, LlamaTagJson, LlamaCall],
        ),
        (
            &["llama-3", "llama3"],
            &[LlamaTagJson, LlamaBareJson, LlamaCall],
        ),
        (
            &["mistral-small-3.2", "mistral-small-2506"],
            &[MistralCallId, MistralArgs, MistralName, MistralJson],
        ),
        (
            &["mistral-7b", "mixtral", "mistral-nemo"],
            &[MistralJson, MistralName, MistralArgs, MistralCallId],
        ),
        (
            &["mistral", "devstral", "magistral", "ministral", "codestral"],
            &[MistralArgs, MistralName, MistralCallId, MistralJson],
        ),
        (&["gemma-4", "gemma4"], &[Gemma4]),
        (&["glm"], &[Glm]),
        (&["kimi"], &[Kimi]),
        (&["inkling"], &[Inkling]),
    ];
    families
        .iter()
        .find(|(names, _)| names.iter().any(|name| id.contains(name)))
        .map_or_else(Vec::new, |(_, formats)| formats.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_from_the_template_then_from_the_name() {
        let cases = [
            ("{{ '<tool_call>\\n{\"name\": \"' }}", "x", HermesJson),
            ("<tool_call>\n<function=a>\n<parameter=b>", "x", FunctionXml),
            ("<minimax:tool_call> <invoke name=", "x", NamedXml),
            ("<tool_call>{{ name }}<arg_key>", "x", Glm),
            ("'<|python_tag|>' + name + '.call('", "x", LlamaTagJson),
            ("[TOOL_CALLS][", "x", MistralJson),
            ("[TOOL_CALLS]", "x", MistralName),
            ("[TOOL_CALLS] [ARGS]", "x", MistralArgs),
            ("[TOOL_CALLS] [CALL_ID] [ARGS]", "x", MistralCallId),
            ("<|tool_call>call:", "x", Gemma4),
            ("<｜tool▁calls▁begin｜> '\\n```json'", "x", DeepSeekFenced),
            ("<｜tool▁calls▁begin｜>", "x", DeepSeekPlain),
            ("<|tool_calls_section_begin|>", "x", Kimi),
            ("<|content_invoke_tool_json|>", "x", Inkling),
            ("", "org/Llama-3.2-1B-Instruct-GGUF", LlamaBareJson),
            ("", "org/Meta-Llama-3.1-8B", LlamaTagJson),
            ("", "Qwen/Qwen3-Coder-30B", FunctionXml),
            ("", "Qwen/Qwen3-8B", HermesJson),
            ("", "MiniCPM5-1B", NamedXml),
            ("", "mistralai/Mixtral-8x7B", MistralJson),
            ("", "google/gemma-4-E2B", Gemma4),
            ("", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", HermesJson),
            ("", "zai-org/GLM-4.6", Glm),
            ("", "who/knows", HermesJson),
        ];
        for (template, model, expected) in cases {
            let found = ToolFormat::detect(template, model);
            assert_eq!(found[0], expected, "{template} of {model}");
            assert!(found.contains(&HermesJson) && found.contains(&FunctionXml));
        }
        assert_eq!(ToolFormat::detect("", "who/knows"), ToolFormat::ALL);
    }
}
