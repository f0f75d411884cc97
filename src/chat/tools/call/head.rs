//! [`Opener`] and [`NameHead`]: from what opens a call to its name.

use super::super::feed::Look;
use super::super::format::{
    DEEPSEEK_CALL, DEEPSEEK_SEPARATOR, INKLING_CALL, KIMI_ARGUMENTS, KIMI_CALL, ToolFormat,
};
use super::json_call::JsonCall;
use super::pairs::PairArgs;
use super::plain_args::PlainArgs;
use super::tagged::TaggedArgs;
use super::{Body, Context, Frame, MAX_NAME, Step};

/// What opened a call, or a section of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Opener {
    /// `<tool_call>`, which four families use.
    ToolCallTag,
    /// `<function=`
    Function,
    /// `<function name="` or `<invoke name="`
    NamedFunction,
    /// `MiniMax`'s section.
    MiniMaxSection,
    /// `<|python_tag|>`, or the `;` behind such a call.
    Python,
    /// The `{` of bare JSON is next.
    Bare,
    /// The `;` behind a bare JSON call.
    BareNext,
    /// `[TOOL_CALLS]`
    Mistral,
    /// The `,` between the elements of a list.
    MistralNext,
    /// `NAME[ARGS]` of a declared tool.
    BareArgs(String),
    /// `<|tool_call>`
    Gemma,
    /// `call:NAME{` of a declared tool.
    BareCall(String),
    /// A section of calls.
    DeepSeekSection,
    DeepSeekCall,
    KimiSection,
    KimiCall,
    /// `<|message_model|>`
    InklingMessage,
    /// `<|content_invoke_tool_json|>`, perhaps with the name before it.
    Inkling,
    /// The next `{` behind a call in the same markers.
    HermesNext,
}

impl Opener {
    pub(super) fn frame(&self) -> Frame {
        match self {
            Self::ToolCallTag | Self::HermesNext => Frame::HERMES,
            Self::Function => Frame::FUNCTION,
            Self::NamedFunction | Self::MiniMaxSection => Frame::NAMED,
            Self::Python => Frame::LLAMA,
            Self::Bare | Self::BareNext => Frame::BARE,
            Self::Mistral | Self::BareArgs(_) => Frame::MISTRAL,
            Self::MistralNext => Frame::MISTRAL_ARRAY,
            Self::Gemma => Frame::GEMMA,
            Self::BareCall(_) => Frame::GEMMA_BARE,
            Self::DeepSeekSection | Self::DeepSeekCall => Frame::DEEPSEEK,
            Self::KimiSection | Self::KimiCall => Frame::KIMI,
            Self::InklingMessage | Self::Inkling => Frame::INKLING,
        }
    }

    pub(super) fn is_unmarked(&self) -> bool {
        matches!(self, Self::Bare | Self::BareNext)
    }

    /// What the call goes on as, or what to do until that is known.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Result<Body, Step> {
        let name = |of| Ok(Body::Name(NameHead::new(of)));
        match self {
            Self::Function => return name(NameOf::Function),
            Self::NamedFunction => return name(NameOf::Named),
            Self::InklingMessage => return name(NameOf::Inkling),
            Self::BareArgs(called) => {
                let called = std::mem::take(called);
                cx.name(&called);
                return Ok(Body::Plain(PlainArgs::new(Frame::MISTRAL)));
            }
            Self::BareCall(called) => {
                let parameters = cx.name(&std::mem::take(called));
                return Ok(Body::Pairs(PairArgs::gemma(parameters, Frame::GEMMA_BARE)));
            }
            _ => {}
        }
        if cx.skip_blank() {
            return Err(Step::Going);
        }
        let Some(next) = cx.feed.peek() else {
            return Err(Step::Wait);
        };
        let json = |frame| Ok(Body::Json(JsonCall::new(frame)));
        match (&*self, next) {
            (Self::ToolCallTag, '{') if !cx.expects(ToolFormat::HermesJson) => Err(Step::Broken),
            (Self::ToolCallTag, '<') => tag_in_tag(cx),
            (Self::ToolCallTag, c) if c != '{' => {
                if cx.expects(ToolFormat::Glm) {
                    name(NameOf::Glm)
                } else {
                    Err(Step::Broken)
                }
            }
            (Self::Python, c) if c != '{' => name(NameOf::Llama),
            (Self::BareNext, c) if c != '{' => Err(Step::Broken),
            (Self::Mistral, '[') => {
                cx.feed.skip(1);
                *self = Self::MistralNext;
                Err(Step::Going)
            }
            (Self::MistralNext, ']') => {
                cx.feed.skip(1);
                Err(Step::Nothing)
            }
            (Self::Mistral, c) if c != '{' => name(NameOf::Mistral),
            (Self::Gemma, _) => literal(cx, &["call:"], || NameHead::new(NameOf::Gemma)),
            (Self::MiniMaxSection, _) => {
                literal(cx, &["<invoke name=\""], || NameHead::new(NameOf::Named))
            }
            (Self::DeepSeekSection, _) => {
                literal(cx, DEEPSEEK_CALL, || NameHead::new(NameOf::DeepSeekKind))
            }
            (Self::DeepSeekCall, _) => name(NameOf::DeepSeekKind),
            (Self::KimiSection, _) => literal(cx, &[KIMI_CALL], || NameHead::new(NameOf::Kimi)),
            (Self::KimiCall, _) => name(NameOf::Kimi),
            _ => json(self.frame()),
        }
    }
}

/// Reads a literal that must come.
fn literal(
    cx: &mut Context<'_>,
    literals: &[&str],
    then: impl FnOnce() -> NameHead,
) -> Result<Body, Step> {
    match cx.feed.look_any(literals) {
        Look::Yes(found) => {
            cx.feed.skip(found.len());
            Ok(Body::Name(then()))
        }
        Look::Maybe => Err(Step::Wait),
        Look::No => Err(Step::Broken),
    }
}

/// `<tool_call>` around a function tag.
fn tag_in_tag(cx: &mut Context<'_>) -> Result<Body, Step> {
    let mut tags = Vec::new();
    if cx.expects(ToolFormat::FunctionXml) {
        tags.push(("<function=", NameOf::Function));
    }
    if cx.expects(ToolFormat::NamedXml) {
        tags.push(("<function name=\"", NameOf::Named));
        tags.push(("<invoke name=\"", NameOf::Named));
    }
    let found = tags.iter().fold(Look::No, |found, (tag, of)| {
        found.or(|| cx.feed.look(tag).map(|()| (tag.len(), *of)))
    });
    match found {
        Look::Yes((length, of)) => {
            cx.feed.skip(length);
            Ok(Body::Name(NameHead::new(of)))
        }
        Look::Maybe => Err(Step::Wait),
        Look::No => Err(Step::Broken),
    }
}

/// Whose name is read, which decides what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameOf {
    Function,
    Named,
    Llama,
    Mistral,
    MistralId,
    Gemma,
    DeepSeekKind,
    DeepSeekName,
    Glm,
    Kimi,
    Inkling,
}

impl NameOf {
    fn frame(self) -> Frame {
        match self {
            Self::Function => Frame::FUNCTION,
            Self::Named => Frame::NAMED,
            Self::Llama => Frame::LLAMA,
            Self::Mistral | Self::MistralId => Frame::MISTRAL,
            Self::Gemma => Frame::GEMMA,
            Self::DeepSeekKind | Self::DeepSeekName => Frame::DEEPSEEK,
            Self::Glm => Frame::GLM,
            Self::Kimi => Frame::KIMI,
            Self::Inkling => Frame::INKLING,
        }
    }

    fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Function => &[">"],
            Self::Named => &["\">"],
            Self::Llama => &[".call("],
            Self::Mistral => &["[ARGS]", "[CALL_ID]", "{"],
            Self::MistralId => &["[ARGS]"],
            Self::Gemma => &["{"],
            Self::DeepSeekKind => DEEPSEEK_SEPARATOR,
            Self::DeepSeekName => &["\n", "```", "{"],
            Self::Glm => &["<arg_key>", "</tool_call>"],
            Self::Kimi => &[KIMI_ARGUMENTS],
            Self::Inkling => &[INKLING_CALL],
        }
    }

    /// The arguments need what ended the name.
    fn keeps_end(self, end: &str) -> bool {
        match self {
            Self::Glm => true,
            Self::Mistral => end == "{",
            Self::DeepSeekName => end != "\n",
            _ => false,
        }
    }
}

/// Reads the name of a call.
#[derive(Debug)]
pub(in super::super) struct NameHead {
    of: NameOf,
    text: String,
    /// The name, where something else is read behind it.
    name: Option<String>,
}

impl NameHead {
    fn new(of: NameOf) -> Self {
        Self {
            of,
            text: String::new(),
            name: None,
        }
    }

    pub(super) fn frame(&self) -> Frame {
        self.of.frame()
    }

    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Result<Option<Body>, Step> {
        match cx.feed.look_any(self.of.ends()) {
            Look::Yes(end) => {
                if !self.of.keeps_end(end) {
                    cx.feed.skip(end.len());
                }
                self.ended_by(end, cx)
            }
            Look::Maybe => Err(Step::Wait),
            Look::No => {
                let c = cx.feed.peek().ok_or(Step::Wait)?;
                self.push(c)?;
                cx.feed.skip_char(c);
                Ok(None)
            }
        }
    }

    /// A name has no blanks inside and nothing that delimits.
    fn push(&mut self, c: char) -> Result<(), Step> {
        let ended = !self.text.trim_start().is_empty() && self.text.ends_with(char::is_whitespace);
        let second_word = ended && !c.is_whitespace();
        let delimits = c.is_control() && !c.is_whitespace() || "<>[]{}()\"'`=,;".contains(c);
        if second_word || delimits || self.text.len() > MAX_NAME {
            return Err(Step::Broken);
        }
        self.text.push(c);
        Ok(())
    }

    fn ended_by(&mut self, end: &str, cx: &mut Context<'_>) -> Result<Option<Body>, Step> {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if self.of == NameOf::Inkling {
            // The name stands in the JSON again.
            return Ok(Some(Body::Json(JsonCall::new(Frame::INKLING))));
        }
        match (self.of, end) {
            // A tool could be called that: then its arguments are next.
            (NameOf::DeepSeekName, "{") if text.is_empty() => Ok(Some(self.named("function", cx))),
            _ if text.is_empty() => Err(Step::Broken),
            (NameOf::DeepSeekKind, _) if text == "function" => {
                self.of = NameOf::DeepSeekName;
                Ok(None)
            }
            (NameOf::Mistral, "[CALL_ID]") => {
                self.name = Some(text.to_owned());
                self.of = NameOf::MistralId;
                Ok(None)
            }
            _ => {
                let name = self.name.take().unwrap_or_else(|| text.to_owned());
                Ok(Some(self.named(&name, cx)))
            }
        }
    }

    fn named(&self, name: &str, cx: &mut Context<'_>) -> Body {
        let frame = self.frame();
        let name = if self.of == NameOf::Kimi {
            kimi_name(name, |name| cx.declared.get(name).is_some())
        } else {
            name
        };
        let parameters = cx.name(name);
        match self.of {
            NameOf::Function => Body::Tagged(TaggedArgs::function(parameters)),
            NameOf::Named => Body::Tagged(TaggedArgs::named(parameters)),
            NameOf::Glm => Body::Tagged(TaggedArgs::glm(parameters)),
            NameOf::Llama => Body::Pairs(PairArgs::python(parameters, frame)),
            NameOf::Gemma => Body::Pairs(PairArgs::gemma(parameters, frame)),
            _ => Body::Plain(PlainArgs::new(frame)),
        }
    }
}

/// `functions.NAME:IDX` → `NAME`; also without one of the parts.
fn kimi_name(text: &str, is_declared: impl Fn(&str) -> bool) -> &str {
    if is_declared(text) {
        return text;
    }
    let name = match text.rsplit_once(':') {
        Some((name, index)) if index.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => text,
    };
    if is_declared(name) {
        return name;
    }
    name.strip_prefix("functions.").unwrap_or(name)
}
