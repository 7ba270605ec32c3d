// Parses JSONata expressions as Step Functions writes them: a JSON array of "{% ... %}" on standard input, an array of
// {error} or {reads: [variables]} on standard output.
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

let text = "";
for await (const part of process.stdin) text += part;
const pending = [];
const answers = JSON.parse(text).map((expression) => {
  try {
    const found = new Set();
    reads(jsonata(expression.slice(2, -2)).ast(), new Set(), found);
    return { found };
  } catch (error) {
    return { error: `${error.code ?? ""} ${error.message}`.trim() };
  }
});
await Promise.all(pending);
process.stdout.write(JSON.stringify(answers.map(({ error, found }) => (error ? { error } : { reads: [...found] }))));
