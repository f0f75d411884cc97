//! [`Tags`]: the table of tags, for all formats but harmony.

use super::format::ReasoningFormat;

/// What a text in the table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A thought begins.
    Open,
    /// It ends.
    Close,
    /// What follows is the answer; nothing more.
    AnswerOpen,
    /// The answer ends.
    AnswerClose,
    /// A tool call begins, and with it ends a thought that the model forgot to close. Belongs to the answer.
    Call,
}

/// How tags are written, which decides where they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Letters in brackets, which an answer may speak of.
    Written,
    /// Control tokens, or as good as.
    Control,
    /// A sentence.
    Prose,
}

/// The tags of a format.
#[derive(Debug)]
pub(super) struct Tags {
    pub(super) style: Style,
    pub(super) marks: &'static [(&'static str, Mark)],
    /// What is written to end a thought from outside.
    pub(super) closing: &'static str,
}

use Mark::{AnswerClose, AnswerOpen, Call, Close, Open};

/// Kimi K2's and `DeepSeek`'s control tokens: those models call tools without closing the thought before.
const CALLS: [(&str, Mark); 4] = [
    ("<|tool_calls_section_begin|>", Call),
    ("<|tool_call_begin|>", Call),
    ("<｜tool▁calls▁begin｜>", Call),
    ("<｜tool▁call▁begin｜>", Call),
];
const THINK: (&str, Mark) = ("<think>", Open);
const THINK_END: (&str, Mark) = ("</think>", Close);

const fn written(marks: &'static [(&'static str, Mark)], closing: &'static str) -> Tags {
    Tags {
        style: Style::Written,
        marks,
        closing,
    }
}

const fn control(marks: &'static [(&'static str, Mark)], closing: &'static str) -> Tags {
    Tags {
        style: Style::Control,
        marks,
        closing,
    }
}

static THINK_TAGS: Tags = written(
    &[THINK, THINK_END, CALLS[0], CALLS[1], CALLS[2], CALLS[3]],
    "\n</think>\n\n",
);
static THINK_ANSWER: Tags = written(
    &[
        THINK,
        THINK_END,
        ("<answer>", AnswerOpen),
        ("</answer>", AnswerClose),
    ],
    "\n</think>\n",
);
static THINK_RESPONSE: Tags = written(
    &[
        THINK,
        THINK_END,
        ("<response>", AnswerOpen),
        ("</response>", AnswerClose),
    ],
    "\n</think>\n",
);
static THINKING: Tags = written(
    &[("<thinking>", Open), ("</thinking>", Close)],
    "\n</thinking>\n\n",
);
static THOUGHT: Tags = written(
    &[("<thought>", Open), ("</thought>", Close)],
    "\n</thought>\n\n",
);
static REASONING: Tags = written(
    &[("<reasoning>", Open), ("</reasoning>", Close)],
    "\n</reasoning>\n\n",
);
static SEED: Tags = written(
    &[("<seed:think>", Open), ("</seed:think>", Close)],
    "\n</seed:think>",
);
static KIMI: Tags = control(&[("◁think▷", Open), ("◁/think▷", Close)], "◁/think▷");
static MISTRAL: Tags = control(
    &[
        ("[THINK]", Open),
        ("[/THINK]", Close),
        ("[TOOL_CALLS]", Call),
    ],
    "[/THINK]",
);
static COMMAND: Tags = control(
    &[
        ("<|START_THINKING|>", Open),
        ("<|END_THINKING|>", Close),
        ("<|START_RESPONSE|>", AnswerOpen),
        ("<|END_RESPONSE|>", AnswerClose),
        ("<|START_TEXT|>", AnswerOpen),
        ("<|END_TEXT|>", AnswerClose),
        ("<|START_ACTION|>", Call),
    ],
    "<|END_THINKING|>",
);
static APERTUS: Tags = control(
    &[
        ("<|inner_prefix|>", Open),
        ("<|inner_suffix|>", Close),
        ("<|tools_prefix|>", Call),
    ],
    "<|inner_suffix|>",
);
static GEMMA: Tags = control(
    &[
        ("<|channel>thought", Open),
        // The token alone says that something internal follows.
        ("<|channel>", Open),
        ("<channel|>", Close),
        ("<|tool_call>", Call),
    ],
    "\n<channel|>",
);
static GRANITE: Tags = Tags {
    style: Style::Prose,
    marks: &[
        ("Here is my thought process:", Open),
        ("Here's my thought process:", Open),
        ("Here is my response:", Close),
        ("Here's my response:", Close),
    ],
    closing: "\n\nHere is my response:\n",
};

impl ReasoningFormat {
    /// The tags; `None` for harmony, which has messages instead.
    pub(super) fn tags(self) -> Option<&'static Tags> {
        Some(match self {
            Self::Think => &THINK_TAGS,
            Self::ThinkAnswer => &THINK_ANSWER,
            Self::ThinkResponse => &THINK_RESPONSE,
            Self::Thinking => &THINKING,
            Self::Thought => &THOUGHT,
            Self::Reasoning => &REASONING,
            Self::Seed => &SEED,
            Self::Kimi => &KIMI,
            Self::Mistral => &MISTRAL,
            Self::Command => &COMMAND,
            Self::Apertus => &APERTUS,
            Self::Gemma => &GEMMA,
            Self::Granite => &GRANITE,
            Self::Harmony => return None,
        })
    }

    /// What an answer with thoughts begins with.
    pub(super) fn openers(self) -> Vec<&'static str> {
        let Some(tags) = self.tags() else {
            return vec!["<|start|>", "<|channel|>"];
        };
        let opens = tags.marks.iter().filter(|(_, mark)| *mark == Mark::Open);
        opens.map(|(text, _)| *text).collect()
    }
}
