//! [`Markup`]: what a call looks like in each format, as a model's template prints it.

use super::super::format::{
    DEEPSEEK_CALL, DEEPSEEK_CALL_END, DEEPSEEK_SECTION, DEEPSEEK_SECTION_END, DEEPSEEK_SEPARATOR,
    KIMI_ARGUMENTS, KIMI_CALL, KIMI_CALL_END, KIMI_SECTION, KIMI_SECTION_END, PYTHON_TAG,
    ToolFormat,
};

/// A part of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A marker: a control token, or its text.
    Marker(&'static str),
    /// Text.
    Text(&'static str),
    /// What a regex matches.
    Regex(&'static str),
    /// The tool's name.
    Name,
    /// The arguments.
    Arguments(Arguments),
}

/// How arguments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// A JSON object.
    Json,
    /// A tag with a text for each.
    Tags(&'static Tags),
    /// Gemma's notation, in braces.
    Gemma,
}

/// The markup of one argument in tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) before_key: &'static [Part],
    pub(super) before_value: &'static [Part],
    /// Behind a value, unless it is free text: that may end as it likes.
    pub(super) behind_value: &'static [Part],
    /// What ends a value, and what follows.
    pub(super) end: Part,
    pub(super) after: &'static [Part],
}

/// The markup of a format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Markup {
    /// Before all calls, where they have a section.
    pub(super) open: &'static [Part],
    pub(super) call: &'static [Part],
    pub(super) between: &'static [Part],
    pub(super) close: &'static [Part],
}

use Part::{Marker, Name, Regex, Text};

const JSON: Part = Part::Arguments(Arguments::Json);

const FUNCTION_TAGS: Tags = Tags {
    before_key: &[Text("<parameter=")],
    before_value: &[Text(">\n")],
    behind_value: &[Text("\n")],
    end: Text("</parameter>"),
    after: &[Text("\n")],
};

const GLM_TAGS: Tags = Tags {
    before_key: &[Marker("<arg_key>")],
    before_value: &[Marker("</arg_key>"), Text("\n"), Marker("<arg_value>")],
    behind_value: &[],
    end: Marker("</arg_value>"),
    after: &[Text("\n")],
};

const fn plain(call: &'static [Part], between: &'static [Part]) -> Markup {
    Markup {
        open: &[],
        call,
        between,
        close: &[],
    }
}

const HERMES: Markup = plain(
    &[
        Marker("<tool_call>"),
        Text("\n{\"name\": \""),
        Name,
        Text("\", \"arguments\": "),
        JSON,
        Text("}\n"),
        Marker("</tool_call>"),
    ],
    &[Text("\n")],
);
const FUNCTION: Markup = plain(
    &[
        Marker("<tool_call>"),
        Text("\n<function="),
        Name,
        Text(">\n"),
        Part::Arguments(Arguments::Tags(&FUNCTION_TAGS)),
        Text("</function>\n"),
        Marker("</tool_call>"),
    ],
    &[Text("\n")],
);
const LLAMA_TAG: Markup = plain(
    &[
        Marker(PYTHON_TAG),
        Text("{\"name\": \""),
        Name,
        Text("\", \"parameters\": "),
        JSON,
        Text("}"),
    ],
    &[],
);
const LLAMA_BARE: Markup = plain(
    &[
        Text("{\"name\": \""),
        Name,
        Text("\", \"parameters\": "),
        JSON,
        Text("}"),
    ],
    &[Text("; ")],
);
const MISTRAL_JSON: Markup = Markup {
    open: &[Marker("[TOOL_CALLS]"), Text("[")],
    call: &[
        Text("{\"name\": \""),
        Name,
        Text("\", \"arguments\": "),
        JSON,
        Text("}"),
    ],
    between: &[Text(", ")],
    close: &[Text("]")],
};
const MISTRAL_NAME: Markup = plain(&[Marker("[TOOL_CALLS]"), Name, JSON], &[]);
const MISTRAL_ARGS: Markup = plain(&[Marker("[TOOL_CALLS]"), Name, Marker("[ARGS]"), JSON], &[]);
const MISTRAL_CALL_ID: Markup = plain(
    &[
        Marker("[TOOL_CALLS]"),
        Name,
        Marker("[CALL_ID]"),
        Regex("[a-zA-Z0-9]{9}"),
        Marker("[ARGS]"),
        JSON,
    ],
    &[],
);
const GEMMA: Markup = plain(
    &[
        Marker("<|tool_call>"),
        Text("call:"),
        Name,
        Part::Arguments(Arguments::Gemma),
        Marker("<tool_call|>"),
    ],
    &[],
);
const DEEPSEEK_FENCED: Markup = Markup {
    open: &[Marker(DEEPSEEK_SECTION[0])],
    call: &[
        Marker(DEEPSEEK_CALL[0]),
        Text("function"),
        Marker(DEEPSEEK_SEPARATOR[0]),
        Name,
        Text("\n```json\n"),
        JSON,
        Text("\n```"),
        Marker(DEEPSEEK_CALL_END[0]),
    ],
    between: &[Text("\n")],
    close: &[Marker(DEEPSEEK_SECTION_END[0])],
};
const DEEPSEEK_PLAIN: Markup = Markup {
    open: &[Marker(DEEPSEEK_SECTION[0])],
    call: &[
        Marker(DEEPSEEK_CALL[0]),
        Name,
        Marker(DEEPSEEK_SEPARATOR[0]),
        JSON,
        Marker(DEEPSEEK_CALL_END[0]),
    ],
    between: &[],
    close: &[Marker(DEEPSEEK_SECTION_END[0])],
};
const GLM: Markup = plain(
    &[
        Marker("<tool_call>"),
        Name,
        Text("\n"),
        Part::Arguments(Arguments::Tags(&GLM_TAGS)),
        Marker("</tool_call>"),
    ],
    &[Text("\n")],
);
const KIMI: Markup = Markup {
    open: &[Marker(KIMI_SECTION[0])],
    call: &[
        Marker(KIMI_CALL),
        Text("functions."),
        Name,
        Text(":"),
        Regex("[0-9]{1,3}"),
        Marker(KIMI_ARGUMENTS),
        JSON,
        Marker(KIMI_CALL_END),
    ],
    between: &[],
    close: &[Marker(KIMI_SECTION_END[0])],
};

impl Markup {
    /// `None` where it is not built.
    pub(super) fn of(format: ToolFormat) -> Option<&'static Self> {
        Some(match format {
            ToolFormat::HermesJson => &HERMES,
            ToolFormat::FunctionXml => &FUNCTION,
            ToolFormat::LlamaTagJson => &LLAMA_TAG,
            ToolFormat::LlamaBareJson => &LLAMA_BARE,
            ToolFormat::MistralJson => &MISTRAL_JSON,
            ToolFormat::MistralName => &MISTRAL_NAME,
            ToolFormat::MistralArgs => &MISTRAL_ARGS,
            ToolFormat::MistralCallId => &MISTRAL_CALL_ID,
            ToolFormat::Gemma4 => &GEMMA,
            ToolFormat::DeepSeekFenced => &DEEPSEEK_FENCED,
            ToolFormat::DeepSeekPlain => &DEEPSEEK_PLAIN,
            ToolFormat::Glm => &GLM,
            ToolFormat::Kimi => &KIMI,
            ToolFormat::NamedXml | ToolFormat::LlamaCall | ToolFormat::Inkling => return None,
        })
    }

    /// What free text must not hold: it opens a call.
    pub(super) fn opener(&self) -> Part {
        let first = self.open.first().or_else(|| self.call.first());
        first.copied().unwrap_or(Text(""))
    }
}
