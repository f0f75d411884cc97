//! [`Frame`]: the markers around a call of each family.

use super::super::format::{
    DEEPSEEK_CALL_END, DEEPSEEK_SECTION_END, INKLING_END, KIMI_CALL_END, KIMI_SECTION_END,
};

/// What may follow a call without an opener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Chain {
    /// Nothing.
    None,
    /// Another JSON call inside the same markers.
    Json,
    /// `;` and another call.
    Python,
    /// `;` or nothing, and another bare JSON call.
    Bare,
    /// `,` and another element of the list.
    Array,
}

/// The markers that close a call and what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Frame {
    /// Strict reading needs one of these behind the arguments. Empty: the arguments close the call.
    pub(in super::super) closers: &'static [&'static str],
    /// Markup that may stand behind the call, in any number.
    pub(in super::super) trailers: &'static [&'static str],
    /// Where reading goes on after a call that broke.
    pub(in super::super) resume: &'static [&'static str],
    pub(in super::super) chain: Chain,
    /// The arguments may stand in a Markdown fence.
    pub(in super::super) fenced: bool,
}

const fn frame(closers: &'static [&'static str], trailers: &'static [&'static str]) -> Frame {
    Frame {
        closers,
        trailers,
        resume: closers,
        chain: Chain::None,
        fenced: false,
    }
}

const LINE_END: &[&str] = &["\n"];
const TOOL_CALL_END: &[&str] = &["</tool_call>"];

impl Frame {
    pub(in super::super) const HERMES: Self = Self {
        chain: Chain::Json,
        ..frame(TOOL_CALL_END, TOOL_CALL_END)
    };
    pub(in super::super) const FUNCTION: Self = Self {
        resume: &["</function>"],
        ..frame(&[], TOOL_CALL_END)
    };
    pub(in super::super) const NAMED: Self = Self {
        resume: &["</function>", "</invoke>"],
        ..frame(&[], &["</minimax:tool_call>", "</tool_call>"])
    };
    pub(in super::super) const LLAMA: Self = Self {
        resume: LINE_END,
        chain: Chain::Python,
        ..frame(&[], &[])
    };
    pub(in super::super) const BARE: Self = Self {
        chain: Chain::Bare,
        ..Self::LLAMA
    };
    pub(in super::super) const MISTRAL: Self = Self {
        resume: LINE_END,
        ..frame(&[], &[])
    };
    pub(in super::super) const MISTRAL_ARRAY: Self = Self {
        resume: LINE_END,
        chain: Chain::Array,
        ..frame(&[], &["]"])
    };
    pub(in super::super) const GEMMA: Self = frame(&["<tool_call|>"], &["<tool_call|>"]);
    pub(in super::super) const GEMMA_BARE: Self = Self {
        resume: LINE_END,
        ..frame(&[], &["<tool_call|>"])
    };
    pub(in super::super) const DEEPSEEK: Self = Self {
        fenced: true,
        ..frame(DEEPSEEK_CALL_END, DEEPSEEK_TRAILERS)
    };
    pub(in super::super) const GLM: Self = Self {
        resume: TOOL_CALL_END,
        ..frame(&[], TOOL_CALL_END)
    };
    pub(in super::super) const KIMI: Self = frame(&[KIMI_CALL_END], KIMI_TRAILERS);
    pub(in super::super) const INKLING: Self = frame(&[INKLING_END], &[INKLING_END]);

    /// Strict reading has something to wait for.
    pub(super) fn needs_closer(self) -> bool {
        !self.closers.is_empty() || self.chain == Chain::Array
    }

    /// Nothing but its own text shows that it is a call.
    pub(super) fn is_unmarked(self) -> bool {
        self.chain == Chain::Bare
    }
}

const DEEPSEEK_TRAILERS: &[&str] = &[
    "```",
    DEEPSEEK_CALL_END[0],
    DEEPSEEK_CALL_END[1],
    DEEPSEEK_SECTION_END[0],
    DEEPSEEK_SECTION_END[1],
    DEEPSEEK_SECTION_END[2],
    DEEPSEEK_SECTION_END[3],
];

const KIMI_TRAILERS: &[&str] = &[KIMI_CALL_END, KIMI_SECTION_END[0], KIMI_SECTION_END[1]];
