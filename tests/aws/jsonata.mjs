// Parses or evaluates JSONata as Step Functions writes it: a JSON array on standard input, an array of answers on standard output.
// "{% ... %}" is parsed: {reads: [variables]}. {expression: "{% ... %}", states} is evaluated, where $states is that: {value}. Either may
// be {error}.
import { createHash } from "node:crypto";
import jsonata from "jsonata";

// What Step Functions adds to JSONata. Source: AWS Step Functions Developer Guide, "JSONata functions provided by Step Functions", 2026.
const added = new Set(["partition", "range", "hash", "random", "uuid", "parse"]);

function reads(node, bound, found) {
  if (Array.isArray(node)) {
    node.forEach((part) => reads(part, bound, found));
  } else if (node && typeof node === "object") {
    let inner = bound;
    if (node.type === "block") {
      inner = new Set(bound);
      for (const part of node.expressions) if (part.type === "bind") inner.add(part.lhs.value);
    }
    if (node.type === "lambda") {
      inner = new Set([...bound, ...node.arguments.map((argument) => argument.value)]);
    }
    if (node.type === "variable" && node.value !== "" && node.value !== "$" && !inner.has(node.value)) found.add(node.value);
    for (const [key, part] of Object.entries(node)) if (key !== "procedure") reads(part, inner, found);
    if (node.procedure && node.procedure.type !== "variable") reads(node.procedure, inner, found);
    if (node.procedure && node.procedure.type === "variable") {
      const name = node.procedure.value;
      const standard = jsonata(`$exists($${name})`).evaluate({});
      pending.push(standard.then((known) => known || added.has(name) || inner.has(name) || found.add(`${name}()`)));
    }
  }
}

async function evaluated({ expression, states }) {
  try {
    const parsed = jsonata(expression.slice(2, -2));
    parsed.registerFunction("hash", (value, algorithm) => createHash(algorithm.replace("-", "")).update(value).digest("hex"));
    return { value: (await parsed.evaluate({}, { states })) ?? null };
  } catch (error) {
    return { error: `${error.code ?? ""} ${error.message}`.trim() };
  }
}

let text = "";
for await (const part of process.stdin) text += part;
const pending = [];
const answers = JSON.parse(text).map((expression) => {
  if (typeof expression === "object") return { evaluated: evaluated(expression) };
  try {
    const found = new Set();
    reads(jsonata(expression.slice(2, -2)).ast(), new Set(), found);
    return { found };
  } catch (error) {
    return { error: `${error.code ?? ""} ${error.message}`.trim() };
  }
});
await Promise.all(pending);
const told = ({ error, found, evaluated }) => evaluated ?? (error ? { error } : { reads: [...found] });
process.stdout.write(JSON.stringify(await Promise.all(answers.map(told))));
