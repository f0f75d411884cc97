//! [`ReasoningFormat`]: the ways in which models mark their thoughts, and telling a model's from its template.

use super::harmony;
use super::tags::Mark;

/// A way to mark thoughts. `docs/reasoning.md` shows one answer in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasoningFormat {
    /// `<think>…</think>` (Qwen 3, `DeepSeek` R1, GLM, Kimi K2, EXAONE 4 and most others).
    Think,
    /// The same, with the answer in `<answer>…</answer>` (Hunyuan).
    ThinkAnswer,
    /// The same, with the answer in `<response>…</response>` (Granite 3.3, ERNIE).
    ThinkResponse,
    /// `<thinking>…</thinking>` (fine-tunes).
    Thinking,
    /// `<thought>…</thought>` (EXAONE Deep).
    Thought,
    /// `<reasoning>…</reasoning>` (Reka Flash).
    Reasoning,
    /// `<seed:think>…</seed:think>` (Seed-OSS).
    Seed,
    /// `◁think▷…◁/think▷` (Kimi-VL).
    Kimi,
    /// `[THINK]…[/THINK]` (Magistral).
    Mistral,
    /// `<|START_THINKING|>…<|END_THINKING|>` (Command A).
    Command,
    /// `<|inner_prefix|>…<|inner_suffix|>` (Apertus).
    Apertus,
    /// `<|channel>thought…<channel|>` (Gemma 4).
    Gemma,
    /// `Here is my thought process:… Here is my response:` (Granite 3.2).
    Granite,
    /// Messages in channels: `<|channel|>analysis<|message|>…<|end|>` (gpt-oss).
    Harmony,
}

use ReasoningFormat::{
    Apertus, Command, Gemma, Granite, Harmony, Kimi, Mistral, Reasoning, Seed, Think, ThinkAnswer,
    ThinkResponse, Thinking, Thought,
};

/// What the end of a prompt says about thoughts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThoughtStart {
    /// The template opened a thought: the model is in it from its first character on.
    Open,
    /// The template closed one, or chose the answer: the model is not to think.
    Closed,
    /// Nothing: the model opens a thought itself if it thinks.
    Absent,
}

impl ThoughtStart {
    /// For a model that always thinks: where the prompt says nothing, what it writes before its first closing
    /// tag is taken for a thought. Only for models that are known to leave the opening tag out, because an answer
    /// without any tag then is a thought as a whole.
    #[must_use]
    pub fn assuming_thought(self) -> Self {
        match self {
            Self::Absent => Self::Open,
            known => known,
        }
    }
}

impl ReasoningFormat {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Think,
        ThinkAnswer,
        ThinkResponse,
        Thinking,
        Thought,
        Reasoning,
        Seed,
        Kimi,
        Mistral,
        Command,
        Apertus,
        Gemma,
        Granite,
        Harmony,
    ];

    /// The texts that may be control tokens in a model of this format. The splitter reads text: where a
    /// vocabulary has such a token, its name must be part of the text that the splitter gets.
    #[must_use]
    pub fn control_texts(self) -> Vec<&'static str> {
        match self.tags() {
            None => harmony::TOKENS.to_vec(),
            Some(_) if self == Granite => Vec::new(),
            Some(tags) => tags.marks.iter().map(|(text, _)| *text).collect(),
        }
    }

    /// The format to expect of a model; `None` where nothing says that it thinks.
    ///
    /// The tags that the chat template knows decide. Where it knows none, the model's id does; where that says
    /// nothing either, a template that speaks of thoughts stands for [`Think`](Self::Think).
    #[must_use]
    pub fn detect(template: &str, model_id: &str) -> Option<Self> {
        let id = model_id.to_lowercase();
        of_template(template, &id)
            .or_else(|| of_model(&id))
            .or_else(|| {
                let speaks = ["reasoning_content", "enable_thinking"];
                speaks
                    .iter()
                    .any(|word| template.contains(word))
                    .then_some(Think)
            })
    }

    /// A thought that is not closed, as the model would have written it; `None` for [`Harmony`], whose thoughts are
    /// messages.
    #[must_use]
    pub fn open_thought(self, thought: &str) -> Option<String> {
        self.tags()?;
        let opener = self.openers().first().copied()?;
        Some(format!("{opener}\n{thought}"))
    }

    /// What the end of the rendered prompt says. Only the last few hundred bytes matter.
    ///
    /// For prompts that end where the model's turn begins; where the prompt ends within an answer, the answer so
    /// far decides too: [`ReasoningSplitter::resumed`](super::ReasoningSplitter::resumed).
    #[must_use]
    pub fn opens_thought(self, prompt: &str) -> ThoughtStart {
        let Some(tags) = self.tags() else {
            return harmony::start_of(prompt);
        };
        let end = prompt.trim_end();
        let ends_with = |wanted: &[Mark]| {
            let mut marks = tags.marks.iter();
            marks.any(|(text, mark)| wanted.contains(mark) && end.ends_with(text))
        };
        if ends_with(&[Mark::Open]) {
            ThoughtStart::Open
        } else if ends_with(&[Mark::Close, Mark::AnswerOpen]) {
            ThoughtStart::Closed
        } else {
            ThoughtStart::Absent
        }
    }
}

fn of_template(template: &str, id: &str) -> Option<ReasoningFormat> {
    let has = |text: &str| template.contains(text);
    // Other templates write the results of tools between such tags.
    let asks_for_response = has("<response></response>");
    let is_response_model = ["granite-3.3", "ernie"]
        .iter()
        .any(|name| id.contains(name));
    Some(if has("<|channel|>") {
        Harmony
    } else if has("<|channel>") || has("<channel|>") {
        Gemma
    } else if has("<|START_THINKING|>") || has("<|END_THINKING|>") {
        Command
    } else if has("<|inner_prefix|>") || has("<|inner_suffix|>") {
        Apertus
    } else if has("[THINK]") {
        Mistral
    } else if has("seed:think>") {
        Seed
    } else if has("◁think▷") || has("◁/think▷") {
        Kimi
    } else if has("<think>") || has("</think>") {
        match () {
            () if has("</answer>") => ThinkAnswer,
            () if asks_for_response || is_response_model => ThinkResponse,
            () => Think,
        }
    } else if has("</thinking>") {
        Thinking
    } else if has("</thought>") {
        Thought
    } else if has("</reasoning>") {
        Reasoning
    } else if has("Here is my thought process") {
        Granite
    } else {
        return None;
    })
}

/// By parts of names, all in lower case; the first that fits.
fn of_model(id: &str) -> Option<ReasoningFormat> {
    let families: &[(&[&str], Option<ReasoningFormat>)] = &[
        (&["gpt-oss", "gpt_oss"], Some(Harmony)),
        (&["magistral"], Some(Mistral)),
        (&["seed-oss"], Some(Seed)),
        (
            &["command-a-reasoning", "command-a-plus", "command-a+"],
            Some(Command),
        ),
        (&["apertus"], Some(Apertus)),
        (&["gemma-4", "gemma4"], Some(Gemma)),
        (&["exaone-deep"], Some(Thought)),
        (&["kimi-vl"], Some(Kimi)),
        (&["granite-3.2"], Some(Granite)),
        (
            &["granite-3.3", "ernie-4.5-21b-a3b-thinking"],
            Some(ThinkResponse),
        ),
        (&["hunyuan-a13b"], Some(ThinkAnswer)),
        (&["reka-flash"], Some(Reasoning)),
        (&["instruct-2507", "coder", "qwen3-next-80b-a3b-i"], None),
        (
            &[
                "deepseek-r1",
                "qwq",
                "qwen3",
                "glm-4.5",
                "glm-4.6",
                "minimax-m",
                "smollm3",
                "thinking",
                "reasoning",
                "reasoner",
            ],
            Some(Think),
        ),
    ];
    let found = families
        .iter()
        .find(|(names, _)| names.iter().any(|name| id.contains(name)));
    found.and_then(|(_, format)| *format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_from_the_template_then_from_the_name() {
        let cases = [
            ("'<|channel|>analysis<|message|>'", "x", Some(Harmony)),
            ("split('<channel|>')[-1]", "x", Some(Gemma)),
            ("<|START_THINKING|>", "x", Some(Command)),
            ("<|inner_prefix|>", "x", Some(Apertus)),
            ("'[THINK]' + '[/THINK]'", "x", Some(Mistral)),
            ("<seed:think>", "x", Some(Seed)),
            ("◁think▷", "x", Some(Kimi)),
            ("<think>\n", "x", Some(Think)),
            ("split('</think>')[-1]", "x", Some(Think)),
            ("'</think>' '<answer>' '</answer>'", "x", Some(ThinkAnswer)),
            (
                "<think></think> <response></response>",
                "x",
                Some(ThinkResponse),
            ),
            ("</think> '</response>'", "x", Some(Think)),
            (
                "</think> '</response>'",
                "baidu/ERNIE-4.5",
                Some(ThinkResponse),
            ),
            ("</thinking>", "x", Some(Thinking)),
            ("</thought>", "x", Some(Thought)),
            ("</reasoning>", "x", Some(Reasoning)),
            ("'Here is my thought process:'", "x", Some(Granite)),
            ("{{ enable_thinking }}", "openai/gpt-oss-20b", Some(Harmony)),
            ("{{ reasoning_content }}", "x", Some(Think)),
            ("", "Qwen/Qwen3-8B", Some(Think)),
            ("", "Qwen/Qwen3-4B-Instruct-2507", None),
            ("", "Qwen/Qwen3-Coder-30B", None),
            ("", "mistralai/Magistral-Small-2509", Some(Mistral)),
            ("", "LGAI/EXAONE-Deep-7.8B", Some(Thought)),
            ("", "ibm-granite/granite-3.2-8b-instruct", Some(Granite)),
            ("", "google/gemma-4-E2B", Some(Gemma)),
            ("{{ messages }}", "meta/Llama-3.2-1B", None),
        ];
        for (template, model, expected) in cases {
            let found = ReasoningFormat::detect(template, model);
            assert_eq!(found, expected, "{template} of {model}");
        }
    }

    #[test]
    fn the_end_of_the_prompt_says_whether_a_thought_is_open() {
        use ThoughtStart::{Absent, Closed, Open};
        let cases = [
            (Think, "<|im_start|>assistant\n", Absent),
            (Think, "<|im_start|>assistant\n<think>\n", Open),
            (Think, "<｜Assistant｜><think>", Open),
            (
                Think,
                "<|im_start|>assistant\n<think>\n\n</think>\n\n",
                Closed,
            ),
            (Think, "<｜Assistant｜></think>", Closed),
            (Think, "Say <think>.<|im_end|>\n<|im_start|>a\n", Absent),
            (Think, "", Absent),
            (ThinkAnswer, "<think>\n\n</think>\n<answer>\n", Closed),
            (Gemma, "<|turn>model\n", Absent),
            (Gemma, "<|turn>model\n<|channel>thought\n", Open),
            (Gemma, "<|turn>model\n<|channel>thought\n<channel|>", Closed),
            (Mistral, "[/INST][THINK]", Open),
            (Command, "<|CHATBOT_TOKEN|><|START_RESPONSE|>", Closed),
            (Kimi, "<|im_middle|>◁think▷", Open),
            (Granite, "Here is my thought process:\n", Open),
            (Harmony, "<|end|><|start|>assistant", Absent),
            (
                Harmony,
                "<|start|>assistant<|channel|>analysis<|message|>",
                Open,
            ),
            (
                Harmony,
                "<|start|>assistant<|channel|>final<|message|>",
                Closed,
            ),
        ];
        for (format, prompt, expected) in cases {
            assert_eq!(format.opens_thought(prompt), expected, "{prompt:?}");
        }
        assert_eq!(Absent.assuming_thought(), Open);
        assert_eq!(Closed.assuming_thought(), Closed);
    }
}
