//! What each format writes for the same calls.

use super::ToolFormat;

/// What a format writes.
pub(super) struct Forms {
    pub(super) format: ToolFormat,
    pub(super) control: &'static [&'static str],
    /// `get_weather` with a city, 3 days, the unit C, and two tags.
    pub(super) full: &'static str,
    pub(super) ping: &'static str,
    /// Two pings.
    pub(super) two: &'static str,
    pub(super) bad: &'static [&'static str],
}

pub(super) const FORMS: &[Forms] = &[
    Forms {
        format: ToolFormat::HermesJson,
        control: &[],
        full: "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}}\n</tool_call>",
        ping: "<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>",
        two: "<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>",
        bad: &[
            "<tool_call>\n{\"name\": \"nobody\"",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": 1",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\", \"unit\": \"K",
            "<tool_call> I think",
        ],
    },
    Forms {
        format: ToolFormat::FunctionXml,
        control: &[],
        full: "<tool_call>\n<function=get_weather>\n<parameter=city>\nBerlin\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=unit>\nC\n</parameter>\n<parameter=tags>\n[\"a\", \"b\"]\n</parameter>\n</function>\n</tool_call>",
        ping: "<tool_call>\n<function=ping>\n</function>\n</tool_call>",
        two: "<tool_call>\n<function=ping>\n</function>\n</tool_call>\n<tool_call>\n<function=ping>\n</function>\n</tool_call>",
        bad: &[
            "<tool_call>\n<function=nobody",
            "<tool_call>\n<function=get_weather>\n</function>",
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nx\n</parameter>\n<parameter=days>\nx",
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nx\n</parameter>\n<parameter=unit>\nK",
            "<tool_call>\n<function=get_weather>\n<parameter=days>",
        ],
    },
    Forms {
        format: ToolFormat::LlamaTagJson,
        control: &["<|python_tag|>"],
        full: "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}}",
        ping: "<|python_tag|>{\"name\": \"ping\", \"parameters\": {}}",
        two: "<|python_tag|>{\"name\": \"ping\", \"parameters\": {}}<|python_tag|>{\"name\": \"ping\", \"parameters\": {}}",
        bad: &["<|python_tag|>{\"name\": \"nobody", "<|python_tag|>print"],
    },
    Forms {
        format: ToolFormat::LlamaBareJson,
        control: &[],
        full: "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}}",
        ping: "{\"name\": \"ping\", \"parameters\": {}}",
        two: "{\"name\": \"ping\", \"parameters\": {}}; {\"name\": \"ping\", \"parameters\": {}}",
        bad: &["{\"name\": \"nobody", "{\"x\""],
    },
    Forms {
        format: ToolFormat::MistralJson,
        control: &["[TOOL_CALLS]"],
        full: "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}}]",
        ping: "[TOOL_CALLS][{\"name\": \"ping\", \"arguments\": {}}]",
        two: "[TOOL_CALLS][{\"name\": \"ping\", \"arguments\": {}}, {\"name\": \"ping\", \"arguments\": {}}]",
        bad: &["[TOOL_CALLS][]", "[TOOL_CALLS][{\"name\": \"nobody"],
    },
    Forms {
        format: ToolFormat::MistralName,
        control: &["[TOOL_CALLS]"],
        full: "[TOOL_CALLS]get_weather{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}",
        ping: "[TOOL_CALLS]ping{}",
        two: "[TOOL_CALLS]ping{}[TOOL_CALLS]ping{}",
        bad: &["[TOOL_CALLS]nobody", "[TOOL_CALLS]get_weather{}"],
    },
    Forms {
        format: ToolFormat::MistralArgs,
        control: &["[TOOL_CALLS]", "[ARGS]"],
        full: "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}",
        ping: "[TOOL_CALLS]ping[ARGS]{}",
        two: "[TOOL_CALLS]ping[ARGS]{}[TOOL_CALLS]ping[ARGS]{}",
        bad: &[
            "[TOOL_CALLS]nobody",
            "[TOOL_CALLS]ping{}",
            "[TOOL_CALLS]get_weather[ARGS]{}",
        ],
    },
    Forms {
        format: ToolFormat::MistralCallId,
        control: &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
        full: "[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}",
        ping: "[TOOL_CALLS]ping[CALL_ID]a1b2c3d4e[ARGS]{}",
        two: "[TOOL_CALLS]ping[CALL_ID]a1b2c3d4e[ARGS]{}[TOOL_CALLS]ping[CALL_ID]a1b2c3d4e[ARGS]{}",
        bad: &["[TOOL_CALLS]ping[CALL_ID]x[ARGS]"],
    },
    Forms {
        format: ToolFormat::Gemma4,
        control: &["<|tool_call>", "<tool_call|>", "<|\"|>"],
        full: "<|tool_call>call:get_weather{city:<|\"|>Berlin<|\"|>,days:3,unit:<|\"|>C<|\"|>,tags:[<|\"|>a<|\"|>,<|\"|>b<|\"|>]}<tool_call|>",
        ping: "<|tool_call>call:ping{}<tool_call|>",
        two: "<|tool_call>call:ping{}<tool_call|><|tool_call>call:ping{}<tool_call|>",
        bad: &[
            "<|tool_call>call:nobody",
            "<|tool_call>call:get_weather{}",
            "<|tool_call>call:get_weather{days:3",
            "<|tool_call>call:get_weather{city:<|\"|>x<|\"|>,days:x",
            "<|tool_call>call:get_weather{city:<|\"|>x<|\"|>,unit:<|\"|>K",
        ],
    },
    Forms {
        format: ToolFormat::DeepSeekFenced,
        control: &[
            "<｜tool▁calls▁begin｜>",
            "<｜tool▁call▁begin｜>",
            "<｜tool▁sep｜>",
            "<｜tool▁call▁end｜>",
            "<｜tool▁calls▁end｜>",
        ],
        full: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ping: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        two: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        bad: &[
            "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>nobody",
        ],
    },
    Forms {
        format: ToolFormat::DeepSeekPlain,
        control: &[
            "<｜tool▁calls▁begin｜>",
            "<｜tool▁call▁begin｜>",
            "<｜tool▁sep｜>",
            "<｜tool▁call▁end｜>",
            "<｜tool▁calls▁end｜>",
        ],
        full: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ping: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        two: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        bad: &[
            "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>nobody",
        ],
    },
    Forms {
        format: ToolFormat::Glm,
        control: &[],
        full: "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Berlin</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n<arg_key>unit</arg_key>\n<arg_value>C</arg_value>\n<arg_key>tags</arg_key>\n<arg_value>[\"a\", \"b\"]</arg_value>\n</tool_call>",
        ping: "<tool_call>ping\n</tool_call>",
        two: "<tool_call>ping\n</tool_call>\n<tool_call>ping\n</tool_call>",
        bad: &[
            "<tool_call>nobody",
            "<tool_call>get_weather\n</tool_call>",
            "<tool_call>get_weather\n<arg_key>days",
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>x</arg_value>\n<arg_key>days</arg_key>\n<arg_value>x",
        ],
    },
    Forms {
        format: ToolFormat::Kimi,
        control: &[
            "<|tool_calls_section_begin|>",
            "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>",
            "<|tool_call_end|>",
            "<|tool_calls_section_end|>",
        ],
        full: "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Berlin\", \"days\": 3, \"unit\": \"C\", \"tags\": [\"a\", \"b\"]}<|tool_call_end|><|tool_calls_section_end|>",
        ping: "<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
        two: "<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_call_begin|>functions.ping:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
        bad: &[
            "<|tool_calls_section_begin|><|tool_calls_section_end|>",
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.nobody",
        ],
    },
];
