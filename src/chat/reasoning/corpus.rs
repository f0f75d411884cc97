//! Answers, and what they say.

use super::ReasoningFormat::{
    self, Apertus, Command, Gemma, Granite, Harmony, Kimi, Mistral, Reasoning, Seed, Think,
    ThinkAnswer, ThinkResponse, Thinking, Thought,
};
use super::ThoughtStart::{self, Absent, Closed, Open};

pub(super) struct Sample {
    pub(super) format: ReasoningFormat,
    pub(super) start: ThoughtStart,
    pub(super) text: &'static str,
    pub(super) reasoning: &'static str,
    pub(super) content: &'static str,
    pub(super) calls: &'static str,
}

const fn sample(
    format: ReasoningFormat,
    start: ThoughtStart,
    text: &'static str,
    reasoning: &'static str,
    content: &'static str,
) -> Sample {
    Sample {
        format,
        start,
        text,
        reasoning,
        content,
        calls: "",
    }
}

const fn call(
    text: &'static str,
    reasoning: &'static str,
    content: &'static str,
    calls: &'static str,
) -> Sample {
    Sample {
        calls,
        ..sample(Harmony, Absent, text, reasoning, content)
    }
}

#[rustfmt::skip]
pub(super) const SAMPLES: &[Sample] = &[
    // Whole answers.
    sample(Think, Absent, "<think>\nHm, 2+2.\n\nFour.\n</think>\n\nIt is 4.\n", "Hm, 2+2.\n\nFour.", "It is 4.\n"),
    sample(Think, Open, "Hm, 2+2.\n</think>\n\nIt is 4.", "Hm, 2+2.", "It is 4."),
    sample(Think, Open, "\nHm.</think>4", "Hm.", "4"),
    sample(Think, Closed, "\n\nIt is 4.", "", "It is 4."),
    sample(Think, Absent, "It is 4.", "", "It is 4."),
    sample(Think, Absent, "\n  It is 4.", "", "\n  It is 4."),
    sample(Think, Absent, "", "", ""),
    sample(Think, Absent, "\n\n", "", "\n\n"),
    sample(Think, Absent, "\n<think>é 漢 😀</think>é 漢 😀", "é 漢 😀", "é 漢 😀"),
    sample(ThinkAnswer, Absent, "<think>\nHm.\n</think>\n<answer>\nIt is 4.\n</answer>", "Hm.", "It is 4."),
    sample(ThinkAnswer, Closed, "<answer>It is\n\n4.</answer>\n", "", "It is\n\n4."),
    sample(ThinkAnswer, Absent, "<think>Hm.</think>Write <answer>x</answer>.", "Hm.", "Write <answer>x</answer>."),
    sample(ThinkResponse, Absent, "<think>Hm.</think><response>It is 4.</response>", "Hm.", "It is 4."),
    sample(Thinking, Absent, "<thinking>Hm.</thinking>\nIt is 4.", "Hm.", "It is 4."),
    sample(Thought, Open, "Hm.\n</thought>\n\nIt is 4.", "Hm.", "It is 4."),
    sample(Reasoning, Absent, "<reasoning> Hm. </reasoning> It is 4.", "Hm.", "It is 4."),
    sample(Seed, Absent, "<seed:think>Hm.<seed:cot_budget_reflect>12 of 512</seed:cot_budget_reflect> So.</seed:think>It is 4.", "Hm.<seed:cot_budget_reflect>12 of 512</seed:cot_budget_reflect> So.", "It is 4."),
    sample(Kimi, Absent, "◁think▷Hm.◁/think▷It is 4. ◁", "Hm.", "It is 4. ◁"),
    sample(Mistral, Absent, "[THINK]Hm, [x].[/THINK]It is [4].", "Hm, [x].", "It is [4]."),
    sample(Command, Absent, "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>It is 4.<|END_RESPONSE|>", "Hm.", "It is 4."),
    sample(Command, Absent, "<|START_RESPONSE|>```\nx<|END_RESPONSE|>", "", "```\nx"),
    sample(Command, Absent, "<|START_THINKING|>Hm.<|END_THINKING|><|START_TEXT|>It is 4.<|END_TEXT|>", "Hm.", "It is 4."),
    sample(Apertus, Absent, "<|inner_prefix|>Hm.<|inner_suffix|>It is 4.", "Hm.", "It is 4."),
    sample(Gemma, Absent, "<|channel>thought\nHm.\n<channel|>It is 4.", "Hm.", "It is 4."),
    sample(Gemma, Absent, "<|channel>thought\n<channel|>It is 4.", "", "It is 4."),
    sample(Gemma, Absent, "<|channel>Hm.<channel|>It is 4.", "Hm.", "It is 4."),
    sample(Granite, Absent, "Here is my thought process:\n\nHm. Here is my response: no.\n\nHere is my response:\n\nIt is 4.", "Hm. Here is my response: no.", "It is 4."),
    sample(Granite, Absent, "Here's my thought process: Hm.\nHere's my response: It is 4.\nHere is my response: x", "Hm.", "It is 4.\nHere is my response: x"),
    sample(Granite, Absent, "Here is my cat.\nHere is my response: x", "", "Here is my cat.\nHere is my response: x"),
    // A thought that never closes.
    sample(Think, Absent, "<think>\nHm, 2+2, so\n", "Hm, 2+2, so\n", ""),
    sample(Think, Open, "Hm", "Hm", ""),
    sample(Mistral, Open, "Hm", "Hm", ""),
    // Closed without an opening tag: before it was an answer already, unless it is known to have been a thought.
    sample(Think, Absent, "Hm, so 4.</think>\n\nIt is 4.", "", "Hm, so 4.\n\nIt is 4."),
    sample(Think, Absent, "It is \"4\"</think>4", "", "It is \"4\"\n\n4"),
    sample(Mistral, Absent, "Hm.[/THINK]4", "", "Hm.\n\n4"),
    sample(Think, Closed, "</think>\n\nIt is 4.", "", "It is 4."),
    sample(Think, Open, "Hm.</think>\n</think>\n\nIt is 4.\n</think>\n5", "Hm.", "It is 4.\n\n5"),
    // Opened twice.
    sample(Think, Open, "<think>\nHm.</think>4", "Hm.", "4"),
    sample(Think, Open, "Hm, <think> it says.</think>4", "Hm, <think> it says.", "4"),
    sample(Mistral, Open, "a [THINK]b[/THINK]4", "a b", "4"),
    // Several thoughts.
    sample(Think, Absent, "<think>a</think>\n\n<think>\nb\n</think>\nA", "a\n\nb", "A"),
    sample(Think, Absent, "<think>a</think>A\n<think>b</think>\n\nB", "a\n\nb", "A\n\nB"),
    sample(Command, Absent, "A<|START_THINKING|>b<|END_THINKING|>B", "b", "A\n\nB"),
    sample(Command, Absent, "A<|START_THINKING|>b<|END_THINKING|>```\n[<|START_THINKING|>]", "b", "A\n\n```\n[<|START_THINKING|>]"),
    // An answer that speaks of tags.
    sample(Think, Absent, "<think>a</think>\nUse <think> and </think>.", "a", "Use <think> and </think>."),
    sample(Think, Absent, "<think>a</think>\n```xml\n<think>\nx\n</think>\n```\nSo.", "a", "```xml\n<think>\nx\n</think>\n```\nSo."),
    sample(Think, Absent, "Use `</think>`, ``</think>`` or (\"</think>\").\n", "", "Use `</think>`, ``</think>`` or (\"</think>\").\n"),
    sample(Think, Absent, "A\n  `<think>` x", "", "A\n  `<think>` x"),
    sample(Think, Absent, "1 < 2, <b>, <th>, </th", "", "1 < 2, <b>, <th>, </th"),
    sample(Mistral, Absent, "Use `[THINK]`.", "", "Use `[THINK]`."),
    // Calls.
    sample(Think, Open, "I could use <tool_call>{}</tool_call>.\n<tool_call>\n{}\n</tool_call>\nNo.</think>4", "I could use <tool_call>{}</tool_call>.\n<tool_call>\n{}\n</tool_call>\nNo.", "4"),
    sample(Think, Open, "Hm.\n\n<tool_call>\n<function=f>\n</function>\n</tool_call>\n", "Hm.\n\n<tool_call>\n<function=f>\n</function>\n</tool_call>\n", "<tool_call>\n<function=f>\n</function>\n</tool_call>"),
    sample(Think, Open, "<function=x>?\n<function=f>\n</function>\n<function=g></function>", "<function=x>?\n<function=f>\n</function>\n<function=g></function>", "<function=f>\n</function>\n<function=g></function>"),
    sample(Think, Open, "Hm.\n<tool_call>{}</tool_call> or", "Hm.\n<tool_call>{}</tool_call> or", ""),
    sample(Think, Open, "Hm.\n<|tool_calls_section_begin|><|tool_call_begin|>f", "Hm.", "<|tool_calls_section_begin|><|tool_call_begin|>f"),
    sample(Mistral, Open, "Hm.\n[TOOL_CALLS]f[ARGS]{}", "Hm.", "[TOOL_CALLS]f[ARGS]{}"),
    sample(Gemma, Absent, "<|channel>thought\nHm.\n<|tool_call>call:f{}<tool_call|>", "Hm.", "<|tool_call>call:f{}<tool_call|>"),
    sample(Apertus, Open, "Hm.<|tools_prefix|>[]<|tools_suffix|>", "Hm.", "<|tools_prefix|>[]<|tools_suffix|>"),
    sample(Command, Open, "Hm.<|END_THINKING|><|START_ACTION|>[]<|END_ACTION|>", "Hm.", "<|START_ACTION|>[]<|END_ACTION|>"),
    // Harmony.
    sample(Harmony, Absent, "<|channel|>analysis<|message|>Hm.\n<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>", "Hm.", "It is 4."),
    sample(Harmony, Open, "Hm.<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{}", "Hm.", "{}"),
    sample(Harmony, Closed, "It is 4.", "", "It is 4."),
    sample(Harmony, Absent, "It is 4. to=f", "", "It is 4. to=f"),
    sample(Harmony, Absent, " today", "", " today"),
    sample(Harmony, Absent, "<|channel|>analysis<|message|>Hm, a  b", "Hm, a  b", ""),
    sample(Harmony, Absent, "<|channel|>analysis<|message|>a<|end|>\n<|start|>assistant<|channel|>analysis<|message|>b<|channel|>final<|message|>A", "a\n\nb", "A"),
    sample(Harmony, Absent, "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>A <|x|> <|", "", "Let me see.\n\nA <|x|> <|"),
    sample(Harmony, Open, "a \n<|message|> b\n<|constrain|><|end|>", "a \n b\n", ""),
    sample(Harmony, Absent, "<|channel|>final\nA<|end|>\nB", "", "A\n\nB"),
    sample(Harmony, Absent, "<|message|>A<|end|><|start|>user<|message|>B<|end|>", "B", "A"),
    call("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>", "Hm.", "", "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>"),
    call(" to=functions.f<|channel|>commentary json<|message|> {}", "", "", "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
    call("<|channel|>commentary to=a\"b<|message|>\n<|call|>", "", "", "<tool_call>{\"name\": \"a\\\"b\"}</tool_call>"),
    call("<|channel|>commentary<|message|>First.<|end|><|start|>assistant to=f<|channel|>commentary<|message|>{}<|start|>assistant<|channel|>final<|message|>A", "", "First.\n\nA", "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
];
