#!/usr/bin/env python3
"""What Jinja2, set up as the Transformers library sets it up, makes of the template corpus.

    oracle.py                   check that every committed expectation is what Jinja2 says
    oracle.py --write           write the expectations anew
    oracle.py --transformers    check with the Transformers library itself instead of Jinja2 alone

Needs what requirements.txt names. README.md beside this file describes the data.
"""

import copy
import json
import sys
from pathlib import Path

from jinja2.exceptions import TemplateError

from jinja_environment import NOW, environment

HERE = Path(__file__).parent
#: Stands for a place of the prompt that rein gives as `PromptPiece::Media`.
MEDIA = "\ufffc"
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}

#: What a template accepts unless traits.json says otherwise; see `TemplateTraits` in src/chat/template.
TRAITS = {
    "system": True, "late_system": True, "tools": True, "tool_turns": True, "parallel_calls": True,
    "arguments": "object", "raw_arguments": True, "null_content": True, "any_call_id": True,
    "text_content": True, "part_content": False,
}


# --- Conversations in the form that a template accepts: the same rules as src/chat/template/adapt.rs, again.

def text_of(content):
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part["type"] == "text")
    return content or ""


def take_system(messages):
    system = "\n\n".join(text_of(m["content"]) for m in messages if m["role"] == "system")
    return system, [m for m in messages if m["role"] != "system"]


def adapt(traits, messages, tools):
    messages = copy.deepcopy(messages)
    roles = [m["role"] for m in messages]
    first_other = next((i for i, role in enumerate(roles) if role != "system"), len(roles))
    if not traits["late_system"] and "system" in roles[first_other:]:
        system, messages = take_system(messages)
        messages.insert(0, {"role": "system", "content": system})
    offered = tools
    if not traits["tools"] and tools:
        if messages and messages[0]["role"] == "system":
            messages[0]["content"] += "\n\n" + described(tools)
        else:
            messages.insert(0, {"role": "system", "content": described(tools)})
        tools = None
    if any(m["role"] == "tool" or m.get("tool_calls") for m in messages):
        if traits["tool_turns"] and (traits["tools"] or not offered):
            messages = shaped(traits, messages)
        else:
            messages = plain_turns(messages)
    if not traits["system"] and any(m["role"] == "system" for m in messages):
        system, messages = take_system(messages)
        user = next((m for m in messages if m["role"] == "user"), None)
        if user is None:
            messages.insert(0, {"role": "user", "content": system})
        elif isinstance(user["content"], list):
            user["content"].insert(0, {"type": "text", "text": system + "\n\n"})
        else:
            user["content"] = system + "\n\n" + user["content"]
    for message in messages:
        content = message["content"]
        if isinstance(content, list) and not traits["part_content"]:
            message["content"] = "\n".join(part.get("text", MEDIA) for part in content)
        elif isinstance(content, str) and not traits["text_content"]:
            message["content"] = [{"type": "text", "text": content}]
    return messages, tools


def described(tools):
    lines = "".join(json.dumps(tool["function"], ensure_ascii=False) + "\n" for tool in tools)
    return (
        "# Tools\n\nYou can call the following functions. Each line describes one, with its parameters as a JSON "
        "schema:\n" + lines + "\nTo call a function, answer with its name and its arguments in this form, once for "
        'each call:\n<tool_call>{"name": "NAME", "arguments": {"PARAMETER": "VALUE"}}</tool_call>\n'
        "The results come back between <tool_response> and </tool_response>."
    )


def plain_turns(messages):
    turns, after_tool = [], False
    for message in messages:
        calls = message.get("tool_calls") or []
        is_tool = message["role"] == "tool" or bool(calls)
        turn = {k: v for k, v in message.items() if k != "tool_calls"}
        if message["role"] == "tool":
            text = "<tool_response>\n" + text_of(message["content"]) + "\n</tool_response>"
            turn = {"role": "user", "content": text}
        elif calls:
            lines = [text_of(message["content"])] if message["content"] else []
            for call in calls:
                made = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
                lines.append("<tool_call>" + json.dumps(made, ensure_ascii=False) + "</tool_call>")
            turn["content"] = "\n".join(lines)
        if turns and turns[-1]["role"] == turn["role"] and (is_tool or after_tool):
            turns[-1]["content"] += "\n" + turn["content"]
        else:
            turns.append(turn)
        after_tool = is_tool
    return turns


def short_id(call_id):
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
        return call_id
    value = 0xCBF29CE484222325
    for byte in call_id.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    out = ""
    for _ in range(9):
        value, rest = divmod(value, 62)
        out += letters[rest]
    return out


def shaped(traits, messages):
    for message in messages:
        calls = message.get("tool_calls") or []
        if calls and message["content"] is None and not traits["null_content"]:
            message["content"] = ""
        for call in calls:
            arguments = call["function"]["arguments"]
            if traits["arguments"] == "text" and not isinstance(arguments, str):
                call["function"]["arguments"] = json.dumps(arguments, ensure_ascii=False)
            elif traits["arguments"] == "object" and isinstance(arguments, str) and not traits["raw_arguments"]:
                call["function"]["arguments"] = {"raw": arguments}
            if not traits["any_call_id"]:
                call["id"] = short_id(call["id"])
        if "tool_call_id" in message and not traits["any_call_id"]:
            message["tool_call_id"] = short_id(message["tool_call_id"])
    if traits["parallel_calls"]:
        return messages
    turns, rest = [], list(messages)
    while rest:
        message = rest.pop(0)
        calls = message.get("tool_calls") or []
        if len(calls) < 2:
            turns.append(message)
            continue
        results = []
        while rest and rest[0]["role"] == "tool":
            results.append(rest.pop(0))
        for index, call in enumerate(calls):
            turn = {**message, "tool_calls": [call]}
            if index > 0:
                turn.pop("reasoning_content", None)
                turn["content"] = None if message["content"] is None else ""
            turns.append(turn)
            answer = next((r for r in results if r["tool_call_id"] == call["id"]), None)
            if answer is not None:
                results.remove(answer)
                turns.append(answer)
        turns += results
    return turns


# --- Rendering

TAG = "CONTINUE_FINAL_MESSAGE_TAG "


def render_with_jinja(source, messages, tools, documents, end, kwargs):
    """What `apply_chat_template` does, in short."""
    messages = copy.deepcopy(messages)
    for index, message in enumerate(messages):
        if message.get("reasoning_content") is not None:
            thoughts = message["reasoning_content"]
            messages[index] = {"thinking": thoughts, **message, "reasoning_content": thoughts}
    final = None
    if end == "open":
        holder, key = messages[-1], "content"
        if isinstance(holder["content"], list):
            holder, key = [part for part in holder["content"] if "text" in part][-1], "text"
        final = holder[key]
        holder[key] += TAG
    text = environment().from_string(source).render(
        messages=messages, tools=tools, documents=documents, add_generation_prompt=end == "turn",
        **SPECIALS, **kwargs,
    )
    if final is not None:
        if final.strip() not in text or TAG.strip() not in text:
            raise ValueError("the final message does not appear")
        at = text.rindex(TAG.strip())
        text = text[:at] if text[at:].startswith(TAG) else text[:at].rstrip()
    return text


def render_with_transformers(source, messages, tools, documents, end, kwargs):
    from transformers.utils import chat_template_utils

    class Clock(chat_template_utils.datetime):
        @classmethod
        def now(cls):
            return NOW

    chat_template_utils.datetime = Clock
    rendered, _ = chat_template_utils.render_jinja_template(
        [messages], tools=tools, documents=documents, chat_template=source,
        continue_final_message=end == "open", add_generation_prompt=end == "turn", **SPECIALS, **kwargs,
    )
    return rendered[0]


def outcome(render, *args):
    try:
        return render(*args)
    except TemplateError as error:
        raised = type(error) is TemplateError
        return {"raises": str(error)} if raised else {"fails": type(error).__name__}
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        return {"fails": type(error).__name__}


def expectations(render, name, traits, conversations, tools):
    """Prompts as rein makes them, and where they differ, also those of the conversation as it is given."""
    source = (HERE / f"{name}.jinja").read_bytes().decode()
    expected = {"adapted": {}, "as given": {}}
    for title, conversation in conversations.items():
        offered = tools if conversation.get("tools") else None
        rest = (conversation.get("documents"), conversation.get("end", "turn"), conversation.get("kwargs", {}))
        given = outcome(render, source, conversation["messages"], offered, *rest)
        adapted = outcome(render, source, *adapt(traits, conversation["messages"], offered), *rest)
        expected["adapted"][title] = adapted
        if given != adapted:
            expected["as given"][title] = given
    return expected


def language(write):
    """The snippets of language.json; those under `different` show what rein does otherwise."""
    path = HERE / "language.json"
    data = json.loads(path.read_text())
    messages = [{"role": "user", "content": "Hi Zoë"}, {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Bye"}]
    wrong = 0
    for case in data["same"] + data["different"]:
        got = outcome(render_with_jinja, case["source"], messages, None, None, "turn", {})
        if write:
            case["jinja"] = got
        elif case["jinja"] != got:
            wrong += 1
            print(f"language.json: {case['source']!r} gives {got!r}", file=sys.stderr)
    if write:
        path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    return wrong


def main():
    write = "--write" in sys.argv
    render = render_with_transformers if "--transformers" in sys.argv else render_with_jinja
    read = lambda name: json.loads((HERE / name).read_text())
    conversations, tools, all_traits = read("conversations.json"), read("tools.json"), read("traits.json")
    names = sorted(path.stem for path in HERE.glob("*.jinja"))
    wrong = len(set(all_traits) - set(names))
    for name in names:
        traits = {**TRAITS, **all_traits.get(name, {})}
        expected = expectations(render, name, traits, conversations, tools)
        path = HERE / "expected" / f"{name}.json"
        if write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")
            continue
        committed = json.loads(path.read_text())
        for form in ("adapted", "as given"):
            ours, theirs = committed[form], expected[form]
            for title in sorted(ours.keys() | theirs.keys()):
                if ours.get(title) != theirs.get(title):
                    wrong += 1
                    print(f"{name}, {title}, {form}: Jinja2 gives {theirs.get(title)!r}", file=sys.stderr)
    wrong += language(write)
    pairs = f"{len(names)} templates × {len(conversations)} conversations"
    print(f"{pairs}: {'written' if write else f'{wrong} differences'}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
