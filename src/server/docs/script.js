
"use strict";

let api = null;

/** An element with properties and children; texts are never read as HTML. */
function el(tag, properties, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The two marks that descriptions have: `code` and **strong**. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return el("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
    return part;
  });
}

function paragraphs(text) {
  return (text || "").split("\n\n").filter(Boolean).map((part) => el("p", {}, inline(part)));
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing;
  const found = thing.$ref.slice(2).split("/").reduce((at, key) => at[key], api);
  return thing.description ? { ...found, description: thing.description } : found;
}

/** The alternatives of a schema without null, references resolved. */
function alternatives(schema) {
  const whole = resolve(schema);
  const event = whole.properties && whole.properties.data && whole.properties.data.anyOf;
  if (event) return event.flatMap((one) => (one.contentSchema ? alternatives(one.contentSchema) : []));
  const several = whole.oneOf || whole.anyOf;
  if (!several) return [whole];
  return several.flatMap(alternatives).filter((one) => one.type !== "null");
}

function kinds(schema) {
  return [schema.type].flat().filter((kind) => kind && kind !== "null");
}

/** A type in a few words. */
function typeOf(schema) {
  return [...new Set(alternatives(schema).map(oneType))].join(" or ");
}

function oneType(schema) {
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.filter((word) => word !== null).map((word) => JSON.stringify(word)).join(" | ");
  const names = kinds(schema);
  if (schema.maxLength === 0 || schema.maxItems === 0) return "empty";
  if (names.includes("array")) return "list of " + (schema.items ? typeOf(schema.items) : "anything");
  if (names.includes("object") && schema.additionalProperties && !schema.properties) {
    return "map to " + typeOf(schema.additionalProperties);
  }
  return names.join(" or ") || "anything";
}

/** What a value is restricted to, in a few words. */
function limits(schema) {
  const found = [];
  for (const one of alternatives(schema)) {
    const { minimum: low, maximum: high } = one;
    if (low !== undefined && high !== undefined) found.push(`${low} to ${high}`);
    else if (low !== undefined) found.push(`${low} or more`);
    else if (high !== undefined) found.push(`at most ${high}`);
    if (one.maxLength) found.push(`at most ${one.maxLength} characters`);
    if (one.minItems) found.push(`at least ${one.minItems}`);
    if (one.maxItems) found.push(`at most ${one.maxItems}`);
    if (one.maxProperties) found.push(`at most ${one.maxProperties} entries`);
  }
  const initial = resolve(schema).default;
  if (initial !== undefined) found.push(`default ${JSON.stringify(initial)}`);
  return [...new Set(found)].join(", ");
}

/** Objects with fields inside a schema, to be shown below it. */
function objects(schema) {
  return alternatives(schema).flatMap((one) => {
    if (one.properties) return [one];
    return one.items ? objects(one.items) : [];
  });
}

function describe(schema) {
  const whole = resolve(schema);
  if (whole.description) return whole.description;
  const several = (whole.oneOf || []).map(resolve).find((one) => one.description);
  return several ? several.description : "";
}

function fieldsOf(schema, depth) {
  const all = Object.entries(schema.properties || {});
  const known = all.filter(([, field]) => !field["x-unsupported"]);
  const unsupported = all.filter(([, field]) => field["x-unsupported"]);
  const rows = known.flatMap(([name, field]) => {
    const needed = (schema.required || []).includes(name);
    const more = limits(field);
    const inside = depth < 5 ? objects(field) : [];
    return [
      el("div", { className: needed ? "name needed" : "name", title: needed ? "required" : "" }, name),
      el("div", {},
        el("span", { className: "type" }, typeOf(field)),
        more ? el("span", { className: "soft" }, ` · ${more}`) : null,
        el("div", {}, inline(describe(field))),
        inside.length ? el("details", { className: "inner" }, el("summary", {}, "fields"),
          inside.map((one) => fieldsOf(one, depth + 1))) : null),
    ];
  });
  const grid = el("div", { className: "fields" }, rows);
  if (!unsupported.length) return [grid];
  return [grid, el("details", { className: "inner" },
    el("summary", {}, `${unsupported.length} fields that are known and not supported`),
    el("p", { className: "soft" }, "Each is refused unless its value changes nothing:"),
    el("div", { className: "fields" }, unsupported.flatMap(([name, field]) => [
      el("div", { className: "name" }, name), el("div", { className: "type" }, typeOf(field)),
    ])))];
}

function body(schema) {
  const inside = objects(schema);
  const whole = resolve(schema);
  return [
    el("p", {}, inline(whole.description || "")),
    inside.length ? inside.map((one) => fieldsOf(one, 0)) : el("p", { className: "type" }, typeOf(schema)),
  ];
}

function responsesOf(operation) {
  return Object.entries(operation.responses).map(([status, response]) => {
    const whole = resolve(response);
    const contents = Object.entries(whole.content || {}).map(([type, media]) => [
      el("p", { className: "type" }, type),
      media.schema ? body(media.schema) : null,
      Object.values(media.examples || {}).map((example) =>
        el("pre", {}, JSON.stringify(resolve(example).value, null, 2))),
    ]);
    return el("details", { className: "inner" },
      el("summary", {}, el("strong", { className: status < "400" ? "" : "bad" }, status), " ", inline(whole.description || "")),
      contents.flat(3));
  });
}

/** The text that the events of a stream add up to. */
function saidBy(events) {
  let said = "";
  for (const line of events.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    try {
      const event = JSON.parse(line.slice(6));
      for (const choice of event.choices || []) {
        const delta = choice.delta || {};
        said += (delta.reasoning_content || "") + (delta.content || "") + (choice.text || "");
      }
      said += event.content || "";
    } catch {
      // A line that has not come whole yet.
    }
  }
  return said;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function tryIt(path, method, operation) {
  const media = operation.requestBody && operation.requestBody.content["application/json"];
  const schema = media && alternatives(media.schema)[0];
  const examples = (schema && schema.examples) || [];
  const shown = (example) => (example === undefined ? "{}" : JSON.stringify(example, null, 2));
  const input = schema ? el("textarea", { value: shown(examples[0]), spellcheck: false, ariaLabel: "Request body" }) : null;
  const choose = examples.length > 1 ? el("select", { ariaLabel: "Example" },
    examples.map((_, index) => el("option", { value: index }, `Example ${index + 1}`))) : null;
  if (choose) choose.onchange = () => { input.value = shown(examples[choose.value]); };
  const parameters = (operation.parameters || []).filter((parameter) => parameter.in === "path");
  const inputs = parameters.map((parameter) => el("input", { placeholder: parameter.name, ariaLabel: parameter.name }));
  const send = el("button", { type: "button" }, "Send");
  const stop = el("button", { type: "button", disabled: true }, "Stop");
  const status = el("span", { className: "soft" });
  const said = el("div", { className: "said", hidden: true });
  const output = el("pre", { hidden: true });
  let running = null;
  stop.onclick = () => running && running.abort();
  send.onclick = async () => {
    running = new AbortController();
    send.disabled = true;
    stop.disabled = false;
    output.hidden = said.hidden = true;
    status.textContent = "…";
    const began = performance.now();
    let text = "";
    const took = () => `${Math.round(performance.now() - began)} ms`;
    try {
      const url = parameters.reduce((at, parameter, index) =>
        at.replace(`{${parameter.name}}`, encodeURIComponent(inputs[index].value)), path);
      const headers = input ? { "content-type": "application/json" } : {};
      const key = document.getElementById("key").value;
      if (key) headers.authorization = `Bearer ${key}`;
      const response = await fetch(url, { method, headers, body: input ? input.value : undefined, signal: running.signal });
      const streams = (response.headers.get("content-type") || "").startsWith("text/event-stream");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        output.hidden = false;
        output.textContent = text;
        if (streams) {
          said.hidden = false;
          said.textContent = saidBy(text);
        }
      }
      if (!streams) output.textContent = pretty(text);
      status.textContent = `${response.status} after ${took()}`;
    } catch (error) {
      status.textContent = error.name === "AbortError" ? `stopped after ${took()}` : String(error);
    }
    send.disabled = false;
    stop.disabled = true;
  };
  return [
    el("h3", {}, "Try it"),
    el("div", { className: "row" }, choose, inputs),
    input,
    el("div", { className: "row" }, send, stop, status),
    said,
    output,
  ];
}

function operationOf({ path, method, operation }) {
  const details = el("details", { className: "operation", id: operation.operationId },
    el("summary", {},
      el("span", { className: `method ${method}` }, method),
      el("span", { className: "path" }, path),
      el("span", { className: "soft" }, inline(operation.summary || ""))));
  // Only what is looked at is made.
  details.ontoggle = () => {
    if (!details.open || details.childElementCount > 1) return;
    const request = operation.requestBody && operation.requestBody.content["application/json"];
    details.append(el("div", {},
      paragraphs(operation.description),
      operation.security && !operation.security.length ? el("p", { className: "soft" }, "Needs no key.") : null,
      (operation.parameters || []).map((parameter) =>
        el("p", {}, el("code", {}, parameter.name), " ", inline(parameter.description || ""))),
      tryIt(path, method, operation),
      request ? [el("h3", {}, "Request"), body(request.schema)].flat(3) : null,
      el("h3", {}, "Responses"),
      responsesOf(operation)));
  };
  return details;
}

/** The operations under the chosen prefix, and those under neither. */
function chosen() {
  const select = document.getElementById("prefix");
  const others = [...select.options].map((option) => option.value).filter((prefix) => prefix !== select.value);
  const isTwin = (path) => others.some((prefix) =>
    path.startsWith(`${prefix}/`) && api.paths[select.value + path.slice(prefix.length)]);
  const words = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  return Object.entries(api.paths).filter(([path]) => !isTwin(path)).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })))
    .filter((one) => words.every((word) => textOf(one).includes(word)));
}

/** What a search looks through: the route, what it is about, and the names of its fields. */
function textOf({ path, operation }) {
  const media = operation.requestBody && operation.requestBody.content["application/json"];
  const names = media ? objects(media.schema).flatMap((one) => Object.keys(one.properties)) : [];
  return [path, operation.summary, ...names].join(" ").toLowerCase();
}

function show() {
  const main = document.getElementById("main");
  const nav = document.getElementById("nav");
  const found = chosen();
  const tags = [...new Set(found.map((one) => (one.operation.tags || ["Other"])[0]))];
  main.replaceChildren(...paragraphs(api.info.description));
  nav.replaceChildren();
  for (const tag of tags) {
    const ofTag = found.filter((one) => (one.operation.tags || ["Other"])[0] === tag);
    main.append(el("h2", {}, tag), ...ofTag.map(operationOf));
    nav.append(el("h2", {}, tag), ...ofTag.map((one) =>
      el("a", { href: `#${one.operation.operationId}` }, one.path)));
  }
  open();
}

/** Opens the operation that the address names. */
function open() {
  const id = location.hash.slice(1);
  const details = document.getElementById(id);
  if (details) {
    details.open = true;
    details.scrollIntoView();
    return;
  }
  // It may be under the other prefix.
  const select = document.getElementById("prefix");
  const named = Object.entries(api.paths).find(([, item]) =>
    Object.values(item).some((operation) => operation.operationId === id));
  const prefix = named && [...select.options].map((option) => option.value).find((one) => named[0].startsWith(`${one}/`));
  if (prefix && prefix !== select.value) {
    select.value = prefix;
    show();
  }
}

async function begin() {
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
    api = await response.json();
  } catch (error) {
    document.getElementById("state").textContent = String(error);
    return;
  }
  document.getElementById("title").textContent = api.info.title;
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("find").oninput = show;
  document.getElementById("prefix").onchange = show;
  addEventListener("hashchange", open);
  show();
}

begin();
