//! One table of answers in all formats, and what they say.

use serde_json::{Value, json};

use crate::chat::tools::{DeclaredTool, ToolFormat};

/// An answer, and what is to be read from it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) format: ToolFormat,
    pub(super) text: &'static str,
    pub(super) content: &'static str,
    /// Names and arguments.
    pub(super) calls: &'static [(&'static str, &'static str)],
    /// Strict reading finds the same.
    pub(super) closed: bool,
}

/// What a request offers in these tests.
pub(crate) fn tools() -> Vec<DeclaredTool> {
    let tool = |name: &str, properties: Value| DeclaredTool {
        name: name.to_owned(),
        parameters: json!({"type": "object", "properties": properties}),
    };
    vec![
        tool(
            "get_weather",
            json!({
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "metric": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "where": {"type": "object"},
                "limit": {"type": ["number", "null"]},
            }),
        ),
        tool(
            "write_file",
            json!({"path": {"type": "string"}, "content": {"type": "string"}}),
        ),
        tool("ping", json!({})),
        tool("get", json!({"city": {"type": "string"}})),
        tool("function", json!({"city": {"type": "string"}})),
    ]
}

const fn sample(
    format: ToolFormat,
    text: &'static str,
    content: &'static str,
    calls: &'static [(&'static str, &'static str)],
) -> Sample {
    Sample {
        format,
        text,
        content,
        calls,
        closed: true,
    }
}

/// A sample that only healing reads.
const fn healed(
    format: ToolFormat,
    text: &'static str,
    content: &'static str,
    calls: &'static [(&'static str, &'static str)],
) -> Sample {
    Sample {
        closed: false,
        ..sample(format, text, content, calls)
    }
}

use ToolFormat::{
    DeepSeekFenced, DeepSeekPlain, FunctionXml, Gemma4, Glm, HermesJson, Inkling, Kimi,
    LlamaBareJson, LlamaCall, LlamaTagJson, MistralArgs, MistralCallId, MistralJson, MistralName,
    NamedXml,
};

const BERLIN: (&str, &str) = ("get_weather", r#"{"city": "Berlin", "days": 3}"#);
const PARIS: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);
const NESTED: (&str, &str) = (
    "get_weather",
    r#"{"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}"#,
);
const UNICODE: (&str, &str) = (
    "write_file",
    r#"{"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}"#,
);
const PING: (&str, &str) = ("ping", "{}");

pub(super) const SAMPLES: &[Sample] = &[
    // 1: Hermes
    sample(HermesJson, "Hi.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}\n</tool_call> Bye.", "Hi.\n Bye.", &[BERLIN]),
    sample(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}</tool_call>\n<tool_call>{\"arguments\": {\"city\": \"Paris\"}, \"name\": \"get_weather\"}</tool_call>", "", &[BERLIN, PARIS]),
    sample(HermesJson, r#"<tool_call>{"id": 7, "name": "get_weather", "arguments": {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}, "x": [1, "}"]}</tool_call>"#, "", &[NESTED]),
    sample(HermesJson, r#"<tool_call>{"name": "write_file", "arguments": {"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ \ud83d\ude00 </b> {[("}}</tool_call>"#, "", &[UNICODE]),
    sample(HermesJson, "<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call><tool_call>{\"name\": \"ping\"}</tool_call><tool_call>{\"name\": \"ping\", \"arguments\": null}</tool_call>", "", &[PING, PING, PING]),
    sample(HermesJson, r#"<tool_call>{"name": "get_weather", "arguments": "{\"city\": \"Berlin\", \"days\": 3}"}</tool_call>"#, "", &[BERLIN]),
    sample(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}\n{\"name\": \"ping\", \"arguments\": {}}</tool_call>", "", &[BERLIN, PING]).not_strict(),
    healed(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}} and on", " and on", &[BERLIN]),
    healed(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}</tool_call> x", " x", &[BERLIN]),
    healed(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3</tool_call> x", " x", &[BERLIN]),
    healed(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}}\n</tool_call>", "", &[BERLIN]),
    healed(HermesJson, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"", "", &[PARIS]),
    healed(HermesJson, "<tool_call>{\"name\": \"write_file\", \"arguments\": {\"path\": \"a\", \"content\": \"1\n2\"}}</tool_call>", "", &[("write_file", r#"{"path": "a", "content": "1\n2"}"#)]),
    sample(HermesJson, "Use `<tool_call>` and </tool_call>. <tool_call>{\"name\": \"nobody\", \"arguments\": {\"a\": \"<tool_call>{\\\"name\\\": \\\"ping\\\"}\"}}</tool_call> a < b", "Use `<tool_call>` and </tool_call>. <tool_call>{\"name\": \"nobody\", \"arguments\": {\"a\": \"<tool_call>{\\\"name\\\": \\\"ping\\\"}\"}}</tool_call> a < b", &[]),
    sample(HermesJson, "<tool_call><tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>", "<tool_call>", &[PING]),
    // 2: function XML
    sample(FunctionXml, "Hi <tool_call>\n<function=get_weather>\n<parameter=city>\nBerlin\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call> Bye", "Hi  Bye", &[BERLIN]),
    sample(FunctionXml, "<function=get_weather><parameter=city>Berlin</parameter><parameter=days>3</parameter></function>\n<function=get_weather>\n<parameter=city>Paris</parameter></function>", "", &[BERLIN, PARIS]),
    sample(FunctionXml, "<function=get_weather><parameter=tags>[\"a\", \"b\"]</parameter><parameter=where>\n{\"lat\": 1.5, \"in\": {\"deep\": [true, null, {}]}}\n</parameter><parameter=metric>True</parameter></function>", "", &[NESTED]),
    sample(FunctionXml, "<function=write_file>\n<parameter=path>\nü/\"x\".txt\n</parameter>\n<parameter=content>\nZeile 1\n\tZeile 2 \\ 😀 </b> {[(\n</parameter>\n</function>", "", &[UNICODE]),
    sample(FunctionXml, "<tool_call><function=ping></function></tool_call><function=ping>\n</function>", "", &[PING, PING]),
    sample(FunctionXml, "<function=get_weather>{\"city\": \"Berlin\", \"days\": 3}</function>", "", &[BERLIN]),
    healed(FunctionXml, "<function=get_weather><parameter=city>Berlin<parameter=days>3</function> ", "", &[BERLIN]),
    healed(FunctionXml, "<tool_call><function=get_weather><parameter=city>\nBerlin\n</parameter><parameter=days>3</parameter>\n</tool_call> ok", " ok", &[BERLIN]),
    healed(FunctionXml, "<function=get_weather><parameter=city>Berlin</parameter><parameter=days>3\n</tool_call>", "", &[BERLIN]),
    sample(FunctionXml, "Write <function=NAME> or <function=nobody><parameter=a>1</parameter></function>, <function=ping> not.", "Write <function=NAME> or <function=nobody><parameter=a>1</parameter></function>, <function=ping> not.", &[]),
    sample(FunctionXml, "<function=get_weather><parameter=city>x</parameter><parameter=limit>null</parameter><parameter=days>many</parameter></function>", "", &[("get_weather", r#"{"city": "x", "limit": null, "days": "many"}"#)]),
    // 3: named XML
    sample(NamedXml, "Hi <function name=\"get_weather\"><param name=\"city\">Berlin</param><param name=\"days\">3</param></function> Bye", "Hi  Bye", &[BERLIN]),
    sample(NamedXml, "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Berlin</parameter>\n<parameter name=\"days\">3</parameter>\n</invoke>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n</invoke>\n</minimax:tool_call>", "", &[BERLIN, PARIS]),
    sample(NamedXml, "<invoke name=\"get_weather\"><parameter name=\"tags\">[\"a\", \"b\"]</parameter><parameter name=\"where\">{\"lat\": 1.5, \"in\": {\"deep\": [true, null, {}]}}</parameter><parameter name=\"metric\">true</parameter></invoke>", "", &[NESTED]),
    sample(NamedXml, "<function name=\"write_file\"><param name=\"path\">ü/\"x\".txt</param><param name=\"content\">Zeile 1\n\tZeile 2 \\ 😀 </b> {[(</param></function>", "", &[UNICODE]),
    sample(NamedXml, "<function name=\"ping\"></function><tool_call><function name=\"ping\"> </function></tool_call>", "", &[PING, PING]),
    healed(NamedXml, "<function name=\"get_weather\"><param name=\"city\">Berlin<param name=\"days\">3</function>", "", &[BERLIN]),
    sample(NamedXml, "A <function name=\"nobody\"></function>, an <invoke> and ```\n<function name=\"\">\n```", "A <function name=\"nobody\"></function>, an <invoke> and ```\n<function name=\"\">\n```", &[]),
    // 4: Llama calls
    sample(LlamaCall, "Hi <|python_tag|>get_weather.call(city=\"Berlin\", days=3)", "Hi ", &[BERLIN]),
    sample(LlamaCall, "<|python_tag|>get_weather.call(city='Berlin', days=\"3\"); get_weather.call(city=\"Paris\") Bye", " Bye", &[BERLIN, PARIS]),
    sample(LlamaCall, "<|python_tag|>get_weather.call(tags=['a', \"b\",], where={'lat': 1.5, \"in\": {'deep': (True, None, {})}}, metric=True)", "", &[NESTED]),
    sample(LlamaCall, "<|python_tag|>write_file.call(path='ü/\"x\".txt', content=\"Zeile 1\\n\\tZeile 2 \\\\ \\U0001F600 </b> {[(\")", "", &[UNICODE]),
    sample(LlamaCall, "<|python_tag|>ping.call()", "", &[PING]),
    sample(LlamaCall, "<|python_tag|>print(1) ```\nping.call()\n```", "<|python_tag|>print(1) ```\nping.call()\n```", &[]),
    sample(LlamaCall, "<|python_tag|>nobody.call(a=\"b\") x", "<|python_tag|>nobody.call(a=\"b\") x", &[]),
    healed(LlamaCall, "<|python_tag|>get_weather.call(city=\"Paris\"", "", &[PARIS]),
    // 5: Llama JSON behind the tag
    sample(LlamaTagJson, "Hi <|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3}}", "Hi ", &[BERLIN]),
    sample(LlamaTagJson, "<|python_tag|>{\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3}}; {\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}", "", &[BERLIN, PARIS]),
    sample(LlamaTagJson, r#"<|python_tag|>{"name": "get_weather", "parameters": {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}}"#, "", &[NESTED]),
    sample(LlamaTagJson, r#"<|python_tag|>{"name": "write_file", "parameters": {"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}}"#, "", &[UNICODE]),
    sample(LlamaTagJson, "<|python_tag|>{\"name\": \"ping\", \"parameters\": {}}", "", &[PING]),
    sample(LlamaTagJson, "<|python_tag|>{\"name\": \"nobody\", \"parameters\": {}} x", "<|python_tag|>{\"name\": \"nobody\", \"parameters\": {}} x", &[]),
    healed(LlamaTagJson, "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}", "", &[PARIS]),
    // 6: bare JSON
    sample(LlamaBareJson, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3}}", "", &[BERLIN]),
    sample(LlamaBareJson, "Hi.\n {\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\", \"days\": 3}}; {\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}} Bye", "Hi.\n  Bye", &[BERLIN, PARIS]),
    sample(LlamaBareJson, r#"{"name": "get_weather", "parameters": {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}}"#, "", &[NESTED]),
    sample(LlamaBareJson, r#"{"name": "write_file", "parameters": {"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}}"#, "", &[UNICODE]),
    sample(LlamaBareJson, "{\"name\": \"ping\", \"parameters\": {}}", "", &[PING]),
    sample(LlamaBareJson, "```json\n{\"name\": \"ping\", \"parameters\": {}}\n```\nor {\"name\": \"ping\", \"parameters\": {}} or\n{\"name\": \"nobody\", \"parameters\": {}}\n{\"name\": \"ping\"}\n{\"names\": 1} {", "```json\n{\"name\": \"ping\", \"parameters\": {}}\n```\nor {\"name\": \"ping\", \"parameters\": {}} or\n{\"name\": \"nobody\", \"parameters\": {}}\n{\"name\": \"ping\"}\n{\"names\": 1} {", &[]),
    healed(LlamaBareJson, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}", "", &[PARIS]),
    // 7: Mistral lists
    sample(MistralJson, "Hi [TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}, \"id\": \"abc\"}] Bye", "Hi  Bye", &[BERLIN]),
    sample(MistralJson, "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}, {\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}]", "", &[BERLIN, PARIS]),
    sample(MistralJson, r#"[TOOL_CALLS]{"name": "get_weather", "arguments": {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}}"#, "", &[NESTED]),
    sample(MistralJson, r#"[TOOL_CALLS][{"name": "write_file", "arguments": {"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}}]"#, "", &[UNICODE]),
    sample(MistralJson, "[TOOL_CALLS][{\"name\": \"ping\", \"arguments\": {}}]", "", &[PING]),
    sample(MistralJson, "[TOOL_CALLS][]", "", &[]),
    sample(MistralJson, "[THINK][TOOL_CALLS]{\"name\": \"ping\"}[/THINK]x", "[THINK][TOOL_CALLS]{\"name\": \"ping\"}[/THINK]x", &[]),
    healed(MistralJson, "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Berlin\", \"days\": 3}}", "", &[BERLIN]),
    // 8: Mistral names
    sample(MistralName, "Hi [TOOL_CALLS]get_weather{\"city\": \"Berlin\", \"days\": 3} Bye", "Hi  Bye", &[BERLIN]),
    sample(MistralName, "[TOOL_CALLS]get_weather{\"city\": \"Berlin\", \"days\": 3}[TOOL_CALLS]get_weather {\"city\": \"Paris\"}", "", &[BERLIN, PARIS]),
    sample(MistralName, r#"[TOOL_CALLS]get_weather{"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}"#, "", &[NESTED]),
    sample(MistralName, r#"[TOOL_CALLS]write_file{"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}"#, "", &[UNICODE]),
    sample(MistralName, "[TOOL_CALLS]ping{}", "", &[PING]),
    sample(MistralName, "The [TOOL_CALLS] token, [TOOL_CALLS]nobody{\"a\": 1} and get_weather{\"city\": \"x\"}", "The [TOOL_CALLS] token, [TOOL_CALLS]nobody{\"a\": 1} and get_weather{\"city\": \"x\"}", &[]),
    healed(MistralName, "[TOOL_CALLS]get_weather{\"city\": \"Paris\"", "", &[PARIS]),
    // 9: Mistral with ARGS
    sample(MistralArgs, "Hi [TOOL_CALLS]get_weather[ARGS]{\"city\": \"Berlin\", \"days\": 3} Bye", "Hi  Bye", &[BERLIN]),
    sample(MistralArgs, "Hi get_weather[ARGS]{\"city\": \"Berlin\", \"days\": 3}get_weather[ARGS]{\"city\": \"Paris\"}", "Hi ", &[BERLIN, PARIS]),
    sample(MistralArgs, r#"[TOOL_CALLS]get_weather[ARGS] {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}"#, "", &[NESTED]),
    sample(MistralArgs, r#"write_file[ARGS]{"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}"#, "", &[UNICODE]),
    sample(MistralArgs, "ping[ARGS]{}", "", &[PING]),
    sample(MistralArgs, "`ping[ARGS]{}` xping[ARGS]{} nobody[ARGS]{}\n```\nping[ARGS]{}\n```\n[TOOL_CALLS]nobody[ARGS]{\"a\": 1}", "`ping[ARGS]{}` xping[ARGS]{} nobody[ARGS]{}\n```\nping[ARGS]{}\n```\n[TOOL_CALLS]nobody[ARGS]{\"a\": 1}", &[]),
    // 10: Mistral with CALL_ID
    sample(MistralCallId, "Hi [TOOL_CALLS]get_weather[CALL_ID]a1B2c3D4e[ARGS]{\"city\": \"Berlin\", \"days\": 3} Bye", "Hi  Bye", &[BERLIN]),
    sample(MistralCallId, "[TOOL_CALLS]get_weather[CALL_ID]1[ARGS]{\"city\": \"Berlin\", \"days\": 3}[TOOL_CALLS]get_weather[CALL_ID]2[ARGS]{\"city\": \"Paris\"}", "", &[BERLIN, PARIS]),
    sample(MistralCallId, r#"[TOOL_CALLS]get_weather[CALL_ID]x[ARGS]{"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}"#, "", &[NESTED]),
    sample(MistralCallId, r#"[THINK]Hm, [TOOL_CALLS][/THINK][TOOL_CALLS]write_file[CALL_ID]x[ARGS]{"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}"#, "[THINK]Hm, [TOOL_CALLS][/THINK]", &[UNICODE]),
    sample(MistralCallId, "[TOOL_CALLS]ping[CALL_ID]9[ARGS]{}", "", &[PING]),
    // 11: Gemma 4
    sample(Gemma4, "Hi <|tool_call>call:get_weather{city:<|\"|>Berlin<|\"|>,days:3}<tool_call|> Bye", "Hi  Bye", &[BERLIN]),
    sample(Gemma4, "<|tool_call>call:get_weather{city:<|\"|>Berlin<|\"|>,days:<|\"|>3<|\"|>}<tool_call|><|tool_call>call:get_weather{city: <|\"|>Paris<|\"|>}<tool_call|>", "", &[BERLIN, PARIS]),
    sample(Gemma4, "<|tool_call>call:get_weather{tags:[<|\"|>a<|\"|>,<|\"|>b<|\"|>],where:{lat:1.5,in:{<|\"|>deep<|\"|>:[true,null,{}]}},metric:true}<tool_call|>", "", &[NESTED]),
    sample(Gemma4, "<|tool_call>call:write_file{path:<|\"|>ü/\"x\".txt<|\"|>,content:<|\"|>Zeile 1\n\tZeile 2 \\ 😀 </b> {[(<|\"|>}<tool_call|>", "", &[UNICODE]),
    sample(Gemma4, "<|tool_call>call:ping{}<tool_call|>call:ping{}", "", &[PING, PING]),
    sample(Gemma4, "Hi call:get_weather{city:<|\"|>Berlin<|\"|>,days:3} Bye", "Hi  Bye", &[BERLIN]),
    sample(Gemma4, "call:nobody{} `call:ping{}` recall:ping{}\n```\ncall:ping{}\n```\n<|tool_call>call:nobody{a:1}", "call:nobody{} `call:ping{}` recall:ping{}\n```\ncall:ping{}\n```\n<|tool_call>call:nobody{a:1}", &[]),
    healed(Gemma4, "<|tool_call>call:get_weather{city:<|\"|>Berlin<|\"|>,days:3} and on", " and on", &[BERLIN]),
    healed(Gemma4, "<|tool_call>call:get_weather{city:Berlin,days:3<tool_call|>", "", &[]),
    healed(Gemma4, "<|tool_call>call:get_weather{days:3,city:<|\"|>Berlin<|\"|><tool_call|>", "", &[BERLIN]),
    healed(Gemma4, "<|tool_call>call:get_weather{city:Berlin,days:3}<tool_call|>", "", &[BERLIN]),
    // 12: DeepSeek with fences
    sample(DeepSeekFenced, "Hi <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Berlin\", \"days\": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜> Bye", "Hi  Bye", &[BERLIN]),
    sample(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Berlin\", \"days\": 3}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Paris\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "", &[BERLIN, PARIS]),
    sample(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"tags\": [\"a\", \"b\"],\n \"where\": {\"lat\": 1.5, \"in\": {\"deep\": [true, null, {}]}}, \"metric\": true}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "", &[NESTED]),
    sample(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>write_file\n```json\n{\"path\": \"ü/\\\"x\\\".txt\", \"content\": \"Zeile 1\\n\\tZeile 2 \\\\ 😀 </b> {[(\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "", &[UNICODE]),
    sample(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "", &[PING]),
    sample(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>nobody\n```json\n{}\n```<｜tool▁call▁end｜>", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>nobody\n```json\n{}\n```<｜tool▁call▁end｜>", &[]),
    healed(DeepSeekFenced, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Berlin\", \"days\": 3}\n```", "", &[BERLIN]),
    // 13: DeepSeek without
    sample(DeepSeekPlain, "Hi <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Berlin\", \"days\": 3}<｜tool▁call▁end｜><｜tool▁calls▁end｜> Bye", "Hi  Bye", &[BERLIN]),
    sample(DeepSeekPlain, "<｜tool_calls_begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Berlin\", \"days\": 3}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\"}<｜tool▁call▁end｜><｜tool_calls_end｜>", "", &[BERLIN, PARIS]),
    sample(DeepSeekPlain, "<｜tool calls begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"tags\": [\"a\", \"b\"], \"where\": {\"lat\": 1.5, \"in\": {\"deep\": [true, null, {}]}}, \"metric\": true}<｜tool▁call▁end｜>", "", &[NESTED]),
    sample(DeepSeekPlain, "<｜tool\\_calls\\_begin｜><｜tool▁call▁begin｜>write_file<｜tool▁sep｜>{\"path\": \"ü/\\\"x\\\".txt\", \"content\": \"Zeile 1\\n\\tZeile 2 \\\\ 😀 </b> {[(\"}<｜tool▁call▁end｜>", "", &[UNICODE]),
    sample(DeepSeekPlain, "<｜tool▁calls｜><｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{}<｜tool▁call▁end｜>", "", &[PING, ("function", "{}")]),
    healed(DeepSeekPlain, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Berlin\", \"days\": 3}", "", &[BERLIN]),
    sample(DeepSeekPlain, "a <｜b｜> <｜tool▁call▁begin｜>nobody<｜tool▁sep｜>{}", "a <｜b｜> <｜tool▁call▁begin｜>nobody<｜tool▁sep｜>{}", &[]),
    // 14: GLM
    sample(Glm, "Hi <tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Berlin</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call> Bye", "Hi  Bye", &[BERLIN]),
    sample(Glm, "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Berlin</arg_value><arg_key>days</arg_key><arg_value>3</arg_value></tool_call>\n<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call>", "", &[BERLIN, PARIS]),
    sample(Glm, "<tool_call>get_weather\n<arg_key>tags</arg_key><arg_value>[\"a\", \"b\"]</arg_value><arg_key>where</arg_key><arg_value>{\"lat\": 1.5, \"in\": {\"deep\": [true, null, {}]}}</arg_value><arg_key>metric</arg_key><arg_value>true</arg_value></tool_call>", "", &[NESTED]),
    sample(Glm, "<tool_call>write_file\n<arg_key>path</arg_key>\n<arg_value>ü/\"x\".txt</arg_value>\n<arg_key>content</arg_key>\n<arg_value>Zeile 1\n\tZeile 2 \\ 😀 </b> {[(</arg_value>\n</tool_call>", "", &[UNICODE]),
    sample(Glm, "<tool_call>ping</tool_call><tool_call>ping\n</tool_call>", "", &[PING, PING]),
    sample(Glm, "The <tool_call> tag, <tool_call>nobody\n<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>, `<tool_call>`", "The <tool_call> tag, <tool_call>nobody\n<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>, `<tool_call>`", &[]),
    healed(Glm, "<tool_call>get_weather\n<arg_key>city</arg_key><arg_value>Berlin</arg_value><arg_key>days</arg_key><arg_value>3</arg_value>", "", &[BERLIN]),
    healed(Glm, "<tool_call>get_weather\n<arg_key>city</arg_key><arg_value>Berlin<arg_key>days</arg_key><arg_value>3</arg_value> on", "on", &[BERLIN]),
    sample(Glm, "<tool_call>get_weather\n<arg_key>tags</arg_key><arg_value>[\"</arg_value>\"]</arg_value></tool_call>", "", &[("get_weather", r#"{"tags": ["</arg_value>"]}"#)]),
    // 15: Kimi
    sample(Kimi, "Hi <|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Berlin\", \"days\": 3}<|tool_call_end|><|tool_calls_section_end|> Bye", "Hi  Bye", &[BERLIN]),
    sample(Kimi, "<|tool_calls_section_begin|> <|tool_call_begin|> functions.get_weather:0 <|tool_call_argument_begin|> {\"city\": \"Berlin\", \"days\": 3} <|tool_call_end|> <|tool_call_begin|>functions.get_weather:1<|tool_call_argument_begin|>{\"city\": \"Paris\"}<|tool_call_end|><|tool_calls_section_end|>", "", &[BERLIN, PARIS]),
    sample(Kimi, r#"<|tool_call_section_begin|><|tool_call_begin|>get_weather:0<|tool_call_argument_begin|>{"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}<|tool_call_end|><|tool_call_section_end|>"#, "", &[NESTED]),
    sample(Kimi, r#"<|tool_call_begin|>write_file<|tool_call_argument_begin|>{"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}<|tool_call_end|>"#, "", &[UNICODE]),
    sample(Kimi, "<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:12<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "", &[PING]),
    sample(Kimi, "<|tool_calls_section_begin|><|tool_call_begin|>functions.nobody:0<|tool_call_argument_begin|>{}<|tool_call_end|>", "<|tool_calls_section_begin|><|tool_call_begin|>functions.nobody:0<|tool_call_argument_begin|>{}<|tool_call_end|>", &[]),
    healed(Kimi, "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Berlin\", \"days\": 3}<|tool_calls_section_end|>", "", &[BERLIN]),
    // 16: Inkling
    sample(Inkling, "<|message_model|>get_weather<|content_invoke_tool_json|>{\"name\": \"get_weather\", \"args\": {\"city\": \"Berlin\", \"days\": 3}}<|end_message|>", "", &[BERLIN]),
    sample(Inkling, "get_weather<|content_invoke_tool_json|>{\"name\": \"get_weather\", \"args\": {\"city\": \"Berlin\", \"days\": 3}}<|end_message|><|message_model|>get_weather<|content_invoke_tool_json|>{\"name\": \"get_weather\", \"args\": {\"city\": \"Paris\"}}<|end_message|>", "", &[BERLIN, PARIS]),
    sample(Inkling, r#"Hi <|content_invoke_tool_json|>{"name": "get_weather", "args": {"tags": ["a", "b"], "where": {"lat": 1.5, "in": {"deep": [true, null, {}]}}, "metric": true}}<|end_message|> Bye"#, "Hi  Bye", &[NESTED]),
    sample(Inkling, r#"<|content_invoke_tool_json|>{"name": "write_file", "args": {"path": "ü/\"x\".txt", "content": "Zeile 1\n\tZeile 2 \\ 😀 </b> {[("}}<|end_message|>"#, "", &[UNICODE]),
    sample(Inkling, "<|content_invoke_tool_json|>{\"name\": \"ping\", \"args\": {}}<|end_message|>", "", &[PING]),
    sample(Inkling, "<|content_invoke_tool_json|>{\"name\": \"nobody\", \"args\": {}}", "<|content_invoke_tool_json|>{\"name\": \"nobody\", \"args\": {}}", &[]),
    healed(Inkling, "<|content_invoke_tool_json|>{\"name\": \"get_weather\", \"args\": {\"city\": \"Berlin\", \"days\": 3}}", "", &[BERLIN]),
];

impl Sample {
    /// Strict reading finds something else.
    const fn not_strict(mut self) -> Self {
        self.closed = false;
        self
    }
}
